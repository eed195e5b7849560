"""Bugs of one line each in the kernels, of the kind that only a second block, row or step shows.

Compiling a copy of the kernels for every bug would take half an hour. So here the vector unit is
simulated: Numba is told not to compile, each intrinsic (a tile, a cell, a reduction) is replaced by
its definition in NumPy, and blocks are small, so that small sizes have three of them. What remains
is the loops of products.py, lstm.py and elementwise.py, as they stand, run by Python; and the tests
of test_kernels.py, with sizes to match, must fail on each bug. The intrinsics themselves have no
offsets of their own; test_kernels.py compares them, compiled, for every vector width.
"""

import os
import sys
import warnings
from pathlib import Path

from planted_bugs import CONTEXT, Bug, patched_package

PRODUCTS, LSTM, ELEMENTS, TILES = (
    f"kernels/{name}.py" for name in ("products", "lstm", "elementwise", "tiles")
)
BLOCK_M, BLOCK_K = 24, 16  # of the simulation: multiples of the tiles' rows

BUGS = [
    # ------------------------------------------------------------------------- the whole product
    Bug(PRODUCTS, "a0 + m0 * a_row + k0 * a_k, c0", "a0 + k0 * a_k, c0",
        "A's first block of rows for all"),
    Bug(PRODUCTS, "a0 + m0 * a_row + k0 * a_k, c0", "a0 + m0 * a_row, c0",
        "A's first block of K for all"),
    Bug(PRODUCTS, "c0 + m0 * c_row\n", "c0\n", "C's first block of rows for all"),
    Bug(PRODUCTS, "p0 + n0 // wide * p_n + k0 * wide, add", "p0 + n0 // wide * p_n, add",
        "B's first block of K for all"),
    Bug(PRODUCTS, "p0 + n0 // wide * p_n + k0 * wide, add", "p0 + k0 * wide, add",
        "the first panel for all columns"),
    Bug(PRODUCTS, "add or k0 > 0, n0 + wide > N", "add, n0 + wide > N",
        "a second block of K that overwrites the first"),
    Bug(PRODUCTS, "add or k0 > 0, n0 + wide > N", "True, n0 + wide > N",
        "a product that is always added"),
    Bug(PRODUCTS, "k = min(BLOCK_K, K - k0)", "k = min(BLOCK_K, K)", "an end of K beyond the end"),
    Bug(PRODUCTS, "m, a, c = min(BLOCK_M, M - m0)", "m, a, c = min(BLOCK_M, M)",
        "rows beyond the last"),
    Bug(PRODUCTS, "else (C, c + n0, c_row)", "else (C, c, c_row)",
        "all panels in the first columns"),
    Bug(PRODUCTS, "to = c + i * c_row + n0 + j", "to = c + i * c_row + j",
        "the last, partial panel in the first columns"),
    Bug(PRODUCTS, "C[to] = C[to] + edge[i * wide + j] if more else",
        "C[to] = edge[i * wide + j] if more else", "a partial panel that forgets"),
    Bug(PRODUCTS, "C[to] = C[to] + edge[i * wide + j] if more else edge[i * wide + j]",
        "C[to] = (C[to] if more else 0 * edge[0]) + edge[i * wide + j]",
        "the first row's NaN for all rows"),
    Bug(PRODUCTS, "column(S, i * k, 1, e,", "column(S, i * k, 1, ROWS_A,",
        "a strip that is too wide"),
    Bug(PRODUCTS, "out, o + i * o_row, o_row,\n", "out, o, o_row,\n",
        "all strips in the first rows"),
    Bug(PRODUCTS, "column(S, i * k, 1, e,", "column(S, i * BLOCK_K, 1, e,",
        "strips of a short block at the places of a long one"),
    Bug(PRODUCTS, "to = m0 * K + k * m", "to = m0 * K + k * ROWS_A", "a narrow strip spread out"),
    Bug(PRODUCTS, "start = p0 + n0 * K", "start = p0 + n0", "panels that overlap"),
    Bug(PRODUCTS, "P[start + k * wide + j] = B[b0 + k * b_k + (n0 + j) * b_n]",
        "P[start + k * wide + j] = B[b0 + k * b_k + j * b_n]", "a transpose's first panel for all"),
    Bug(PRODUCTS, "for k in range(k0, min(k0 + 16, K)):", "for k in range(k0, K - K % 16):",
        "the odd end of a transpose left out"),
    Bug(TILES, "m += ROWS_B", "m += ROWS_C", "rows computed twice, the last ones never"),
    Bug(TILES, "    if M - m >= 1:\n", "    if M - m > 1:\n", "a last single row left out"),
    # -------------------------------------------------------------------------------- the LSTM
    Bug(LSTM, "product(x, t * B * D, D, 1, WxP", "product(x, 0, D, 1, WxP",
        "the first steps' input for all"),
    Bug(LSTM, "M = min(chunk, T - t) * B\n            product(x,", "M = B\n            product(x,",
        "only the first step of a group"),
    Bug(LSTM, "z, row, False, x)\n", "z, row, True, x)\n", "the input added to old memory"),
    Bug(LSTM, "h_in[now + i] = h[now + i] * dropout[i]", "h_in[now + i] = h[i] * dropout[i]",
        "dropout of the first state"),
    Bug(LSTM, "h[then + i], c[then + i] = h[now + i], c[now + i]", "h[then + i] = h[now + i]",
        "padding that changes the cell"),
    Bug(LSTM, "if not mask[t * B + r]:\n                dh[",
        "if not mask[r]:\n                dh[",
        "the first step's mask for all"),
    Bug(LSTM, "kept[i] = dh[i] + dout[now + i]", "kept[i] = dh[i]",
        "the output's gradient at padding lost"),
    Bug(LSTM, "dz[to : to + n] = 0", "pass", "weights that learn from padding"),
    Bug(LSTM, "now, then, z = t * B * H, (t + 1) * B * H, t % chunk * B * dz_row",
        "now, then, z = t * B * H, (t + 1) * B * H, 0", "one buffer for all steps of a group"),
    Bug(LSTM, "to_panels(dz, to, n, dzP, (t * B + r) * wide, panels)",
        "to_panels(dz, to, n, dzP, r * wide, panels)", "dz of the last step over the others"),
    Bug(LSTM, "dh[i] *= dropout[i]", "pass", "dropout forgotten on the way back"),
    Bug(LSTM, "M, to = min(chunk, T - t) * B, t * B * D", "M, to = chunk * B, t * B * D",
        "a last group as long as the others"),
    Bug(LSTM, "M, to = min(chunk, T - t) * B, t * B * D", "M, to = B, t * B * D",
        "dx of the first step of a group"),
    Bug(LSTM, "dW, D * dz_row, dz_row, False, S)", "dW, 0, dz_row, False, S)",
        "dWh in the place of dWx"),
    Bug(LSTM, "dWx += dW[:D, : 4 * H]", "dWx[...] = dW[:D, : 4 * H]", "dWx overwritten, not added"),
    Bug(LSTM, "h_in = h if dropout is None else h[:T] * dropout", "h_in = h",
        "dropout forgotten in dWh"),
    Bug(LSTM, "row >= n and a.strides", "a.strides", "rows of gates read backwards"),
    Bug(LSTM, "b_k, b_n = (1, W.shape[1]) if transposed else", "b_k, b_n = (W.shape[1], 1) if "
        "transposed else", "a transpose that is none"),
    # ---------------------------------------------------------------------------------- the rest
    Bug(ELEMENTS, "total += log(s) - (logits[row + targets[i]] - m)",
        "total += log(s) + m - logits[row + targets[i]]", "a loss that loses its digits"),
    Bug(ELEMENTS, "total += log(s) - (logits[row + targets[i]] - m)",
        "total += log(s) - (logits[targets[i]] - m)", "the first row's target for all"),
    Bug(ELEMENTS, "            for j in range(V):\n                d[row + j] = 0\n",
        "            pass\n", "a gradient of old memory where a target is left out"),
    Bug(ELEMENTS, "table[ids[i] * U + j] += rows[i * U + j]",
        "table[ids[i] * U + j] = rows[i * U + j]",
        "a repeated id counted once"),
    Bug(ELEMENTS, "v[i] = momentum * v[i] - rate * g[i]", "v[i] = momentum * v[0] - rate * g[i]",
        "the first number's momentum for all"),
    Bug(ELEMENTS, "(1 - b2**t) ** 0.5 / (1 - b1**t)", "(1 - b2) ** 0.5 / (1 - b1)",
        "no t in Adam's twin"),
]  # fmt: skip


