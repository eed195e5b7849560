"""Sequential: parameters by path, state and gradients through the chain, files that fit."""

import re

import numpy as np
import pytest

import tinylstm as tl
from tinylstm.files import FileError, save_arrays
from tinylstm.gradcheck import gradcheck
from tinylstm.layers import (
    GRU,
    LAYERS,
    LSTM,
    Activation,
    BatchNormalization,
    Bidirectional,
    Dense,
    Dropout,
    Embedding,
    LayerNormalization,
    OneHot,
    ScaledInteger,
    SimpleRNN,
    TiedDense,
)
from tinylstm.layers.base import Layer
from tinylstm.losses import CategoricalCrossentropy
from tinylstm.model import Sequential


def says(message):
    return f"^{re.escape(message)}$"


def tied(seed=0, dtype=np.float64):
    table = Embedding(6, 3)
    layers = [table, LSTM(4, True), GRU(3, True), BatchNormalization(0.5), TiedDense(table)]
    return Sequential(layers, seed=seed, dtype=dtype)


def plain(seed=0):
    return Sequential([LSTM(4, True), LSTM(3, True), Dense(5)], 2, seed, np.float64)


IDS = np.array([[0, 1], [5, 2], [1, 3], [4, 4]])
X = np.random.default_rng(0).standard_normal((4, 2, 2))


def test_parameters_by_path():
    model = plain()
    assert list(model.params) == [
        "lstm_1.Wx", "lstm_1.Wh", "lstm_1.b", "lstm_2.Wx", "lstm_2.Wh", "lstm_2.b",
        "dense_1.W", "dense_1.b",
    ]  # fmt: skip
    assert model.params["lstm_2.Wh"] is model.layers[1].params["Wh"]
    assert model.output_sizes == [4, 3, 5]
    for path, gradient in model.zero_grads().items():
        assert gradient.shape == model.params[path].shape and not gradient.any()
    assert {p.dtype for p in model.params.values()} == {np.dtype(np.float64)}
    assert Sequential([Dense(1)], 1).dtype == np.float32


def test_same_seed_same_parameters():
    for path, array in plain().params.items():
        assert (plain().params[path] == array).all()
    assert (plain().params["lstm_1.Wx"] != plain(1).params["lstm_1.Wx"]).any()


def test_forward_and_backward_are_the_layers_in_turn():
    model = plain()
    states = [tuple(a + 0.1 for a in s) for s in model.initial_states(2)]
    y, final, caches = model.forward(X, states)
    h, s1, c1 = model.layers[0].forward(X, states[0])
    k, s2, c2 = model.layers[1].forward(h, states[1])
    wanted, s3, c3 = model.layers[2].forward(k)
    assert (y == wanted).all() and s3 == ()
    for ours, theirs in zip([*final[0], *final[1]], [*s1, *s2], strict=True):
        assert (ours == theirs).all()
    grads, dfinal = model.zero_grads(), [tuple(a * 3 for a in s) for s in final]
    dx, dstates = model.backward(y, caches, grads, dfinal)
    own = [{n: np.zeros_like(p) for n, p in layer.params.items()} for layer in model.layers]
    dk, _ = model.layers[2].backward(y, c3, own[2])
    dh, d2 = model.layers[1].backward(dk, c2, own[1], dfinal[1])
    wanted_dx, d1 = model.layers[0].backward(dh, c1, own[0], dfinal[0])
    assert (dx == wanted_dx).all() and len(dstates) == 3
    assert (dstates[0][0] == d1[0]).all() and (dstates[1][1] == d2[1]).all()
    for layer, mine in zip(model.layers, own, strict=True):
        for name, gradient in mine.items():
            assert (grads[f"{layer.name}.{name}"] == gradient).all()


def test_the_whole_net_with_its_loss():
    report = gradcheck(tied(), IDS, (IDS + 1) % 6, CategoricalCrossentropy())
    assert report.ok and len(report.rows) == 14, str(report)


def test_a_tie_is_one_array():
    model = tied()
    table = model.params["embedding_1.table"]
    assert "tieddense_1.table" not in model.params and "tieddense_1.b" in model.params
    assert model.layers[-1].params["table"] is table
    y, _, caches = model.forward(IDS)
    grads = model.zero_grads()
    model.backward(np.ones_like(y), caches, grads)
    own = {"table": np.zeros_like(table), "b": np.zeros(6)}
    model.layers[-1].backward(np.ones_like(y), caches[-1], own)
    assert not np.allclose(own["table"], grads["embedding_1.table"])  # the lookup's part as well
    table += 1
    assert (model.layers[-1].params["table"] == table).all()


