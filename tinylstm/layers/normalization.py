"""BatchNormalization and LayerNormalization; their maths is in ../normalization.py.

In training, `forward` gets a Generator; in use, None: batch normalization then works differently.
The contract of a layer is in base.py.
"""

from typing import Any

import numpy as np
from numpy import ndarray
from numpy.typing import DTypeLike

from ..normalization import (
    batch_norm_backward,
    batch_norm_forward,
    batch_norm_inference_backward,
    batch_norm_inference_forward,
    layer_norm_backward,
    layer_norm_forward,
)
from .base import (
    Backward,
    Forward,
    Grads,
    Layer,
    Mask,
    Rng,
    State,
    check_input,
    check_mask,
    check_rate,
    known_size,
)


class BatchNormalization(Layer):
    """Normalises each feature to mean 0 and variance 1, then multiplies by gamma and adds beta.

    In training, mean and variance come from the batch (all steps and sequences together, without
    padding); in inference, from the running means (D,) in `statistics`. `forward` never changes
    those: the training loop calls `model.update_statistics(caches)` after each step, in one thread.
    A batch that is split into shards is normalised shard by shard, and updates them once per shard,
    in order. gamma (D,) starts at ones, beta (D,) at zeros; momentum and epsilon are Keras's.

    >>> layer = BatchNormalization(momentum=0.5)
    >>> layer.build(1, np.random.default_rng(0), np.float64)
    1
    >>> x = np.array([[[1.0], [3.0]]])
    >>> y, _, cache = layer.forward(x, rng=np.random.default_rng(0))
    >>> layer.update_statistics(cache)
    >>> y.round(2).tolist(), layer.statistics["mean"].tolist()
    ([[[-1.0], [1.0]]], [1.0])
    """

    config_names = ("momentum", "epsilon")
    uses_mask = True

    def __init__(self, momentum: float = 0.99, epsilon: float = 1e-3):
        super().__init__()
        check_rate(self, momentum=momentum)
        check_epsilon(self, epsilon)
        self.momentum = momentum
        self.epsilon = epsilon

    def build(self, input_size: int | None, rng: np.random.Generator, dtype: DTypeLike) -> int:
        D = known_size(self, input_size)
        self.dtype = np.dtype(dtype)
        self.params = {"gamma": np.ones(D, dtype), "beta": np.zeros(D, dtype)}
        self.statistics = {"mean": np.zeros(D, dtype), "variance": np.ones(D, dtype)}
        return D

    def forward(
        self, x: ndarray, state: State | None = None, rng: Rng = None, mask: Mask = None
    ) -> Forward:
        gamma, beta = self.params["gamma"], self.params["beta"]
        check_input(self, x, len(gamma))
        check_mask(self, mask, x)
        rows = x.reshape(-1, len(gamma)) if mask is None else x[mask]  # (N, D)
        if rng is None or not len(rows):
            mean, variance = self.statistics["mean"], self.statistics["variance"]
            y, cache = batch_norm_inference_forward(rows, gamma, beta, mean, variance, self.epsilon)
        else:
            y, cache = batch_norm_forward(rows, gamma, beta, self.epsilon)
        return placed(y, mask, x.shape), (), (cache, mask)

    def backward(
        self, dy: ndarray, cache: Any, grads: Grads, dstate: State | None = None
    ) -> Backward:
        inner, mask = cache
        backward = batch_norm_backward if inner.training else batch_norm_inference_backward
        rows = dy.reshape(-1, dy.shape[-1]) if mask is None else dy[mask]  # (N, D)
        return placed(backward(rows, inner, grads["gamma"], grads["beta"]), mask, dy.shape), ()

    def update_statistics(self, cache: Any) -> None:
        """running = momentum * running + (1 - momentum) * batch, for mean and variance."""
        inner, _ = cache
        if inner.training:
            for name, value in (("mean", inner.mean), ("variance", inner.variance)):
                running = self.statistics[name]  # (D,)
                running *= self.momentum
                running += (1 - self.momentum) * value


def placed(rows: ndarray, mask: Mask, shape: tuple[int, ...]) -> ndarray:
    """Rows (N, D) back where the mask has them, zero elsewhere; without a mask only reshaped."""
    if mask is None:
        return rows.reshape(shape)
    y = np.zeros(shape, rows.dtype)  # (T, B, D)
    y[mask] = rows
    return y


class LayerNormalization(Layer):
    """Normalises each step of each sequence to mean 0 and variance 1 over its features, then
    multiplies by gamma and adds beta (J. Ba, J. Kiros and G. Hinton, 2016).

    It does the same in training and in use, whatever the batch. gamma (D,) starts at ones, beta
    (D,) at zeros; epsilon is that of Keras. Raises ValueError unless epsilon is positive.

    >>> layer = LayerNormalization(epsilon=1e-9)
    >>> layer.build(2, np.random.default_rng(0), np.float64)
    2
    >>> layer.forward(np.array([[[1.0, 3.0], [5.0, 9.0]]]))[0].round(2).tolist()
    [[[-1.0, 1.0], [-1.0, 1.0]]]
    """

    config_names = ("epsilon",)

    def __init__(self, epsilon: float = 1e-3):
        super().__init__()
        check_epsilon(self, epsilon)
        self.epsilon = epsilon

    def build(self, input_size: int | None, rng: np.random.Generator, dtype: DTypeLike) -> int:
        D = known_size(self, input_size)
        self.dtype = np.dtype(dtype)
        self.params = {"gamma": np.ones(D, dtype), "beta": np.zeros(D, dtype)}
        return D

    def forward(self, x: ndarray, state: State | None = None, rng: Rng = None) -> Forward:
        gamma, beta = self.params["gamma"], self.params["beta"]
        check_input(self, x, len(gamma))
        y, cache = layer_norm_forward(x.reshape(-1, len(gamma)), gamma, beta, self.epsilon)
        return y.reshape(x.shape), (), cache

    def backward(
        self, dy: ndarray, cache: Any, grads: Grads, dstate: State | None = None
    ) -> Backward:
        rows = dy.reshape(-1, dy.shape[-1])  # (N, D)
        dx = layer_norm_backward(rows, cache, grads["gamma"], grads["beta"])
        return dx.reshape(dy.shape), ()


def check_epsilon(layer: Layer, epsilon: float) -> None:
    """Raise ValueError unless epsilon is positive."""
    if not epsilon > 0:
        raise ValueError(f"{type(layer).__name__} epsilon is {epsilon}: use a positive number")
