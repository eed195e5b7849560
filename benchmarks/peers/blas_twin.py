"""What 120 lines would reach: the products by BLAS, the gates fused in one loop each by Numba.

The simplest twin of the LSTM that makes no temporary arrays: the same structure as functional.py,
with x Wx and the weights' gradients as one product over all steps, one product a step for h Wh, and
the maths of the cell in one pass over its numbers, for float32. `install` puts it in the place of
the kernels in this process, so that `benchmarks/run.py --blas` shows what the rest of them buys.
"""

from typing import Any

import numpy as np
from numba import njit

from tinylstm import kernels
from tinylstm.functional import LSTMCache

FAST = {"nogil": True, "cache": True, "fastmath": True, "error_model": "numpy"}
f32 = np.float32


@njit(**FAST)
def tanh(x: Any) -> Any:
    """A ratio of polynomials, as in Eigen, which LLVM vectorizes; np.tanh would be called number
    for number.
    """
    x = max(min(x, f32(7.9)), f32(-7.9))
    s = x * x
    p = f32(2.00018790482477e-13) + s * f32(-2.76076847742355e-16)
    p = f32(5.12229709037114e-08) + s * (f32(-8.60467152213735e-11) + s * p)
    p = f32(6.37261928875436e-04) + s * (f32(1.48572235717979e-05) + s * p)
    q = f32(1.18534705686654e-04) + s * f32(1.19825839466702e-06)
    q = f32(4.89352518554385e-03) + s * (f32(2.26843463243900e-03) + s * q)
    return x * (f32(4.89352455891786e-03) + s * p) / q


@njit(**FAST)
def sigmoid(x: Any) -> Any:
    return f32(0.5) * tanh(f32(0.5) * x) + f32(0.5)


@njit(**FAST)
def cell_forward(z: Any, c_prev: Any, c: Any, h: Any) -> None:
    """z (B, 4H) becomes the gates; c and h (B, H) are written."""
    B, H = c.shape
    for r in range(B):
        row, before, now, out = z[r], c_prev[r], c[r], h[r]
        for k in range(4 * H):
            row[k] = tanh(row[k]) if 2 * H <= k < 3 * H else sigmoid(row[k])
        for u in range(H):
            now[u] = row[H + u] * before[u] + row[u] * row[2 * H + u]
        for u in range(H):
            out[u] = row[3 * H + u] * tanh(now[u])


@njit(**FAST)
def cell_backward(dh: Any, dout: Any, dc: Any, c_prev: Any, c: Any, gates: Any, dz: Any) -> None:
    """dz (B, 4H) is written; dh and dc (B, H) are changed: dc to that of the step before."""
    B, H = c.shape
    one = f32(1)
    for r in range(B):
        for u in range(H):
            i, f, g, o = gates[r, u], gates[r, H + u], gates[r, 2 * H + u], gates[r, 3 * H + u]
            tanh_c = tanh(c[r, u])
            d = dh[r, u] + dout[r, u]
            dcell = dc[r, u] + d * o * (one - tanh_c * tanh_c)
            dz[r, u] = dcell * g * i * (one - i)
            dz[r, H + u] = dcell * c_prev[r, u] * f * (one - f)
            dz[r, 2 * H + u] = dcell * i * (one - g * g)
            dz[r, 3 * H + u] = d * tanh_c * o * (one - o)
            dc[r, u] = dcell * f


def lstm_forward(
    x: Any, h0: Any, c0: Any, Wx: Any, Wh: Any, b: Any, dropout: Any = None, mask: Any = None
) -> Any:
    """See `functional.lstm_forward`."""
    (T, B, D), H = x.shape, Wh.shape[0]
    gates = np.empty((T, B, 4 * H), x.dtype)
    np.dot(np.ascontiguousarray(x).reshape(T * B, D), Wx, out=gates.reshape(T * B, 4 * H))
    gates += b
    h, c = np.empty((2, T + 1, B, H), x.dtype)
    h[0], c[0] = h0, c0
    for t in range(T):
        gates[t] += (h[t] if dropout is None else h[t] * dropout) @ Wh
        cell_forward(gates[t], c[t], c[t + 1], h[t + 1])
        if mask is not None:
            h[t + 1, ~mask[t]], c[t + 1, ~mask[t]] = h[t, ~mask[t]], c[t, ~mask[t]]
    return h[1:], h[T], c[T], LSTMCache(x, h, c, gates, Wx, Wh, dropout, mask)


def lstm_backward(
    dout: Any, dhT: Any, dcT: Any, cache: Any, dWx: Any, dWh: Any, db: Any
) -> Any:  # fmt: skip
    """See `functional.lstm_backward`."""
    x, h, c, gates, Wx, Wh, dropout, mask = cache
    (T, B, D), H = x.shape, Wh.shape[0]
    dz, dh, dc, WhT = np.empty_like(gates), dhT.copy(), dcT.copy(), np.ascontiguousarray(Wh.T)
    for t in reversed(range(T)):
        dc_then = dc.copy() if mask is not None else dc
        cell_backward(dh, dout[t], dc, c[t], c[t + 1], gates[t], dz[t])
        if mask is not None:
            dz[t, ~mask[t]], dc[~mask[t]] = 0, dc_then[~mask[t]]
        dh_prev = dz[t] @ WhT
        dh_prev = dh_prev if dropout is None else dh_prev * dropout
        if mask is not None:
            dh_prev[~mask[t]] = (dh + dout[t])[~mask[t]]
        dh = dh_prev
    dz2 = dz.reshape(T * B, 4 * H)
    h_in = h[:T] if dropout is None else h[:T] * dropout
    dWh += h_in.reshape(T * B, H).T @ dz2
    dWx += x.reshape(T * B, D).T @ dz2
    db += dz2.sum(axis=0)
    return (dz2 @ Wx.T).reshape(T, B, D), dh, dc


def install() -> None:
    """Let layers of this process use it; twins.py compares it with the textbook as any kernel."""
    kernels.lstm_forward, kernels.lstm_backward = lstm_forward, lstm_backward
