"""Which tokens may come next while a piece is composed, and when it is over.

The events alphabet has a grammar, beginnings and ends, and time; the article's has none of them, so
a piece there is over after so many tokens. Next: sampling.py, which obeys.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy import ndarray

from ..notes import LONGEST
from ..tokenizers.article import STEP
from ..tokenizers.base import Tokenizer
from ..tokenizers.events import EventTokenizer

_FREE = 4000  # notes: the most that a piece without a target has
_TOKENS = 8  # a note, the most that a piece has on average before it is brought to an end
_DENSEST = 50  # notes a quarter note, likewise


@dataclass(frozen=True)
class Length:
    """How long a piece shall be.

    >>> Length.parse("32 bars"), Length.parse(500).unit, Length.parse("free").unit
    (Length(amount=32.0, unit='bars'), 'notes', 'free')
    """

    amount: float
    unit: str  # notes, bars, seconds or free

    @classmethod
    def parse(cls, text: Length | str | float) -> Length:
        """What is meant by "500 notes", "32 bars", "90 seconds", "90s", "free" or a number."""
        if isinstance(text, Length):
            return text
        words = re.fullmatch(r"\s*([\d.]*)\s*([a-z]*)\s*", str(text).lower())
        units = {"": "notes", "s": "seconds"}
        number, unit = words.groups() if words else ("", "")
        unit = units.get(unit, unit.rstrip("s") + "s" if unit != "free" else unit)
        try:
            amount = np.inf if unit == "free" and not number else float(number)
        except ValueError:
            amount = 0.0
        if amount <= 0 or unit not in ("notes", "bars", "seconds", "free"):
            raise ValueError(
                f"length is {text!r}: want a number and notes, bars or seconds, or the word free"
            )
        return cls(amount, unit)

    def quarters(self, tempo: float, metre: tuple[int, int]) -> float:
        """In quarter notes; infinite where it is counted in notes or free."""
        if self.unit == "bars":
            return self.amount * metre[0] * 4 / metre[1]
        return self.amount * tempo / 60 if self.unit == "seconds" else np.inf


class Rules(Protocol):
    """What the sampler asks, for B columns at once."""

    done: ndarray  # (B,) of bool
    lengths: ndarray  # (B,) tokens of each piece so far

    def begin(self, primer: ndarray) -> None:
        """Start after a primer (T, B)."""

    def allowed(self) -> ndarray | None:
        """Which tokens may come next, (B, V) of bool; None for all."""

    def accept(self, tokens: ndarray) -> ndarray:
        """Take the next tokens (B,), or put others in their place that end the piece."""


def rules_for(tokenizer: Tokenizer, length: Length, tempo: float, metre: tuple[int, int]) -> Rules:
    """The rules of an alphabet, for a piece of some length."""
    if isinstance(tokenizer, EventTokenizer):
        return EventRules(tokenizer, length, tempo, metre)
    quarters = length.quarters(tempo, metre)
    tokens = quarters / STEP if np.isfinite(quarters) else min(length.amount, _FREE)
    return TokenRules(round(tokens))


class TokenRules:
    """Any token, so many of them."""

    def __init__(self, tokens: int) -> None:
        self.tokens = tokens

    def begin(self, primer: ndarray) -> None:
        """Start after a primer (T, B)."""
        self.lengths = np.zeros(primer.shape[1], int)
        self.done = self.lengths >= self.tokens

    def allowed(self) -> None:
        """All tokens."""

    def accept(self, tokens: ndarray) -> ndarray:
        """Count the next tokens (B,)."""
        self.lengths = self.lengths + 1
        self.done = self.lengths >= self.tokens
        return tokens


class EventRules:
    """The grammar of events, and a target: a token that would lead beyond it ends the piece.

    A piece has exactly as many notes as were asked for, or no note that sounds after the last bar
    or second. The network cannot end it before, except where it is free to. Notes that start
    together rise, as the tokenizer orders them: so a chord has an end.
    """

    def __init__(
        self, tokenizer: EventTokenizer, length: Length, tempo: float, metre: tuple[int, int]
    ) -> None:
        self.grammar, self.bos, self.eos = tokenizer.grammar, tokenizer.bos, tokenizer.eos
        self.free = length.unit == "free"
        self.notes_wanted = length.amount if length.unit == "notes" else np.inf
        self.notes_wanted = min(self.notes_wanted, _FREE) if self.free else self.notes_wanted
        quarters = min(length.quarters(tempo, metre), LONGEST / 2)
        self.steps_wanted = max(1, int(quarters * tokenizer.grid))
        bar = metre[0] * 4 * tokenizer.grid // metre[1]  # steps
        self.bar = max(1, bar) if length.unit == "bars" else 1  # bars are counted from a bar line
        most = self.notes_wanted if self.notes_wanted < np.inf else quarters * _DENSEST
        self.most = int(_TOKENS * most) + 1  # tokens
        names = [name.split("_") for name in tokenizer.vocabulary]
        self.pitch = np.array([int(n[1]) if n[0] in ("Pitch", "Drum") else -1 for n in names])
        self.family = np.array([name[0] == "Family" for name in names])  # (V,), as are all these
        self.shift = np.array([int(n[1]) if n[0] == "TimeShift" else 0 for n in names])
        self.duration = np.array([int(n[1]) if n[0] == "Duration" else 0 for n in names])

    def begin(self, primer: ndarray) -> None:
        """Start after a primer (T, B)."""
        B = primer.shape[1]
        states = [self.grammar.state_after(column) for column in primer.T.tolist()]
        self.state = np.array(states)  # (B,)
        now = self.shift[primer].sum(axis=0)  # (B,) steps since the piece's beginning
        self.left = self.steps_wanted + -now % self.bar  # (B,) steps from now to the target
        self.sounding = np.zeros(B, int)  # (B,) steps that the last note has so far
        self.notes = np.zeros(B, int)  # (B,) new ones
        self.above = np.full(B, -1)  # (B,) the last pitch that started now
        self.lengths, self.done = np.zeros(B, int), np.zeros(B, bool)

    def allowed(self) -> ndarray:
        """Which tokens may come next, (B, V) of bool: what the grammar says, inside the target."""
        allowed = self.grammar.allowed(self.state).copy()  # (B, V)
        whole = allowed[:, self.eos].copy()  # (B,) where the piece might end
        if not self.free:
            allowed[:, self.eos] = False
        left = self.left[:, None]  # (B, 1)
        allowed &= (self.shift < left) | whole[:, None]  # else there is no way to end
        allowed &= self.sounding[:, None] * (self.duration > 0) + self.duration <= left
        allowed &= (self.pitch < 0) | (self.pitch > self.above[:, None])
        allowed[self.done, self.eos] = True  # what is done waits there
        return allowed

    def accept(self, tokens: ndarray) -> ndarray:
        """Take the next tokens (B,), or the piece's end where they would lead beyond the target."""
        may_end = self.grammar.allowed(self.state)[:, self.eos]  # (B,)
        enough = (self.notes >= self.notes_wanted) | (self.shift[tokens] >= self.left)
        over = enough & (self.duration[tokens] == 0) | (self.lengths >= self.most)
        tokens = np.where(may_end & over | self.done, self.eos, tokens)  # (B,)
        going = ~self.done
        self.lengths += going
        self.done = self.done | (tokens == self.eos)
        self.state = np.where(going, self.grammar.step(self.state, tokens), self.state)
        opens = self.pitch[tokens] >= 0  # (B,)
        self.notes += opens
        self.left = self.left - self.shift[tokens]
        self.sounding = np.where(opens, 0, self.sounding + self.duration[tokens])
        self.above = np.where(opens, self.pitch[tokens], self.above)
        self.above[(self.shift[tokens] > 0) | self.family[tokens]] = -1
        return tokens
