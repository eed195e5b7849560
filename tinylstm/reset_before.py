"""The GRU as its paper has it: the reset gate acts before the matrix product, not after it.

    recurrent.py    n = tanh(zn + r * (h_prev Wn + bn))     PyTorch, cuDNN, Keras by default
    here            n = tanh(zn + (r * h_prev) Wn)          Keras with reset_after=False, ONNX

The two cells train alike, but weights of one are wrong in the other. Here one bias is enough.
Pure functions, no state. Read recurrent.py first: names and shapes are the same.

Source: K. Cho et al., Learning Phrase Representations using RNN Encoder-Decoder, EMNLP 2014,
equations 5 to 8.
"""

from typing import NamedTuple

import numpy as np
from numpy import ndarray

from .functional import sigmoid


class ResetBeforeCache(NamedTuple):
    """What gru_reset_before_forward computes and its backward pass needs."""

    x: ndarray  # (T, B, D) the input
    h: ndarray  # (T+1, B, H) hidden states; h[0] is the initial one
    gates: ndarray  # (T, B, 3H) the gates r u n after their nonlinearities
    Wx: ndarray  # (D, 3H)
    Wh: ndarray  # (H, 3H)
    mask: ndarray | None  # (T, B) False at padding, or None


def reset_before_cell_forward(zx: ndarray, h_prev: ndarray, Wh: ndarray) -> tuple[ndarray, ndarray]:
    """One step. zx (B, 3H) is the input's part, x Wx + b; h_prev is (B, H).

    Returns h (B, H) and the gates r u n (B, 3H).
    """
    H = h_prev.shape[1]
    zr, zu, zn = np.split(zx, 3, axis=-1)  # 3 x (B, H)
    ar, au = np.split(h_prev @ Wh[:, : 2 * H], 2, axis=-1)  # 2 x (B, H)
    r = sigmoid(zr + ar)  # (B, H) reset gate: how much of the state the candidate sees
    u = sigmoid(zu + au)  # (B, H) update gate: how much of the state is kept
    n = np.tanh(zn + (r * h_prev) @ Wh[:, 2 * H :])  # (B, H) candidate
    # h = (1 - u) * n + u * h_prev
    h = (1 - u) * n + u * h_prev  # (B, H)
    return h, np.concatenate([r, u, n], axis=-1)


def reset_before_cell_backward(
    dh: ndarray, h_prev: ndarray, gates: ndarray, Wh: ndarray
) -> tuple[ndarray, ndarray]:
    """The step above, in reverse. Returns dz (B, 3H) and dh_prev (B, H)."""
    H = h_prev.shape[1]
    r, u, n = np.split(gates, 3, axis=-1)  # 3 x (B, H)
    # h = (1 - u) * n + u * h_prev
    dn = dh * (1 - u)  # (B, H)
    du = dh * (h_prev - n)  # (B, H)
    dh_prev = dh * u  # (B, H)
    # n = tanh(zn + (r * h_prev) Wn)
    dzn = dn * (1 - n**2)  # (B, H)
    dreset = dzn @ Wh[:, 2 * H :].T  # (B, H) of r * h_prev
    dr = dreset * h_prev  # (B, H)
    dh_prev = dh_prev + dreset * r  # (B, H)
    # r, u = sigmoid(z + h_prev [Wr Wu])
    dz = np.concatenate([dr * r * (1 - r), du * u * (1 - u), dzn], axis=-1)  # (B, 3H)
    dh_prev = dh_prev + dz[:, : 2 * H] @ Wh[:, : 2 * H].T  # (B, H)
    return dz, dh_prev


def gru_reset_before_forward(
    x: ndarray, h0: ndarray, Wx: ndarray, Wh: ndarray, b: ndarray, mask: ndarray | None = None
) -> tuple[ndarray, ndarray, ResetBeforeCache]:
    """The GRU over a sequence: x (T, B, D), initial state h0 (B, H); b (3H,).

    mask (T, B), if given, is False at padding: such a step leaves the state unchanged.

    Returns the outputs (T, B, H), the final h (B, H), and the cache for the backward pass.
    """
    (T, B, D), H = x.shape, Wh.shape[0]
    # zx = x Wx + b                       all T steps in one matrix product
    zx = (x.reshape(T * B, D) @ Wx + b).reshape(T, B, 3 * H)  # (T, B, 3H)
    h = np.empty((T + 1, B, H), zx.dtype)  # (T+1, B, H)
    gates = np.empty((T, B, 3 * H), zx.dtype)  # (T, B, 3H)
    h[0] = h0
    for t in range(T):
        h[t + 1], gates[t] = reset_before_cell_forward(zx[t], h[t], Wh)
        if mask is not None:  # a masked step leaves the state unchanged
            h[t + 1, ~mask[t]] = h[t, ~mask[t]]
    return h[1:], h[T], ResetBeforeCache(x, h, gates, Wx, Wh, mask)


def gru_reset_before_backward(
    dout: ndarray,
    dhT: ndarray,
    cache: ResetBeforeCache,
    dWx: ndarray,
    dWh: ndarray,
    db: ndarray,
) -> tuple[ndarray, ndarray]:
    """Backpropagation through time, from dout (T, B, H) and dhT (B, H). Returns dx and dh0 (B, H).

    The weights' gradients are added to dWx, dWh, db, which the caller owns.
    """
    x, h, gates, Wx, Wh, mask = cache
    (T, B, D), H = x.shape, Wh.shape[0]
    dz = np.empty_like(gates)  # (T, B, 3H)
    dh = dhT  # (B, H)
    for t in reversed(range(T)):
        # outputs[t] = h[t+1]
        dh = dh + dout[t]  # (B, H)
        dz[t], dh_prev = reset_before_cell_backward(dh, h[t], gates[t], Wh)
        if mask is not None:  # h[t+1] = h[t]
            dz[t, ~mask[t]], dh_prev[~mask[t]] = 0, dh[~mask[t]]
        dh = dh_prev
    dz2, h2 = dz.reshape(T * B, 3 * H), h[:T].reshape(T * B, H)  # (TB, 3H), (TB, H)
    r2 = gates[..., :H].reshape(T * B, H)  # (TB, H)
    # r, u = sigmoid(z + h_prev [Wr Wu])  the same weights at every step: the gradients add up
    dWh[:, : 2 * H] += h2.T @ dz2[:, : 2 * H]  # (H, 2H)
    # n = tanh(zn + (r * h_prev) Wn)
    dWh[:, 2 * H :] += (r2 * h2).T @ dz2[:, 2 * H :]  # (H, H)
    # zx = x Wx + b
    dWx += x.reshape(T * B, D).T @ dz2  # (D, 3H)
    db += dz2.sum(axis=0)  # (3H,)
    dx = (dz2 @ Wx.T).reshape(T, B, D)  # (T, B, D)
    return dx, dh
