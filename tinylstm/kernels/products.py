"""The whole matrix product, from packing and tiles: C (M, N) = or += A (M, K) B (K, N), one thread.

Why this is fast: B is in panels, which are read sequentially. K is split so that a block of a panel
stays in the L1 cache while all rows of A use it, and M so that those rows stay in L2. A row-major A
is read in place; a transposed A is first copied into strips, because walking down its columns would
touch a new memory page at every other step. Next: crew.py.
"""

from functools import cache
from typing import Any

from llvmlite import ir
from numba import carray, njit, types
from numba.extending import intrinsic
from numba.np.arrayobj import make_array
from numba.np.numpy_support import from_dtype

from .compiled import compiled
from .gates import to_panels
from .tiles import PANELS, ROWS_A, column, few_rows, share
from .vectors import VECTORS, Array, lanes

BLOCK_K = 1024  # times WIDE columns: 128 KB in float32 with AVX-512
BLOCK_M = 192  # a multiple of every tile's rows; times BLOCK_K: 768 KB


@intrinsic
def turn(typing, B, b0, b_n, P, p0, wide):  # type: ignore[no-untyped-def]
    """P[p0 + k wide + j] = B[b0 + j b_n + k] for W numbers k and j: a square, in registers."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        source, target = (Array(context, builder, signature.args[i], args[i]) for i in (0, 3))
        W = lanes(signature.args[0].dtype)

        def at(start: Any, step: Any, k: int) -> Any:
            return builder.add(start, builder.mul(step, ir.Constant(step.type, k)))

        rows = [source.load(at(args[1], args[2], j), W) for j in range(W)]
        for _ in range(W.bit_length() - 1):  # like two halves of a pack of cards, log2(W) times
            halves = zip(rows[: W // 2], rows[W // 2 :], strict=True)
            rows = [half for a, b in halves for half in a.shuffled(b)]
        for k, row in enumerate(rows):
            target.store(at(args[4], args[5], k), row)
        return context.get_dummy_value()

    return types.void(B, types.int64, types.int64, P, types.int64, types.int64), emit


@njit(nogil=True, cache=True, error_model="numpy")
def pack_across(B, b0, b_n, k0, k1, n, wide, P, p0):  # type: ignore[no-untyped-def]
    """Rows k0 to k1 of a panel of B', whose n columns are rows of B, b_n apart."""
    W = wide // VECTORS
    for k in range(k0, k1, W):
        for j in range(0, n, W):
            if k + W <= k1 and j + W <= n:
                turn(B, b0 + j * b_n + k, b_n, P, p0 + k * wide + j, wide)
            else:
                for i in range(k, min(k + W, k1)):
                    for c in range(j, min(j + W, n)):
                        P[p0 + i * wide + c] = B[b0 + c * b_n + i]


@njit(nogil=True, cache=True, error_model="numpy")
def pack(B, b0, b_k, b_n, K, N, wide, P, p0):  # type: ignore[no-untyped-def]
    """Packs B (K, N), with strides b_k and b_n, into panels P[p][k][wide], padded with zeros.

    One of the strides is 1. In blocks of 16 rows, for the sake of the memory's pages.
    """
    for k0 in range(0, K, 16):
        k1 = min(k0 + 16, K)
        for n0 in range(0, N, wide):
            n, start = min(wide, N - n0), p0 + n0 * K
            if b_n == 1:
                for k in range(k0, k1):
                    to_panels(B, b0 + k * b_k + n0, n, P, start + k * wide, 0)
            else:
                pack_across(B, b0 + n0 * b_n, b_n, k0, k1, n, wide, P, start)
            for k in range(k0, k1 if n < wide else k0):
                for j in range(n, wide):
                    P[start + k * wide + j] = 0


@njit(nogil=True, cache=True)
def strips(A, a0, a_k, M, K, S, s0):  # type: ignore[no-untyped-def]
    """Copies A, (K, M) in memory, into strips S[m][k][ROWS_A]; the last strip can be narrower."""
    for k in range(K):
        for m0 in range(0, M, ROWS_A):
            m, start = min(ROWS_A, M - m0), a0 + k * a_k + m0
            to = s0 + m0 * K + k * m
            if m == ROWS_A:
                for r in range(ROWS_A):  # a length that the compiler knows
                    S[to + r] = A[start + r]
            else:
                for r in range(m):
                    S[to + r] = A[start + r]


