"""The matrix product: C (M, N) += A (M, K) B (K, N), from a tile of C that stays in registers.

Why this is fast: a tile of ROWS x WIDE numbers of C stays in vector registers while k runs. Each k
costs two vector loads from B and ROWS broadcasts from A for 2 * ROWS multiply-adds, so that
multiply-adds, not memory, are the bottleneck. B is packed into column panels that are read
sequentially; a weight matrix is packed once for all steps of a sequence, where BLAS packs it at
every call. A panel that is not yet cached delays only the first tile that uses it; so all tiles of
a panel prefetch parts of the next, one cache line at each k.

         B: a panel of WIDE columns, [k][WIDE]        AVX-512:  WIDE = 2 x 16 floats, up to 12 rows
               | | | | | | | |                        AVX2:     WIDE = 2 x  8, up to  6
    A   k ->  +---------------+                       NEON:     WIDE = 2 x  4, up to 12
    --------  |  tile of C,   |
    --------  |  registers    |
    --------  +---------------+

Next: products.py, which packs B and runs over all tiles.
"""

from typing import Any

import llvmlite.ir as ir
from numba import njit
from numba.core import types
from numba.extending import intrinsic

from .vectors import BYTES, I64, VECTORS, Array, Vector, lanes

AHEAD = 24  # steps of k by which B is prefetched into L1
LINE = 64  # bytes in a cache line


def _tile(rows: int, panels: int = 1) -> Any:
    """The intrinsic that computes a tile of `rows` rows, over all k; it is `panels` panels wide."""

    @intrinsic
    def tile(typing, A, a0, a_row, a_k, B, b0, b_k, b_n, K, C, c0, c_row, add, next_b):  # type: ignore[no-untyped-def]
        def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            arrays = [Array(context, builder, signature.args[i], args[i]) for i in (0, 4, 9)]
            offsets = [args[i] for i in (1, 2, 3, 5, 6, 7, 8, 10, 11)]
            width = lanes(signature.args[0].dtype)
            _emit_tile(builder, rows, panels, width, *arrays, *offsets, *args[12:])
            return context.get_dummy_value()

        return types.void(A, a0, a_row, a_k, B, b0, b_k, b_n, K, C, c0, c_row, add, next_b), emit

    return tile


