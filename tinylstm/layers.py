"""Layers: parameters, a forward pass, a backward pass. The LSTM's maths is in functional.py.

A layer holds parameters and never data. What `forward` computes and `backward` needs travels in a
cache, and gradients are added to arrays that the caller owns, so that one layer can serve several
threads at once, and two backward passes give exactly twice the gradient.

The contract, which your own layer can follow too (`gradcheck` takes anything that does):

    build(input_size, rng, dtype) -> output_size          makes the parameters, in `params`
    initial_state(batch) -> state                         a tuple of arrays, () without memory
    forward(x, state, rng) -> (y, state, cache)           rng: a Generator in training, None in use
    backward(dy, cache, grads, dstate) -> (dx, dstate)    adds to grads[name] for each parameter

Arrays are time-major: (T, B, features), or (T, B) for token ids. Sizes as in functional.py.
Next: losses.py, then model.py, which chains layers.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

from . import functional as F
from .initializers import glorot_uniform, orthogonal

State = tuple[ndarray, ...]
Grads = dict[str, ndarray]  # parameter name: its gradient, which backward adds to
Rng = np.random.Generator | None  # the source of randomness in training, None in use
Forward = tuple[ndarray, State, Any]  # (y, final state, cache)
Backward = tuple[Any, State]  # (dx, or None for ids; gradient of the initial state)


class Layer:
    """The contract above, for a layer without parameters, state or computation: the identity."""

    config_names: tuple[str, ...] = ()  # constructor arguments, kept in checkpoints

    def __init__(self) -> None:
        self.name = ""
        self.params: dict[str, ndarray] = {}
        self.dtype: np.dtype = np.dtype(np.float32)

    def build(self, input_size: int | None, rng: np.random.Generator, dtype: Any) -> int | None:
        """Make the parameters for `input_size` features; returns the number of outputs."""
        self.dtype = np.dtype(dtype)
        return input_size

    def config(self) -> dict[str, Any]:
        """The constructor's arguments, as plain data."""
        return {name: getattr(self, name) for name in self.config_names}

    def initial_state(self, batch: int) -> State:
        """Zeros, one array (B, H) for each thing the layer remembers from step to step."""
        return ()

    def forward(self, x: ndarray, state: State | None = None, rng: Rng = None) -> Forward:
        """The output, the final state, and what `backward` needs."""
        return x, (), None

    def backward(
        self, dy: ndarray, cache: Any, grads: Grads, dstate: State | None = None
    ) -> Backward:
        """The gradients of the input (None for ids) and of the initial state; adds to `grads`."""
        return dy, ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.config().items())})"


def check_input(layer: Layer, x: ndarray, size: int | None) -> None:
    """Raise ValueError unless x is a non-empty (T, B, size) array of the layer's kind of number."""
    wanted = f"{layer.name or type(layer).__name__} wants a float array (T, B, {size})"
    if not isinstance(x, np.ndarray) or x.ndim != 3 or (size is not None and x.shape[2] != size):
        raise ValueError(f"{wanted}, got {describe(x)}: check the layer before it, or transpose")
    if x.dtype.kind not in "fc":
        raise ValueError(f"{wanted}, got {describe(x)}: use Embedding or OneHot for token ids")
    if 0 in x.shape:
        raise ValueError(f"{wanted} with at least one step and one sequence, got {describe(x)}")


def check_ids(layer: Layer, ids: ndarray, size: int) -> None:
    """Raise ValueError unless ids is a non-empty (T, B) array of integers in [0, size)."""
    wanted = f"{layer.name or type(layer).__name__} wants token ids (T, B), integers in [0, {size})"
    if not isinstance(ids, np.ndarray) or ids.ndim != 2 or ids.dtype.kind not in "iu":
        raise ValueError(f"{wanted}, got {describe(ids)}")
    if ids.size == 0:
        raise ValueError(f"{wanted}, with at least one step and one sequence, got {describe(ids)}")
    if ids.min() < 0 or ids.max() >= size:
        worst = ids.max() if ids.max() >= size else ids.min()
        raise ValueError(
            f"{wanted}, got {worst}: encode with the vocabulary the model was made for"
        )


def describe(x: Any) -> str:
    """A few words on an array for an error message."""
    return f"{x.dtype} {x.shape}" if isinstance(x, np.ndarray) else repr(type(x).__name__)