def _product(  # type: ignore[no-untyped-def]
    a_at, a0, a_row, a_k, p_at, p0, p_n, wide, M, K, N, c_at, c0, c_row, add, s_at, s0
):
    """See `product`; a_at, p_at, c_at and s_at are the arrays' addresses."""
    A, P, C, S = carray(a_at, 1), carray(p_at, 1), carray(c_at, 1), carray(s_at, 1)
    for k0 in range(0, max(K, 1), BLOCK_K):
        k = min(BLOCK_K, K - k0)
        for m0 in range(0, M, BLOCK_M):
            m, a, c = min(BLOCK_M, M - m0), a0 + m0 * a_row + k0 * a_k, c0 + m0 * c_row
            if a_k != 1:
                strips(A, a, a_k, m, k, S, s0 + BLOCK_M * wide)
            done = 0  # columns
            while m <= 2 and a_k == 1 and N - done >= PANELS * wide:
                p = p0 + done // wide * p_n + k0 * wide
                few_rows(A, a, a_row, P, p, wide, p_n, m, k, C, c + done, c_row, add or k0 > 0)
                done += PANELS * wide
            for n0 in range(done, N, wide):
                p, more, partial = p0 + n0 // wide * p_n + k0 * wide, add or k0 > 0, n0 + wide > N
                after = p + p_n if n0 + wide < N else p0 + k0 * wide  # the first, for the next rows
                out, o, o_row = (S, s0, wide) if partial else (C, c + n0, c_row)
                adds = more and not partial
                if a_k == 1:
                    column(A, a, a_row, 1, P, p, wide, m, k, out, o, o_row, adds, after)
                else:
                    for i in range(0, m, ROWS_A):
                        e, ahead = min(ROWS_A, m - i), after + share(i // ROWS_A, k, P, wide)
                        column(S, s0 + BLOCK_M * wide + i * k, 1, e, P, p, wide, e, k,
                               out, o + i * o_row, o_row, adds, ahead)  # fmt: skip
                if partial:
                    for i in range(m):
                        for j in range(N - n0):
                            to, new = c + i * c_row + n0 + j, S[s0 + i * wide + j]
                            C[to] = C[to] + new if more else new


def scratch(wide: int) -> int:
    """The length of the buffer S that one thread's products need."""
    return BLOCK_M * (wide + BLOCK_K)


@cache
def product_address(dtype: Any) -> int:
    """Where the compiled product for that type is."""
    one, array = types.int64, types.CPointer(from_dtype(dtype))
    matrix, three = (array, one, one, one), (one, one, one)
    kind = types.void(*matrix, *matrix, *three, array, one, one, types.boolean, array, one)
    return int(compiled(_product, kind).address)


@intrinsic
def product(  # type: ignore[no-untyped-def]
    typing, at, A, a0, a_row, a_k, P, p0, p_n, wide, M, K, N, C, c0, c_row, add, S, s0
):
    """C (M, N) = A B, or += with `add`; A (M, K) starts at a0, B is in panels P, p_n numbers apart.

    at: `product_address` of the type. a_row, a_k: the strides of A; one of them is 1. Columns of
    the last panel beyond N are not written. S: `scratch` numbers from s0 on.
    """

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        def plain(kind: Any, value: Any) -> Any:
            if isinstance(kind, types.Array):
                return make_array(kind)(context, builder, value).data
            return builder.zext(value, ir.IntType(8)) if kind == types.boolean else value

        values = [plain(*pair) for pair in zip(signature.args[1:], args[1:], strict=True)]
        function = ir.FunctionType(ir.VoidType(), [value.type for value in values]).as_pointer()
        builder.call(builder.inttoptr(args[0], function), values)
        return context.get_dummy_value()

    one = types.int64
    three = one, one, one
    kinds = (one, A, *three, P, *three, *three, C, one, one, types.boolean, S, one)
    return types.void(*kinds), emit
