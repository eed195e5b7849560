"""Dropout, and the random mask that it shares with the LSTM's recurrent dropout.

Pass `forward` a Generator in training and None in inference. The contract is in base.py.
"""

from typing import Any

import numpy as np
from numpy import ndarray
from numpy.typing import DTypeLike

from .base import (
    Backward,
    Forward,
    Grads,
    Layer,
    Rng,
    State,
    check_gradients,
    check_input,
    check_rate,
)


def dropout_mask(rng: Rng, shape: tuple[int, ...], rate: float, dtype: DTypeLike) -> ndarray | None:
    """A mask: 0 with probability `rate`, rounded to 16 bits, else 1 / (1 - rate). Its mean is 1, so
    inference needs no rescaling. None if nothing is dropped.
    """
    if rng is None or rate == 0:
        return None
    kept = rng.integers(65536, size=shape, dtype=np.uint16) >= round(rate * 65536)  # shape
    return kept * np.asarray(1 / (1 - rate), dtype)  # shape


class Dropout(Layer):
    """In training, zeroes each value with probability `rate` and divides the others by 1 - rate.

    (N. Srivastava et al., 2014) Raises ValueError unless 0 <= rate < 1.

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
        if cache is not None:
            check_gradients(self, dy, cache.shape, grads)
        # y = x * mask
        return (dy if cache is None else dy * cache), ()
