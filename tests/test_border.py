"""No argument that does not fit reaches a kernel: each is refused by name, or computed right."""

import os

import numpy as np
import pytest

import tinylstm as tl
from tinylstm import backend, border, functional
from tinylstm.data import Batch
from tinylstm.layers import LSTM, Dense, Embedding
from tinylstm.losses import CategoricalCrossentropy
from tinylstm.model import Sequential
from tinylstm.optimizers import SGD, Adam
from tinylstm.parallel import Shards

T, B, D, H = 3, 4, 5, 6
SHAPES = {
    "x": (T, B, D), "h0": (B, H), "c0": (B, H), "Wx": (D, 4 * H), "Wh": (H, 4 * H), "b": (4 * H,),
    "dropout": (B, H),
}  # fmt: skip


def arrays(**others):
    """Arguments of lstm_forward by name, some of them replaced."""
    rng = np.random.default_rng(0)
    found = {name: rng.normal(size=shape).astype("float32") for name, shape in SHAPES.items()}
    return {**found, "mask": np.ones((T, B), bool), **others}


def forward(**others):
    return backend.lstm_forward(*arrays(**others).values())


@pytest.fixture(params=["auto", "numpy"], autouse=True)
def implementation(request):
    """Kernels and textbook refuse the same."""
    if request.param == "auto" and os.environ.get("TINYLSTM_BACKEND") == "numpy":
        pytest.skip("the textbook alone is asked for")
    if request.param == "auto":
        pytest.importorskip("numba")
    before = backend.set_backend(request.param)
    yield request.param
    backend.set_backend(before)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("how", ["short", "long", "flat", "one more axis", "integers", "a list"])
def test_what_does_not_fit_is_refused_by_name(name, how):
    right = arrays()[name]
    wrong = {
        "short": right[..., :-1], "long": np.concatenate([right, right]), "flat": right.ravel()[1:],
        "one more axis": right[None], "integers": right.astype(int), "a list": right.tolist(),
    }[how]  # fmt: skip
    with pytest.raises(ValueError, match=r"^lstm_forward: "):
        forward(**{name: wrong})
    if how in ("integers", "a list"):
        with pytest.raises(ValueError, match=f"^lstm_forward: {name} is .*, but floats"):
            forward(**{name: wrong})


@pytest.mark.parametrize("mask", [np.ones((T, B), int), np.ones((B, T), bool), [[True] * B] * T])
def test_a_mask_is_bools_of_the_right_shape(mask):
    with pytest.raises(ValueError, match=r"^lstm_forward: mask is .*, but bools \(3, 4\) are want"):
        forward(mask=mask)


@pytest.mark.parametrize("shape", [(0, B, D), (T, 0, D), (T, B, 0)])
def test_nothing_is_no_sequence(shape):
    with pytest.raises(ValueError, match=r"x is float32 \(.*\), but floats \(T, B, D\) are wanted"):
        forward(x=np.ones(shape, "float32"))


@pytest.mark.parametrize("field", ["x", "h", "c", "gates", "Wx", "Wh", "dropout"])
@pytest.mark.parametrize("how", ["short", "flat", "None"])
def test_a_changed_cache_is_refused(field, how):
    cache = forward()[-1]
    wrong = {
        "short": getattr(cache, field)[:-1],
        "flat": getattr(cache, field).ravel(),
        "None": None,
    }
    if field == "dropout" and how == "None":
        return  # that is right
    with pytest.raises(ValueError, match=r"^lstm_backward: "):
        backward(cache._replace(**{field: wrong[how]}))


def backward(cache, **others):
    gradients = {"dout": (T, B, H), "dhT": (B, H), "dcT": (B, H)}
    sums = {name: np.zeros(SHAPES[name[1:]], "float32") for name in ("dWx", "dWh", "db")}
    given = {name: np.ones(shape, "float32") for name, shape in gradients.items()}
    given |= {"cache": cache, **sums, **others}
    return backend.lstm_backward(*given.values())


@pytest.mark.parametrize("name", ["dout", "dhT", "dcT", "dWx", "dWh", "db"])
def test_gradients_have_the_shapes_of_what_they_belong_to(name):
    shape = SHAPES.get(name[1:], {"dout": (T, B, H)}.get(name, (B, H)))
    for wrong in (np.ones((2, *shape), "float32"), np.ones(shape[:-1], "float32"), None):
        with pytest.raises(ValueError, match=f"^lstm_backward: {name} is "):
            backward(forward()[-1], **{name: wrong})


def test_what_is_added_to_must_be_writeable():
    dWh = np.zeros(SHAPES["Wh"], "float32")
    dWh.flags.writeable = False
    with pytest.raises(ValueError, match="dWh is read-only, but it is added to: pass a copy"):
        backward(forward()[-1], dWh=dWh)


