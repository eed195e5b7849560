"""Layers: parameters, a forward pass, a backward pass. The maths is in functional.py, recurrent.py
and normalization.py. Read base.py first, then sequences.py.
"""

from .base import (
    LAYERS,
    Backward,
    Forward,
    Grads,
    Layer,
    Mask,
    Rng,
    State,
    layer_from_config,
    register,
)
from .bidirectional import Bidirectional, Reverse
from .dense import Activation, Dense
from .dropout import Dropout
from .gru import GRU, SimpleRNN
from .normalization import BatchNormalization, LayerNormalization
from .one_hot import OneHot, ScaledInteger
from .sequences import LSTM
from .tokens import Embedding, TiedDense

for _kind in (Activation, BatchNormalization, Bidirectional, Dense, Dropout, Embedding, GRU, LSTM,
              LayerNormalization, OneHot, Reverse, ScaledInteger, SimpleRNN,
              TiedDense):  # fmt: skip
    register(_kind)

__all__ = [
    "GRU",
    "LAYERS",
    "LSTM",
    "Activation",
    "Backward",
    "BatchNormalization",
    "Bidirectional",
    "Dense",
    "Dropout",
    "Embedding",
    "Forward",
    "Grads",
    "Layer",
    "LayerNormalization",
    "Mask",
    "OneHot",
    "Reverse",
    "Rng",
    "ScaledInteger",
    "SimpleRNN",
    "State",
    "TiedDense",
    "layer_from_config",
    "register",
]
