"""The LSTM over a sequence, forward and backward: fast twins of those in functional.py.

Why this is fast: weights are packed once for all steps; a step's products, gates and outputs follow
each other while its numbers are still in the cache; no step waits for another thread, because each
thread runs a slice of the batch of its own (parallel.py). dz is stored in the panels that the
weights' gradients, two products over all steps at the end, read it in.

    t ->    x[t] Wx  +  h[t] Wh  ->  z  ->  gates  ->  c[t+1], h[t+1]        forward
    <- t    dh, dc  ->  dz  ->  dz Wh' (the next dh),  dz Wx' (dx[t]),  dz to its panels
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numba import njit
from numpy import ndarray

from ..functional import LSTMCache
from .gates import cell_backward, cell_forward
from .pool import empty
from .products import BLOCK_K, BLOCK_M, pack, product
from .tiles import wide as panel_width


@njit(nogil=True, cache=True)
def _forward(  # type: ignore[no-untyped-def]
    x, h, h_in, c, gates, WxP, WhP, b, mask, T, B, D, H, wide
):
    """All steps. Flat arrays; h and c hold T + 1 states, the first given; h_in is h or h * mask."""
    n, chunk = 4 * H, max(1, BLOCK_M // B)
    for t in range(T):
        if t % chunk == 0:  # x Wx does not wait for h, and many rows at once cost less
            rows = min(chunk, T - t) * B
            product(x, t * B * D, D, 1, WxP, 0, D * wide, wide, rows, D, n, gates, t * B * n, n,
                    False, x)  # fmt: skip
        now, then = t * B * H, (t + 1) * B * H
        for i in range(len(mask)):
            h_in[now + i] = h[now + i] * mask[i]
        product(h_in, now, H, 1, WhP, 0, H * wide, wide, B, H, n, gates, t * B * n, n, True, x)
        for r in range(0, B * H, H):
            cell_forward(gates, (now + r) * 4, b, c, now + r, c, then + r, h, then + r, H)


@njit(nogil=True, cache=True)
def _backward(  # type: ignore[no-untyped-def]
    dout, dh, dc, x, h_in, c, gates, WxT, WhT, mask, dx, dz, dzP, S, dWx, dWh, db, T, B, D, H, wide
):
    """All steps in reverse; dh and dc (B, H) are overwritten and end as the initial state's.

    dz: room for BLOCK_M // B steps, (steps, B, 4H). dzP: the panels of all of dz. S: for `product`.
    """
    n, chunk = 4 * H, max(1, BLOCK_M // B)
    for t in range(T - 1, -1, -1):
        now, then, z = t * B * H, (t + 1) * B * H, t % chunk * B * n
        for r in range(0, B * H, H):
            cell_backward(
                dh, r, dout, now + r, dc, r, gates, (now + r) * 4, c, then + r, c, now + r,
                dz, z + 4 * r, db, H,
            )  # fmt: skip
        for r in range(B):  # row t * B + r of each panel
            for n0 in range(0, n, wide):
                to, source = n0 * T * B + (t * B + r) * wide, z + r * n + n0
                for j in range(min(wide, n - n0)):
                    dzP[to + j] = dz[source + j]
        product(dz, z, n, 1, WhT, 0, n * wide, wide, B, n, H, dh, 0, H, False, S)
        for i in range(len(mask)):
            dh[i] *= mask[i]
        if t % chunk == 0:
            rows = min(chunk, T - t) * B
            product(dz, 0, n, 1, WxT, 0, n * wide, wide, rows, n, D, dx, t * B * D, D, False, S)
    product(h_in, 0, 1, H, dzP, 0, T * B * wide, wide, H, T * B, n, dWh, 0, n, True, S)
    product(x, 0, 1, D, dzP, 0, T * B * wide, wide, D, T * B, n, dWx, 0, n, True, S)


_frozen: dict[tuple[int, bool], tuple[ndarray, ndarray]] | None = None


@contextmanager
def frozen_weights() -> Iterator[None]:
    """While the block lasts no weight changes, so that each is packed once and not at every call.

    What is packed is forgotten at the end. For composing: one step at a time, thousands of times.
    """
    global _frozen
    before, _frozen = _frozen, {} if _frozen is None else _frozen
    try:
        yield
    finally:
        _frozen = before


def packed(W: ndarray, transposed: bool = False) -> ndarray:
    """W, or its transpose, in panels."""
    key = (id(W), transposed)
    if _frozen is not None and key in _frozen:
        return _frozen[key][1]
    P = pack_panels(W, transposed)
    if _frozen is not None:
        _frozen[key] = (W, P)  # holding W keeps its id from being used again
    return P


def pack_panels(W: ndarray, transposed: bool) -> ndarray:
    """See `packed`."""
    K, N = W.shape[::-1] if transposed else W.shape
    b_k, b_n = (1, W.shape[1]) if transposed else (W.shape[1], 1)
    wide = panel_width(W.dtype)
    P = empty((-(-N // wide) * wide * K,), W.dtype)
    pack(np.ravel(W), 0, b_k, b_n, K, N, wide, P, 0)
    return P


def lstm_forward(
    x: ndarray,
    h0: ndarray,
    c0: ndarray,
    Wx: ndarray,
    Wh: ndarray,
    b: ndarray,
    mask: ndarray | None = None,
) -> tuple[ndarray, ndarray, ndarray, LSTMCache]:
    """See `functional.lstm_forward`."""
    (T, B, D), H, dtype = x.shape, Wh.shape[0], x.dtype
    x = np.ascontiguousarray(x)
    h, c = empty((T + 1, B, H), dtype), empty((T + 1, B, H), dtype)
    gates = empty((T, B, 4 * H), dtype)
    h[0], c[0] = h0, c0
    flat_mask = np.empty(0, dtype) if mask is None else np.ascontiguousarray(mask).ravel()
    h_in = h if mask is None else empty((T, B, H), dtype)
    _forward(
        x.ravel(), h.ravel(), h_in.ravel(), c.ravel(), gates.ravel(), packed(Wx), packed(Wh), b,
        flat_mask, T, B, D, H, panel_width(dtype),
    )  # fmt: skip
    return h[1:], h[T], c[T], LSTMCache(x, h, c, gates, Wx, Wh, mask)


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
    x, h, c, gates, Wx, Wh, mask = cache
    (T, B, D), H, dtype = x.shape, Wh.shape[0], x.dtype
    wide = panel_width(dtype)
    grads = [whole(d) for d in (dWx, dWh, db)]
    dh, dc, dx = empty((B, H), dtype), empty((B, H), dtype), empty((T, B, D), dtype)
    dh[...], dc[...] = dhT, dcT
    dz = empty((max(1, BLOCK_M // B) * B, 4 * H), dtype)
    dzP = empty((T * B * -(-4 * H // wide) * wide,), dtype)
    S = empty((BLOCK_M * BLOCK_K,), dtype)
    flat_mask = np.empty(0, dtype) if mask is None else np.ascontiguousarray(mask).ravel()
    h_in = h if mask is None else h[:T] * mask
    _backward(
        np.ascontiguousarray(dout).ravel(), dh.ravel(), dc.ravel(), x.ravel(), h_in.ravel(),
        c.ravel(), gates.ravel(), packed(Wx, True), packed(Wh, True), flat_mask, dx.ravel(),
        dz.ravel(), dzP, S, *(d.reshape(-1) for d in grads), T, B, D, H, wide,
    )  # fmt: skip
    for d, given in zip(grads, (dWx, dWh, db), strict=True):
        if d is not given:
            given += d
    return dx, dh, dc


def whole(d: ndarray) -> ndarray:
    """d if its numbers lie in one piece, else zeros of its shape, to be added to it afterwards."""
    return d if d.flags.c_contiguous else np.zeros(d.shape, d.dtype)
