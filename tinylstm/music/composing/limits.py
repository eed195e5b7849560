"""How long a piece becomes, and which tokens may come next on the way.

For tokenizers with a grammar, which have beginnings, ends and time. Next: shape.py.
"""

import re
from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from ..notes import quarters_in
from ..tokenizers.grammar import Grammar, Kind

MOST = 100_000  # notes of a piece, and twice its quarter notes
FREE = 4000  # notes: the most that a piece of free length has
TOKENS = 8  # tokens per note, on average: more end the piece
DENSEST = 50  # notes per quarter note: likewise


@dataclass(frozen=True)
class Length:
    """How long a piece shall be.

    >>> Length.parse("32 bars"), Length.parse(500).unit, Length.parse("free").unit
    (Length(amount=32.0, unit='bars'), 'notes', 'free')
    """

    amount: float
    unit: str  # notes, bars, seconds or free

    @classmethod
    def parse(cls, text: "Length | str | float") -> "Length":
        """From "500 notes", "32 bars", "90 seconds", "90s", "free" or a number of notes.

        Raises ValueError for anything else, and for more than 100,000 notes.
        """
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
        if unit == "notes" and amount > MOST:
            raise ValueError(f"length is {text!r}: a piece has at most {MOST} notes")
        return cls(amount, unit)

    def quarters(self, tempo: float, metre: tuple[int, int]) -> float:
        """In quarter notes; infinite where it is counted in notes or free. Raises ValueError for
        more than 50,000.
        """
        if self.unit in ("notes", "free"):
            return np.inf
        each = quarters_in(metre) if self.unit == "bars" else tempo / 60
        if self.amount * each > MOST / 2:
            most = f"{MOST / 2 / each:.0f} {self.unit}"
            raise ValueError(f"length is {self.amount:g} {self.unit}: a piece has at most {most}")
        return self.amount * each


class GrammarRules:
    """The grammar of events, and a target: a token that would go beyond it ends the piece instead.

    A piece has exactly the number of notes asked for, or no note that sounds after the last bar or
    second. The network can end a piece early only if its length is free. Notes that start together
    rise in pitch, as the tokenizer orders them, so that chords end.
    """

    def __init__(self, grammar: Grammar, length: Length, tempo: float, metre: tuple[int, int]):
        self.grammar, self.eos = grammar, grammar.eos
        self.free = length.unit == "free"
        self.notes_wanted = length.amount if length.unit == "notes" else np.inf
        self.notes_wanted = min(self.notes_wanted, FREE) if self.free else self.notes_wanted
        quarters = min(length.quarters(tempo, metre), MOST / 2)
        self.steps_wanted = max(1, int(quarters * grammar.grid))
        bar = metre[0] * 4 * grammar.grid // metre[1]  # steps
        self.bar = max(1, bar) if length.unit == "bars" else 1  # bars are counted from a bar line
        most = self.notes_wanted if self.notes_wanted < np.inf else quarters * DENSEST
        self.most = int(TOKENS * most) + 1  # tokens
        self.pitch = grammar.values(Kind.PITCH, Kind.DRUM, other=-1)  # (V,), as are all these
        self.family = grammar.values(Kind.FAMILY, other=-1) >= 0
        self.duration = grammar.values(Kind.DURATION)

    def begin(self, primer: ndarray) -> None:
        """Start after a primer (T, B)."""
        B = primer.shape[1]
        states = [self.grammar.state_after(column) for column in primer.T.tolist()]
        self.state = np.array(states)  # (B,)
        now = np.array([self.grammar.times(column)[-1] for column in primer.T.tolist()])  # (B,)
        self.left = self.steps_wanted + -now % self.bar  # (B,) steps from now to the target
        self.sounding = np.zeros(B, int)  # (B,) steps of the last note so far
        self.notes = np.zeros(B, int)  # (B,) new ones
        self.above = np.full(B, -1)  # (B,) the highest pitch at this onset
        self.lengths, self.done = np.zeros(B, int), np.zeros(B, bool)

    def allowed(self) -> ndarray:
        """Which tokens may come next, (B, V) of bool: by the grammar, and within the target."""
        allowed = self.grammar.allowed(self.state).copy()  # (B, V)
        whole = allowed[:, self.eos].copy()  # (B,) where the piece may end
        if not self.free:
            allowed[:, self.eos] = False
        left = self.left[:, None]  # (B, 1)
        short = self.grammar.shifts(self.state) < left  # (B, V)
        allowed &= short | whole[:, None]  # else there is no way to end
        allowed &= self.sounding[:, None] * (self.duration > 0) + self.duration <= left
        allowed &= (self.pitch < 0) | (self.pitch > self.above[:, None])
        allowed[self.done, self.eos] = True  # finished pieces repeat EOS
        return allowed

    def weigh(self, logits: ndarray) -> ndarray:
        """The network's logits (B, V)."""
        return logits

    def accept(self, tokens: ndarray) -> ndarray:
        """Take the next tokens (B,), or EOS where they would go beyond the target."""
        may_end = self.grammar.allowed(self.state)[:, self.eos]  # (B,)
        shift = self.grammar.shifts(self.state)[np.arange(len(tokens)), tokens]  # (B,) steps
        enough = (self.notes >= self.notes_wanted) | (shift >= self.left)
        over = enough & (self.duration[tokens] == 0) | (self.lengths >= self.most)
        tokens = np.where(may_end & over | self.done, self.eos, tokens)  # (B,)
        going = ~self.done
        self.lengths += going
        self.done = self.done | (tokens == self.eos)
        self.state = np.where(going, self.grammar.step(self.state, tokens), self.state)
        opens = self.pitch[tokens] >= 0  # (B,)
        self.notes += opens
        self.left = self.left - shift
        self.sounding = np.where(opens, 0, self.sounding + self.duration[tokens])
        self.above = np.where(opens, self.pitch[tokens], self.above)
        self.above[(shift > 0) | self.family[tokens]] = -1
        return tokens
