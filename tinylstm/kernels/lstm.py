"""Arrays for recurrence.py: what a forward or backward pass needs, for any of its cells; and the
LSTM's twins.

Why this is fast: nothing is copied that kernels can read in place, memory is reused (pool.py), and
threads that need the same packed weights share them. Next: gru.py.
"""

from concurrent.futures import Future
from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.np.numpy_support import from_dtype
from numpy import ndarray
from numpy.lib.stride_tricks import as_strided

from ..frozen import prepared
from ..functional import LSTMCache
from . import recurrence
from .compiled import compiled
from .crew import team_for, work
from .pool import empty, ready
from .products import BLOCK_M, pack, product_address, scratch
from .recurrence import BLOCKS, GRU, LSTM, SIMPLE
from .vectors import wide as panel_width


class Scan(NamedTuple):
    """What a forward pass computed and a backward pass needs."""

    kind: int  # LSTM, GRU or SIMPLE
    x: ndarray  # (T, B, D)
    h: ndarray  # (T+1, B, H)
    c: ndarray  # (T+1, B, H); h, where there is no c
    rows: ndarray  # (T, B, blocks of H); h[1:] in the simple net
    Wx: ndarray
    Wh: ndarray
    dropout: ndarray | None
    mask: ndarray | None


def row_length(n: int, dtype: Any) -> int:
    """The distance between rows of n numbers, padded if it would be a multiple of 512 bytes.

    Rows a power of two apart map to the same few cache sets and evict each other from the cache.
    """
    return n + panel_width(dtype) if n * dtype.itemsize % 512 == 0 else n


def flat_rows(a: ndarray) -> tuple[ndarray, int]:
    """a (T, B, n) as a flat array, and the distance between its rows in numbers."""
    T, B, n = a.shape
    row, rest = divmod(a.strides[1], a.itemsize)
    even = rest == 0 and row >= n and a.strides[::2] == (B * a.strides[1], a.itemsize)
    if not (even and a.flags.behaved):
        return ready(a).ravel(), n
    return as_strided(a, ((T * B - 1) * row + n,), (a.itemsize,)), row


def packed(*weights: ndarray, transposed: bool = False, turn: int = 0) -> list[ndarray]:
    """The weights, or their transposes, in panels; threads that need the same one share it.

    turn: by how many columns the last one is turned: its last ones come first.
    """
    panels = []
    for W in weights:
        begun = prepared(W)
        if transposed not in begun:
            mine = Future[ndarray]()
            if begun.setdefault(transposed, mine) is mine:  # no other thread was first
                try:
                    turned = np.roll(W, turn, axis=1) if turn and W is weights[-1] else W
                    mine.set_result(pack_panels(turned, transposed))
                except BaseException as error:  # threads that wait for it raise it too
                    mine.set_exception(error)
        panels.append(begun[transposed])
    return [future.result() for future in panels]


