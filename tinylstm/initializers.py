"""Initial values of the weights."""

from typing import Any

import numpy as np
from numpy import ndarray


def glorot_uniform(shape: tuple[int, int], rng: np.random.Generator, dtype: Any) -> ndarray:
    """Uniform in +-sqrt(6 / (inputs + outputs)), for a shape (inputs, outputs).

    (X. Glorot and Y. Bengio, AISTATS 2010)
    """
    limit = np.sqrt(6 / sum(shape))
    return rng.uniform(-limit, limit, shape).astype(dtype)


def orthogonal(shape: tuple[int, int], rng: np.random.Generator, dtype: Any) -> ndarray:
    """Orthonormal rows, or orthonormal columns if there are more rows than columns.

    (A. Saxe, J. McClelland and S. Ganguli, ICLR 2014)
    """
    rows, columns = max(shape), min(shape)
    q, r = np.linalg.qr(rng.standard_normal((rows, columns)))  # (rows, columns)
    q = q * np.sign(np.diag(r))  # (rows, columns) else QR would favour some signs
    return (q.T if shape[0] < shape[1] else q).astype(dtype, order="C")