def test_statistics_are_weights_that_no_gradient_changes():
    model = tied()
    assert sorted(model.statistics) == [
        "batchnormalization_1.mean",
        "batchnormalization_1.variance",
    ]
    assert set(model.weights) == set(model.params) | set(model.statistics)
    caches = model.forward(IDS, rng=np.random.default_rng(0))[2]
    before = model.statistics["batchnormalization_1.mean"].copy()
    model.update_statistics(caches)
    assert (model.statistics["batchnormalization_1.mean"] != before).all()
    with pytest.raises(ValueError, match="zip"):
        model.update_statistics(caches[:-1])


def test_predict_is_batch_first():
    y, _, _ = plain().forward(X)
    assert (plain().predict(np.swapaxes(X, 0, 1)) == np.swapaxes(y, 0, 1)).all()
    last = Sequential([LSTM(4), Dense(3)], 2, dtype=np.float64)
    assert last.predict(np.swapaxes(X, 0, 1)).shape == (2, 3)


RAGGED = [np.random.default_rng(n).standard_normal((n, 2)) for n in (3, 1, 4)]


@pytest.mark.parametrize("return_sequences", [True, False])
@pytest.mark.parametrize("batch_size", [1, 2, 99])
def test_predict_takes_sequences_of_different_lengths(return_sequences, batch_size):
    layers = [
        Bidirectional(LSTM(4, True)),
        GRU(3, return_sequences),
        LayerNormalization(),
        Dense(3),
    ]
    model = Sequential(layers, 2, dtype=np.float64)
    y = model.predict(RAGGED, batch_size=batch_size)
    assert y.shape == ((3, 4, 3) if return_sequences else (3, 3))
    x = np.full((3, 4, 2), 7.0)
    for i, row in enumerate(RAGGED):
        alone = model.predict(row[None])[0]
        np.testing.assert_allclose(
            y[i, : len(row)] if return_sequences else y[i], alone, rtol=1e-12
        )
        x[i, : len(row)] = row
    padded = model.predict(x, lengths=[3, 1, 4], batch_size=batch_size)
    counts = np.arange(4) < np.array([3, 1, 4])[:, None] if return_sequences else slice(None)
    np.testing.assert_allclose(padded[counts], y[counts], rtol=1e-12)
    with pytest.raises(ValueError, match="x is a list, whose arrays have their own lengths"):
        model.predict(RAGGED, lengths=[3, 1, 4])


def test_predict_takes_ids_of_different_lengths():
    model = Sequential([Embedding(5, 3), LSTM(4), Dense(2)])
    y = model.predict([[1, 2, 3], [4]])
    assert y.shape == (2, 2) and y.dtype == np.float32
    np.testing.assert_allclose(y[1], model.predict(np.array([[4]]))[0], rtol=1e-6)


def test_evaluate_is_measure_on_batch_first_arrays_in_the_models_precision():
    model, classes = Sequential([LSTM(4), Dense(3)], 2, dtype=np.float64), np.array([0, 2, 1])
    found = model.evaluate(RAGGED, classes, metrics=["accuracy", "perplexity"])
    data = tl.Arrays(RAGGED, classes, shuffle=False, dtype=np.float64)
    assert found == tl.measure(model, data, metrics=["accuracy", "perplexity"])
    loss, _ = CategoricalCrossentropy().forward(model.predict(RAGGED), classes)
    assert found["loss"] == pytest.approx(float(loss), rel=1e-14)
    error = model.evaluate(np.ones((3, 4, 2)), np.ones((3, 3)), tl.MeanSquaredError(), batch_size=2)
    assert list(error) == ["loss"]


def test_a_mask_reaches_the_layers_that_use_it_up_to_the_one_that_ends_time():
    seen = []

    class Spy(Layer):
        uses_mask = True

        def forward(self, x, state=None, rng=None, mask="none"):
            seen.append(mask)
            return x, (), None

    model = Sequential([Spy(), LSTM(3, True), Dropout(0.5), Spy(), LSTM(2), Spy()], 2)
    x, mask = X.astype(np.float32), np.array([[True, True]] * 3 + [[True, False]])
    model.forward(x, mask=mask)
    assert seen[0] is mask and seen[1] is mask and seen[2] == "none"
    assert not model.return_sequences and plain().return_sequences
    seen.clear()
    model.forward(x)
    assert seen == ["none"] * 3
    with pytest.raises(
        ValueError, match=says("lstm_1 wants a mask of bool (4, 2), got bool (2, 4)")
    ):
        plain().forward(X, mask=mask.T)


