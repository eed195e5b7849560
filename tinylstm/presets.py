"""Ready-made recipes: a network, its data, its optimizer, with the reason for each.

`default` is what we would do; `article` is the tutorial this project re-creates, step for step, for
comparison ("How to Generate Music using a LSTM Neural Network in Keras", S. Skúli, 2017).
"""

from collections.abc import Callable
from dataclasses import dataclass

from .callbacks import cosine
from .data import Streams, Tokens, Windows
from .layers import LSTM, Dense, Dropout, Embedding, Layer, ScaledInteger
from .optimizers import Adam, Optimizer, RMSprop


@dataclass(frozen=True)
class Preset:
    """A recipe. Everything that depends on the vocabulary's size V or on the data is a function."""

    name: str
    why: str
    layers: Callable[[int], list[Layer]]
    data: Callable[[Tokens, int], Streams | Windows]  # training tokens and seed
    validation: Callable[[Tokens], Streams | Windows]
    optimizer: Callable[[], Optimizer]
    schedule: Callable[[float], float] | None  # share of the run done to learning rate
    epochs: int
    monitor: str  # what "best" means
    temperature: float  # for composing; 0 is argmax
    window: int | None  # tokens the net reads anew for each note; None carries the state
    strict: bool  # the article's own reading of the files


DEFAULT = Preset(
    name="default",
    why="an embedding, not a scaled integer; a loss at every step, not at one in a hundred; the "
    "state carried on; whole pieces held out: about two minutes on two cores",
    layers=lambda V: [
        Embedding(V, 128),
        LSTM(256, return_sequences=True),
        Dropout(0.4),
        LSTM(256, return_sequences=True),
        Dropout(0.4),
        Dense(V),
    ],
    data=lambda tokens, seed: Streams(tokens, streams=32, steps=50, seed=seed),
    validation=lambda tokens: Streams(tokens, 8, 100, shuffle=False, whole_pieces=True),
    optimizer=lambda: Adam(0.003),
    schedule=cosine(0.003),
    epochs=20,
    monitor="val_loss",
    temperature=0.95,
    window=None,
    strict=False,
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
    data=lambda tokens, seed: Windows(tokens, batch=64, steps=100, seed=seed),
    validation=lambda tokens: Windows(tokens, batch=64, steps=100, shuffle=False),
    optimizer=lambda: RMSprop(0.001),
    schedule=None,
    epochs=200,
    monitor="loss",
    temperature=0.0,
    window=100,
    strict=True,
)

PRESETS = {preset.name: preset for preset in (DEFAULT, ARTICLE)}
