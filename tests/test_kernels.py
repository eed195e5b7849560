"""The kernels equal the textbook functions, for every size and every vector width."""

import os
import subprocess
import sys
import threading
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import njit

from tinylstm import backend, functional, kernels, recurrent
from tinylstm.data import Batch
from tinylstm.kernels import crew, lstm, pool
from tinylstm.kernels.lstm import pack_panels, row_length
from tinylstm.kernels.pool import empty
from tinylstm.kernels.products import BLOCK_M, pack, product, product_address, scratch
from tinylstm.kernels.vectors import wide as panel_width
from tinylstm.layers import LSTM, Dense, Embedding
from tinylstm.losses import CategoricalCrossentropy
from tinylstm.model import Sequential
from tinylstm.optimizers import SGD, Adam, RMSprop
from tinylstm.parallel import Shards
from tinylstm.threads import each_uses

TOLERANCE = {"float32": 2e-5, "float64": 1e-13}
dtypes = st.sampled_from(["float32", "float64"])
seeds = st.integers(0, 2**32 - 1)
# sizes around every tile: 1 row to three tiles, 1 unit to a few panels
sizes = st.tuples(st.integers(1, 5), st.integers(1, 37), st.integers(1, 40), st.integers(1, 70))


def close(a, b, dtype):
    """Assert equality within a tolerance relative to the largest number in b."""
    scale = max(np.abs(b).max(initial=0), 1e-2)  # a sum of hundreds may nearly cancel
    return (
        a.shape == b.shape and a.dtype == dtype and np.abs(a - b).max() <= TOLERANCE[dtype] * scale
    )


CELLS = {"lstm": (4, 2, 1), "gru": (3, 1, 2), "simple_rnn": (1, 1, 1)}  # blocks, states, biases
cells = st.sampled_from(list(CELLS))


def case(cell, seed, size, dropped, dtype, masked=False):
    """Arguments of a cell's forward pass, and gradients for its results."""
    T, B, D, H = size
    blocks, states, biases = CELLS[cell]
    rng = np.random.default_rng(seed)

    def normal(*shape):  # many large weights would be chaos: rounding would grow with every step
        return min(0.4, shape[0] ** -0.5 if len(shape) == 2 else 1) * rng.standard_normal(shape)

    arguments = [normal(T, B, D), *(normal(B, H) for _ in range(states))]
    arguments += [normal(D, blocks * H), normal(H, blocks * H)]
    arguments += [normal(blocks * H) for _ in range(biases)]
    if cell == "lstm":
        arguments.append((rng.random((B, H)) > 0.3) / 0.7 if dropped else None)
    upstream = [normal(T, B, H), *(normal(B, H) for _ in range(states))]
    arguments = [a if a is None else a.astype(dtype) for a in arguments]
    arguments.append(rng.random((T, B)) > 0.4 if masked else None)
    return arguments, [d.astype(dtype) for d in upstream]


lstm_case = partial(case, "lstm")


def run_cell(cell, module, arguments, upstream, order="C"):
    """All results of forward and backward; gradients start at 1, to test that they are added to."""
    _, states, biases = CELLS[cell]
    *results, cache = getattr(module, f"{cell}_forward")(*arguments)
    weights = arguments[1 + states : 3 + states + biases]
    grads = [np.ones_like(W, order=order) for W in weights]
    results += getattr(module, f"{cell}_backward")(*upstream, cache, *grads)
    saved = [getattr(cache, name) for name in ("h", "c", "gates", "an") if hasattr(cache, name)]
    return [*results, *grads, *saved]


run = partial(run_cell, "lstm")


def equals_the_textbook(cell, arguments, upstream, dtype):
    """Whether all results are those of the textbook in float64."""
    in_double = [
        a if a is None or a.dtype == bool else a.astype("float64") for a in (*arguments, *upstream)
    ]
    textbook, n = functional if cell == "lstm" else recurrent, len(arguments)
    expected = run_cell(cell, textbook, in_double[:n], in_double[n:])
    found = run_cell(cell, kernels, arguments, upstream)
    return all(close(a, b, dtype) for a, b in zip(found, expected, strict=True))