class LSTM(Layer):
    """Long short-term memory; the equations are in `functional.lstm_cell_forward`.

    Parameters: Wx (D, 4H) Glorot, Wh (H, 4H) orthogonal, b (4H,) zero but for the forget gate's,
    which starts at `forget_bias` so that the cell remembers before it has learnt to (R. Jozefowicz,
    W. Zaremba and I. Sutskever, 2015). State: h and c, (B, H) each.
    Output: (T, B, H), or only the last step's (B, H) with `return_sequences=False`.

    >>> layer = LSTM(4, return_sequences=True)
    >>> layer.build(3, np.random.default_rng(0), np.float64)
    4
    >>> y, (h, c), cache = layer.forward(np.ones((5, 2, 3)))
    >>> y.shape, h.shape, cache.gates.shape
    ((5, 2, 4), (2, 4), (5, 2, 16))
    """

    config_names = ("units", "return_sequences", "forget_bias")

    def __init__(self, units: int, return_sequences: bool = False, forget_bias: float = 1.0):
        super().__init__()
        if units < 1:
            raise ValueError(f"LSTM units is {units}: use at least 1")
        self.units = units
        self.return_sequences = return_sequences
        self.forget_bias = forget_bias

    def build(self, input_size: int | None, rng: np.random.Generator, dtype: Any) -> int:
        D, H = known_size(self, input_size), self.units
        self.dtype = np.dtype(dtype)
        b = np.zeros(4 * H, dtype)
        b[H : 2 * H] = self.forget_bias
        self.params = {
            "Wx": glorot_uniform((D, 4 * H), rng, dtype),
            "Wh": orthogonal((H, 4 * H), rng, dtype),
            "b": b,
        }
        return H

    def initial_state(self, batch: int) -> State:
        return tuple(np.zeros((batch, self.units), self.dtype) for _ in "hc")

    def forward(self, x: ndarray, state: State | None = None, rng: Rng = None) -> Forward:
        check_input(self, x, self.params["Wx"].shape[0])
        h0, c0 = self.initial_state(x.shape[1]) if state is None else state
        outputs, h, c, cache = F.lstm_forward(x, h0, c0, **self.params)
        return (outputs if self.return_sequences else h), (h, c), cache

    def backward(
        self, dy: ndarray, cache: Any, grads: Grads, dstate: State | None = None
    ) -> Backward:
        dh, dc = self.initial_state(cache.x.shape[1]) if dstate is None else dstate
        if not self.return_sequences:
            dh, dy = dh + dy, np.zeros_like(cache.h[1:])  # (B, H), (T, B, H)
        dx, dh0, dc0 = F.lstm_backward(dy, dh, dc, cache, grads["Wx"], grads["Wh"], grads["b"])
        return dx, (dh0, dc0)


class DenseCache(NamedTuple):
    """The input (..., D) and the output (..., U) of a Dense layer."""

    x: ndarray
    y: ndarray


class Dense(Layer):
    """y = activation(x W + b) on the last axis; W (D, U) Glorot, b (U,) zero.

    activation: None (linear), "relu", "tanh", "sigmoid" or "softmax". Leave it out to train a
    classifier: `CategoricalCrossentropy` takes logits, and is exact where a softmax underflows.

    >>> layer = Dense(2, activation="softmax")
    >>> layer.build(3, np.random.default_rng(0), np.float64)
    2
    >>> y, _, _ = layer.forward(np.zeros((1, 1, 3)))
    >>> y.tolist()
    [[[0.5, 0.5]]]
    """

    config_names = ("units", "activation")

    def __init__(self, units: int, activation: str | None = None):
        super().__init__()
        if activation not in ACTIVATIONS:
            raise ValueError(f"Dense activation is {activation!r}: use one of {list(ACTIVATIONS)}")
        if units < 1:
            raise ValueError(f"Dense units is {units}: use at least 1")
        self.units = units
        self.activation = activation

    def build(self, input_size: int | None, rng: np.random.Generator, dtype: Any) -> int:
        D, U = known_size(self, input_size), self.units
        self.dtype = np.dtype(dtype)
        self.params = {"W": glorot_uniform((D, U), rng, dtype), "b": np.zeros(U, dtype)}
        return U

    def forward(self, x: ndarray, state: State | None = None, rng: Rng = None) -> Forward:
        W, b = self.params["W"], self.params["b"]
        if x.shape[-1] != len(W):
            raise ValueError(f"{self.name or 'Dense'} wants (..., {len(W)}), got {describe(x)}")
        z = (x.reshape(-1, len(W)) @ W + b).reshape(*x.shape[:-1], len(b))  # (..., U)
        y = ACTIVATIONS[self.activation][0](z)  # (..., U)
        return y, (), DenseCache(x, y)

    def backward(
        self, dy: ndarray, cache: Any, grads: Grads, dstate: State | None = None
    ) -> Backward:
        x, y = cache
        W, b = self.params["W"], self.params["b"]
        # y = activation(z)
        dz = ACTIVATIONS[self.activation][1](dy, y).reshape(-1, len(b))  # (N, U)
        # z = x W + b
        grads["W"] += x.reshape(-1, len(W)).T @ dz  # (D, U)
        grads["b"] += dz.sum(axis=0)  # (U,)
        return (dz @ W.T).reshape(x.shape), ()  # (..., D)


