"""12. The GRU, and its reset gate.

A cell with one state and three gates: reset r, update u, candidate n. The state's part of the
pre-activation is computed apart from the input's, zx = x Wx + b, because the reset gate comes in
between:

    a = h_prev Wh + bh                  (B, 3H): the blocks a_r a_u a_n
    r = sigmoid(zx_r + a_r)             how much of the state the candidate sees
    u = sigmoid(zx_u + a_u)             how much of the state is kept
    n = tanh(zx_n + r a_n)              the candidate
    h = (1 - u) n + u h_prev

Backward, line by line from below. Note that a_n is multiplied by r before it meets zx_n. So dzx and
da are the same for r and u, but not for n; and r itself gets a gradient, through n.

    dn = dh (1 - u)        du = dh (h_prev - n)        dzx_n = dn (1 - n^2)
    dr = dzx_n a_n         da_n = dzx_n r              dh_prev = dh u + da Wh^T

(K. Cho et al., 2014, with the reset gate after the product, as in PyTorch, Keras and cuDNN)

    python -m exercises 12
"""

import numpy as np
from numpy import ndarray

from tinylstm.functional import sigmoid


def gru_forward(
    zx: ndarray, h_prev: ndarray, Wh: ndarray, bh: ndarray
) -> tuple[ndarray, ndarray, ndarray]:
    """h (B, H), the gates r u n side by side (B, 3H), and a_n (B, H).

    zx (B, 3H), h_prev (B, H), Wh (H, 3H), bh (3H,).
    """
    a = h_prev @ Wh + bh  # (B, 3H)
    ar, au, an = np.split(a, 3, axis=-1)  # 3 x (B, H)
    zr, zu, zn = np.split(zx, 3, axis=-1)  # 3 x (B, H)
    r, u = sigmoid(zr + ar), sigmoid(zu + au)  # 2 x (B, H)
    n = np.tanh(zn + r * an)  # (B, H)
    h = (1 - u) * n + u * h_prev  # (B, H)
    return h, np.concatenate([r, u, n], axis=-1), an


def gru_backward(
    dh: ndarray, h_prev: ndarray, gates: ndarray, an: ndarray, Wh: ndarray
) -> tuple[ndarray, ndarray, ndarray]:
    """dzx (B, 3H), da (B, 3H) and dh_prev (B, H), from dh (B, H) and what gru_forward returned."""
    r, u, n = np.split(gates, 3, axis=-1)  # 3 x (B, H)
    dn = dh * (1 - u)  # (B, H)
    du = dh * (h_prev - n)  # (B, H)
    dzn = dn * (1 - n**2)  # (B, H)
    dr = dzn * an  # (B, H)
    dan = dzn * r  # (B, H)
    dzr = dr * r * (1 - r)  # (B, H)
    dzu = du * u * (1 - u)  # (B, H)
    dzx = np.concatenate([dzr, dzu, dzn], axis=-1)  # (B, 3H)
    da = np.concatenate([dzr, dzu, dan], axis=-1)  # (B, 3H)
    return dzx, da, dh * u + da @ Wh.T
