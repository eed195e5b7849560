"""Dropout, and the random masks that it and the LSTM multiply by.

Training is when `forward` gets a Generator, use when it gets None. The contract is in base.py.
"""

from typing import Any

import numpy as np
from numpy import ndarray

from .base import Backward, Forward, Grads, Layer, Rng, State, check_input, check_rate


def dropout_mask(rng: Rng, shape: tuple[int, ...], rate: float, dtype: Any) -> ndarray | None:
    """Zeros with probability `rate`, to 16 bits, else 1 / (1 - rate), so that the mean is 1 and
    nothing need be rescaled in use; None when there is nothing to drop.
    """
    if rng is None or rate == 0:
        return None
    kept = rng.integers(65536, size=shape, dtype=np.uint16) >= round(rate * 65536)  # shape
    return kept * np.asarray(1 / (1 - rate), dtype)  # shape


class Dropout(Layer):
    """In training each value is zeroed with probability `rate` and the rest divided by 1 - rate
    (N. Srivastava et al., 2014).

    >>> y, _, mask = Dropout(0.5).forward(np.ones((1, 1, 4)), rng=np.random.default_rng(4))
    >>> y.tolist()
    [[[0.0, 2.0, 0.0, 2.0]]]
    """

    config_names = ("rate",)

    def __init__(self, rate: float):
        super().__init__()
        check_rate(self, rate=rate)
        self.rate = rate

    def forward(self, x: ndarray, state: State | None = None, rng: Rng = None) -> Forward:
        check_input(self, x, None)
        mask = dropout_mask(rng, x.shape, self.rate, self.dtype)  # (..., D) or None
        return (x if mask is None else x * mask), (), mask

    def backward(
        self, dy: ndarray, cache: Any, grads: Grads, dstate: State | None = None
    ) -> Backward:
        # y = x * mask
        return (dy if cache is None else dy * cache), ()
