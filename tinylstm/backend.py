"""Which implementation runs: the textbook's, or its fast twin. Layers call these and cannot tell.

A twin in `kernels/` has the name and the arguments of the textbook's function and gives the
same numbers within rounding. It is used for float32 and float64 where Numba is there; for all else
(complex numbers, a mixture of types), or after `set_backend("numpy")`, the textbook runs.
"""

import os
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np
from numpy import ndarray

from . import functional

BACKENDS = ("auto", "numpy", "numba")
FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
_chosen = os.environ.get("TINYLSTM_BACKEND", "auto")


def set_backend(name: str) -> str:
    """Choose "auto" (kernels where they fit), "numpy" (the textbook) or "numba" (no kernel: error).

    The environment variable TINYLSTM_BACKEND sets it from outside. Returns the one before.

    >>> before = set_backend("numpy")
    >>> set_backend(before)
    'numpy'
    """
    global _chosen
    if name not in BACKENDS:
        raise ValueError(f"backend is {name!r}: use one of {BACKENDS}")
    before, _chosen = _chosen, name
    return before


@cache
def kernels() -> ModuleType | None:
    """The module of fast twins, or None without Numba. Imported at first use: it takes a while."""
    try:
        from . import kernels as twins
    except ImportError:
        return None
    return twins


def twins_for(*arrays: ndarray) -> Any:
    """The kernels if they can work on these arrays, else the textbook."""
    dtype = arrays[0].dtype
    if _chosen == "numpy":
        return functional
    if dtype in FLOATS and all(array.dtype == dtype for array in arrays):
        twins = kernels()
        if twins is not None:
            return twins
    if _chosen == "numba":
        kinds = sorted({str(array.dtype) for array in arrays})
        raise ValueError(f"backend 'numba' has no kernel for {kinds}: use 'auto', or install numba")
    return functional


def frozen_weights(weights: Iterable[ndarray]) -> AbstractContextManager[None]:
    """A `with` block in which these do not change: kernels then prepare each of them only once."""
    twins = None if _chosen == "numpy" else kernels()
    return nullcontext() if twins is None else twins.frozen_weights(weights)


def lstm_forward(x: ndarray, h0: ndarray, c0: ndarray, Wx: ndarray, *others: Any) -> Any:
    """See `functional.lstm_forward`."""
    return twins_for(x, h0, c0, Wx).lstm_forward(x, h0, c0, Wx, *others)


def lstm_backward(dout: ndarray, dhT: ndarray, dcT: ndarray, cache: Any, *grads: Any) -> Any:
    """See `functional.lstm_backward`."""
    return twins_for(dout, dhT, dcT, cache.x, *grads).lstm_backward(dout, dhT, dcT, cache, *grads)


def softmax_cross_entropy_forward(logits: ndarray, targets: ndarray, count: int) -> Any:
    """See `functional.softmax_cross_entropy_forward`."""
    return twins_for(logits).softmax_cross_entropy_forward(logits, targets, count)


def softmax_cross_entropy_backward(p: ndarray, targets: ndarray, count: int) -> Any:
    """See `functional.softmax_cross_entropy_backward`."""
    return twins_for(p).softmax_cross_entropy_backward(p, targets, count)


def matmul(a: ndarray, b: ndarray) -> ndarray:
    """a @ b, (N, K) times (K, M); a twin writes it into memory that is used again at every step."""
    twins = twins_for(a, b)
    return a @ b if twins is functional else twins.matmul(a, b)


def add_rows(table: ndarray, ids: ndarray, rows: ndarray) -> None:
    """table[ids[i]] += rows[i] for every i, repeated ids included; changes the table in place."""
    twins = twins_for(table, rows)
    if twins is functional:
        np.add.at(table, ids, rows)
    else:
        twins.add_rows(table, ids, rows)


def optimizer_step(optimizer: Any, p: ndarray, g: ndarray, slots: list[ndarray]) -> None:
    """`optimizer.step(p, g, *slots)`, or a twin of it that makes no temporary arrays."""
    twins = twins_for(p, g)
    twin = None if twins is functional else twins.optimizer_twin(optimizer)
    if twin is None:
        optimizer.step(p, g, *slots)
    else:
        twin(p, g, *slots)