def softmax(z: ndarray) -> ndarray:
    """exp(z) / sum(exp(z)) on the last axis, (..., V)."""
    e = np.exp(z - z.real.max(axis=-1, keepdims=True))  # (..., V)
    return e / e.sum(axis=-1, keepdims=True)


# name: (y from z, dz from dy and y)
ACTIVATIONS: dict[str | None, tuple[Any, Any]] = {
    None: (lambda z: z, lambda dy, y: dy),
    "relu": (lambda z: np.where(z.real > 0, z, 0), lambda dy, y: np.where(y.real > 0, dy, 0)),
    "tanh": (np.tanh, lambda dy, y: dy * (1 - y**2)),
    "sigmoid": (F.sigmoid, lambda dy, y: dy * y * (1 - y)),
    "softmax": (softmax, lambda dy, y: y * (dy - (dy * y).sum(axis=-1, keepdims=True))),
}


class Embedding(Layer):
    """A row of a table for each token: ids (T, B) to (T, B, U). table (V, U), standard normal: what
    comes out has variance 1, as Glorot's weights expect (from +-0.05 a network takes far longer).

    >>> layer = Embedding(10, 4)
    >>> layer.build(None, np.random.default_rng(0), np.float32)
    4
    >>> layer.forward(np.array([[3, 7]]))[0].shape
    (1, 2, 4)
    """

    config_names = ("vocabulary", "units")

    def __init__(self, vocabulary: int, units: int):
        super().__init__()
        self.vocabulary = vocabulary
        self.units = units

    def build(self, input_size: int | None, rng: np.random.Generator, dtype: Any) -> int:
        self.dtype = np.dtype(dtype)
        table = rng.standard_normal((self.vocabulary, self.units)).astype(dtype)
        self.params = {"table": table}
        return self.units

    def forward(self, x: ndarray, state: State | None = None, rng: Rng = None) -> Forward:
        check_ids(self, x, self.vocabulary)
        return self.params["table"][x], (), x

    def backward(
        self, dy: ndarray, cache: Any, grads: Grads, dstate: State | None = None
    ) -> Backward:
        # y[t, b] = table[ids[t, b]]        a token that occurs twice gets both gradients
        np.add.at(grads["table"], cache, dy)
        return None, ()


class OneHot(Layer):
    """ids (T, B) to vectors (T, B, V) with a one at the id."""

    config_names = ("vocabulary",)

    def __init__(self, vocabulary: int):
        super().__init__()
        self.vocabulary = vocabulary

    def build(self, input_size: int | None, rng: np.random.Generator, dtype: Any) -> int:
        self.dtype = np.dtype(dtype)
        return self.vocabulary

    def forward(self, x: ndarray, state: State | None = None, rng: Rng = None) -> Forward:
        check_ids(self, x, self.vocabulary)
        return np.eye(self.vocabulary, dtype=self.dtype)[x], (), None

    def backward(
        self, dy: ndarray, cache: Any, grads: Grads, dstate: State | None = None
    ) -> Backward:
        return None, ()


class ScaledInteger(OneHot):
    """ids (T, B) to id / vocabulary (T, B, 1), the article's input; it pretends 17 is near 18."""

    def build(self, input_size: int | None, rng: np.random.Generator, dtype: Any) -> int:
        self.dtype = np.dtype(dtype)
        return 1

    def forward(self, x: ndarray, state: State | None = None, rng: Rng = None) -> Forward:
        check_ids(self, x, self.vocabulary)
        return (x / self.vocabulary).astype(self.dtype)[..., None], (), None


class Dropout(Layer):
    """In training (when `rng` is given) each value is zeroed with probability `rate` and the rest
    divided by 1 - rate, so that nothing is rescaled later (N. Srivastava et al., 2014).
    """

    config_names = ("rate",)

    def __init__(self, rate: float):
        super().__init__()
        if not 0 <= rate < 1:
            raise ValueError(f"Dropout rate is {rate}: use a number in [0, 1)")
        self.rate = rate

    def forward(self, x: ndarray, state: State | None = None, rng: Rng = None) -> Forward:
        if rng is None or self.rate == 0:
            return x, (), None
        kept = rng.random(x.shape, dtype=np.float32) >= self.rate  # (..., D)
        mask = kept * np.asarray(1 / (1 - self.rate), self.dtype)  # (..., D)
        return x * mask, (), mask

    def backward(
        self, dy: ndarray, cache: Any, grads: Grads, dstate: State | None = None
    ) -> Backward:
        return (dy if cache is None else dy * cache), ()


def known_size(layer: Layer, input_size: int | None) -> int:
    """The input size, or an error that says how to give one."""
    if input_size is None:
        kind = type(layer).__name__
        raise ValueError(f"{kind} does not know its input size: Sequential(..., input_size=D)")
    return input_size


LAYERS: dict[str, type[Layer]] = {
    kind.__name__: kind for kind in (LSTM, Dense, Embedding, OneHot, ScaledInteger, Dropout)
}
