"""The whole matrix product, from packing and tiles: C (M, N) = or += A (M, K) B (K, N), one thread.

Why this is fast: B is in panels, which are read sequentially. K is split so that a block of a panel
stays in the L1 cache while all rows of A use it, and M so that those rows stay in L2. A row-major A
is read in place; a transposed A is first copied into strips, because walking down its columns would
touch a new memory page at every other step. Next: lstm.py.
"""

import numpy as np
from numba import njit

from .tiles import ROWS_A, column, share

BLOCK_K = 1024  # times WIDE columns: 128 KB in float32 with AVX-512
BLOCK_M = 192  # a multiple of every tile's rows; times BLOCK_K: 768 KB


@njit(nogil=True, cache=True)
def pack(B, b0, b_k, b_n, K, N, wide, P, p0):  # type: ignore[no-untyped-def]
    """Packs B (K, N), with strides b_k and b_n, into panels P[p][k][wide], padded with zeros."""
    for n0 in range(0, N, wide):
        n = min(wide, N - n0)
        start = p0 + n0 * K
        if b_n == 1:
            for k in range(K):
                for j in range(n):
                    P[start + k * wide + j] = B[b0 + k * b_k + n0 + j]
        else:
            for k0 in range(0, K, 16):
                for j in range(n):
                    for k in range(k0, min(k0 + 16, K)):
                        P[start + k * wide + j] = B[b0 + k * b_k + (n0 + j) * b_n]
        for k in range(K if n < wide else 0):
            for j in range(n, wide):
                P[start + k * wide + j] = 0


@njit(nogil=True, cache=True)
def strips(A, a0, a_k, M, K, S):  # type: ignore[no-untyped-def]
    """Copies A, (K, M) in memory, into strips S[m][k][ROWS_A]; the last strip can be narrower."""
    for k in range(K):
        for m0 in range(0, M, ROWS_A):
            m, start = min(ROWS_A, M - m0), a0 + k * a_k + m0
            to = m0 * K + k * m
            if m == ROWS_A:
                for r in range(ROWS_A):  # a length that the compiler knows
                    S[to + r] = A[start + r]
            else:
                for r in range(m):
                    S[to + r] = A[start + r]


@njit(nogil=True, cache=True)
def product(  # type: ignore[no-untyped-def]
    A, a0, a_row, a_k, P, p0, p_n, wide, M, K, N, C, c0, c_row, add, S
):
    """C (M, N) = A B, or += with `add`; A (M, K) starts at a0, B is in panels P, p_n numbers apart.

    a_row, a_k: the strides of A; one of them is 1. Columns of the last panel beyond N are not
    written. S: buffer of BLOCK_M x BLOCK_K numbers, used only if a_row is 1.
    """
    edge = np.empty((min(M, BLOCK_M) if N % wide else 0) * wide, C.dtype)
    for k0 in range(0, max(K, 1), BLOCK_K):
        k = min(BLOCK_K, K - k0)
        for m0 in range(0, M, BLOCK_M):
            m, a, c = min(BLOCK_M, M - m0), a0 + m0 * a_row + k0 * a_k, c0 + m0 * c_row
            if a_k != 1:
                strips(A, a, a_k, m, k, S)
            for n0 in range(0, N, wide):
                p, more, partial = p0 + n0 // wide * p_n + k0 * wide, add or k0 > 0, n0 + wide > N
                after = p + p_n if n0 + wide < N else p0 + k0 * wide  # the first, for the next rows
                out, o, o_row = (edge, 0, wide) if partial else (C, c + n0, c_row)
                if a_k == 1:
                    column(A, a, a_row, 1, P, p, wide, m, k, out, o, o_row,
                           more and not partial, after)  # fmt: skip
                else:
                    for i in range(0, m, ROWS_A):
                        e, ahead = min(ROWS_A, m - i), after + share(i, k, P, wide)
                        column(S, i * k, 1, e, P, p, wide, e, k, out, o + i * o_row, o_row,
                               more and not partial, ahead)  # fmt: skip
                if partial:
                    for i in range(m):
                        for j in range(N - n0):
                            to = c + i * c_row + n0 + j
                            C[to] = C[to] + edge[i * wide + j] if more else edge[i * wide + j]
