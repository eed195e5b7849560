"""The vector unit itself: each operation on its own, compiled, for every width and length.

`load` imports a second copy of kernels/vectors.py and kernels/gates.py, for any width of the
vector registers and from any folder: planted_vector_bugs.py hands it copies with a bug.
"""

import functools
import importlib
import sys
import types
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("numba")
from numba import njit
from numba.core import types as kinds
from numba.extending import intrinsic

from tinylstm import functional, kernels

FOLDER = Path(kernels.__file__).parent
AROUND = 5  # numbers on both sides of an array that nobody may write to
CASES = [(16, "float64"), (16, "float32"), (32, "float64"), (64, "float32")]
# the largest error in units of the last place, over the range of each function
ULPS = {"exp": 1.2, "tanh": 2.6, "sigmoid": 1.6}


def load(width, folder=FOLDER):
    """Copies of vectors.py and gates.py for registers of `width` bytes."""
    name = "vectors_apart"
    for module in [module for module in sys.modules if module.partition(".")[0] == name]:
        del sys.modules[module]
    package = types.ModuleType(name)
    package.__path__ = [str(folder)]
    sys.modules[name] = package
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TINYLSTM_VECTOR_BYTES", str(width))
        vectors, gates = (importlib.import_module(f"{name}.{m}") for m in ("vectors", "gates"))
    return vectors, gates


def elementwise(vectors, function, dtype):
    """A compiled y[y0:][:n] = function(x[x0:][:n]), with `function` of a Vector."""
    width = vectors.lanes(dtype)

    @intrinsic
    def apply(typing, x, x0, y, y0, n):
        def emit(context, builder, signature, args):
            arrays = [vectors.Array(context, builder, signature.args[i], args[i]) for i in (0, 2)]

            def body(u, w):
                value = arrays[0].load(builder.add(args[1], u), w)
                arrays[1].store(builder.add(args[3], u), function(value))

            vectors.for_each(builder, args[4], width, body)
            return context.get_dummy_value()

        return kinds.void(x, x0, y, y0, n), emit

    @njit
    def run(x, x0, y, y0, n):
        apply(x, x0, y, y0, n)

    def whole(x):
        y = np.full(len(x) + 2 * AROUND, 7, dtype)
        padded = np.pad(x, (3, 0), constant_values=np.nan)
        run(padded, 3, y, AROUND, len(x))
        assert (y[:AROUND] == 7).all() and (y[AROUND + len(x) :] == 7).all()
        return y[AROUND : AROUND + len(x)]

    return whole


def ulps(found, exact, dtype):
    """The largest distance in units of the last place of the exact value."""
    rounded = exact.astype(dtype)
    return float((np.abs(found.astype("longdouble") - exact) / np.spacing(np.abs(rounded))).max())


def lengths(vectors, dtype):
    """Every number of full vectors from 0 to 2, with every end."""
    return range(2 * vectors.lanes(dtype) + 6)


def functions_are_accurate(vectors, dtype):
    """exp, tanh and sigmoid over their range, at zero, where they saturate, and at NaN."""
    most, smallest = (87.0, 1e-37) if dtype == "float32" else (708.0, 1e-300)
    fine = np.concatenate([-np.geomspace(smallest, most, 3000), -np.linspace(0, most, 3000), [0]])
    fine = fine.astype(dtype)
    found = elementwise(vectors, vectors.exp, dtype)(fine)
    assert ulps(found, np.exp(fine.astype("longdouble")), dtype) < ULPS["exp"]
    both = np.concatenate([fine, -fine])
    found = elementwise(vectors, vectors.tanh, dtype)(both)
    exact = np.tanh(both.astype("longdouble"))
    assert ulps(found, exact, dtype) < ULPS["tanh"]
    assert (np.signbit(found) == np.signbit(both)).all() and (np.abs(found) <= 1).all()
    found = elementwise(vectors, vectors.sigmoid, dtype)(both)
    off = np.abs(found - 1 / (1 + np.exp(-both.astype("longdouble")))).max()
    assert off < ULPS["sigmoid"] * np.finfo(dtype).eps / 2  # beside 1: it is 0.5 + 0.5 tanh
    ends = np.array([-np.inf, -1e30, -0.0, 0.0, 1e30, np.inf, np.nan], dtype)
    least = np.exp(np.longdouble(-most)).astype(dtype)
    found = elementwise(vectors, vectors.exp, dtype)(ends[[0, 1, 2, 3, 6]])
    assert np.allclose(found[:2], least, rtol=1e-6, atol=0) and (found[2:4] == 1).all()
    assert np.isnan(found[4])
    for name, wanted in (("tanh", [-1, -1, 0, 0, 1, 1]), ("sigmoid", [0, 0, 0.5, 0.5, 1, 1])):
        found = elementwise(vectors, getattr(vectors, name), dtype)(ends)
        assert (found[:6] == np.array(wanted)).all() and np.isnan(found[6]), name