@pytest.mark.parametrize("return_sequences", [True, False])
def test_the_whole_net_with_its_loss_and_a_mask(return_sequences):
    mask = np.array([[False, True], [True, True], [True, False], [True, False]])
    layers = [Embedding(6, 3), LSTM(4, True), BatchNormalization(0.5), LayerNormalization()]
    layers += [Bidirectional(GRU(3, return_sequences)), Dense(6)]
    model = Sequential(layers, dtype=np.float64)
    targets = (IDS + 1) % 6 if return_sequences else np.array([2, 5])
    report = gradcheck(model, IDS, targets, CategoricalCrossentropy(), mask=mask)
    assert report.ok and len(report.rows) == 22, str(report)
    series = gradcheck(
        plain(), X, X.sum(-1, keepdims=True) + np.zeros(5), tl.MeanSquaredError(), mask=mask
    )
    assert series.ok, str(series)


def test_summary():
    lines = tied().summary().splitlines()
    assert lines == [
        "layer                   type                 output       parameters",
        "embedding_1             Embedding            (B, T, 3)            18",
        "lstm_1                  LSTM                 (B, T, 4)           128",
        "gru_1                   GRU                  (B, T, 3)            81",
        "batchnormalization_1    BatchNormalization   (B, T, 3)             6",
        "tieddense_1             TiedDense            (B, T, 6)             6",
        "total                                                            239",
    ]
    big = Sequential([LSTM(100), Dense(1)], 100).summary()
    assert "(B, 100)" in big and "80,400" in big and big.endswith("80,501")


EVERY = [
    OneHot(6),
    Dense(3, "tanh"),
    Dropout(0.25),
    Bidirectional(SimpleRNN(2, return_sequences=True)),
    Activation("relu"),
    BatchNormalization(0.9, 0.01),
    LayerNormalization(0.01),
    GRU(3, return_sequences=True),
    LSTM(3, forget_bias=2.0, recurrent_dropout=0.5),
    Dense(4),
]


@pytest.mark.parametrize(
    ("model", "x"),
    [
        (Sequential(EVERY, dtype=np.float64), IDS.T),
        (Sequential([ScaledInteger(6), LSTM(2)]), IDS.T),
        (tied(), IDS.T),
        (plain(), np.swapaxes(X, 0, 1)),
    ],
)
def test_a_saved_model_is_the_same_model(model, x, tmp_path):
    rng = np.random.default_rng(1)
    for array in model.weights.values():
        array[...] = rng.random(array.shape)
    model.save(tmp_path / "m.npz", note="kept")
    again = Sequential.load(tmp_path / "m.npz")
    assert again.config() == model.config()
    assert again.dtype == model.dtype and again.input_size == model.input_size
    assert list(again.weights) == list(model.weights)
    for path, array in model.weights.items():
        assert (again.weights[path] == array).all()
        assert again.weights[path].dtype == array.dtype
    assert (again.predict(x) == model.predict(x)).all()


def test_a_loaded_tie_is_still_a_tie(tmp_path):
    tied().save(tmp_path / "m.npz")
    again = Sequential.load(tmp_path / "m.npz")
    assert again.layers[-1].params["table"] is again.layers[0].params["table"]


def test_weights_that_do_not_fit_are_all_refused():
    model = plain()
    before = {path: array.copy() for path, array in model.params.items()}
    wrong = {**before, "lstm_1.b": np.zeros(3), "new.W": np.zeros(1)}
    del wrong["dense_1.W"]
    with pytest.raises(ValueError, match=says(
        "weights do not fit the model: no dense_1.W; unknown new.W; lstm_1.b is (3,), not (16,)"
    )):  # fmt: skip
        model.set_weights(wrong)
    for path, array in before.items():
        assert (model.params[path] == array).all()


