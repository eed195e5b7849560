"""One recurrence, three cells: a sequence forward and backward, for the LSTM, the GRU and the
simple recurrent net.

Why this is fast: weights are packed once for all steps. A step computes its products, gates and
outputs while its numbers are still in the cache. Threads either run slices of the batch and never
synchronise (parallel.py), or share one batch of few rows: then each has some of the units, reads
their weights only, and meets the others once per step (crew.py). dz is written straight into
panels, the layout that the weights' gradients, two products over all steps at the end, need.

    t ->    x[t] Wx  +  h[t] Wh  ->  z  ->  gates  ->  (c[t+1]) h[t+1]       forward
    <- t    dh, (dc) ->  dz  ->  dz Wh' (the next dh),  dz Wx' (dx[t]),  dz to its panels

A row has blocks of H numbers: i f g o in the LSTM, one in the simple net, where it is h itself. The
GRU's are an r u n: the state's part of the candidate, then the gates. So x Wx belongs to its last
three blocks and h Wh to its first three, for which its Wh has the candidate's columns first.
Next: lstm.py, which hands arrays over.
"""

from numba import carray, njit, types
from numba.extending import intrinsic

from .crew import ARRAYS, SIZES, TEAM, meet
from .gates import (
    gru_cell,
    gru_cell_back,
    lstm_cell,
    lstm_cell_back,
    rnn_cell,
    rnn_cell_back,
    to_panels,
)
from .products import BLOCK_M, product
from .tiles import ROWS_A

LSTM, GRU, SIMPLE = 0, 1, 2
BLOCKS = (4, 3, 1)  # in one product


