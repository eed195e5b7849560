"""Initial values of the weights."""

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
    rows, columns = max(shape), min(shape)
    q, r = np.linalg.qr(rng.standard_normal((rows, columns)))  # (rows, columns)
    q = q * np.sign(np.diag(r))  # (rows, columns) else QR would favour some signs
    return (q.T if shape[0] < shape[1] else q).astype(dtype, order="C")
