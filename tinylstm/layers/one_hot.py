"""Token ids as fixed vectors, without parameters: OneHot and ScaledInteger.

The contract is in base.py.
"""

from typing import Any

import numpy as np
from numpy import ndarray
from numpy.typing import DTypeLike

from .base import Backward, Forward, Grads, Layer, Rng, State, check_ids, check_positive


class OneHot(Layer):
    """ids (T, B) to vectors (T, B, V) that are 1 at the id and 0 elsewhere.

    >>> OneHot(3).forward(np.array([[2]]))[0].tolist()
    [[[0.0, 0.0, 1.0]]]
    """

    config_names = ("vocabulary",)

    def __init__(self, vocabulary: int):
        super().__init__()
        check_positive(self, vocabulary=vocabulary)
        self.vocabulary = vocabulary

    def build(self, input_size: int | None, rng: np.random.Generator, dtype: DTypeLike) -> int:
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
    """ids (T, B) to id / vocabulary (T, B, 1), as in the 2017 tutorial, so that 17 is close to 18.

    >>> ScaledInteger(4).forward(np.array([[3]]))[0].tolist()
    [[[0.75]]]
    """

    def build(self, input_size: int | None, rng: np.random.Generator, dtype: DTypeLike) -> int:
        self.dtype = np.dtype(dtype)
        return 1

    def forward(self, x: ndarray, state: State | None = None, rng: Rng = None) -> Forward:
        check_ids(self, x, self.vocabulary)
        return (x / self.vocabulary).astype(self.dtype)[..., None], (), None