def pack_panels(W: ndarray, transposed: bool) -> ndarray:
    """W (K, N), or its transpose, in panels."""
    K, N = W.shape[::-1] if transposed else W.shape
    wide = panel_width(W.dtype)
    P = empty((-(-N // wide) * wide * K,), W.dtype, shared=True)
    if transposed:
        pack(ready(W).ravel(), 0, 1, K, K, N, wide, P, 0)
    else:  # NumPy copies short rows four times as fast as a loop in Numba
        panels, rest = P.reshape(-1, K, wide), N % wide
        panels[: N // wide] = W[:, : N - rest].reshape(K, -1, wide).transpose(1, 0, 2)
        panels[N // wide :, :, :rest] = W[:, N - rest :]
        panels[N // wide :, :, rest:] = 0
    return P


def flat(factors: ndarray | None, dtype: Any) -> ndarray:
    """Dropout's factors or a mask as a flat array of numbers; empty for None."""
    return np.empty(0, dtype) if factors is None else ready(np.asarray(factors, dtype)).ravel()


def start(
    body: Any, kind: int, x: ndarray, H: int, sizes: list[int], arrays: list[ndarray], team: int
) -> None:
    """Run `recurrence.forward` or `backward`: `sizes` are those after H, before the last two."""
    (T, B, D), dtype = x.shape, from_dtype(x.dtype)
    pointers = types.CPointer(types.int64), types.CPointer(dtype)
    function = compiled(body, types.void(types.int64, *pointers)).address
    work(function, [product_address(x.dtype), kind, T, B, D, H, *sizes], arrays, team)


def scan(
    kind: int, x: ndarray, h0: ndarray, c0: ndarray | None, Wx: ndarray, Wh: ndarray, b: ndarray,
    dropout: ndarray | None = None, mask: ndarray | None = None,
) -> Scan:  # fmt: skip
    """The forward pass of a cell; b in the order of the row's blocks."""
    (T, B, _), H, dtype, x = x.shape, len(Wh), x.dtype, ready(x)
    h = empty((T + 1, B, H), dtype)
    c = h if c0 is None else empty((T + 1, B, H), dtype)
    h[0], c[0] = h0, h0 if c0 is None else c0
    row = H if kind == SIMPLE else row_length(4 * H, dtype)
    rows = h[1:] if kind == SIMPLE else empty((T, B, row), dtype)
    h_in = h if dropout is None else empty((T, B, H), dtype)
    if dropout is not None:
        h_in[0] = h[0] * dropout
    wide = panel_width(dtype)
    team = team_for(B, H, BLOCKS[kind] * H, wide)
    panels = packed(Wx, Wh, turn=H if kind == GRU else 0)
    arrays = [x, h, h_in, c, rows, *panels, ready(b), flat(dropout, dtype), flat(mask, dtype)]
    arrays.append(empty((team * BLOCK_M * wide,), dtype))
    sizes = [row, wide, mask is not None, dropout is not None]
    start(recurrence.forward, kind, x, H, sizes, arrays, team)
    return Scan(kind, x, h, c, rows, Wx, Wh, dropout, mask)


def scan_back(
    s: Scan, dout: ndarray, dhT: ndarray, dcT: ndarray | None, dWx: ndarray, dWh: ndarray
) -> tuple[ndarray, ndarray, ndarray, ndarray]:
    """The backward pass; adds to dWx and dWh. Returns dx, dh0, dc0, and the biases' gradients in
    the order of the row's blocks.
    """
    (T, B, D), H, dtype = s.x.shape, len(s.Wh), s.x.dtype
    blocks, n, wide = 1 if s.kind == SIMPLE else 4, BLOCKS[s.kind] * H, panel_width(dtype)
    dz_row = row_length(blocks * H, dtype)
    dh, dc, dx = empty((B, H), dtype), empty((B, H), dtype), empty((T, B, D), dtype)
    dh[...], dc[...] = dhT, dhT if dcT is None else dcT
    dz = empty((max(1, BLOCK_M // B) * B, dz_row), dtype)
    hP = empty((T * B * -(-n // wide) * wide,), dtype)
    xP = empty(hP.shape, dtype) if s.kind == GRU else hP
    dW, db = empty((D + H, dz_row), dtype), np.zeros(blocks * H, dtype)
    h_in = s.h if s.dropout is None else s.h[:T] * s.dropout
    kept = empty((B, H) if s.mask is not None else (0, 0), dtype)
    team = team_for(B, H, n, wide)
    panels = packed(s.Wx, s.Wh, transposed=True, turn=H if s.kind == GRU else 0)
    rows, row = flat_rows(s.rows)
    arrays = [ready(s.x), ready(s.h), ready(h_in), ready(s.c), rows, *panels, db]
    arrays += [flat(s.dropout, dtype), flat(s.mask, dtype)]
    arrays += [empty((team * scratch(wide),), dtype), ready(dout), dh, dc, kept, dx, dz, xP, hP, dW]
    sizes = [row, wide, s.mask is not None, s.dropout is not None, dz_row, scratch(wide)]
    start(recurrence.backward, s.kind, s.x, H, sizes, arrays, team)
    dWx += dW[:D, :n]
    dW = dW[D:, :n]
    dWh += np.roll(dW, -H, axis=1) if s.kind == GRU else dW
    return dx, dh, dc, db


def lstm_forward(
    x: ndarray, h0: ndarray, c0: ndarray, Wx: ndarray, Wh: ndarray, b: ndarray,
    dropout: ndarray | None = None, mask: ndarray | None = None,
) -> tuple[ndarray, ndarray, ndarray, LSTMCache]:  # fmt: skip
    """See `functional.lstm_forward`."""
    s = scan(LSTM, x, h0, c0, Wx, Wh, b, dropout, mask)
    gates = s.rows[:, :, : 4 * len(Wh)]
    return s.h[1:], s.h[-1], s.c[-1], LSTMCache(s.x, s.h, s.c, gates, Wx, Wh, dropout, mask)


def lstm_backward(
    dout: ndarray, dhT: ndarray, dcT: ndarray, cache: LSTMCache,
    dWx: ndarray, dWh: ndarray, db: ndarray,
) -> tuple[ndarray, ndarray, ndarray]:  # fmt: skip
    """See `functional.lstm_backward`."""
    dx, dh, dc, db_here = scan_back(Scan(LSTM, *cache), dout, dhT, dcT, dWx, dWh)
    db += db_here
    return dx, dh, dc