def test_another_s_cache_is_none():
    with pytest.raises(ValueError, match="wants the cache that lstm_forward returned, not a tuple"):
        backward(tuple(forward()[-1]))


def odd(a):
    """The same numbers in memory that lies otherwise: reversed, spread, not aligned, big-endian."""
    spread = np.zeros([2 * n for n in a.shape], a.dtype)[
        tuple(slice(None, None, 2) for _ in a.shape)
    ]
    spread[...] = a
    raw = np.zeros(a.nbytes + 1, np.uint8)[1:].view(a.dtype).reshape(a.shape)
    raw[...] = a
    locked = a.copy()
    locked.flags.writeable = False
    reverse = tuple(slice(None, None, -1) for _ in a.shape)
    return {
        "reversed": a[reverse].copy()[reverse], "spread": spread, "not aligned": raw,
        "read-only": locked, "fortran": np.asfortranarray(a), "big-endian": a.astype(">f4"),
        "float64": a.astype("float64"),
    }  # fmt: skip


KINDS = list(odd(np.ones(2, "float32")))


@pytest.mark.filterwarnings("ignore::tinylstm.SlowerWarning")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", SHAPES)
def test_arrays_that_lie_otherwise_give_the_same(name, kind):
    expected = functional.lstm_forward(*arrays().values())
    found = forward(**{name: odd(arrays()[name])[kind]})
    for a, b in zip(found[:3], expected[:3], strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6)


@pytest.mark.filterwarnings("ignore::tinylstm.SlowerWarning")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("field", ["x", "h", "c", "gates", "Wx", "Wh", "dropout"])
def test_a_cache_that_lies_otherwise_gives_the_same(field, kind):
    cache = functional.lstm_forward(*arrays().values())[-1]
    sums = [np.zeros(SHAPES[name], "float32") for name in ("Wx", "Wh", "b")]
    ones = [np.ones(shape, "float32") for shape in ((T, B, H), (B, H), (B, H))]
    expected = [*functional.lstm_backward(*ones, cache, *sums), *sums]
    sums = [np.zeros_like(a) for a in sums]
    odd_cache = cache._replace(**{field: odd(getattr(cache, field))[kind]})
    found = [*backend.lstm_backward(*ones, odd_cache, *sums), *sums]
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5)


SOFTMAX = (functional.softmax_cross_entropy_forward, functional.softmax_cross_entropy_backward)


@pytest.mark.parametrize("name", [function.__name__ for function in SOFTMAX])
@pytest.mark.parametrize(
    ("targets", "count", "message"),
    [
        (np.array([0, 3]), 2, "targets hold 3, but the largest index is 2"),
        (np.array([0, 2**63], np.uint64), 2, "targets hold 9223372036854775808, but the largest"),
        (np.array([0]), 2, r"targets is int64 \(1,\), but integers \(2,\) are wanted"),
        (np.array([True, False]), 2, r"targets is bool \(2,\), but integers \(2,\) are wanted"),
        (np.array([0.0, 1.0]), 2, "targets is float64"),
        ([0, 1], 2, "targets is a list"),
        (np.array([0, 1]), 0, "count is 0, but it divides: want above 0"),
        (np.array([0, 1]), np.nan, "count is nan"),
    ],
)
def test_a_target_is_an_index(name, targets, count, message):
    with pytest.raises(ValueError, match=message):
        getattr(backend, name)(np.full((2, 3), 1 / 3, "float32"), targets, count)


def test_ids_are_rows_of_the_table():
    table, rows = np.zeros((4, 2), "float32"), np.ones((3, 2), "float32")
    for ids, message in (
        (np.array([0, 1, 4]), "ids hold 4, but the largest index is 3"),
        (np.array([0, 1, -1]), "ids hold -1, but the smallest index is 0"),
        (np.array([0, 1]), r"rows is float32 \(3, 2\), but floats \(2, 2\) are wanted"),
        (np.array([0.0, 1, 2]), "ids is float64"),
    ):
        with pytest.raises(ValueError, match=message):
            backend.add_rows(table, ids, rows)
    with pytest.raises(ValueError, match=r"table is float32 \(8,\), but floats \(V, U\)"):
        backend.add_rows(table.ravel(), np.array([0, 1, 2]), rows)
    assert not table.any()
    for ids in (np.array([2, 1, 0])[::-1], np.array([0, 1, 2], np.uint8)):
        backend.add_rows(table, ids, odd(rows)["spread"])
    assert table.tolist() == [[2, 2], [2, 2], [2, 2], [0, 0]]


