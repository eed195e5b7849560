"""Dense and Activation, which treat every step separately. The contract is in base.py."""

from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray
from numpy.typing import DTypeLike

from .. import backend
from ..functional import sigmoid
from ..initializers import glorot_uniform
from .base import (
    Backward,
    Forward,
    Grads,
    Layer,
    Rng,
    State,
    check_gradients,
    check_input,
    check_positive,
    known_size,
)


def relu(z: ndarray) -> ndarray:
    """max(z, 0). For a complex number the real part decides; NaN stays NaN."""
    return np.where(z.real <= 0, np.zeros_like(z), z)


def relu_backward(dy: ndarray, y: ndarray) -> ndarray:
    """The derivative of max(z, 0): 1 above zero, 0 below and, by convention, at zero."""
    return np.where(y.real > 0, dy, np.zeros_like(dy))


def tanh_backward(dy: ndarray, y: ndarray) -> ndarray:
    """The derivative of y = tanh(z) is 1 - y^2."""
    return dy * (1 - y**2)


def sigmoid_backward(dy: ndarray, y: ndarray) -> ndarray:
    """The derivative of y = sigmoid(z) is y (1 - y)."""
    return dy * y * (1 - y)


def softmax(z: ndarray) -> ndarray:
    """exp(z) / sum(exp(z)) over the last axis of z (..., V).

    >>> softmax(np.array([1000.0, 1000.0])).tolist()
    [0.5, 0.5]
    """
    e = np.exp(z - z.real.max(axis=-1, keepdims=True))  # (..., V) no overflow, same quotient
    return e / e.sum(axis=-1, keepdims=True)  # (..., V)


def softmax_backward(dy: ndarray, y: ndarray) -> ndarray:
    """The derivative of y_k with respect to z_j is y_k (1[j = k] - y_j). Summed over k, this gives
    dz_j = y_j (dy_j - sum_k dy_k y_k).
    """
    return y * (dy - (dy * y).sum(axis=-1, keepdims=True))


# name: (y from z, dz from dy and y)
ACTIVATIONS: dict[str | None, tuple[Any, Any]] = {
    None: (lambda z: z, lambda dy, y: dy),
    "relu": (relu, relu_backward),
    "tanh": (np.tanh, tanh_backward),
    "sigmoid": (sigmoid, sigmoid_backward),
    "softmax": (softmax, softmax_backward),
}


def check_activation(layer: Layer, activation: str | None) -> None:
    """Raises ValueError if the activation is not in ACTIVATIONS."""
    if activation not in ACTIVATIONS:
        kind = type(layer).__name__
        raise ValueError(f"{kind} activation is {activation!r}: use one of {list(ACTIVATIONS)}")


class Activation(Layer):
    """y = activation(x) on the last axis: "relu", "tanh", "sigmoid" or "softmax".

    >>> Activation("relu").forward(np.array([-1.0, 2.0]))[0].tolist()
    [0.0, 2.0]
    """

    config_names = ("activation",)

    def __init__(self, activation: str | None):
        super().__init__()
        check_activation(self, activation)
        self.activation = activation

    def forward(self, x: ndarray, state: State | None = None, rng: Rng = None) -> Forward:
        check_input(self, x, None)
        y = ACTIVATIONS[self.activation][0](x)  # (..., D)
        return y, (), y

    def backward(
        self, dy: ndarray, cache: Any, grads: Grads, dstate: State | None = None
    ) -> Backward:
        check_gradients(self, dy, cache.shape, grads)
        return ACTIVATIONS[self.activation][1](dy, cache), ()


class DenseCache(NamedTuple):
    """The input (..., D) and the output (..., U) of a Dense layer."""

    x: ndarray
    y: ndarray


class Dense(Layer):
    """y = activation(x W + b) on the last axis; W (D, U) Glorot, b (U,) zero.

    activation: None (linear), "relu", "tanh", "sigmoid" or "softmax". Classifiers are trained
    without one: `CategoricalCrossentropy` takes logits and stays exact where a softmax underflows.

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
        check_activation(self, activation)
        check_positive(self, units=units)
        self.units = units
        self.activation = activation

    def build(self, input_size: int | None, rng: np.random.Generator, dtype: DTypeLike) -> int:
        D, U = known_size(self, input_size), self.units
        self.dtype = np.dtype(dtype)
        self.params = {"W": glorot_uniform((D, U), rng, dtype), "b": np.zeros(U, dtype)}
        return U

    def forward(self, x: ndarray, state: State | None = None, rng: Rng = None) -> Forward:
        W, b = self.params["W"], self.params["b"]
        check_input(self, x, len(W))
        z = backend.matmul(x.reshape(-1, len(W)), W)  # (N, U)
        z += b
        z = z.reshape(*x.shape[:-1], len(b))  # (..., U)
        y = ACTIVATIONS[self.activation][0](z)  # (..., U)
        return y, (), DenseCache(x, y)

    def backward(
        self, dy: ndarray, cache: Any, grads: Grads, dstate: State | None = None
    ) -> Backward:
        x, y = cache
        check_gradients(self, dy, y.shape, grads)
        W, b = self.params["W"], self.params["b"]
        # y = activation(z)
        dz = ACTIVATIONS[self.activation][1](dy, y).reshape(-1, len(b))  # (N, U)
        # z = x W + b
        grads["W"] += x.reshape(-1, len(W)).T @ dz  # (D, U)
        grads["b"] += dz.sum(axis=0)  # (U,)
        return backend.matmul(dz, W.T).reshape(x.shape), ()  # (..., D)
