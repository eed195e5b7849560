"""The GRU and the simple recurrent net, forward and backward, in the style of functional.py.

Pure functions, no state. Read functional.py first: sizes, names and complex numbers are the same.

Sources: K. Cho et al., Learning Phrase Representations using RNN Encoder-Decoder, EMNLP 2014, with
the reset gate applied after the matrix product, as in PyTorch, Keras and cuDNN (which is why their
GRU has two biases); J. Elman, Finding Structure in Time, Cognitive Science 14(2), 1990.
"""

from typing import NamedTuple

import numpy as np
from numpy import ndarray

from .functional import sigmoid


class GRUCache(NamedTuple):
    """What gru_forward computes and gru_backward needs."""

    x: ndarray  # (T, B, D) the input
    h: ndarray  # (T+1, B, H) hidden states; h[0] is the initial one
    gates: ndarray  # (T, B, 3H) the gates r u n after their nonlinearities
    an: ndarray  # (T, B, H) the state's part of the candidate, before the reset gate
    Wx: ndarray  # (D, 3H)
    Wh: ndarray  # (H, 3H)
    mask: ndarray | None  # (T, B) which steps count, or None for all


class SimpleRNNCache(NamedTuple):
    """What simple_rnn_forward computes and simple_rnn_backward needs."""

    x: ndarray  # (T, B, D) the input
    h: ndarray  # (T+1, B, H) hidden states; h[0] is the initial one
    Wx: ndarray  # (D, H)
    Wh: ndarray  # (H, H)
    mask: ndarray | None  # (T, B) which steps count, or None for all


def gru_cell_forward(
    zx: ndarray, h_prev: ndarray, Wh: ndarray, bh: ndarray
) -> tuple[ndarray, ndarray, ndarray]:
    """One step of the GRU. zx (B, 3H) is the input's part, x Wx + b; h_prev is (B, H).

    The gates are r u n: reset, update, candidate. Returns h (B, H), the gates (B, 3H), an (B, H).
    """
    # a = h_prev Wh + bh                  the state's part of the pre-activation
    a = h_prev @ Wh + bh  # (B, 3H)
    ar, au, an = np.split(a, 3, axis=-1)  # 3 x (B, H)
    zr, zu, zn = np.split(zx, 3, axis=-1)  # 3 x (B, H)
    r = sigmoid(zr + ar)  # (B, H) reset gate: how much of the state the candidate sees
    u = sigmoid(zu + au)  # (B, H) update gate: how much of the state is kept
    n = np.tanh(zn + r * an)  # (B, H) candidate
    # h = (1 - u) * n + u * h_prev        the update gate mixes the old and the new
    h = (1 - u) * n + u * h_prev  # (B, H)
    return h, np.concatenate([r, u, n], axis=-1), an


def gru_cell_backward(
    dh: ndarray, h_prev: ndarray, gates: ndarray, an: ndarray
) -> tuple[ndarray, ndarray, ndarray]:
    """The step above, in reverse. Returns dzx and da (B, 3H), and the part of dh_prev (B, H) that
    does not flow through a.
    """
    r, u, n = np.split(gates, 3, axis=-1)  # 3 x (B, H)
    # h = (1 - u) * n + u * h_prev
    dn = dh * (1 - u)  # (B, H)
    du = dh * (h_prev - n)  # (B, H)
    dh_prev = dh * u  # (B, H)
    # n = tanh(zn + r * an)
    dzn = dn * (1 - n**2)  # (B, H)
    dr = dzn * an  # (B, H)
    dan = dzn * r  # (B, H)
    # r, u = sigmoid(z + a)
    dzr = dr * r * (1 - r)  # (B, H)
    dzu = du * u * (1 - u)  # (B, H)
    dzx = np.concatenate([dzr, dzu, dzn], axis=-1)  # (B, 3H)
    da = np.concatenate([dzr, dzu, dan], axis=-1)  # (B, 3H) differs from dzx only in the candidate
    return dzx, da, dh_prev


def gru_forward(
    x: ndarray,
    h0: ndarray,
    Wx: ndarray,
    Wh: ndarray,
    b: ndarray,
    bh: ndarray,
    mask: ndarray | None = None,
) -> tuple[ndarray, ndarray, GRUCache]:
    """The GRU over a sequence: x (T, B, D), initial state h0 (B, H); b and bh (3H,).

    mask (T, B), if given, is False at padding: such a step leaves the state unchanged.

    Returns the outputs (T, B, H), the final h (B, H), and the cache for gru_backward.
    """
    (T, B, D), H = x.shape, Wh.shape[0]
    # zx = x Wx + b                       all T steps in one matrix product
    zx = (x.reshape(T * B, D) @ Wx + b).reshape(T, B, 3 * H)  # (T, B, 3H)
    h = np.empty((T + 1, B, H), zx.dtype)  # (T+1, B, H)
    gates = np.empty((T, B, 3 * H), zx.dtype)  # (T, B, 3H)
    an = np.empty((T, B, H), zx.dtype)  # (T, B, H)
    h[0] = h0
    for t in range(T):
        h[t + 1], gates[t], an[t] = gru_cell_forward(zx[t], h[t], Wh, bh)
        if mask is not None:  # a masked step leaves the state unchanged
            h[t + 1, ~mask[t]] = h[t, ~mask[t]]
    return h[1:], h[T], GRUCache(x, h, gates, an, Wx, Wh, mask)


