"""What is not a recurrence: the loss, the embedding's scatter, and the optimizers' updates.

Why this is fast: each passes over its numbers once and makes no temporary arrays; NumPy's versions
write and read a new array for every operator in the formula. Zero divided by zero is NaN, as in
NumPy: the check that Numba makes by default would keep loops from using vectors, and Adam would
take eight times as long. Next: pool.py.
"""

from math import log, sqrt
from typing import Any

import numpy as np
from numba import njit
from numpy import ndarray

from .gates import exp_minus, largest, total_of
from .pool import empty, ready


@njit(nogil=True, cache=True, error_model="numpy")
def _softmax(logits, targets, p, N, V):  # type: ignore[no-untyped-def]
    """p = softmax(logits), row by row; returns the sum of -log p[target]."""
    total = 0.0
    for i in range(N):
        row = i * V
        m = largest(logits, row, V)
        exp_minus(logits, row, m, p, row, V)
        s = total_of(p, row, V)
        for j in range(V):
            p[row + j] /= s
        if targets[i] >= 0:
            total += log(s) - (logits[row + targets[i]] - m)  # a large m would cost digits
        elif not s >= 0:  # NaN in a row that is left out still counts
            total += s
    return total


@njit(nogil=True, cache=True)
def _softmax_backward(p, targets, scale, d, N, V):  # type: ignore[no-untyped-def]
    """d = (p - onehot(target)) * scale, zero where the target is negative."""
    for i in range(N):
        row = i * V
        if targets[i] < 0:
            for j in range(V):
                d[row + j] = 0
        else:
            for j in range(V):
                d[row + j] = p[row + j] * scale
            d[row + targets[i]] -= scale


@njit(nogil=True, cache=True)
def _add_rows(table, ids, rows, U):  # type: ignore[no-untyped-def]
    for i in range(len(ids)):
        for j in range(U):
            table[ids[i] * U + j] += rows[i * U + j]


@njit(nogil=True, cache=True, fastmath={"contract"})
def _sgd(p, g, v, rate, momentum):  # type: ignore[no-untyped-def]
    for i in range(len(p)):
        v[i] = momentum * v[i] - rate * g[i]
        p[i] += v[i]


@njit(nogil=True, cache=True, fastmath={"contract"}, error_model="numpy")
def _rmsprop(p, g, s, rate, rho, rest, epsilon):  # type: ignore[no-untyped-def]
    for i in range(len(p)):
        s[i] = rho * s[i] + rest * g[i] * g[i]
        p[i] -= rate * g[i] / sqrt(s[i] + epsilon)


@njit(nogil=True, cache=True, fastmath={"contract"}, error_model="numpy")
def _adam(p, g, m, v, rate, beta_1, rest_1, beta_2, rest_2, epsilon):  # type: ignore[no-untyped-def]
    for i in range(len(p)):
        m[i] = beta_1 * m[i] + rest_1 * g[i]
        v[i] = beta_2 * v[i] + rest_2 * g[i] * g[i]
        p[i] -= rate * m[i] / (sqrt(v[i]) + epsilon)


def softmax_cross_entropy_forward(
    logits: ndarray, targets: ndarray, count: int | None = None
) -> tuple[ndarray, ndarray]:
    """See `functional.softmax_cross_entropy_forward`."""
    count = max(int((targets >= 0).sum()), 1) if count is None else count
    logits, ids = ready(logits), ready(np.asarray(targets, np.int64))
    p = empty(logits.shape, logits.dtype)
    total = _softmax(logits.ravel(), ids, p.ravel(), *logits.shape)
    return logits.dtype.type(total / count), p


def softmax_cross_entropy_backward(
    p: ndarray, targets: ndarray, count: int | None = None
) -> ndarray:
    """See `functional.softmax_cross_entropy_backward`."""
    count = max(int((targets >= 0).sum()), 1) if count is None else count
    d = empty(p.shape, p.dtype)
    ids, scale = ready(np.asarray(targets, np.int64)), p.dtype.type(1 / count)
    _softmax_backward(ready(p).ravel(), ids, scale, d.ravel(), *p.shape)
    return d


def matmul(a: ndarray, b: ndarray) -> ndarray:
    """See `backend.matmul`: BLAS, into reused memory."""
    return np.matmul(a, b, out=empty((len(a), b.shape[1]), a.dtype))


def add_rows(table: ndarray, ids: ndarray, rows: ndarray) -> None:
    """See `backend.add_rows`."""
    if not table.flags.carray:
        return np.add.at(table, ids, rows)
    ids = ready(np.asarray(ids, np.int64))
    return _add_rows(table.reshape(-1), ids.ravel(), ready(rows).ravel(), table.shape[1])


def sgd_step(optimizer: Any, p: ndarray, g: ndarray, *slots: ndarray) -> None:
    """See `optimizers.SGD.step`."""
    _step(_sgd, optimizer, [p, g, *slots], optimizer.learning_rate, optimizer.momentum)


def rmsprop_step(optimizer: Any, p: ndarray, g: ndarray, *slots: ndarray) -> None:
    """See `optimizers.RMSprop.step`."""
    rate, rho = optimizer.learning_rate, optimizer.rho
    _step(_rmsprop, optimizer, [p, g, *slots], rate, rho, 1 - rho, optimizer.epsilon)


def adam_step(optimizer: Any, p: ndarray, g: ndarray, *slots: ndarray) -> None:
    """See `optimizers.Adam.step`."""
    b1, b2, t = optimizer.beta_1, optimizer.beta_2, optimizer.steps
    rate = optimizer.learning_rate * (1 - b2**t) ** 0.5 / (1 - b1**t)
    _step(_adam, optimizer, [p, g, *slots], rate, b1, 1 - b1, b2, 1 - b2, optimizer.epsilon)


def _step(kernel: Any, optimizer: Any, arrays: list[ndarray], *numbers: float) -> None:
    """Run a kernel on flat arrays; the definition if one of them is not as kernels want it."""
    shape, dtype = arrays[0].shape, arrays[0].dtype
    if all(a.flags.carray and a.shape == shape and a.dtype == dtype for a in arrays):
        kernel(*(array.reshape(-1) for array in arrays), *map(dtype.type, numbers))
    else:
        optimizer.step(*arrays)


OPTIMIZER_STEPS = {  # the classes, and the twins of their `step`
    "tinylstm.optimizers.SGD": sgd_step,
    "tinylstm.optimizers.RMSprop": rmsprop_step,
    "tinylstm.optimizers.Adam": adam_step,
}
