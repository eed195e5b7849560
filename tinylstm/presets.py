"""Presets for training on music: network, data, optimizer, and why, under one name.

They were chosen by measurement on held-out pieces: docs/training.md has the table, and
benchmarks/recipes.py reproduces it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from numpy import ndarray

from .data import Streams, Tokens
from .layers import LSTM, Dense, Dropout, Embedding, Layer, ScaledInteger, TiedDense
from .optimizers import Adam, Optimizer, RMSprop
from .schedules import Schedule, cosine
from .windows import Windows


@dataclass(frozen=True)
class Preset:
    """All choices of a training run. What depends on the vocabulary's size V or on the data is a
    function.

    >>> from dataclasses import replace
    >>> longer = replace(PRESETS["quick"], name="longer", epochs=12)
    >>> longer.settings()
    {'preset': 'longer', 'temperature': 0.8, 'window': None}
    """

    name: str
    why: str
    layers: Callable[[int], list[Layer]]
    data: Callable[[Tokens, int, ndarray | None], Streams | Windows]  # tokens, seed, other keys
    validation: Callable[[Tokens], Streams | Windows]
    optimizer: Callable[[], Optimizer]
    schedule: Schedule
    epochs: int
    tokenizer: str = "events"
    transpositions: range = range(-5, 7)  # semitones by which training moves a piece
    monitor: str = "val_loss"  # what "best" means
    temperature: float = 0.8  # of pitches, for composing; 0 is argmax
    window: int | None = None  # tokens read again for each new note; None carries the state
    strict: bool = False  # read files exactly as the 2017 tutorial does

    def settings(self) -> dict[str, Any]:
        """What composing needs of it, for the checkpoint."""
        return {"preset": self.name, "temperature": self.temperature, "window": self.window}


def stacked(V: int, units: int, dropout: float) -> list[Layer]:
    """Embedding, two LSTM layers with dropout before and after each, and logits from the
    embedding's own table (`TiedDense`), so that input and output share what is learnt of a token.
    """
    table = Embedding(V, units)
    return [
        table,
        Dropout(dropout / 2),
        LSTM(units, return_sequences=True),
        Dropout(dropout),
        LSTM(units, return_sequences=True),
        Dropout(dropout),
        TiedDense(table),
    ]


DEFAULT = Preset(
    name="default",
    why="an embedding, a loss at every step, the state carried over, a new key in every epoch, "
    "averaged weights: about three minutes",
    layers=lambda V: stacked(V, 256, 0.4),
    data=lambda tokens, seed, keys: Streams(tokens, 32, 50, seed, variants=keys),
    validation=lambda tokens: Streams(tokens, 8, 100, shuffle=False, whole_pieces=True),
    optimizer=lambda: Adam(0.004, ema_momentum=0.995),
    schedule=cosine(0.004),
    epochs=30,
)

QUICK = replace(
    DEFAULT,
    name="quick",
    why="as default, fewer epochs: about a minute",
    epochs=8,
)

BEST = replace(
    DEFAULT,
    name="best",
    why="twice the units, more dropout, more epochs: about a quarter of an hour",
    layers=lambda V: stacked(V, 512, 0.55),
    data=lambda tokens, seed, keys: Streams(tokens, 32, 64, seed, variants=keys),
    optimizer=lambda: Adam(0.002, ema_momentum=0.998),
    schedule=cosine(0.002),
    epochs=50,
)

ARTICLE = Preset(
    name="article",
    why="the 2017 tutorial's network, windows, RMSprop and argmax: about a day for 200 epochs",
    layers=lambda V: [
        ScaledInteger(V),
        LSTM(512, return_sequences=True),
        Dropout(0.3),
        LSTM(512, return_sequences=True),
        Dropout(0.3),
        LSTM(512),
        Dense(256),
        Dropout(0.3),
        Dense(V),
    ],
    data=lambda tokens, seed, keys: Windows(tokens, batch=64, steps=100, seed=seed),
    validation=lambda tokens: Windows(tokens, batch=64, steps=100, shuffle=False),
    optimizer=lambda: RMSprop(0.001),
    schedule=lambda share: 0.001,
    epochs=200,
    tokenizer="article",
    transpositions=range(1),
    monitor="loss",
    temperature=0.0,
    window=100,
    strict=True,
)

CHORALES = replace(
    DEFAULT,
    name="chorales",
    why="for four-part chorales (music21:bach), with bars: about four minutes",
    epochs=20,
    tokenizer="bars",
)

PRESETS = {preset.name: preset for preset in (QUICK, DEFAULT, BEST, CHORALES, ARTICLE)}