def gru_backward(
    dout: ndarray,
    dhT: ndarray,
    cache: GRUCache,
    dWx: ndarray,
    dWh: ndarray,
    db: ndarray,
    dbh: ndarray,
) -> tuple[ndarray, ndarray]:
    """Backpropagation through time, from dout (T, B, H) and dhT (B, H). Returns dx and dh0 (B, H).

    The weights' gradients are added to dWx, dWh, db, dbh, which the caller owns.
    """
    x, h, gates, an, Wx, Wh, mask = cache
    (T, B, D), H = x.shape, Wh.shape[0]
    dzx = np.empty_like(gates)  # (T, B, 3H)
    da = np.empty_like(gates)  # (T, B, 3H)
    dh = dhT  # (B, H)
    for t in reversed(range(T)):
        # outputs[t] = h[t+1]             h is used twice: as an output, and by the next step
        dh = dh + dout[t]  # (B, H)
        dzx[t], da[t], dh_prev = gru_cell_backward(dh, h[t], gates[t], an[t])
        # a = h_prev Wh + bh
        dh_prev = dh_prev + da[t] @ Wh.T  # (B, H)
        if mask is not None:  # h[t+1] = h[t]
            dzx[t, ~mask[t]], da[t, ~mask[t]], dh_prev[~mask[t]] = 0, 0, dh[~mask[t]]
        dh = dh_prev
    da2, dzx2 = da.reshape(T * B, 3 * H), dzx.reshape(T * B, 3 * H)  # 2 x (TB, 3H)
    # a = h_prev Wh + bh                  the same weights at every step: the gradients add up
    dWh += h[:T].reshape(T * B, H).T @ da2  # (H, 3H)
    dbh += da2.sum(axis=0)  # (3H,)
    # zx = x Wx + b
    dWx += x.reshape(T * B, D).T @ dzx2  # (D, 3H)
    db += dzx2.sum(axis=0)  # (3H,)
    dx = (dzx2 @ Wx.T).reshape(T, B, D)  # (T, B, D)
    return dx, dh


def simple_rnn_forward(
    x: ndarray, h0: ndarray, Wx: ndarray, Wh: ndarray, b: ndarray, mask: ndarray | None = None
) -> tuple[ndarray, ndarray, SimpleRNNCache]:
    """The simple recurrent net: h[t+1] = tanh(x[t] Wx + h[t] Wh + b). Wx (D, H), Wh (H, H), b (H,).

    mask (T, B), if given, is False at padding: such a step leaves the state unchanged.

    Returns the outputs (T, B, H), the final h (B, H), and the cache for simple_rnn_backward.
    """
    (T, B, D), H = x.shape, Wh.shape[0]
    # zx = x Wx + b
    zx = (x.reshape(T * B, D) @ Wx + b).reshape(T, B, H)  # (T, B, H)
    h = np.empty((T + 1, B, H), zx.dtype)  # (T+1, B, H)
    h[0] = h0
    for t in range(T):
        # h = tanh(zx + h_prev Wh)
        h[t + 1] = np.tanh(zx[t] + h[t] @ Wh)  # (B, H)
        if mask is not None:  # a masked step leaves the state unchanged
            h[t + 1, ~mask[t]] = h[t, ~mask[t]]
    return h[1:], h[T], SimpleRNNCache(x, h, Wx, Wh, mask)


def simple_rnn_backward(
    dout: ndarray,
    dhT: ndarray,
    cache: SimpleRNNCache,
    dWx: ndarray,
    dWh: ndarray,
    db: ndarray,
) -> tuple[ndarray, ndarray]:
    """The net above, in reverse. Returns dx (T, B, D) and dh0 (B, H); adds to dWx, dWh, db.

    Along the LSTM's cell, each step multiplies the gradient by f alone. Here each step multiplies
    it by (1 - h^2) Wh^T: over many steps it vanishes or explodes, which is why there is an LSTM.
    """
    x, h, Wx, Wh, mask = cache
    (T, B, D), H = x.shape, Wh.shape[0]
    dz = np.empty_like(h[1:])  # (T, B, H)
    dh = dhT  # (B, H)
    for t in reversed(range(T)):
        # outputs[t] = h[t+1]
        dh = dh + dout[t]  # (B, H)
        # h = tanh(zx + h_prev Wh)
        dz[t] = dh * (1 - h[t + 1] ** 2)  # (B, H)
        dh_prev = dz[t] @ Wh.T  # (B, H)
        if mask is not None:  # h[t+1] = h[t]
            dz[t, ~mask[t]], dh_prev[~mask[t]] = 0, dh[~mask[t]]
        dh = dh_prev
    dz2 = dz.reshape(T * B, H)  # (TB, H)
    dWh += h[:T].reshape(T * B, H).T @ dz2  # (H, H)
    # zx = x Wx + b
    dWx += x.reshape(T * B, D).T @ dz2  # (D, H)
    db += dz2.sum(axis=0)  # (H,)
    dx = (dz2 @ Wx.T).reshape(T, B, D)  # (T, B, D)
    return dx, dh
