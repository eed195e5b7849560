"""Bugs of one line each in the kernels, of the kind that only a second block, row or step shows.

Compiling a copy of the kernels for every bug would take half an hour. So here the vector unit is
simulated: Numba is told not to compile, each intrinsic (a tile, a cell, a reduction) is replaced by
its definition in NumPy, and blocks are small, so that small sizes have three of them. What remains
is the loops of products.py, recurrence.py and elementwise.py, as they stand, run by Python in one
thread; and the tests
of test_kernels.py, with sizes to match, must fail on each bug. The intrinsics themselves have no
offsets of their own; test_kernels.py compares them, compiled, for every vector width.
"""

import os
import sys
import types
import warnings
from pathlib import Path

from planted_bugs import CONTEXT, Bug, patched_package

PRODUCTS, LOOP, LSTM, GRU, ELEMENTS, TILES = (
    f"kernels/{name}.py"
    for name in ("products", "recurrence", "lstm", "gru", "elementwise", "tiles")
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
    Bug(PRODUCTS, "to, new = c + i * c_row + n0 + j,", "to, new = c + i * c_row + j,",
        "the last, partial panel in the first columns"),
    Bug(PRODUCTS, "C[to] = C[to] + new if more else", "C[to] = new if more else",
        "a partial panel that forgets"),
    Bug(PRODUCTS, "C[to] = C[to] + new if more else new",
        "C[to] = (C[to] if more else 0 * S[s0]) + new",
        "the first row's NaN for all rows"),
    Bug(PRODUCTS, "+ i * k, 1, e, P", "+ i * k, 1, ROWS_A, P",
        "a strip that is too wide"),
    Bug(PRODUCTS, "out, o + i * o_row, o_row, adds", "out, o, o_row, adds",
        "all strips in the first rows"),
    Bug(PRODUCTS, "+ i * k, 1, e, P", "+ i * BLOCK_K, 1, e, P",
        "strips of a short block at the places of a long one"),
    Bug(PRODUCTS, "to = s0 + m0 * K + k * m", "to = s0 + m0 * K + k * ROWS_A",
        "a narrow strip spread out"),
    Bug(PRODUCTS, "N - n0), p0 + n0 * K", "N - n0), p0 + n0", "panels that overlap"),
    Bug(PRODUCTS, "pack_across(B, b0 + n0 * b_n, b_n", "pack_across(B, b0, b_n",
        "a transpose's first panel for all"),
    Bug(PRODUCTS, "for i in range(k, min(k + W, k1)):", "for i in range(k, k):",
        "the odd end of a transpose left out"),
    Bug(PRODUCTS, "turn(B, b0 + j * b_n + k, b_n", "turn(B, b0 + j * b_n, b_n",
        "a transpose's first square for all"),
    Bug(PRODUCTS, "to_panels(B, b0 + k * b_k + n0, n", "to_panels(B, b0 + k * b_k, n",
        "the first columns in all panels"),
    Bug(TILES, "m, n = m + ROWS_B, n + 1", "m, n = m + ROWS_C, n + 1",
        "rows computed twice, the last ones never"),
    Bug(TILES, "    if M - m >= 1:\n", "    if M - m > 1:\n", "a last single row left out"),
    Bug(PRODUCTS, "p = p0 + done // wide * p_n + k0 * wide\n", "p = p0 + k0 * wide\n",
        "few rows: the first panels for all"),
    Bug(PRODUCTS, "C, c + done, c_row, add or k0 > 0)", "C, c, c_row, add or k0 > 0)",
        "few rows: all panels in the first columns"),
    Bug(PRODUCTS, "c + done, c_row, add or k0 > 0)", "c + done, c_row, add)",
        "few rows: a second block of K overwrites the first"),
    # -------------------------------------------------------------------------- the recurrence
    Bug(LOOP, "x, t * B * D, D, 1, WxP", "x, 0, D, 1, WxP", "the first steps' input for all"),
    Bug(LOOP, "M = min(chunk, T - t) * B\n            for span", "M = B\n            for span",
        "only the first step of a group"),
    Bug(LOOP, "rows, z + x_at + col, row, False, S", "rows, z + x_at + col, row, True, S",
        "the input added to old memory"),
    Bug(LOOP, "h_in[then + i] = h[then + i] * dropout[i]", "h_in[then + i] = h[i] * dropout[i]",
        "dropout of the first state"),
    Bug(LOOP, "c[then + i] = c[now + i]", "pass", "padding that changes the cell"),
    Bug(LOOP, "h[then + i] = h[now + i]", "pass", "padding that changes the output"),
    Bug(LOOP, "if masked and mask[t * B + r] == 0:\n                for i in range(r * H",
        "if masked and mask[r] == 0:\n                for i in range(r * H",
        "the first step's mask for all"),
    Bug(LOOP, "kept[i] = dh[i] + dout[now + i]", "kept[i] = dh[i]",
        "the output's gradient at padding lost"),
    Bug(LOOP, "                        dz[i] = 0\n", "                        pass\n",
        "weights that learn from padding"),
    Bug(LOOP, "range(blocks + (kind == GRU))", "range(blocks)", "the GRU's last block at padding"),
    Bug(LOOP, "(t + 1) * B * H, t % chunk * B * dz_row", "(t + 1) * B * H, 0",
        "one buffer for all steps of a group"),
    Bug(LOOP, "hP, (span * H + u0) * T * B + (t * B + r) * wide",
        "hP, (span * H + u0) * T * B + r * wide", "dz of the last step over the others"),
    Bug(LOOP, "xP, (span * H + u0) * T * B + (t * B + r) * wide",
        "xP, (span * H + u0) * T * B + r * wide", "the GRU's dz of the last step over the others"),
    Bug(LOOP, "to_panels(dz, to + x_at + span * H", "to_panels(dz, to + span * H",
        "the GRU's two candidates mixed up"),
    Bug(LOOP, "dh[i] *= dropout[i]", "pass", "dropout forgotten on the way back"),
    Bug(LOOP, "M, to = min(chunk, T - t) * B, t * B * D + d0", "M, to = chunk * B, t * B * D + d0",
        "a last group as long as the others"),
    Bug(LOOP, "M, to = min(chunk, T - t) * B, t * B * D + d0", "M, to = B, t * B * D + d0",
        "dx of the first step of a group"),
    Bug(LOOP, "dW, (D + u0) * dz_row", "dW, u0 * dz_row", "dWh in the place of dWx"),
    Bug(LOOP, "dh, u0, H, kind == GRU", "dh, u0, H, False", "the GRU's direct path forgotten"),
    Bug(LOOP, "rows[i] = 0", "pass", "the GRU's candidate added to old memory"),
    Bug(LOOP, "product(product_at, dz, x_at, dz_row", "product(product_at, dz, 0, dz_row",
        "the GRU's dx from the state's part"),
    Bug(LSTM, "dWx += dW[:D, :n]", "dWx[...] = dW[:D, :n]", "dWx overwritten, not added"),
    Bug(LSTM, "h_in = s.h if s.dropout is None else s.h[:T] * s.dropout", "h_in = s.h",
        "dropout forgotten in dWh"),
    Bug(LSTM, "h_in[0] = h[0] * dropout", "h_in[0] = h[0]", "dropout forgotten at the first step"),
    Bug(LSTM, "row >= n and a.strides", "a.strides", "rows of gates read backwards"),
    Bug(LSTM, "pack(ready(W).ravel(), 0, 1, K, K, N,", "pack(ready(W).ravel(), 0, N, 1, K, N,",
        "a transpose that is none"),
    Bug(LSTM, "np.roll(dW, -H, axis=1) if", "np.roll(dW, H, axis=1) if", "the GRU's dWh mixed up"),
    Bug(GRU, "dbh[2 * H :] += d[:H]", "dbh[2 * H :] += d[3 * H :]",
        "one gradient for the GRU's two biases"),
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

    from tinylstm import backend, functional, kernels, recurrent
    from tinylstm.kernels import crew, elementwise, lstm, products, recurrence, tiles

    def tile(rows, panels=1):
        def run(A, a0, a_row, a_k, B, b0, b_k, b_n, K, C, c0, c_row, add, next_b):
            wide, k = tiles.VECTORS * tiles.lanes(A.dtype), np.arange(K)
            for panel in range(panels):
                for r in range(rows):
                    a = A[a0 + r * a_row + k * a_k]
                    b = B[b0 + panel * b_n + k[:, None] * b_k + np.arange(wide)]
                    at = c0 + r * c_row + panel * wide
                    C[at : at + wide] = (C[at : at + wide] if add else 0) + a @ b

        return run

    for name, rows in zip("abcd1", tiles.SIZES, strict=True):
        setattr(tiles, f"tile_{name}", tile(rows))
    tiles.thin_1, tiles.thin_2 = tile(1, tiles.PANELS), tile(2, tiles.PANELS)

    def row(a, at, *sizes):
        """A row of the batch, (1, n); of several blocks that are apart, (1, blocks n)."""
        n, blocks, apart = (*sizes, 1, 0)[:3]
        return np.concatenate([a[at + k * apart :][:n] for k in range(blocks)])[None]

    def spread(a, at, values, n, apart):
        for k in range(len(values) // n):
            a[at + k * apart :][:n] = values[k * n : (k + 1) * n]

    def state_part(n, blocks, dtype):
        return np.zeros((1, n), dtype), np.zeros((n, blocks * n), dtype)

    def lstm_cell(z, z0, b, b0, c, p0, c0, h, h0, H, n):
        zx = row(z, z0, n, 4, H) + row(b, b0, n, 4, H)
        zero, Wh = state_part(n, 4, z.dtype)
        found = functional.lstm_cell_forward(zx, zero, row(c, p0, n), Wh)
        h[h0 : h0 + n], c[c0 : c0 + n] = found[0][0], found[1][0]
        spread(z, z0, found[2][0], n, H)

    def back(dz, dz0, db, b0, values, n, H):
        spread(dz, dz0, values, n, H)
        spread(db, b0, row(db, b0, n, len(values) // n, H)[0] + values, n, H)

    def lstm_cell_back(dh, dout, o0, dc, s0, gates, g0, c, c0, p0, dz, dz0, db, b0, H, n):
        found = functional.lstm_cell_backward(
            row(dh, s0, n) + row(dout, o0, n), row(dc, s0, n), row(c, p0, n), row(c, c0, n),
            row(gates, g0, n, 4, H),
        )  # fmt: skip
        dc[s0 : s0 + n] = found[1][0]
        back(dz, dz0, db, b0, found[0][0], n, H)

    def gru_cell(z, z0, b, b0, h, p0, h0, H, n):
        an, zx = row(z, z0, n)[0] + row(b, b0, n)[0], row(z, z0 + H, n, 3, H)
        zero, Wh = state_part(n, 3, z.dtype)
        bh = np.concatenate([zero[0], zero[0], an])
        zx = zx + row(b, b0 + H, n, 3, H)
        old = row(h, p0, n)
        new, gates, an = recurrent.gru_cell_forward(zx, old, Wh, bh)
        h[h0 : h0 + n], z[z0 : z0 + n] = new[0], an[0]
        spread(z, z0 + H, gates[0], n, H)

    def gru_cell_back(dh, s0, dout, o0, gates, g0, h, p0, dz, dz0, db, b0, H, n):
        dzx, da, dh_prev = recurrent.gru_cell_backward(
            row(dh, s0, n) + row(dout, o0, n), row(h, p0, n), row(gates, g0 + H, n, 3, H),
            row(gates, g0, n),
        )  # fmt: skip
        dh[s0 : s0 + n] = dh_prev[0]
        back(dz, dz0, db, b0, np.concatenate([da[0, 2 * n :], dzx[0]]), n, H)

    def rnn_cell(h, h0, b, b0, n):
        h[h0 : h0 + n] = np.tanh(h[h0 : h0 + n] + b[b0 : b0 + n])

    def rnn_cell_back(dh, s0, dout, o0, h, h0, dz, dz0, db, b0, n):
        d = row(dh, s0, n)[0] + row(dout, o0, n)[0]
        back(dz, dz0, db, b0, d * (1 - row(h, h0, n)[0] ** 2), n, 0)

    def to_panels(z, z0, n, P, p0, p_n):
        wide = tiles.VECTORS * tiles.lanes(z.dtype)
        for u in range(n):
            P[p0 + u // wide * p_n + u % wide] = z[z0 + u]

    cells = (lstm_cell, lstm_cell_back, gru_cell, gru_cell_back, rnn_cell, rnn_cell_back)
    for function in (*cells, to_panels):
        setattr(recurrence, function.__name__, function)
    products.to_panels = to_panels

    def turn(B, b0, b_n, P, p0, wide):
        for k in range(wide // tiles.VECTORS):
            for j in range(wide // tiles.VECTORS):
                P[p0 + k * wide + j] = B[b0 + j * b_n + k]

    products.turn = turn
    recurrence.carray = products.carray = lambda array, n: array
    recurrence.view = lambda job, i, like: job[crew.ARRAYS + i]
    recurrence.product = lambda at, *args: products._product(*args)
    lstm.product_address = lambda dtype: 0
    lstm.compiled = lambda body, signature: types.SimpleNamespace(address=body)

    def work(body, sizes, arrays, want):
        """In a team of one."""
        job = [0] * crew.ARRAYS
        job[crew.TEAM], job[crew.SIZES : crew.SIZES + len(sizes)] = 1, sizes
        body(0, [*job, *(array.reshape(-1) for array in arrays)], None)

    lstm.work = work
    elementwise.largest = lambda x, x0, n: x[x0 : x0 + n].max()
    elementwise.total_of = lambda x, x0, n: x[x0 : x0 + n].sum()

    def exp_minus(x, x0, m, y, y0, n):
        y[y0 : y0 + n] = np.exp(x[x0 : x0 + n] - m)

    elementwise.exp_minus = exp_minus
    backend.kernels = lambda: kernels  # which are not taken where nothing is compiled
    products.BLOCK_M = lstm.BLOCK_M = recurrence.BLOCK_M = BLOCK_M
    products.BLOCK_K = BLOCK_K


def check():
    """The tests of test_kernels.py, with three small blocks in each direction. Raises on a bug."""
    import numpy as np
    import test_kernels as tests

    from tinylstm.kernels import products

    tests.BLOCK_M = BLOCK_M
    tests.multiply = lambda at, *args: products._product(*args)
    tests.product_address = lambda dtype: 0
    np.seterr(all="ignore")
    warnings.simplefilter("error", tests.backend.SlowerWarning)  # a twin that is not trusted
    for size in ((53, 37, 21), (49, 33, 16), (25, 16, 9), (1, 37, 80), (2, 37, 80), (26, 9, 40)):
        for transposed in (False, True):
            for add in (False, True):
                tests.product_equals_numpy(size, "float32", transposed, add)
    for size in ((2, 53, 37, 5), (3, 5, 7, 11), (7, 10, 7, 3), (5, 9, 4, 6)):
        for masked in (False, True):
            assert not tests.differences(size, masked, "float32", masked), size
            for cell in ("gru", "simple_rnn"):
                arrays = tests.case(cell, 1, size, False, "float32", masked)
                assert tests.equals_the_textbook(cell, *arrays, "float32"), (cell, size)
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
