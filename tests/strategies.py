"""Hypothesis strategies: nets of every kind, with matching inputs and targets."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tinylstm.layers import (
    GRU,
    LSTM,
    Activation,
    BatchNormalization,
    Bidirectional,
    Dense,
    Dropout,
    Embedding,
    LayerNormalization,
    OneHot,
    Reverse,
    ScaledInteger,
    SimpleRNN,
    TiedDense,
)
from tinylstm.losses import CategoricalCrossentropy
from tinylstm.model import Sequential
from tinylstm.pointwise import BinaryCrossentropy, MeanAbsoluteError, MeanSquaredError

sizes = st.integers(1, 4)
seeds = st.integers(0, 2**32 - 1)
rates = st.sampled_from([0.0, 0.25, 0.5])
activations = st.sampled_from([None, "relu", "tanh", "sigmoid", "softmax"])
kinds = st.sampled_from([np.float32, np.float64])

VOCABULARY = 5


@dataclass
class Case:
    """A net and a batch for it. If `loss` is None, the check weights the outputs randomly."""

    net: Sequential
    x: np.ndarray
    targets: np.ndarray | None
    loss: Any
    seed: int
    mask: np.ndarray | None = None

    def __repr__(self) -> str:
        mask = "" if self.mask is None else f", mask {self.mask.astype(int).tolist()}"
        x = f"{self.x.dtype} {self.x.shape}"
        return f"{self.net.layers} x {x}, {self.loss}, seed {self.seed}{mask}"


lstms = st.builds(
    LSTM,
    sizes,
    st.just(True),
    forget_bias=st.floats(-1, 2),
    recurrent_dropout=rates,
)
recurrents = st.one_of(
    lstms,
    st.builds(GRU, sizes, st.just(True), st.booleans()),
    st.builds(SimpleRNN, sizes, st.just(True)),
)
stepwise = st.one_of(  # layers that treat steps separately, (T, B, features) to the same
    st.builds(Dense, sizes, activations),
    st.builds(Activation, activations),
    st.builds(Dropout, rates),
    st.builds(BatchNormalization, st.sampled_from([0.0, 0.9]), st.sampled_from([1e-3, 0.1])),
    st.builds(LayerNormalization, st.sampled_from([1e-3, 0.1])),
)
hidden = st.one_of(recurrents, stepwise, st.builds(Bidirectional, recurrents))


@st.composite
def last_layers(draw):
    """A recurrent layer that returns only its last output."""
    layer = draw(recurrents)
    layer.return_sequences = False
    return Bidirectional(layer) if draw(st.booleans()) else layer


@st.composite
def nets(draw, dtype=np.float64, layers=hidden, longest=2, reverse=False):
    """One or two hidden layers, from ids or numbers to sequences or last outputs.

    reverse: with Reverse among them, which takes no mask.
    """
    each = st.one_of(layers, st.builds(Reverse)) if reverse else layers
    chain = draw(st.lists(each, min_size=1, max_size=longest))
    begin = draw(st.sampled_from([None, Embedding, OneHot, ScaledInteger]))
    size = None
    if begin is None:
        size = draw(sizes)
    elif begin is Embedding:
        chain.insert(0, Embedding(VOCABULARY, draw(sizes)))
    else:
        chain.insert(0, begin(VOCABULARY))
    if begin is Embedding and draw(st.booleans()):
        chain += [Dense(chain[0].units), TiedDense(chain[0])]
    elif layers is hidden and draw(st.booleans()):
        chain.append(draw(last_layers()))
    return Sequential(chain, size, draw(seeds), dtype)


@st.composite
def inputs(draw, net, kind=None):
    """Ids or numbers (T, B, D) for a net."""
    rng, shape = np.random.default_rng(draw(seeds)), (draw(sizes), draw(sizes))
    if hasattr(net.layers[0], "vocabulary"):
        return rng.integers(net.layers[0].vocabulary, size=shape)
    scale = draw(st.sampled_from([0.0, 0.1, 1.0, 3.0]))
    return (scale * rng.standard_normal((*shape, net.input_size))).astype(kind or net.dtype)


@st.composite
def masks(draw, x):
    """A mask (T, B) for x (T, B, ...), which leaves a step of every sequence in; sometimes None."""
    T, B = x.shape[:2]
    kind = draw(st.sampled_from(["none", "end", "start", "anywhere"]))
    if kind == "none":
        return None
    rng = np.random.default_rng(draw(seeds))
    lengths, mask = rng.integers(1, T + 1, B), rng.random((T, B)) < 0.6
    if kind != "anywhere":
        mask = np.arange(T)[:, None] < lengths
    mask[0] |= ~mask.any(axis=0)
    return np.ascontiguousarray(mask[::-1]) if kind == "start" else mask


@st.composite
def cases(draw, dtype=np.float64, **options):
    """A net, a batch and perhaps a loss with its targets."""
    net = draw(nets(dtype, **options))
    x, seed = draw(inputs(net)), draw(seeds)
    mask = draw(masks(x))
    rng, y = np.random.default_rng(seed), net.forward(x)[0]
    kinds = ["none", "categorical", "smoothed", "weighted", "one-hot", "binary", "squared"]
    kind = draw(st.sampled_from([*kinds, "absolute"]))
    targets = rng.integers(-1, y.shape[-1], size=y.shape[:-1])
    if kind == "none":
        return Case(net, x, None, None, seed, mask)
    if kind == "binary":
        return Case(net, x, rng.random(y.shape).round(1), BinaryCrossentropy(), seed, mask)
    if kind in ("squared", "absolute"):
        loss = MeanSquaredError() if kind == "squared" else MeanAbsoluteError()
        return Case(net, x, rng.standard_normal(y.shape), loss, seed, mask)
    if kind == "one-hot":
        targets = np.eye(y.shape[-1])[np.maximum(targets, 0)]
    weights = {0: 0.5, 2: 3.0} if kind == "weighted" else None
    loss = CategoricalCrossentropy(0.2 if kind == "smoothed" else 0.0, class_weight=weights)
    return Case(net, x, targets, loss, seed, mask)


def random_states(net, batch, rng):
    """A random, nonzero state for each layer."""
    return [
        tuple((0.5 * rng.standard_normal(a.shape)).astype(net.dtype) for a in state)
        for state in net.initial_states(batch)
    ]
