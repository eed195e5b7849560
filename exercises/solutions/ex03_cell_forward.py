"""3. The cell, forward: one step of an LSTM.

It has a memory c, the cell state, and an output h, the hidden state. One product with the input and
one with the last output give four pre-activations for each unit, side by side:

    z = x Wx + h_prev Wh + b            (B, 4H): the blocks z_i z_f z_g z_o

    i = sigmoid(z_i)                    input gate: how much is written
    f = sigmoid(z_f)                    forget gate: how much of the memory is kept
    g = tanh(z_g)                       candidate: what would be written
    o = sigmoid(z_o)                    output gate: how much of the memory is shown

    c = f c_prev + i g                  the memory
    h = o tanh(c)                       the output

All products in the last two lines are entry by entry. B sequences are computed at once, one in each
row; D inputs, H units. The order i f g o is PyTorch's.

    python -m exercises 3
"""

import numpy as np
from numpy import ndarray

from tinylstm.functional import sigmoid


def cell_forward(
    x: ndarray, h_prev: ndarray, c_prev: ndarray, Wx: ndarray, Wh: ndarray, b: ndarray
) -> tuple[ndarray, ndarray, ndarray]:
    """h (B, H), c (B, H) and the gates i f g o side by side (B, 4H).

    x (B, D), h_prev and c_prev (B, H), Wx (D, 4H), Wh (H, 4H), b (4H,). `sigmoid` is given, as is
    `np.split(z, 4, axis=-1)`.
    """
    z = x @ Wx + h_prev @ Wh + b  # (B, 4H)
    zi, zf, zg, zo = np.split(z, 4, axis=-1)  # 4 x (B, H)
    i, f, g, o = sigmoid(zi), sigmoid(zf), np.tanh(zg), sigmoid(zo)  # 4 x (B, H)
    c = f * c_prev + i * g  # (B, H)
    h = o * np.tanh(c)  # (B, H)
    return h, c, np.concatenate([i, f, g, o], axis=-1)