@pytest.mark.parametrize("kind", [SGD, Adam])
def test_an_optimizer_serves_one_model(kind):
    optimizer = kind(0.1)
    small, large = Sequential([LSTM(4)], 3), Sequential([LSTM(40)], 3)
    optimizer.update(small.params, small.zero_grads())
    with pytest.raises(ValueError, match=r"slot '.*' of lstm_1.Wx is .*: an optimizer serves one"):
        optimizer.update(large.params, large.zero_grads())
    assert optimizer.steps == 1


def test_parameters_that_cannot_be_updated():
    for p, message in ((np.ones(2, int), "w is int64"), ([1.0, 2.0], "w is a list")):
        with pytest.raises(ValueError, match=f"^update: {message}"):
            SGD().update({"w": p}, {"w": np.ones(2, int)})
    p = np.ones(2)
    p.flags.writeable = False
    with pytest.raises(ValueError, match="w is read-only"):
        SGD().update({"w": p}, {"w": np.ones(2)})


def test_layers_refuse_gradients_of_another_shape():
    model = Sequential([Embedding(5, 4), LSTM(6, return_sequences=True), Dense(5)])
    y, _, caches = model.forward(np.zeros((4, 3), int))
    for dy in (y.reshape(3, 4, 5), y[:, :1], y[0]):
        with pytest.raises(
            ValueError, match=r"dense_1 wants dy as floats \(4, 3, 5\), got float32"
        ):
            model.backward(dy, caches, model.zero_grads())
    grads = model.zero_grads()
    grads["embedding_1.table"] = grads["embedding_1.table"][:2]
    with pytest.raises(ValueError, match=r"embedding_1 wants grads\['table'\] as floats \(5, 4\)"):
        model.backward(y, caches, grads)


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (Batch(np.zeros(3, int), np.zeros(3, int), np.ones(3, bool), 3), r"x of \(T, B\)"),
        (Batch(np.zeros((3, 0), int), np.zeros((3, 0), int), np.ones(0, bool), 3), "not 0"),
        (Batch(*[np.zeros((3, 2), int)] * 2, np.ones(2, bool), 6, np.ones((3, 2), int)), "a mask"),
        (Batch(*[np.zeros((3, 2), int)] * 2, np.ones(2, bool), 6, np.ones((2, 3), bool)), "a mask"),
    ],
)
def test_shards_refuse_what_is_no_batch(batch, message):
    model = Sequential([Embedding(5, 4), LSTM(6, return_sequences=True), Dense(5)])
    with (
        Shards(model, CategoricalCrossentropy(), 2) as shards,
        pytest.raises(ValueError, match=message),
    ):
        shards.gradients(batch)


def test_weights_keep_their_meaning():
    model = Sequential([Dense(1)], 1)
    weights = {"dense_1.W": np.ones((1, 1)), "dense_1.b": np.ones(1)}
    model.set_weights({**weights, "dense_1.b": np.ones(1, ">f8")})
    for wrong in (np.array(["1"]), np.ones(1, complex), np.full(1, 1e300), np.array([None])):
        with pytest.raises(ValueError, match=r"dense_1.b is .*, which float32 cannot hold"):
            model.set_weights({"dense_1.W": np.zeros((1, 1)), "dense_1.b": wrong})
    assert model.params["dense_1.W"] == 1


def test_float64_input_is_converted_once():
    model = Sequential([LSTM(4, return_sequences=True), Dense(2)], 3)
    x = np.random.default_rng(0).standard_normal((5, 2, 3))
    y, states, _ = model.forward(x)
    assert y.dtype == states[0][0].dtype == "float32"
    assert np.array_equal(y, model.forward(x.astype("float32"))[0])
    with pytest.raises(
        ValueError, match=r"the input of lstm_1, as float32 holds inf at \(0, 0, 0\)"
    ):
        model.forward(x + np.where(np.arange(30).reshape(5, 2, 3) == 0, 1e300, 0))


def test_a_layer_alone_says_once_that_two_types_are_slow(implementation, monkeypatch):
    monkeypatch.setattr(backend, "_warned", set())
    model = Sequential([LSTM(4)], 3)
    if implementation == "numpy":
        model.layers[0].forward(np.ones((5, 2, 3)))
        return
    with pytest.warns(tl.SlowerWarning, match="lstm_forward got float32 and float64 arrays"):
        model.layers[0].forward(np.ones((5, 2, 3)))
    model.layers[0].forward(np.ones((5, 2, 3)))


def test_the_border_knows_every_function_that_has_a_twin():
    twins = ("lstm_forward", "lstm_backward", *(function.__name__ for function in SOFTMAX))
    assert all(callable(getattr(border, name)) for name in twins)
