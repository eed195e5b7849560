"""4. The cell, backward: the step of exercise 3, line by line in reverse order.

Given are dh and dc, the gradients of the loss with respect to h and c. dh comes from the output and
from the next step, dc from the next step's cell. The rule is always the same: if q is used in
several places, dq is the sum over these places.

    h = o tanh(c)             do = dh tanh(c)            dc = dc + dh o (1 - tanh(c)^2)
    c = f c_prev + i g        df = dc c_prev, di = dc g, dg = dc i, dc_prev = dc f

Then each gate's nonlinearity, with the derivatives s (1 - s) of a sigmoid s and 1 - g^2 of a tanh
g, gives dz_i, dz_f, dz_g, dz_o. (From dz to dh_prev is exercise 5, to the weights exercise 7.)

The line dc_prev = dc f is why there is an LSTM: from one cell state to the previous one, the
gradient is multiplied by f and by nothing else.

    python -m exercises 4
"""

import numpy as np
from numpy import ndarray


def cell_backward(
    dh: ndarray, dc: ndarray, c_prev: ndarray, c: ndarray, gates: ndarray
) -> tuple[ndarray, ndarray]:
    """dz (B, 4H), in the order i f g o, and dc_prev (B, H).

    dh, dc, c_prev and c are (B, H); gates (B, 4H) are i f g o as exercise 3 returned them.
    """
    i, f, g, o = np.split(gates, 4, axis=-1)  # 4 x (B, H)
    tanh_c = np.tanh(c)  # (B, H)
    do = dh * tanh_c  # (B, H)
    dc = dc + dh * o * (1 - tanh_c**2)  # (B, H)
    df = dc * c_prev  # (B, H)
    di = dc * g  # (B, H)
    dg = dc * i  # (B, H)
    dc_prev = dc * f  # (B, H)
    dzi = di * i * (1 - i)  # (B, H)
    dzf = df * f * (1 - f)  # (B, H)
    dzg = dg * (1 - g**2)  # (B, H)
    dzo = do * o * (1 - o)  # (B, H)
    return np.concatenate([dzi, dzf, dzg, dzo], axis=-1), dc_prev