def test_files_that_hold_no_model_are_named(tmp_path):
    path = tmp_path / "m.npz"
    config = plain().config()
    first = config["layers"][0]
    for description, message in [
        ({}, "'model'"),
        ({"model": {**config, "layers": []}}, "Sequential needs at least one layer"),
        ({"model": {**config, "layers": [{**first, "type": "X"}]}}, "unknown layer type 'X'"),
        ({"model": {**config, "layers": [{**first, "more": 1}]}}, "more"),
        ({"model": config}, "weights do not fit the model: no lstm_1.Wx"),
    ]:
        save_arrays(path, {"optimizer/m": np.zeros(1)}, description)
        with pytest.raises(FileError) as error:
            Sequential.load(path)
        assert str(error.value).startswith(f"{path} holds no model that fits: ")
        assert message in str(error.value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Sequential([]), "Sequential needs at least one layer"),
        (
            lambda: Sequential([layer := Layer(), layer]),
            "two layers are called layer_1: a layer stands only once",
        ),
        (
            lambda: plain().forward(np.array([[[0.0, np.nan]]])),
            "the input of lstm_1 holds nan at (0, 0, 1): clean the data",
        ),
        (
            lambda: plain().forward(X[:0]),
            "lstm_1 wants a float array (T, B, 2) with at least one number, got float64 (0, 2, 2)",
        ),
        (
            lambda: Sequential([LSTM(2), LSTM(2)], 2, dtype=np.float64).forward(X),
            "lstm_2 wants a float array (T, B, 2), got float64 (2, 2): "
            "check the layer before it, or transpose",
        ),
    ],
)
def test_what_does_not_fit_is_named(make, message):
    with pytest.raises(ValueError, match=says(message)):
        make()


def test_names_are_kept_where_they_are_given():
    a, b = Dense(2), Dense(2)
    a.name = "first"
    assert list(Sequential([a, b], 2).params) == ["first.W", "first.b", "dense_2.W", "dense_2.b"]
    with pytest.raises(ValueError, match="zip"):
        plain().forward(X, [None])
    with pytest.raises(ValueError, match="zip"):
        plain().backward(X, [None], {})


def test_frozen_weights_give_the_same_numbers():
    model = Sequential([LSTM(4, True), Dense(3)], 2)
    x = X.astype(np.float32)
    y, states, _ = model.forward(x)
    with model.frozen():
        step, final, _ = model.forward(x[:1])
        for t in range(1, len(x)):
            step, final, _ = model.forward(x[t : t + 1], final)
    np.testing.assert_allclose(step[0], y[-1], rtol=1e-5)
    np.testing.assert_allclose(final[0][1], states[0][1], rtol=1e-5)


def test_a_registered_layer_of_ones_own_is_saved_loaded_and_resumed(tmp_path):
    @tl.register
    class Scaled(tl.Layer):
        config_names = ("factor",)

        def __init__(self, factor):
            super().__init__()
            self.factor = factor

        def forward(self, x, state=None, rng=None):
            return self.factor * x, (), None

        def backward(self, dy, cache, grads, dstate=None):
            return self.factor * dy, ()

    class Stop(tl.Callback):
        def on_batch_end(self, run, loss):
            if run.step == 3:
                raise KeyboardInterrupt

    def run(*callbacks, **more):
        model = Sequential([Embedding(5, 4), Scaled(2.0), LSTM(3, return_sequences=True), Dense(5)])
        data = tl.Streams(tl.Tokens(np.arange(60) % 5, [0]), 2, 5)
        keep = tl.ModelCheckpoint(tmp_path / "m.npz", "loss")
        tl.fit(model, data, 2, callbacks=[keep, *callbacks], threads=1, **more)
        return model

    try:
        whole = run()
        with pytest.raises(KeyboardInterrupt):
            run(Stop())
        resumed = run(resume=tmp_path / "m.npz")
        assert all((resumed.params[path] == p).all() for path, p in whole.params.items())
        loaded = Sequential.load(tmp_path / "m.npz")
        assert repr(loaded.layers[1]) == "Scaled(factor=2.0)"
        ids = np.arange(6).reshape(3, 2) % 5
        assert (loaded.forward(ids)[0] == whole.forward(ids)[0]).all()
        with pytest.raises(ValueError, match="layer LSTM is registered already"):
            tl.register(type("LSTM", (tl.Layer,), {}))
    finally:
        del LAYERS["Scaled"]
    with pytest.raises(tl.FileError, match="unknown layer type 'Scaled'"):
        Sequential.load(tmp_path / "m.npz")