@intrinsic
def _pointer(typing, address, like):  # type: ignore[no-untyped-def]
    def emit(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return builder.inttoptr(args[0], context.get_value_type(signature.return_type))

    return like(types.int64, like), emit


@njit(nogil=True, cache=True)
def view(job, i, like):  # type: ignore[no-untyped-def]
    """The job's array number i; `like` is a pointer to numbers of its type."""
    return carray(_pointer(job[ARRAYS + i], like), 1)


@njit(nogil=True, cache=True)
def ten(job, i, like):  # type: ignore[no-untyped-def]
    """Ten arrays, from number i on."""
    return (
        view(job, i, like), view(job, i + 1, like), view(job, i + 2, like), view(job, i + 3, like),
        view(job, i + 4, like), view(job, i + 5, like), view(job, i + 6, like),
        view(job, i + 7, like), view(job, i + 8, like), view(job, i + 9, like),
    )  # fmt: skip


@njit(nogil=True, cache=True)
def sizes_of(job):  # type: ignore[no-untyped-def]
    """The job's twelve sizes; the first is the product's address."""
    i = SIZES
    return (
        job[i], job[i + 1], job[i + 2], job[i + 3], job[i + 4], job[i + 5], job[i + 6], job[i + 7],
        job[i + 8], job[i + 9], job[i + 10], job[i + 11],
    )  # fmt: skip


@njit(nogil=True, cache=True)
def part(me, team, n, unit):  # type: ignore[no-untyped-def]
    """Where the share of thread `me` in n numbers begins and ends: at a multiple of `unit`."""
    units = -(-n // unit)
    return min(units * me // team * unit, n), min(units * (me + 1) // team * unit, n)


def forward(me, at, like):  # type: ignore[no-untyped-def]
    """All steps, for the units that are this thread's. h (and c) have T + 1 states, the first
    given. h_in is h, or h * dropout, whose first is given.

    row: the distance between rows, in numbers. S: a buffer for products, of each thread.
    """
    job = carray(at, 1)
    team = job[TEAM]
    product_at, kind, T, B, D, H, row, wide, masked, dropped, _, _ = sizes_of(job)
    x, h, h_in, c, rows, WxP, WhP, b, dropout, mask = ten(job, 0, like)
    S = view(job, 10, like)
    blocks, x_at = BLOCKS[kind], H if kind == GRU else 0
    u0, u1 = part(me, team, H, wide)
    units = u1 - u0
    # alone, one product for all columns; else one for this thread's columns in each block
    spans, width = (1, blocks * H) if team == 1 else (blocks, units)
    s0, chunk = me * BLOCK_M * wide, max(1, BLOCK_M // B)
    for t in range(T):
        z, now, then = t * B * row, t * B * H, (t + 1) * B * H
        if t % chunk == 0:  # x Wx needs no h, and many rows at once are cheaper
            M = min(chunk, T - t) * B
            for span in range(spans):
                col = span * H + u0
                product(product_at, x, t * B * D, D, 1, WxP, col * D, D * wide, wide, M, D, width,
                        rows, z + x_at + col, row, False, S, s0)  # fmt: skip
        if kind == GRU:
            for r in range(B):
                for i in range(z + r * row + u0, z + r * row + u1):
                    rows[i] = 0
        for span in range(spans):
            col = span * H + u0
            product(product_at, h_in, now, H, 1, WhP, col * H, H * wide, wide, B, H, width,
                    rows, z + col, row, True, S, s0)  # fmt: skip
        for r in range(B):
            u, to = r * H + u0, z + r * row + u0
            if kind == LSTM:
                lstm_cell(rows, to, b, u0, c, now + u, then + u, h, then + u, H, units)
            elif kind == GRU:
                gru_cell(rows, to, b, u0, h, now + u, then + u, H, units)
            else:
                rnn_cell(rows, to, b, u0, units)
            if masked and mask[t * B + r] == 0:
                for i in range(u, u + units):
                    h[then + i] = h[now + i]
                    if kind == LSTM:
                        c[then + i] = c[now + i]
            if dropped and t + 1 < T:
                for i in range(u, u + units):
                    h_in[then + i] = h[then + i] * dropout[i]
        meet(job, me, team, t + 1)


def backward(me, at, like):  # type: ignore[no-untyped-def]
    """All steps in reverse. dh and dc (B, H) are overwritten; at the end they are those of h0, c0.

    dz: buffer for BLOCK_M // B steps, (steps, B, dz_row). xP, hP: all of dz in panels, the blocks
    of x Wx and those of h Wh; the same array if these are all. dW (D + H, dz_row): the gradients of
    Wx and Wh. kept: buffer for dh where a step is masked. Rows of dz are zero there.
    """
    job = carray(at, 1)
    team = job[TEAM]
    product_at, kind, T, B, D, H, row, wide, masked, dropped, dz_row, scratch = sizes_of(job)
    x, h, h_in, c, rows, WxT, WhT, db, dropout, mask = ten(job, 0, like)
    S, dout, dh, dc, kept, dx, dz, xP, hP, dW = ten(job, 10, like)
    K, blocks, x_at = BLOCKS[kind] * H, BLOCKS[kind], H if kind == GRU else 0
    (u0, u1), (d0, d1) = part(me, team, H, wide), part(me, team, D, wide)
    units, s0, step = u1 - u0, me * scratch, 0
    spans, width = (1, K) if team == 1 else (blocks, units)
    chunk, panels = max(1, BLOCK_M // B), T * B * wide  # panels: numbers in a panel of xP and hP
    for t in range(T - 1, -1, -1):
        now, then, z = t * B * H, (t + 1) * B * H, t % chunk * B * dz_row
        for r in range(B):
            u, to, gates = r * H + u0, z + r * dz_row + u0, (t * B + r) * row + u0
            if masked and mask[t * B + r] == 0:
                for i in range(u, u + units):
                    kept[i] = dh[i] + dout[now + i]
                for block in range(blocks + (kind == GRU)):
                    for i in range(to + block * H, to + block * H + units):
                        dz[i] = 0
            elif kind == LSTM:
                lstm_cell_back(dh, dout, now + u, dc, u, rows, gates, c, then + u, now + u,
                               dz, to, db, u0, H, units)  # fmt: skip
            elif kind == GRU:
                gru_cell_back(dh, u, dout, now + u, rows, gates, h, now + u,
                              dz, to, db, u0, H, units)  # fmt: skip
            else:
                rnn_cell_back(dh, u, dout, now + u, h, then + u, dz, to, db, u0, units)
            for span in range(spans):
                to_panels(dz, to + span * H, width,
                          hP, (span * H + u0) * T * B + (t * B + r) * wide, panels)  # fmt: skip
                if kind == GRU:
                    to_panels(dz, to + x_at + span * H, width,
                              xP, (span * H + u0) * T * B + (t * B + r) * wide, panels)  # fmt: skip
        step += 1
        meet(job, me, team, step)
        product(product_at, dz, z, dz_row, 1, WhT, u0 * K, K * wide, wide, B, K, units,
                dh, u0, H, kind == GRU, S, s0)  # fmt: skip
        for r in range(B):
            for i in range(r * H + u0, r * H + u1 if dropped else 0):
                dh[i] *= dropout[i]
            if masked and mask[t * B + r] == 0:
                for i in range(r * H + u0, r * H + u1):
                    dh[i] = kept[i]
        if t % chunk == 0:
            M, to = min(chunk, T - t) * B, t * B * D + d0
            product(product_at, dz, x_at, dz_row, 1, WxT, d0 * K, K * wide, wide, M, K, d1 - d0,
                    dx, to, D, False, S, s0)  # fmt: skip
            step += 1
            meet(job, me, team, step)  # before the buffer is used again, and before the end
    (d0, d1), (u0, u1) = part(me, team, D, ROWS_A), part(me, team, H, ROWS_A)
    product(product_at, x, d0, 1, D, xP, 0, panels, wide, d1 - d0, T * B, K,
            dW, d0 * dz_row, dz_row, False, S, s0)  # fmt: skip
    product(product_at, h_in, u0, 1, H, hP, 0, panels, wide, u1 - u0, T * B, K,
            dW, (D + u0) * dz_row, dz_row, False, S, s0)  # fmt: skip