def _emit_tile(
    builder: Any, rows: int, panels: int, w: int, A: Array, B: Array, C: Array,
    a0: Any, a_row: Any, a_k: Any, b0: Any, b_k: Any, b_n: Any, K: Any, c0: Any, c_row: Any,
    add: Any, next_b: Any,
) -> None:  # fmt: skip
    """C[c0 + r c_row + j] (+)= sum over k of A[a0 + r a_row + k a_k] B[b0 + k b_k + j].

    Panels are b_n apart in B. If there is one, K cache lines from B[next_b] on are prefetched.
    """
    columns = [ir.Constant(I64, v * w) for v in range(VECTORS * panels)]
    starts = [builder.mul(b_n, ir.Constant(I64, panel)) for panel in range(panels)]
    b_columns = [builder.add(start, columns[v]) for start in starts for v in range(VECTORS)]
    row_starts = [builder.add(c0, builder.mul(c_row, ir.Constant(I64, r))) for r in range(rows)]
    places = [[builder.add(start, column) for column in columns] for start in row_starts]
    steps = [builder.mul(a_row, ir.Constant(I64, r)) for r in range(rows)]
    kind = ir.VectorType(C.element, w)

    before = builder.block
    for row in places:
        for place in row:
            C.prefetch(place, for_writing=True)
    head = builder.append_basic_block("tile.head")
    body = builder.append_basic_block("tile.body")
    done = builder.append_basic_block("tile.done")
    builder.branch(head)

    builder.position_at_end(head)
    k, a, b, fetch = (builder.phi(I64) for _ in range(4))
    for phi, start in ((k, ir.Constant(I64, 0)), (a, a0), (b, b0), (fetch, next_b)):
        phi.add_incoming(start, before)
    sums = [[builder.phi(kind) for _ in columns] for _ in range(rows)]
    for total in (total for row in sums for total in row):
        total.add_incoming(ir.Constant(kind, [0.0] * w), before)
    builder.cbranch(builder.icmp_signed("<", k, K), body, done)

    builder.position_at_end(body)
    right = [B.load(builder.add(b, column), w) for column in b_columns]
    for column in b_columns:
        B.prefetch(builder.add(b, builder.add(column, ir.Constant(I64, AHEAD * VECTORS * w))))
    if panels == 1:
        B.prefetch(fetch, nearest=False)
    for r in range(rows):
        left = A.broadcast(builder.add(a, steps[r]), w)
        for v in range(VECTORS * panels):
            total = left.fma(right[v], Vector(builder, sums[r][v]))
            sums[r][v].add_incoming(total.value, body)
    line = ir.Constant(I64, LINE // A.align)
    for phi, step in ((k, ir.Constant(I64, 1)), (a, a_k), (b, b_k), (fetch, line)):
        phi.add_incoming(builder.add(phi, step), body)
    builder.branch(head)

    builder.position_at_end(done)
    with builder.if_else(builder.trunc(add, ir.IntType(1))) as (adding, setting):
        for way in (adding, setting):
            with way:
                for r in range(rows):
                    for v in range(VECTORS * panels):
                        total = Vector(builder, sums[r][v])
                        C.store(places[r][v], C.load(places[r][v], w) + total
                                if way is adding else total)  # fmt: skip


# Rows of C are covered by as many of the largest tiles as fit, then at most one of each other
SIZES = (6, 4, 2, 1, 1) if BYTES == 32 else (12, 8, 4, 2, 1)  # AVX2 has 16 registers, others 32
ROWS_A, ROWS_B, ROWS_C, ROWS_D, _ = SIZES
tile_a, tile_b, tile_c, tile_d, tile_1 = (_tile(rows) for rows in SIZES)
# One row or two over several panels: so many sums at once hide a multiply-add's latency
PANELS = 2 if BYTES == 32 else 4
thin_1, thin_2 = _tile(1, PANELS), _tile(2, PANELS)


@njit(nogil=True, cache=True)
def share(tile, K, B, b_k):  # type: ignore[no-untyped-def]
    """The offset in the next panel at which the nth tile starts to prefetch."""
    return min(tile * LINE // B.itemsize, b_k) * K


@njit(nogil=True, cache=True)
def column(  # type: ignore[no-untyped-def]
    A, a0, a_row, a_k, B, b0, b_k, M, K, C, c0, c_row, add, next_b
):
    """All rows of C in one panel: (M, K) times (K, WIDE). next_b: the start of the next panel."""
    m, n = 0, 0
    # 16 rows are 8 + 8 rather than 12 + 4: a small tile waits for the numbers of B
    while M - m >= ROWS_A and not 2 * ROWS_B <= M - m < ROWS_A + ROWS_B:
        nb = next_b + share(n, K, B, b_k)
        tile_a(A, a0 + m * a_row, a_row, a_k, B, b0, b_k, 0, K, C, c0 + m * c_row, c_row, add, nb)
        m, n = m + ROWS_A, n + 1
    while M - m >= ROWS_B:
        nb = next_b + share(n, K, B, b_k)
        tile_b(A, a0 + m * a_row, a_row, a_k, B, b0, b_k, 0, K, C, c0 + m * c_row, c_row, add, nb)
        m, n = m + ROWS_B, n + 1
    nb = next_b + share(n, K, B, b_k)
    if M - m >= ROWS_C:
        tile_c(A, a0 + m * a_row, a_row, a_k, B, b0, b_k, 0, K, C, c0 + m * c_row, c_row, add, nb)
        m += ROWS_C
    if M - m >= ROWS_D:
        tile_d(A, a0 + m * a_row, a_row, a_k, B, b0, b_k, 0, K, C, c0 + m * c_row, c_row, add, nb)
        m += ROWS_D
    if M - m >= 1:
        tile_1(A, a0 + m * a_row, a_row, a_k, B, b0, b_k, 0, K, C, c0 + m * c_row, c_row, add, nb)


@njit(nogil=True, cache=True)
def few_rows(A, a0, a_row, B, b0, b_k, b_n, M, K, C, c0, c_row, add):  # type: ignore[no-untyped-def]
    """PANELS panels of C at once, for one row or two."""
    if M == 1:
        thin_1(A, a0, a_row, 1, B, b0, b_k, b_n, K, C, c0, c_row, add, 0)
    else:
        thin_2(A, a0, a_row, 1, B, b0, b_k, b_n, K, C, c0, c_row, add, 0)