def operators_are_those_of_numpy(vectors, dtype):
    """Every operator of Vector, with vectors and numbers, on every length."""
    rng = np.random.default_rng(0)
    fraction = elementwise(vectors, lambda v: (2.0 - v) * v / (v * v + 3.0) - 0.5, dtype)
    for n in lengths(vectors, dtype):
        x = rng.standard_normal(n).astype(dtype)
        found = fraction(x)
        assert np.allclose(found, (2 - x) * x / (x * x + 3) - 0.5, atol=1e-6)
    x = rng.standard_normal(50).astype(dtype)
    x[7] = np.nan
    for function, wanted in (
        (lambda v: v + 1.0 + v, 2 * x + 1),
        (lambda v: 1.0 + v * 2.0 - v, 1 + x),
        (lambda v: v.at_most(0.25), np.where(x > 0.25, 0.25, x)),
        (lambda v: v.at_least(0.25), np.where(x < 0.25, 0.25, x)),
        (lambda v: v.larger(v * -1.0), np.abs(x)),
        (lambda v: (v * 8.0).call("rint").at_most(30.0).at_least(-30.0).power_of_two(),
         2.0 ** np.clip(np.rint(8 * x), -30, 30)),
    ):  # fmt: skip
        keep = np.isfinite(x)
        found = elementwise(vectors, function, dtype)(x)
        assert np.allclose(found[keep], wanted[keep], atol=1e-6)
    assert np.isnan(elementwise(vectors, lambda v: v.at_most(0.0), dtype)(x)[7])
    assert np.isnan(elementwise(vectors, lambda v: v.at_least(0.0), dtype)(x)[7])
    assert not np.isnan(elementwise(vectors, lambda v: v.larger(v * 0.0 + 1.0), dtype)(x)[:7]).any()
    tiny = np.finfo(dtype).eps
    near = np.full(3, 1 + tiny, dtype)  # rounded once: 1 + 2 eps + eps**2 - (1 + 2 eps)
    found = elementwise(vectors, lambda v: v.fma(v, -(1 + 2 * float(tiny))), dtype)(near)
    assert (found == tiny**2).all()


def powers_of_two_are_exact(vectors, dtype):
    """Over all normal exponents."""
    e = np.arange(np.finfo(dtype).minexp, np.finfo(dtype).maxexp)
    found = elementwise(vectors, lambda v: v.power_of_two(), dtype)(e.astype(dtype))
    assert (found == np.ldexp(np.ones(1, dtype), e)).all()


def broadcasts(vectors, dtype):
    """A number of an array in every lane."""
    width = vectors.lanes(dtype)

    @intrinsic
    def spread(typing, x, i, y):
        def emit(context, builder, signature, args):
            x, y = (vectors.Array(context, builder, signature.args[i], args[i]) for i in (0, 2))
            y.store(vectors.I64(0), x.broadcast(args[1], width))
            return context.get_dummy_value()

        return kinds.void(x, i, y), emit

    @njit
    def run(x, i, y):
        spread(x, i, y)

    y = np.zeros(width + 1, dtype)
    run(np.arange(5, 9).astype(dtype), 2, y)
    assert (y[:width] == 7).all() and y[width] == 0


def registers_are_as_wide_as_stated(vectors, bytes_):
    """The numbers that everything else is cut by."""
    assert bytes_ == vectors.BYTES
    for dtype, size in (("float32", 4), ("float64", 8)):
        W = bytes_ // size
        assert vectors.lanes(np.dtype(dtype)) == W and vectors.wide(np.dtype(dtype)) == 2 * W
        assert vectors.widths(W) == sorted({W, min(W, 4), 1}, reverse=True)