@given(cells, seeds, sizes, st.booleans(), dtypes, st.booleans())
def test_a_cell_equals_the_textbook(cell, seed, size, dropped, dtype, masked):
    assert equals_the_textbook(cell, *case(cell, seed, size, dropped, dtype, masked), dtype)


@pytest.mark.parametrize("cell", ["gru", "simple_rnn"])
@pytest.mark.parametrize("size", [(2, 401, 1051, 21), (3, 5, 7, 517), (43, 50, 7, 21)])
def test_other_cells_of_many_blocks_equal_the_textbook(cell, size):
    assert equals_the_textbook(cell, *case(cell, 1, size, False, "float32", True), "float32")


def same_bits(cell, size, dtype, teams=(1, 2, 3, 4)):
    """Whether any number of threads gives the same bits, and those of the textbook."""
    arguments, upstream = case(cell, 2, size, True, dtype, True)
    found = []
    for number in teams:
        with each_uses(number):
            found.append(run_cell(cell, kernels, arguments, upstream))
    alike = all(np.array_equal(a, b) for f in found for a, b in zip(f, found[0], strict=True))
    return alike and equals_the_textbook(cell, arguments, upstream, dtype)


@pytest.fixture
def helpers(monkeypatch):
    """A crew of four, on any machine, that every product is worth."""
    many = crew.Crew(size=3)
    monkeypatch.setattr(crew, "crew", lambda: many)
    monkeypatch.setattr(crew, "ENOUGH", 0)
    monkeypatch.setattr(crew, "PATIENCE", 20_000_000)
    yield many
    many.close()


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_number_of_threads_changes_no_bit(helpers, cell, dtype):
    """All cuts of the columns: sizes of two panels to many, rows of one tile to several blocks."""
    wide = panel_width(np.dtype(dtype))
    for size in ((5, 2, 3, 2 * wide), (3, 9, 2 * wide + 1, 3 * wide), (7, 1, wide, 9 * wide)):
        assert same_bits(cell, size, dtype), size
    assert same_bits(cell, (40, 13, 5, 4 * wide), dtype, (1, 3))
    assert all(helpers.jobs), "no helper took part"


# at least three blocks of rows, columns and K, and an odd end: B above 2 BLOCK_M, D, 4H and T B
# above 2 BLOCK_K; products over several steps at a time, whose last group is shorter
MANY_BLOCKS = ((2, 401, 2051, 21), (3, 5, 7, 517), (43, 50, 7, 21))
NAMES = ("outputs", "h", "c", "dx", "dh0", "dc0", "dWx", "dWh", "db", "all h", "all c", "gates")


def differences(size, dropped, dtype, masked):
    """The names of the results in which kernels and textbook (in float64) differ."""
    arguments, upstream = lstm_case(1, size, dropped, dtype, masked)
    in_double = [a if a is None else a.astype("float64") for a in arguments[:7]] + arguments[7:]
    expected = run(functional, in_double, [d.astype("float64") for d in upstream])
    results = run(kernels, arguments, upstream)
    same = [close(a, b, dtype) for a, b in zip(results, expected, strict=True)]
    return [name for name, equal in zip(NAMES, same, strict=True) if not equal]


@pytest.mark.parametrize("size", MANY_BLOCKS)
@pytest.mark.parametrize("whole", [True, False])
def test_lstm_of_many_blocks_equals_the_textbook(size, whole):
    assert not differences(size, not whole, "float32", not whole)


PRODUCTS = ((401, 2051, 101), (385, 1025, 64), (193, 3, 33), (1, 2049, 7))


@njit
def multiply(at, A, a0, a_row, a_k, P, p0, p_n, wide, M, K, N, C, c0, c_row, add, S, s0):
    product(at, A, a0, a_row, a_k, P, p0, p_n, wide, M, K, N, C, c0, c_row, add, S, s0)


