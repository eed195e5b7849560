"""Layers: parameters, a forward pass, a backward pass. The maths is in functional.py, recurrent.py
and normalization.py.

base.py says what a layer is. The LSTM is in sequences.py.
"""

from typing import Any

from .base import Grads, Layer, Rng, State
from .batch_normalization import BatchNormalization
from .bidirectional import Bidirectional
from .dense import Activation, Dense
from .dropout import Dropout
from .sequences import GRU, LSTM, SimpleRNN
from .tokens import Embedding, OneHot, ScaledInteger, TiedDense

__all__ = [
    "GRU",
    "LAYERS",
    "LSTM",
    "Activation",
    "BatchNormalization",
    "Bidirectional",
    "Dense",
    "Dropout",
    "Embedding",
    "Grads",
    "Layer",
    "OneHot",
    "Rng",
    "ScaledInteger",
    "SimpleRNN",
    "State",
    "TiedDense",
    "layer_from_config",
]

LAYERS: dict[str, type[Layer]] = {
    kind.__name__: kind
    for kind in (
        LSTM,
        GRU,
        SimpleRNN,
        Bidirectional,
        Dense,
        Activation,
        Embedding,
        TiedDense,
        OneHot,
        ScaledInteger,
        Dropout,
        BatchNormalization,
    )
}


def layer_from_config(entry: dict[str, Any], earlier: dict[str, Layer]) -> Layer:
    """The layer of one entry of a model's `config()`; `earlier` are those before it, by name.

    >>> layer_from_config({"type": "Dense", "name": "out", "units": 3}, {})
    Dense(units=3, activation=None)
    """
    config = dict(entry)
    kind, name = config.pop("type"), config.pop("name")
    if kind not in LAYERS:
        raise ValueError(f"unknown layer type {kind!r}: known are {sorted(LAYERS)}")
    layer = LAYERS[kind].from_config(config, earlier)
    layer.name = name
    return layer
