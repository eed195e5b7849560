"""The twins of the GRU and of the simple recurrent net: the same recurrence, other cells.

Why this is fast: as in recurrence.py. The biases of the GRU are added up once; only the candidate's
second one is inside the reset gate. Next: elementwise.py.
"""

import numpy as np
from numpy import ndarray

from ..recurrent import GRUCache, SimpleRNNCache
from .lstm import Scan, scan, scan_back
from .pool import empty
from .recurrence import GRU, SIMPLE


def gru_forward(
    x: ndarray, h0: ndarray, Wx: ndarray, Wh: ndarray, b: ndarray, bh: ndarray,
    mask: ndarray | None = None,
) -> tuple[ndarray, ndarray, GRUCache]:  # fmt: skip
    """See `recurrent.gru_forward`."""
    H = len(Wh)
    biases = np.concatenate([bh[2 * H :], b[: 2 * H] + bh[: 2 * H], b[2 * H :]])  # (4H,) an r u n
    s = scan(GRU, x, h0, None, Wx, Wh, biases, None, mask)
    an, gates = s.rows[:, :, :H], s.rows[:, :, H : 4 * H]
    return s.h[1:], s.h[-1], GRUCache(s.x, s.h, gates, an, Wx, Wh, mask)


def gru_backward(
    dout: ndarray, dhT: ndarray, cache: GRUCache,
    dWx: ndarray, dWh: ndarray, db: ndarray, dbh: ndarray,
) -> tuple[ndarray, ndarray]:  # fmt: skip
    """See `recurrent.gru_backward`."""
    x, h, gates, an, Wx, Wh, mask = cache
    H, rows = len(Wh), together(an, gates)
    s = Scan(GRU, x, h, h, rows, Wx, Wh, None, mask)
    dx, dh, _, d = scan_back(s, dout, dhT, None, dWx, dWh)
    db += d[H:]
    dbh[: 2 * H] += d[H : 3 * H]
    dbh[2 * H :] += d[:H]
    return dx, dh


def together(an: ndarray, gates: ndarray) -> ndarray:
    """The rows (T, B, 4H) that `an` and the gates are parts of; a copy if they are not neighbours.

    >>> rows = np.zeros((1, 1, 8))
    >>> together(rows[:, :, :2], rows[:, :, 2:]).base is rows
    True
    """
    T, B, H = an.shape
    rows: ndarray | None = an.base
    places = [a.__array_interface__["data"][0] for a in (an, gates)]
    if (
        rows is not None and rows.ndim == 3 and rows.shape[:2] == (T, B) and an.dtype == rows.dtype
        and rows.shape[2] >= 4 * H and an.strides == gates.strides == rows.strides
        and places == [(first := rows.__array_interface__["data"][0]), first + H * an.itemsize]
    ):  # fmt: skip
        return rows[:, :, : 4 * H]
    copy = empty((T, B, 4 * H), an.dtype)
    copy[:, :, :H], copy[:, :, H:] = an, gates
    return copy


def simple_rnn_forward(
    x: ndarray, h0: ndarray, Wx: ndarray, Wh: ndarray, b: ndarray, mask: ndarray | None = None
) -> tuple[ndarray, ndarray, SimpleRNNCache]:
    """See `recurrent.simple_rnn_forward`."""
    s = scan(SIMPLE, x, h0, None, Wx, Wh, b, None, mask)
    return s.h[1:], s.h[-1], SimpleRNNCache(s.x, s.h, Wx, Wh, mask)


def simple_rnn_backward(
    dout: ndarray, dhT: ndarray, cache: SimpleRNNCache, dWx: ndarray, dWh: ndarray, db: ndarray
) -> tuple[ndarray, ndarray]:
    """See `recurrent.simple_rnn_backward`."""
    x, h, Wx, Wh, mask = cache
    s = Scan(SIMPLE, x, h, h, h[1:], Wx, Wh, None, mask)
    dx, dh, _, d = scan_back(s, dout, dhT, None, dWx, dWh)
    db += d
    return dx, dh