def product_equals_numpy(size, dtype, transposed, add):
    """C (+)= A B inside larger arrays, of which nothing else changes."""
    (M, K, N), rng = size, np.random.default_rng(0)
    wide = panel_width(np.dtype(dtype))
    A, B = (rng.standard_normal(shape).astype(dtype) for shape in ((M, K), (K, N)))
    a_row, a_k = (1, M + 2) if transposed else (K + 3, 1)
    around = np.full((K, M + 2) if transposed else (M, K + 3), np.nan, dtype)
    (around.T if transposed else around)[:M, :K] = A
    flat_a = np.concatenate([np.full(5, np.nan, dtype), around.ravel()])
    P = np.full(7 + -(-N // wide) * wide * K, np.nan, dtype)
    pack(B.ravel(), 0, N, 1, K, N, wide, P, 7)
    C = np.ones((M, N + 4), dtype)
    S = np.full(scratch(wide), np.nan, dtype)
    multiply(product_address(S.dtype), flat_a, 5, a_row, a_k, P, 7, K * wide, wide, M, K, N,
             C.ravel(), 2, N + 4, add, S, 0)  # fmt: skip
    expected = np.ones((M, N + 4))
    expected[:, 2 : N + 2] = A.astype("float64") @ B.astype("float64") + add
    assert close(C, expected, dtype) and (C[:, :2] == 1).all() and (C[:, N + 2 :] == 1).all()


@pytest.mark.parametrize("size", PRODUCTS)
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("add", [False, True])
def test_a_product_of_many_blocks_equals_numpy(size, transposed, add):
    product_equals_numpy(size, "float32", transposed, add)
    product_equals_numpy(size, "float64", transposed, add)


@given(seeds, dtypes)
def test_arguments_are_read_only_and_of_any_layout(seed, dtype):
    arguments, upstream = lstm_case(seed, (3, 4, 5, 6), True, dtype, masked=True)
    expected = run(kernels, arguments, upstream)
    odd = (
        [a if a is None else np.asfortranarray(a) for a in arguments],
        [np.asfortranarray(d) for d in upstream],
    )
    for arrays in odd:
        for array in arrays:
            if array is not None:
                array.flags.writeable = False
    for ours, theirs in zip(run(kernels, *odd, order="F"), expected, strict=True):
        assert np.array_equal(ours, theirs)


@given(seeds, st.integers(1, 9), st.integers(1, 70), dtypes)
def test_cross_entropy_equals_the_textbook(seed, n, classes, dtype):
    rng = np.random.default_rng(seed)
    logits = (20 * rng.standard_normal((n, classes))).astype(dtype)
    targets = rng.integers(-1, classes, n)
    loss, p = kernels.softmax_cross_entropy_forward(logits, targets, 7)
    expected, q = functional.softmax_cross_entropy_forward(logits.astype("float64"), targets, 7)
    assert abs(loss - expected) <= TOLERANCE[dtype] * max(abs(expected), 1)
    assert close(p, q, dtype)
    d = kernels.softmax_cross_entropy_backward(p, targets, 7)
    assert close(d, functional.softmax_cross_entropy_backward(q, targets, 7), dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_nan_is_never_hidden(dtype, bad):
    arguments, _ = lstm_case(0, (2, 3, 4, 37), False, dtype)
    arguments[0][0, 1, 2] = np.nan
    outputs = kernels.lstm_forward(*arguments)[0]
    assert np.isnan(outputs[:, 1]).all()
    assert np.isfinite(outputs[:, [0, 2]]).all()
    logits = np.zeros((2, 5), dtype)
    logits[1, 3] = bad
    for targets in ([0, 0], [0, -1]):
        loss, _ = kernels.softmax_cross_entropy_forward(logits, np.array(targets), 2)
        assert not np.isfinite(loss)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("H", [8, 37])  # 4H fills whole panels, or not
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_sequence_with_nan_does_not_spoil_its_neighbours(dtype, H, bad):
    arguments, upstream = lstm_case(0, (3, 26, 5, H), True, dtype, masked=True)
    expected = run(kernels, arguments, upstream)
    for sick in (0, 13, 25):
        x = arguments[0].copy()
        x[:, sick] = bad
        with np.errstate(all="ignore"):
            results = run(kernels, [x, *arguments[1:]], upstream)
        others = np.arange(26) != sick
        for name in ("outputs", "h", "c", "dx", "dh0", "dc0", "all h", "all c", "gates"):
            a, b = results[NAMES.index(name)], expected[NAMES.index(name)]
            axis = a.ndim - 2
            a, b = (np.compress(others, array, axis) for array in (a, b))
            assert np.array_equal(a, b), (name, sick)


@pytest.mark.parametrize("module", [functional, kernels])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_loss_keeps_its_digits_under_a_common_offset(module, dtype):
    logits = np.random.default_rng(0).integers(-40, 40, (5, 9)) / 8  # exact beside 1e6 in float32
    targets = np.array([0, 8, -1, 3, 4])
    expected, p = functional.softmax_cross_entropy_forward(logits, targets)
    for offset in (1e6, -1e6):
        shifted = (logits + offset).astype(dtype)
        loss, q = module.softmax_cross_entropy_forward(shifted, targets)
        assert abs(loss - expected) <= 3 * np.finfo(dtype).eps * expected
        assert close(q, p, dtype)


def test_a_cross_entropy_with_targets_left_out():
    logits = np.random.default_rng(0).standard_normal((50, 101)).astype("float32")  # from the pool
    targets = np.where(np.arange(50) % 3, np.arange(50), -1)
    loss, p = kernels.softmax_cross_entropy_forward(logits, targets)
    expected, q = functional.softmax_cross_entropy_forward(logits, targets)
    assert loss == pytest.approx(expected, rel=1e-5)
    shelf = empty(p.shape, p.dtype)
    shelf[...] = np.nan  # what old memory may hold
    del shelf
    d = kernels.softmax_cross_entropy_backward(p, targets)
    assert close(d, functional.softmax_cross_entropy_backward(q, targets), "float32")


def test_a_layout_that_no_kernel_reads():
    """Reversed, spread and broadcast memory, and rows of gates in reverse."""
    arguments, upstream = lstm_case(0, (3, 4, 5, 6), True, "float32", masked=True)
    expected = run(kernels, arguments, upstream)

    def spread(a):
        wide = np.full([2 * n for n in a.shape], np.nan, a.dtype)
        place = wide[(slice(None, None, -2),) * a.ndim]
        place[...] = a
        return place

    odd = [spread(a) for a in arguments[:7]] + arguments[7:]
    for ours, theirs in zip(run(kernels, odd, [*map(spread, upstream)]), expected, strict=True):
        assert np.array_equal(ours, theirs)
    *_, cache = kernels.lstm_forward(*arguments)
    turned = np.ascontiguousarray(cache.gates[::-1, ::-1])[::-1, ::-1]
    grads = [np.ones_like(arguments[i]) for i in (3, 4, 5)]
    found = kernels.lstm_backward(*upstream, cache._replace(gates=turned), *grads)
    for ours, theirs in zip([*found, *grads], expected[3:9], strict=True):
        assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extreme_gates_saturate(dtype):
    arguments, _ = lstm_case(0, (1, 1, 1, 20), False, dtype)
    arguments[0][...] = 1e4
    for ours, theirs in zip(
        kernels.lstm_forward(*arguments)[:3], functional.lstm_forward(*arguments)[:3], strict=True
    ):
        assert close(ours, theirs, dtype)


@given(seeds, dtypes)
def test_scatter_adds_every_repetition(seed, dtype):
    rng = np.random.default_rng(seed)
    ids, rows = rng.integers(0, 4, (3, 5)), rng.standard_normal((3, 5, 7)).astype(dtype)
    for order in "CF":
        ours = np.ones((4, 7), dtype, order=order)
        kernels.add_rows(ours, ids, rows)
        theirs = np.ones((4, 7))
        np.add.at(theirs, ids, rows)
        assert close(ours, theirs, dtype)


@pytest.mark.parametrize("kind", [partial(SGD, momentum=0.9), RMSprop, Adam])
@pytest.mark.parametrize("order", "CF")
def test_optimizers_step_as_in_the_textbook(kind, order):
    rng = np.random.default_rng(0)
    results = {}
    start, grads = rng.standard_normal((5, 33)), rng.standard_normal((4, 5, 33))
    for name in ("numpy", "auto"):
        before = backend.set_backend(name)
        p, optimizer = {"w": np.array(start, order=order)}, kind(0.01)
        for g in grads:
            optimizer.update(p, {"w": g})
        backend.set_backend(before)
        results[name] = p["w"]
    assert close(results["auto"], results["numpy"], "float64")
    assert not np.array_equal(results["auto"], start)


def test_zero_divided_by_zero_is_nan_as_in_the_textbook():
    p = np.ones(3, np.float32)
    optimizer = Adam(0.01, epsilon=0)
    backend.optimizer_step(optimizer, p, p)  # compared with the definition before it is used
    optimizer.steps = 1
    kernels.OPTIMIZER_STEPS["tinylstm.optimizers.Adam"](optimizer, p, *np.zeros((3, 3), p.dtype))
    assert np.isnan(p).all()


@given(st.integers(1, 40), st.integers(1, 140), dtypes, st.booleans())
def test_panels_hold_every_weight_once_and_zeros(K, N, dtype, transposed):
    W, wide = np.arange(1, K * N + 1, dtype=dtype).reshape(K, N), panel_width(np.dtype(dtype))
    padded = np.pad(W, [(0, 0), (0, -N % wide)])
    expected = np.concatenate([padded[:, n : n + wide].ravel() for n in range(0, N, wide)])
    weight = np.ascontiguousarray(W.T) if transposed else W
    assert pack_panels(weight, transposed).tobytes() == expected.tobytes()


def test_frozen_weights_change_nothing_but_the_time():
    model = Sequential([Embedding(9, 4), LSTM(20, return_sequences=True), Dense(9)])
    ids = np.arange(12).reshape(6, 2) % 9
    expected, *_ = model.forward(ids)
    with model.frozen():
        states, steps = None, []
        for t in range(6):
            y, states, _ = model.forward(ids[t : t + 1], states)
            steps.append(y[0])
    assert close(np.array(steps), expected, "float32")
    model.params["lstm_1.Wh"][...] = 0
    changed, *_ = model.forward(ids)
    assert not close(changed, expected, "float32")


def test_all_threads_share_what_is_packed(monkeypatch):
    model = Sequential([LSTM(20, return_sequences=True), LSTM(20, return_sequences=True)], 5)
    x = np.random.default_rng(0).standard_normal((6, 8, 5)).astype(np.float32)
    batch = Batch(x, np.zeros((6, 8), int), np.ones(8, bool), 48)
    with Shards(model, CategoricalCrossentropy(), 4) as shards:
        shards.gradients(batch)  # the twins' first check packs weights too
    model.forward(x)
    made = []
    monkeypatch.setattr(
        lstm, "pack_panels", lambda W, way: made.append((id(W), way)) or pack_panels(W, way)
    )
    with Shards(model, CategoricalCrossentropy(), 4) as shards:
        for step in range(3):
            shards.gradients(batch)
            assert len(made) == len(set(made)) == 8, step  # Wx and Wh, two layers, both layouts
            made.clear()
    model.forward(x)
    model.forward(x)
    assert len(made) == 8  # outside a block nothing is kept


def test_a_thread_that_waits_for_another_s_panels_hears_of_its_error(monkeypatch):
    model = Sequential([LSTM(20, return_sequences=True)], 5)
    x = np.zeros((3, 4, 5), np.float32)
    batch = Batch(x, np.zeros((3, 4), int), np.ones(4, bool), 12)

    def full(W, way):
        raise MemoryError("no room for the panels")

    monkeypatch.setattr(lstm, "pack_panels", full)
    with (
        Shards(model, CategoricalCrossentropy(), 4) as shards,
        pytest.raises(MemoryError, match="no room"),
    ):
        shards.gradients(batch)


def test_buffers_are_used_again_and_never_while_in_use():
    first = empty((8, 1000), np.float32)
    place, view = first.ctypes.data, first[1:]
    del first
    other = empty((8, 1000), np.float32)
    assert other.ctypes.data != place  # a view still holds the buffer
    view[...] = 1
    del view
    assert empty((1000, 8), np.float32).ctypes.data == place


@pytest.mark.parametrize("width", ["16", "32", "64"])
def test_every_vector_width_on_every_machine(width, tmp_path):
    """The tiles of other machines: LLVM splits vectors that are too wide for this one."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import numpy as np\n"
        "from test_kernels import MANY_BLOCKS, PRODUCTS, differences, product_equals_numpy\n"
        "from test_kernels import case, equals_the_textbook, panel_width, same_bits\n"
        "for dtype in ('float32', 'float64'):\n"
        "    many = MANY_BLOCKS if dtype == 'float32' else ()\n"
        "    for size in ((2, 1, 3, 5), (3, 13, 9, 21), (2, 26, 33, 18), *many):\n"
        "        assert not differences(size, True, dtype, True), (dtype, size)\n"
        "    for cell in ('gru', 'simple_rnn'):\n"
        "        for size in ((2, 1, 3, 5), (3, 13, 9, 21), (2, 26, 33, 18)):\n"
        "            arrays = case(cell, 1, size, True, dtype, True)\n"
        "            assert equals_the_textbook(cell, *arrays, dtype), (cell, size)\n"
        "    for cell in ('lstm', 'gru', 'simple_rnn'):\n"
        "        assert same_bits(cell, (3, 9, 5, 10 * panel_width(np.dtype(dtype))), dtype)\n"
        "    for size in PRODUCTS:\n"
        "        for transposed in (False, True):\n"
        "            product_equals_numpy(size, dtype, transposed, True)\n"
    )
    environment = {**os.environ, "TINYLSTM_VECTOR_BYTES": width, "TINYLSTM_CACHE": str(tmp_path)}
    command = [sys.executable, "-c", code, os.path.dirname(__file__)]
    subprocess.run(command, env=environment, check=True, timeout=300)


def training_bytes(model, T, B, shards):
    """The formula of docs/speed.md: bytes of a training step, without the parameters."""
    size, b, wide = model.dtype.itemsize, -(-B // shards), panel_width(model.dtype)
    numbers, panels, shapes = 0, 0, set()
    for layer in (layer for layer in model.layers if isinstance(layer, LSTM)):
        D, H = layer.params["Wx"].shape[0], layer.units
        row = row_length(4 * H, model.dtype)
        numbers += 2 * (T + 1) * b * H + T * b * row  # h, c, gates
        if (D, H) not in shapes:  # layers of equal shape share temporary arrays
            shapes.add((D, H))
            numbers += 4 * T * b * H + T * b * (D + H)  # dz in panels; dx, dy
            numbers += BLOCK_M * row + scratch(wide) + (D + H) * row  # dz, strips, dW
        panels += 4 * H * (D + H) * 2  # weights, transposed or not
    return size * (shards * numbers + panels)


def test_the_steady_state_takes_no_new_memory_and_what_it_holds_follows_the_formula(monkeypatch):
    monkeypatch.setattr(pool, "_local", threading.local())  # no buffers of earlier tests
    monkeypatch.setattr(pool, "_shared", pool.Shelves())
    model = Sequential([LSTM(96, return_sequences=True), LSTM(64, return_sequences=True)], 32)
    T, B = 50, 24
    x = np.random.default_rng(0).standard_normal((T, B, 32)).astype(np.float32)
    batch = Batch(x, np.zeros((T, B), int), np.ones(B, bool), T * B)
    with Shards(model, CategoricalCrossentropy(), 2) as shards:
        begin = pool.obtained()
        for _ in range(3):
            shards.gradients(batch)
        held = pool.obtained() - begin
        for _ in range(5):
            shards.gradients(batch)
        assert pool.obtained() - begin == held
    assert 0.7 < held / training_bytes(model, T, B, 2) <= 1
