"""Initial values of the weights."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy import ndarray
from numpy.typing import DTypeLike


def glorot_uniform(shape: tuple[int, int], rng: np.random.Generator, dtype: DTypeLike) -> ndarray:
    """Uniform in +-sqrt(6 / (inputs + outputs)), for a shape (inputs, outputs).

    (X. Glorot and Y. Bengio, AISTATS 2010)

    >>> W = glorot_uniform((2, 4), np.random.default_rng(0), np.float32)
    >>> W.shape, bool(abs(W).max() < 1)
    ((2, 4), True)
    """
    limit = np.sqrt(6 / sum(shape))
    return rng.uniform(-limit, limit, shape).astype(dtype)


def orthogonal(shape: tuple[int, int], rng: np.random.Generator, dtype: DTypeLike) -> ndarray:
    """Orthonormal rows, or orthonormal columns if there are more rows than columns.

    (A. Saxe, J. McClelland and S. Ganguli, ICLR 2014)

    >>> W = orthogonal((2, 4), np.random.default_rng(0), np.float64)
    >>> np.allclose(W @ W.T, np.eye(2))
    True
    """
    if isinstance(rng, Unfilled):
        return rng.standard_normal(shape).astype(dtype)
    rows, columns = max(shape), min(shape)
    q, r = np.linalg.qr(rng.standard_normal((rows, columns)))  # (rows, columns)
    q = q * np.sign(np.diag(r))  # (rows, columns) else QR would favour some signs
    return (q.T if shape[0] < shape[1] else q).astype(dtype, order="C")


class Unfilled(np.random.Generator):
    """In place of a generator, for weights that a file will fill: zeros, and not many more than
    the file's arrays have. Raises ValueError where a configuration wants more.

    >>> glorot_uniform((2, 3), Unfilled([]), np.float32).sum()
    np.float32(0.0)
    """

    SPARE = 1 << 20  # numbers: enough to say which weights of a small net are missing
    WIDEST = 1 << 22  # features of all layers together

    def __init__(self, arrays: Iterable[Any]):
        super().__init__(np.random.PCG64(0))
        self.left = self.SPARE + sum(math.prod(array.shape) for array in arrays)
        self.width = 0

    def check_size(self, name: str, size: Any) -> None:
        """Raise ValueError unless the size is None, or a number of features that could be."""
        if size is not None and (type(size) is not int or size < 1):
            raise ValueError(f"{name} is {size!r}: want a positive whole number")
        self.width += size or 0
        if self.width > self.WIDEST:
            raise ValueError(f"{name} is {size}: all layers together are wider than {self.WIDEST}")

    def standard_normal(self, size: Any = None, *rest: Any, **named: Any) -> Any:
        """Zeros."""
        self.left -= math.prod(size)
        if self.left < 0:
            raise ValueError(f"a layer has weights {size}, more than the file holds")
        return np.zeros(size)

    def uniform(self, low: Any = 0.0, high: Any = 1.0, size: Any = None) -> Any:
        """Zeros."""
        return self.standard_normal(size)
