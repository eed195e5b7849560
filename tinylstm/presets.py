"""Recipes for the main job: network, data, optimizer and their reasons, by name.

They were chosen by measurement on held-out pieces: docs/training.md has the table, and
benchmarks/recipes.py makes it again.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from numpy import ndarray

from .callbacks import cosine
from .data import Streams, Tokens, Windows
from .layers import LSTM, Dense, Dropout, Embedding, Layer, ScaledInteger, TiedDense
from .optimizers import Adam, Optimizer, RMSprop


@dataclass(frozen=True)
class Preset:
    """A recipe. Everything that depends on the vocabulary's size V or on the data is a function."""

    name: str
    why: str
    layers: Callable[[int], list[Layer]]
    data: Callable[[Tokens, int, ndarray | None], Streams | Windows]  # tokens, seed, other keys
    validation: Callable[[Tokens], Streams | Windows]
    optimizer: Callable[[], Optimizer]
    schedule: Callable[[float], float]  # share of the run done to learning rate
    epochs: int
    tokenizer: str = "events"
    transpositions: range = range(-5, 7)  # the keys that a piece is played in, by semitones
    monitor: str = "val_loss"  # what "best" means
    temperature: float = 0.85  # for composing; 0 is argmax
    window: int | None = None  # tokens the net reads anew for each note; None carries the state
    strict: bool = False  # the article's own reading of the files

    def settings(self) -> dict[str, Any]:
        """What a checkpoint keeps of it, for composing."""
        return {"preset": self.name, "temperature": self.temperature, "window": self.window}


def stacked(V: int, units: int, dropout: float) -> list[Layer]:
    """Embedding, two layers of LSTM with dropout before and behind each, and one logit a token,
    made with the embedding's own table: what was learnt of a token by reading helps to say it.
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
    why="an embedding, not a scaled integer; a loss at every step, not at one in a hundred; the "
    "state carried on; another key every time; the weights averaged: about three minutes",
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
    why="as default but fewer passes: about a minute",
    epochs=8,
)

BEST = replace(
    DEFAULT,
    name="best",
    why="twice the units, more dropout, many passes: about a quarter of an hour",
    layers=lambda V: stacked(V, 512, 0.55),
    data=lambda tokens, seed, keys: Streams(tokens, 32, 64, seed, variants=keys),
    optimizer=lambda: Adam(0.002, ema_momentum=0.998),
    schedule=cosine(0.002),
    epochs=50,
)

ARTICLE = Preset(
    name="article",
    why="the article's network, windows, RMSprop and argmax, unchanged: about a day for 200 epochs",
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

PRESETS = {preset.name: preset for preset in (QUICK, DEFAULT, BEST, ARTICLE)}
