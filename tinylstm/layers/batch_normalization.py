"""BatchNormalization. Its maths is in ../normalization.py, the contract of a layer in base.py.

Pass `forward` a Generator in training and None in inference.
"""

from typing import Any

import numpy as np
from numpy import ndarray

from ..normalization import (
    BatchNormCache,
    batch_norm_backward,
    batch_norm_forward,
    batch_norm_inference_backward,
    batch_norm_inference_forward,
)
from .base import Backward, Forward, Grads, Layer, Rng, State, check_input, check_rate, known_size


class BatchNormalization(Layer):
    """Normalises each feature to mean 0 and variance 1, then multiplies by gamma and adds beta.

    In training, mean and variance come from the batch (all steps and sequences together); in
    inference, from the running means (D,) in `statistics`. `forward` never changes those: the
    training loop calls `model.update_statistics(caches)` after each step, in one thread. A batch
    that is split into shards is normalised shard by shard, and updates them once per shard, in
    order. gamma (D,) starts at ones, beta (D,) at zeros; momentum and epsilon are those of Keras.

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

    def __init__(self, momentum: float = 0.99, epsilon: float = 1e-3):
        super().__init__()
        check_rate(self, momentum=momentum)
        if not epsilon > 0:
            raise ValueError(f"BatchNormalization epsilon is {epsilon}: use a positive number")
        self.momentum = momentum
        self.epsilon = epsilon

    def build(self, input_size: int | None, rng: np.random.Generator, dtype: Any) -> int:
        D = known_size(self, input_size)
        self.dtype = np.dtype(dtype)
        self.params = {"gamma": np.ones(D, dtype), "beta": np.zeros(D, dtype)}
        self.statistics = {"mean": np.zeros(D, dtype), "variance": np.ones(D, dtype)}
        return D

    def forward(self, x: ndarray, state: State | None = None, rng: Rng = None) -> Forward:
        gamma, beta = self.params["gamma"], self.params["beta"]
        check_input(self, x, len(gamma))
        x2 = x.reshape(-1, len(gamma))  # (N, D)
        if rng is None:
            mean, variance = self.statistics["mean"], self.statistics["variance"]
            y, cache = batch_norm_inference_forward(x2, gamma, beta, mean, variance, self.epsilon)
        else:
            y, cache = batch_norm_forward(x2, gamma, beta, self.epsilon)
        return y.reshape(x.shape), (), cache

    def backward(
        self, dy: ndarray, cache: BatchNormCache, grads: Grads, dstate: State | None = None
    ) -> Backward:
        backward = batch_norm_backward if cache.training else batch_norm_inference_backward
        dy2 = dy.reshape(-1, dy.shape[-1])  # (N, D)
        return backward(dy2, cache, grads["gamma"], grads["beta"]).reshape(dy.shape), ()

    def update_statistics(self, cache: BatchNormCache) -> None:
        """running = momentum * running + (1 - momentum) * batch, for mean and variance."""
        if cache.training:
            for name, value in (("mean", cache.mean), ("variance", cache.variance)):
                running = self.statistics[name]  # (D,)
                running *= self.momentum
                running += (1 - self.momentum) * value