def simulate():
    """Replace the intrinsics by their definitions in NumPy, and make the blocks small."""
    import numpy as np

    from tinylstm import functional
    from tinylstm.kernels import elementwise, lstm, products, tiles

    def tile(rows):
        def run(A, a0, a_row, a_k, B, b0, b_k, K, C, c0, c_row, add, next_b):
            wide, k = tiles.VECTORS * tiles.lanes(A.dtype), np.arange(K)
            for r in range(rows):
                a = A[a0 + r * a_row + k * a_k]
                b = B[b0 + k[:, None] * b_k + np.arange(wide)]
                at = slice(c0 + r * c_row, c0 + r * c_row + wide)
                C[at] = (C[at] if add else 0) + a @ b

        return run

    for name, rows in zip("abcd1", tiles.SIZES, strict=True):
        setattr(tiles, f"tile_{name}", tile(rows))

    def cell_forward(z, z0, bias, c_prev, p0, c, c0, h, h0, n):
        zx, old = z[None, z0 : z0 + 4 * n] + bias, c_prev[None, p0 : p0 + n]
        zero = np.zeros((1, n), z.dtype), np.zeros((n, 4 * n), z.dtype)
        found = functional.lstm_cell_forward(zx, zero[0], old, zero[1])
        h[h0 : h0 + n], c[c0 : c0 + n], z[z0 : z0 + 4 * n] = (a[0] for a in found)

    def cell_backward(dh, dh0, dout, o0, dc, dc0, gates, g0, c, c0, c_prev, p0, dz, dz0, db, n):
        def row(a, at, size=n):
            return a[None, at : at + size]

        found = functional.lstm_cell_backward(
            row(dh, dh0) + row(dout, o0), row(dc, dc0), row(c_prev, p0), row(c, c0),
            row(gates, g0, 4 * n),
        )  # fmt: skip
        dz[dz0 : dz0 + 4 * n], dc[dc0 : dc0 + n] = (a[0] for a in found)
        db += found[0][0]

    def to_panels(z, z0, n, P, p0, p_n):
        wide = tiles.VECTORS * tiles.lanes(z.dtype)
        for u in range(n):
            P[p0 + u // wide * p_n + u % wide] = z[z0 + u]

    lstm.cell_forward, lstm.cell_backward, lstm.to_panels = cell_forward, cell_backward, to_panels
    elementwise.largest = lambda x, x0, n: x[x0 : x0 + n].max()
    elementwise.total_of = lambda x, x0, n: x[x0 : x0 + n].sum()

    def exp_minus(x, x0, m, y, y0, n):
        y[y0 : y0 + n] = np.exp(x[x0 : x0 + n] - m)

    elementwise.exp_minus = exp_minus
    products.BLOCK_M = lstm.BLOCK_M = BLOCK_M
    products.BLOCK_K = lstm.BLOCK_K = BLOCK_K


def check():
    """The tests of test_kernels.py, with three small blocks in each direction. Raises on a bug."""
    import numpy as np
    import test_kernels as tests

    tests.BLOCK_M, tests.BLOCK_K = BLOCK_M, BLOCK_K
    np.seterr(all="ignore")
    warnings.simplefilter("error", tests.backend.SlowerWarning)  # a twin that is not trusted
    for size in ((53, 37, 21), (49, 33, 16), (25, 16, 9)):
        for transposed in (False, True):
            for add in (False, True):
                tests.product_equals_numpy(size, "float32", transposed, add)
    for size in ((2, 53, 37, 5), (3, 5, 7, 11), (7, 10, 7, 3), (5, 9, 4, 6)):
        for masked in (False, True):
            assert not tests.differences(size, masked, "float32", masked), size
    for dtype in ("float32",):
        tests.test_a_sequence_with_nan_does_not_spoil_its_neighbours(dtype, 5, np.nan)
        tests.test_the_loss_keeps_its_digits_under_a_common_offset(tests.kernels, dtype)
    tests.test_a_cross_entropy_with_targets_left_out()
    tests.test_scatter_adds_every_repetition.hypothesis.inner_test(0, "float32")
    tests.test_arguments_are_read_only_and_of_any_layout.hypothesis.inner_test(0, "float32")
    tests.test_a_layout_that_no_kernel_reads()
    for kind in (tests.partial(tests.SGD, momentum=0.9), tests.RMSprop, tests.Adam):
        tests.test_optimizers_step_as_in_the_textbook(kind, "C")


def run(folder):
    """In a process of its own: exits with 10 if the checks pass on the copy, with 11 if not."""
    os.environ |= {"NUMBA_DISABLE_JIT": "1", "TINYLSTM_VECTOR_BYTES": "16"}
    os.environ.pop("TINYLSTM_BACKEND", None)
    sys.path[:0] = [str(folder), str(Path(__file__).parent)]
    sys.dont_write_bytecode = True
    for name in list(sys.modules):
        if name.partition(".")[0] in ("tinylstm", "numba") or name.startswith("test_"):
            del sys.modules[name]
    import tinylstm

    assert str(folder) in str(tinylstm.__file__)
    simulate()
    try:
        check()
    except (AssertionError, IndexError, ValueError, ZeroDivisionError, UserWarning):
        os._exit(11)
    os._exit(10)


def passes(bug, folder):
    """Whether the checks pass on a copy of the package with that bug; None for no bug."""
    bug = bug or BUGS[0]._replace(wrong=BUGS[0].right)
    process = CONTEXT.Process(target=run, args=(patched_package(bug, folder, ("music",)),))
    process.start()
    process.join()
    if process.exitcode not in (10, 11):
        raise RuntimeError(f"the check ended with {process.exitcode}: neither passed nor failed")
    return process.exitcode == 10
