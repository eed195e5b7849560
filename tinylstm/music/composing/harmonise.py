"""Harmonise a melody, and fill a gap: the net composes under constraints.

Harmonising is a particle filter (N. Gordon et al., 1993): many harmonisations grow side by side,
each drawn from the net with only those tokens that keep to the melody (melody.py). A column's
weight is the probability that the net gave to these tokens all together: it falls where the melody
goes on as the net did not expect. After each note of the melody, columns are drawn anew by weight,
so those with chords that the melody does not fit die out. Next: ../evaluation/voice_leading.py.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy import ndarray

from ...checkpoint import Checkpoint
from ...generate import Sampling
from ...model import Sequential
from ..notes import Piece
from ..tokenizers import EventTokenizer
from .compose import tokenizer_of
from .melody import Column, in_voices


@dataclass(frozen=True)
class Harmony:
    """A harmonised melody: a piece with a track for each voice, 0 the melody, and its score.

    score: the log of the probability of the melody's tokens, in nats per note of the melody: the
    higher, the better the net finds what it wrote.
    """

    piece: Piece
    score: float


def harmonise(
    checkpoint: Checkpoint,
    melody: Piece,
    voices: int = 4,
    candidates: int = 64,
    seed: int = 0,
    temperature: float | None = None,
    resample: bool = True,
) -> Harmony:
    """A melody with lower voices, as a net that was trained on such music writes them.

    melody: one note at a time (`top_line` takes the highest of any piece). voices: with the melody.
    candidates: how many harmonisations grow at the same time. temperature: by default the
    preset's. resample: whether they are drawn anew after each note; without, the best of them is
    chosen at the end only. The same seed gives the same harmony.

    Raises ValueError for a checkpoint of another alphabet, and for a melody without notes or with
    several at once.

    >>> from tinylstm import LSTM, Checkpoint, Dense, Embedding, Sequential
    >>> from tinylstm.music.composing.melody import melody_from_names
    >>> tokenizer = EventTokenizer()
    >>> model = Sequential([Embedding(240, 4), LSTM(4, return_sequences=True), Dense(240)])
    >>> checkpoint = Checkpoint(model, tokenizer.to_config())
    >>> harmony = harmonise(checkpoint, melody_from_names("C5 D5 E5:2"), candidates=4)
    >>> [note.pitch for note in harmony.piece.notes if note.track == 0]
    [72, 74, 76]
    """
    tokenizer = _events(checkpoint)
    check_melody(melody, voices, candidates)
    if temperature is None:
        temperature = checkpoint.settings.get("temperature", 1.0)
    random = np.random.default_rng(seed)
    grown = _Filter(checkpoint.model, Column(tokenizer, melody, voices), candidates)
    sampling = Sampling(max(temperature, 0.05))  # argmax would make all columns the same
    for heard in range(1, len(melody) + 1):
        grown.grow(heard, sampling, random)
        if resample:
            grown.resample(random)
    grown.grow(len(melody) + 1, sampling, random)  # to the end
    best = int(grown.weights.argmax())
    notes = in_voices(tokenizer.decode(grown.columns[best].ids), voices)
    score = float(grown.weights[best] + grown.before) / len(melody)
    piece = Piece(melody.name, tuple(notes), len(notes), melody.tempos, melody.time_signatures,
                  melody.keys, bars=melody.bars)  # fmt: skip
    return Harmony(piece, score)


def check_melody(melody: Piece, voices: int, candidates: int) -> None:
    """Raise ValueError for what cannot be harmonised."""
    if not melody.notes:
        raise ValueError(f"{melody.name} has no notes: a melody needs one at least")
    if voices < 2 or candidates < 1:
        raise ValueError(f"voices is {voices}, candidates {candidates}: want at least 2, and 1")
    for one, other in zip(melody.notes, melody.notes[1:], strict=False):
        if other.onset < one.onset + one.duration - 1e-6:
            raise ValueError(
                f"{melody.name} has two notes at {other.onset:g} quarter notes: take one voice, or "
                "its top line"
            )
    if (low := min(note.pitch for note in melody.notes)) < voices:
        raise ValueError(f"the pitch {low} leaves no room for {voices - 1} voices below it")


def _events(checkpoint: Checkpoint) -> EventTokenizer:
    tokenizer = tokenizer_of(checkpoint)
    if not isinstance(tokenizer, EventTokenizer) or checkpoint.settings.get("window"):
        raise ValueError(
            f"this network reads the alphabet {tokenizer.name!r}: train one with --tokenizer "
            "bars or events, such as the preset chorales"
        )
    return tokenizer


class _Filter:
    """The columns with their weights, and the net's state after each of them."""

    def __init__(self, model: Sequential, column: Column, candidates: int):
        self.model, self.frozen = model, model.frozen()
        self.columns = [column.copy() for _ in range(candidates)]
        self.weights = np.zeros(candidates)  # (B,) logs, since they were last drawn anew
        self.before = 0.0  # the log of their mean at all earlier times
        self.logits, self.state = self._forward([column.ids[0]] * candidates, None)

    def _forward(self, tokens: list[int], state: Any) -> tuple[ndarray, Any]:
        with self.frozen:
            logits, state, _ = self.model.forward(np.array(tokens)[None], state)  # (1, B, V)
        return logits[-1].astype(np.float64), state

    def grow(self, heard: int, sampling: Sampling, random: np.random.Generator) -> None:
        """Draw tokens until each column has so many notes of the melody, and all of the last one,
        or until all have ended.
        """
        while True:
            waits = [c.done or (c.heard >= heard and not c.owed) for c in self.columns]
            if all(waits):
                return
            uniform = random.random(len(self.columns))  # (B,)
            tokens = [c.ids[-1] for c in self.columns]
            for b, column in enumerate(self.columns):
                if not waits[b]:
                    tokens[b] = self._draw(b, column, sampling, uniform[b])
            logits, state = self._forward(tokens, self.state)
            waiting = np.array(waits)[:, None]  # (B, 1)
            self.logits = np.where(waiting, self.logits, logits)
            keep = partial(np.where, waiting)
            self.state = _map(keep, self.state, state)

    def _draw(self, b: int, column: Column, sampling: Sampling, uniform: float) -> int:
        """A token for a column, and its weight."""
        grammatical = column.grammar.allowed(column.state)  # (V,)
        logits = np.where(grammatical, self.logits[b], -np.inf)[None]  # (1, V)
        p = np.where(column.allowed(), sampling.probabilities(logits)[0] + 1e-12, 0)  # (V,)
        mass = p.cumsum()
        self.weights[b] += np.log(mass[-1])
        token = int(np.searchsorted(mass, uniform * mass[-1], side="right"))
        token = min(token, int(np.flatnonzero(p)[-1]))
        column.accept(token)
        return token

    def resample(self, random: np.random.Generator) -> None:
        """Draw the columns anew by weight, if few carry most of it (systematic resampling)."""
        B = len(self.columns)
        p = np.exp(self.weights - self.weights.max())
        p /= p.sum()
        if 1 / (p**2).sum() > B / 2:  # the effective number of columns
            return
        chosen = np.searchsorted(p.cumsum(), (np.arange(B) + random.random()) / B).clip(0, B - 1)
        self.before += np.logaddexp.reduce(self.weights) - np.log(B)
        self.weights[:] = 0
        self.columns = [self.columns[b].copy() for b in chosen]
        self.logits = self.logits[chosen]
        self.state = _map(lambda value, _: value[chosen], self.state, self.state)


def _map(function: Any, value: Any, other: Any) -> Any:
    """A function of each two arrays (B, H) of two nested states."""
    if value is None:
        return None
    if isinstance(value, np.ndarray):
        return function(value, other)
    parts = [_map(function, *pair) for pair in zip(value, other, strict=True)]
    return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