def rows_go_to_panels(vectors, gates, dtype):
    """to_panels: 2 W numbers to each panel, the last one in part."""
    run = compiled(gates.to_panels, 6)
    wide = vectors.wide(np.dtype(dtype))
    for n in (0, 1, 3, wide - 1, wide, wide + 1, 3 * wide - 1):
        z = np.arange(1, n + 12).astype(dtype)
        P = np.zeros((3, wide + 4), dtype)
        run(z, 4, n, P.ravel(), 2, wide + 4)
        wanted = np.zeros((3, wide + 4), dtype)
        for u in range(n):
            wanted.ravel()[2 + u // wide * (wide + 4) + u % wide] = z[4 + u]
        assert np.array_equal(P, wanted), n


@functools.cache
def compiled(operation, count):
    """A compiled function that does nothing but an intrinsic of `count` arguments."""
    names = ", ".join("abcdefghijklmnopqrst"[:count])
    space = {"operation": operation}
    exec(f"def run({names}):\n    return operation({names})", space)
    return njit(space["run"])


def rows_are_reduced(vectors, gates, dtype):
    """largest, total_of and exp_minus on parts of a row, of every length."""
    largest, total_of = compiled(gates.largest, 3), compiled(gates.total_of, 3)
    exp_minus, rng = compiled(gates.exp_minus, 6), np.random.default_rng(0)
    for n in lengths(vectors, dtype):
        for place in {0, n // 2, n - 1} if n else ():  # where the largest is
            row = np.full(n + 2 * AROUND, 1e9, dtype)
            x = row[AROUND : AROUND + n] = -1 - rng.random(n).astype(dtype)
            x[place] = row[AROUND + place] = -0.5
            assert largest(row, AROUND, n) == dtype_of(dtype)(-0.5)
            y = np.full(n + 2 * AROUND, 7, dtype)
            exp_minus(row, AROUND, dtype_of(dtype)(-0.25), y, AROUND - 1, n)
            wanted = np.full(n + 2 * AROUND, 7.0)
            wanted[AROUND - 1 : AROUND - 1 + n] = np.exp(x.astype("float64") + 0.25)
            assert np.allclose(y, wanted, rtol=4 * np.finfo(dtype).eps, atol=0)
        row = np.full(n + 2 * AROUND, 1e9, dtype)
        row[AROUND : AROUND + n] = 2.0 ** np.arange(n)  # every sum of them is another number
        assert n > 24 or total_of(row, AROUND, n) == 2**n - 1
        row[AROUND : AROUND + n] = np.arange(n)
        assert total_of(row, AROUND, n) == n * (n - 1) // 2


def cells_are_the_textbooks(vectors, gates, dtype):
    """Each cell, forward and back, on a part of a row inside larger arrays of which nothing else
    changes: n of H units, from a place of its own in every array.
    """
    H, rng = 2 * vectors.lanes(np.dtype(dtype)) + 9, np.random.default_rng(0)
    for n in (1, H - 3, H):
        for cell in (lstm, gru, simple_rnn):
            for operation, arguments, wanted in cell(gates, rng, dtype, H, n):
                before = [np.copy(a) for a in arguments]
                compiled(operation, len(arguments))(*arguments)
                for place, (found, old) in enumerate(zip(arguments, before, strict=True)):
                    right = wanted.get(place, old)
                    limit = 8 * np.finfo(dtype).eps * max(1, np.abs(right).max())
                    assert np.abs(found - right).max() < limit, (operation, place, n)


def within(rng, dtype, sizes):
    """A flat array of random numbers for each size, and where the row begins in it."""
    for size in sizes:
        yield rng.uniform(-2, 2, size + 2 * AROUND).astype(dtype)
        yield int(rng.integers(1, AROUND))


def blocks(array, start, H, n, number=4):
    """The n first numbers of each of some blocks of H, (number, n), as float64."""
    places = start + H * np.arange(number)[:, None] + np.arange(n)
    return array[places].astype("float64")


def put_blocks(array, start, H, values):
    """A copy in which the n first numbers of each block are others."""
    changed = array.astype("float64")
    for block, row in enumerate(values):
        changed[start + block * H : start + block * H + len(row)] = row
    return changed


def lstm(gates, rng, dtype, H, n):
    """The LSTM's cell: a row's four blocks, the bias, c with two rows, h."""
    z, z0, b, b0, c, c0, h, h0 = within(rng, dtype, (4 * H, 4 * H, 2 * H, H))
    p0, zero = c0 + H, np.zeros((1, 4 * n))
    sums = (blocks(z, z0, H, n) + blocks(b, b0, H, n)).reshape(1, -1)
    old = c[None, p0 : p0 + n].astype("float64")
    out, cell, found = functional.lstm_cell_forward(sums, zero[:, :n], old, np.zeros((n, 4 * n)))
    wanted = {0: put_blocks(z, z0, H, found.reshape(4, n)), 4: put_blocks(c, c0, H, cell)}
    arguments = (z, z0, b, b0, c, p0, c0, h, h0, H, n)
    yield gates.lstm_cell, arguments, wanted | {7: put_blocks(h, h0, H, out)}

    dh, s0, dout, o0, dc, _, g, g0, c, c0, dz, dz0, db, b0 = within(
        rng, dtype, (H, H, H, 4 * H, 2 * H, 4 * H, 4 * H)
    )
    p0 = c0 + H
    dz_row, dc_old = functional.lstm_cell_backward(
        blocks(dh, s0, H, n, 1) + blocks(dout, o0, H, n, 1), blocks(dc, s0, H, n, 1),
        blocks(c, p0, H, n, 1), blocks(c, c0, H, n, 1), blocks(g, g0, H, n).reshape(1, -1),
    )  # fmt: skip
    rows = dz_row.reshape(4, n)
    wanted = {3: put_blocks(dc, s0, H, dc_old), 10: put_blocks(dz, dz0, H, rows)}
    wanted[12] = put_blocks(db, b0, H, blocks(db, b0, H, n) + rows)
    arguments = (dh, dout, o0, dc, s0, g, g0, c, c0, p0, dz, dz0, db, b0, H, n)
    yield gates.lstm_cell_back, arguments, wanted


def gru(gates, rng, dtype, H, n):
    """The GRU's cell: blocks an, r, u, n, and h with two rows. By its formulas, written out."""
    z, z0, b, b0, h, h0 = within(rng, dtype, (4 * H, 4 * H, 2 * H))
    p0 = h0 + H
    an, zr, zu, zn = blocks(z, z0, H, n) + blocks(b, b0, H, n)
    r, u = (1 / (1 + np.exp(-a)) for a in (zr, zu))
    new, old = np.tanh(zn + r * an), blocks(h, p0, H, n, 1)[0]
    wanted = {0: put_blocks(z, z0, H, [an, r, u, new])}
    wanted[4] = put_blocks(h, h0, H, [(1 - u) * new + u * old])
    yield gates.gru_cell, (z, z0, b, b0, h, p0, h0, H, n), wanted

    dh, s0, dout, o0, g, g0, h, p0, dz, dz0, db, b0 = within(
        rng, dtype, (H, H, 4 * H, H, 4 * H, 4 * H)
    )
    an, r, u, new = blocks(g, g0, H, n)
    d = (blocks(dh, s0, H, n, 1) + blocks(dout, o0, H, n, 1))[0]
    dzn = d * (1 - u) * (1 - new**2)
    old = blocks(h, p0, H, n, 1)[0]
    rows = [dzn * r, dzn * an * r * (1 - r), d * (old - new) * u * (1 - u), dzn]
    wanted = {0: put_blocks(dh, s0, H, [d * u]), 8: put_blocks(dz, dz0, H, rows)}
    wanted[10] = put_blocks(db, b0, H, blocks(db, b0, H, n) + rows)
    yield gates.gru_cell_back, (dh, s0, dout, o0, g, g0, h, p0, dz, dz0, db, b0, H, n), wanted


def simple_rnn(gates, rng, dtype, H, n):
    """The simple net's cell: h = tanh(h + b)."""
    h, h0, b, b0 = within(rng, dtype, (H, H))
    out = np.tanh(blocks(h, h0, H, n, 1) + blocks(b, b0, H, n, 1))
    yield gates.rnn_cell, (h, h0, b, b0, n), {0: put_blocks(h, h0, H, out)}
    dh, s0, dout, o0, h, h0, dz, dz0, db, b0 = within(rng, dtype, (H, H, H, H, H))
    d = blocks(dh, s0, H, n, 1) + blocks(dout, o0, H, n, 1)
    row = d * (1 - blocks(h, h0, H, n, 1) ** 2)
    wanted = {6: put_blocks(dz, dz0, H, row)}
    wanted[8] = put_blocks(db, b0, H, blocks(db, b0, H, n, 1) + row)
    yield gates.rnn_cell_back, (dh, s0, dout, o0, h, h0, dz, dz0, db, b0, n), wanted


def dtype_of(name):
    """The scalar type with that name."""
    return np.dtype(name).type


OF_ROWS = [cells_are_the_textbooks, rows_go_to_panels, rows_are_reduced]
OF_VECTORS = [functions_are_accurate, broadcasts, powers_of_two_are_exact]
OF_VECTORS += [operators_are_those_of_numpy]


@pytest.mark.parametrize(("width", "dtype"), CASES)
def test_the_vector_unit(width, dtype):
    vectors, gates = load(width)
    registers_are_as_wide_as_stated(vectors, width)
    for check in OF_VECTORS:
        check(vectors, dtype)
    for check in OF_ROWS:
        check(vectors, gates, dtype)


def the_processor_decides(vectors):
    """Which width is chosen for which features."""
    for features, width in (({"avx512f", "avx2"}, 64), ({"avx2"}, 32), (set(), 16)):
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("TINYLSTM_VECTOR_BYTES", raising=False)
            found = dict.fromkeys(features, True)
            patch.setattr(vectors.binding, "get_host_cpu_features", lambda found=found: found)
            assert vectors.vector_bytes() == width


def test_the_processor_decides():
    the_processor_decides(load(32)[0])


def test_a_copy_is_apart_from_the_package():
    """`load` leaves the package's own modules as they are."""
    own = sys.modules["tinylstm.kernels.vectors"]
    assert load(16)[0] is not own and sys.modules["tinylstm.kernels.vectors"] is own
