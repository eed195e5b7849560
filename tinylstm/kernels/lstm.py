"""The LSTM over a sequence, forward and backward: fast twins of those in functional.py.

Why this is fast: weights are packed once for all steps. A step computes its products, gates and
outputs while its numbers are still in the cache. Threads never synchronise inside the recurrence:
each runs its own slice of the batch (parallel.py). dz is written straight into panels, the layout
that the weights' gradients, two products over all steps at the end, need. Next: elementwise.py.

    t ->    x[t] Wx  +  h[t] Wh  ->  z  ->  gates  ->  c[t+1], h[t+1]        forward
    <- t    dh, dc  ->  dz  ->  dz Wh' (the next dh),  dz Wx' (dx[t]),  dz to its panels
"""

from concurrent.futures import Future
from typing import Any

import numpy as np
from numba import njit
from numpy import ndarray
from numpy.lib.stride_tricks import as_strided

from ..frozen import prepared
from ..functional import LSTMCache
from .gates import cell_backward, cell_forward, to_panels
from .pool import empty, ready
from .products import BLOCK_K, BLOCK_M, pack, product
from .vectors import wide as panel_width


@njit(nogil=True, cache=True)
def _forward(  # type: ignore[no-untyped-def]
    x, h, h_in, c, gates, WxP, WhP, b, dropout, mask, T, B, D, H, row, wide
):
    """All steps, on flat arrays. h and c hold T + 1 states, the first given. h_in is h, or
    h * dropout. mask is empty if every step counts.

    row: the distance between rows of gates, in numbers.
    """
    n, chunk = 4 * H, max(1, BLOCK_M // B)
    for t in range(T):
        z, now, then = t * B * row, t * B * H, (t + 1) * B * H
        if t % chunk == 0:  # x Wx needs no h, and many rows at once are cheaper
            M = min(chunk, T - t) * B
            product(x, t * B * D, D, 1, WxP, 0, D * wide, wide, M, D, n, gates, z, row, False, x)
        for i in range(len(dropout)):
            h_in[now + i] = h[now + i] * dropout[i]
        product(h_in, now, H, 1, WhP, 0, H * wide, wide, B, H, n, gates, z, row, True, x)
        for r in range(B):
            u = r * H
            cell_forward(gates, z + r * row, b, c, now + u, c, then + u, h, then + u, H)
            if len(mask) > 0 and not mask[t * B + r]:
                for i in range(u, u + H):
                    h[then + i], c[then + i] = h[now + i], c[now + i]


@njit(nogil=True, cache=True)
def _backward(  # type: ignore[no-untyped-def]
    dout, dh, dc, kept, x, h_in, c, gates, WxT, WhT, dropout, mask, dx, dz, dzP, S, dW, db,
    T, B, D, H, row, dz_row, wide
):  # fmt: skip
    """All steps in reverse. dh and dc (B, H) are overwritten; at the end they are those of h0, c0.

    dz: buffer for BLOCK_M // B steps, (steps, B, dz_row). dzP: all of dz in panels. S: buffer for
    `product`. dW (D + H, dz_row): the gradients of Wx and Wh. row, dz_row: distances of rows.
    kept: buffer for dh where a step is masked. Rows of dz are zero there.
    """
    n, chunk, panels = 4 * H, max(1, BLOCK_M // B), T * B * wide  # numbers in a panel of dzP
    for t in range(T - 1, -1, -1):
        now, then, z = t * B * H, (t + 1) * B * H, t % chunk * B * dz_row
        for r in range(B):
            u, to = r * H, z + r * dz_row
            if len(mask) > 0 and not mask[t * B + r]:
                for i in range(u, u + H):
                    kept[i] = dh[i] + dout[now + i]
                dz[to : to + n] = 0
            else:
                cell_backward(
                    dh, u, dout, now + u, dc, u, gates, (t * B + r) * row, c, then + u, c, now + u,
                    dz, to, db, H,
                )  # fmt: skip
            to_panels(dz, to, n, dzP, (t * B + r) * wide, panels)
        product(dz, z, dz_row, 1, WhT, 0, n * wide, wide, B, n, H, dh, 0, H, False, S)
        for i in range(len(dropout)):
            dh[i] *= dropout[i]
        for r in range(len(mask) // T):
            if not mask[t * B + r]:
                dh[r * H : (r + 1) * H] = kept[r * H : (r + 1) * H]
        if t % chunk == 0:
            M, to = min(chunk, T - t) * B, t * B * D
            product(dz, 0, dz_row, 1, WxT, 0, n * wide, wide, M, n, D, dx, to, D, False, S)
    product(x, 0, 1, D, dzP, 0, panels, wide, D, T * B, n, dW, 0, dz_row, False, S)
    product(h_in, 0, 1, H, dzP, 0, panels, wide, H, T * B, n, dW, D * dz_row, dz_row, False, S)


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


def packed(*weights: ndarray, transposed: bool = False) -> list[ndarray]:
    """The weights, or their transposes, in panels; threads that need the same one share it."""
    panels = []
    for W in weights:
        begun = prepared(W)
        if transposed not in begun:
            mine = Future[ndarray]()
            if begun.setdefault(transposed, mine) is mine:  # no other thread was first
                try:
                    mine.set_result(pack_panels(W, transposed))
                except BaseException as error:  # threads that wait for it raise it too
                    mine.set_exception(error)
        panels.append(begun[transposed])
    return [future.result() for future in panels]


def pack_panels(W: ndarray, transposed: bool) -> ndarray:
    """W (K, N), or its transpose, in panels."""
    K, N = W.shape[::-1] if transposed else W.shape
    b_k, b_n = (1, W.shape[1]) if transposed else (W.shape[1], 1)
    wide = panel_width(W.dtype)
    P = empty((-(-N // wide) * wide * K,), W.dtype, shared=True)
    pack(ready(W).ravel(), 0, b_k, b_n, K, N, wide, P, 0)
    return P


def lstm_forward(
    x: ndarray,
    h0: ndarray,
    c0: ndarray,
    Wx: ndarray,
    Wh: ndarray,
    b: ndarray,
    dropout: ndarray | None = None,
    mask: ndarray | None = None,
) -> tuple[ndarray, ndarray, ndarray, LSTMCache]:
    """See `functional.lstm_forward`."""
    (T, B, D), H, dtype = x.shape, Wh.shape[0], x.dtype
    x = ready(x)
    h, c = empty((T + 1, B, H), dtype), empty((T + 1, B, H), dtype)
    row = row_length(4 * H, dtype)
    rows = empty((T, B, row), dtype)
    h[0], c[0] = h0, c0
    h_in = h if dropout is None else empty((T, B, H), dtype)
    _forward(
        x.ravel(), h.ravel(), h_in.ravel(), c.ravel(), rows.ravel(), *packed(Wx, Wh),
        ready(b), flat(dropout, dtype), flat(mask, bool), T, B, D, H, row, panel_width(dtype),
    )  # fmt: skip
    return h[1:], h[T], c[T], LSTMCache(x, h, c, rows[:, :, : 4 * H], Wx, Wh, dropout, mask)


def lstm_backward(
    dout: ndarray,
    dhT: ndarray,
    dcT: ndarray,
    cache: LSTMCache,
    dWx: ndarray,
    dWh: ndarray,
    db: ndarray,
) -> tuple[ndarray, ndarray, ndarray]:
    """See `functional.lstm_backward`."""
    x, h, c, gates, Wx, Wh, dropout, mask = cache
    (T, B, D), H, dtype = x.shape, Wh.shape[0], x.dtype
    wide, dz_row = panel_width(dtype), row_length(4 * H, dtype)
    dh, dc, dx = empty((B, H), dtype), empty((B, H), dtype), empty((T, B, D), dtype)
    dh[...], dc[...] = dhT, dcT
    dz = empty((max(1, BLOCK_M // B) * B, dz_row), dtype)
    dzP = empty((T * B * -(-4 * H // wide) * wide,), dtype)
    dW, db_here = empty((D + H, dz_row), dtype), np.zeros(4 * H, dtype)
    h_in = h if dropout is None else h[:T] * dropout
    kept = empty((B, H) if mask is not None else (0, 0), dtype)
    flat_gates, row = flat_rows(gates)
    _backward(
        ready(dout).ravel(), dh.ravel(), dc.ravel(), kept.ravel(), ready(x).ravel(),
        ready(h_in).ravel(), ready(c).ravel(), flat_gates, *packed(Wx, Wh, transposed=True),
        flat(dropout, dtype), flat(mask, bool), dx.ravel(), dz.ravel(), dzP,
        empty((BLOCK_M * BLOCK_K,), dtype), dW.ravel(), db_here, T, B, D, H, row, dz_row, wide,
    )  # fmt: skip
    dWx += dW[:D, : 4 * H]
    dWh += dW[D:, : 4 * H]
    db += db_here
    return dx, dh, dc


def flat(factors: ndarray | None, dtype: Any) -> ndarray:
    """Dropout's factors or a mask as a flat array; empty for None."""
    return np.empty(0, dtype) if factors is None else ready(np.asarray(factors, dtype)).ravel()
