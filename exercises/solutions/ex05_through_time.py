"""5. Through time: the cell, step after step, and back.

Forward: h[t+1], c[t+1] follow from x[t], h[t], c[t]. All states are kept, in arrays of length T+1
whose first entry is the initial state; so no step is a special case.

Backward, from the last step to the first. h[t+1] is used twice, as the output at t and by the step
after it. So at each step, beginning with the gradients dhT and dcT of the final state:

    dh = dh + dout[t]                         what the later steps want, and what the output wants
    dz[t], dc = cell backward of (dh, dc)     exercise 4
    dh = dz[t] Wh^T                           since z = x Wx + h_prev Wh + b

What is left after t = 0 are the gradients of the initial state.

    python -m exercises 5
"""

import numpy as np
from numpy import ndarray

from tinylstm.functional import lstm_cell_backward, lstm_cell_forward


def lstm_forward(
    x: ndarray, h0: ndarray, c0: ndarray, Wx: ndarray, Wh: ndarray, b: ndarray
) -> tuple[ndarray, ndarray, ndarray]:
    """h and c (T+1, B, H), with the initial state in front, and the gates (T, B, 4H).

    x (T, B, D), h0 and c0 (B, H). Given: lstm_cell_forward(zx, h_prev, c_prev, Wh) returns h, c and
    the gates; zx (B, 4H) is the input's part of z, x Wx + b. Make arrays for complex numbers too:
    np.empty(shape, x.dtype).
    """
    (T, B, _), H = x.shape, len(Wh)
    zx = x @ Wx + b  # (T, B, 4H)
    h = np.empty((T + 1, B, H), zx.dtype)  # (T+1, B, H)
    c = np.empty((T + 1, B, H), zx.dtype)  # (T+1, B, H)
    gates = np.empty((T, B, 4 * H), zx.dtype)  # (T, B, 4H)
    h[0], c[0] = h0, c0
    for t in range(T):
        h[t + 1], c[t + 1], gates[t] = lstm_cell_forward(zx[t], h[t], c[t], Wh)
    return h, c, gates


def lstm_backward(
    dout: ndarray, dhT: ndarray, dcT: ndarray, c: ndarray, gates: ndarray, Wh: ndarray
) -> tuple[ndarray, ndarray, ndarray]:
    """dz (T, B, 4H), dh0 and dc0 (B, H).

    dout (T, B, H) are the gradients of the outputs h[1:], dhT and dcT (B, H) those of the final
    state; c (T+1, B, H) and the gates (T, B, 4H) are from lstm_forward. Given:
    lstm_cell_backward(dh, dc, c_prev, c, gates) returns dz and dc_prev.
    """
    dz = np.empty_like(gates)  # (T, B, 4H)
    dh, dc = dhT, dcT  # (B, H)
    for t in reversed(range(len(dz))):
        dh = dh + dout[t]  # (B, H)
        dz[t], dc = lstm_cell_backward(dh, dc, c[t], c[t + 1], gates[t])
        dh = dz[t] @ Wh.T  # (B, H)
    return dz, dh, dc
