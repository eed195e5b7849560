"""Layers: initial weights, error messages, states, configurations.

Each gradient is checked once here; test_properties.py tries many shapes and values.
"""

import copy
import re

import naive
import numpy as np
import pytest

from tinylstm import initializers
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
    Reverse,
    ScaledInteger,
    SimpleRNN,
    TiedDense,
    layer_from_config,
)
from tinylstm.layers.base import Layer, check_finite, describe
from tinylstm.layers.dense import ACTIVATIONS
from tinylstm.layers.dropout import dropout_mask
from tinylstm.layers.sequences import Recurrent
from tinylstm.model import Sequential


def built(layer, size=3, dtype=np.float64, seed=0):
    layer.build(size, np.random.default_rng(seed), dtype)
    return layer


def numbers(*shape, seed=0, dtype=np.float64):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def says(message):
    """Match the whole message."""
    return f"^{re.escape(message)}$"


def embedding():
    return built(Embedding(5, 3), None)


MAKERS = {
    "LSTM": lambda: LSTM(4, True, 0.5),
    "LSTM last": lambda: LSTM(4),
    "LSTM dropout": lambda: LSTM(4, recurrent_dropout=0.5),
    "GRU": lambda: GRU(4, True),
    "GRU last": lambda: GRU(4),
    "GRU reset before": lambda: GRU(4, True, reset_after=False),
    "SimpleRNN": lambda: SimpleRNN(4, True),
    "SimpleRNN last": lambda: SimpleRNN(4),
    "Bidirectional LSTM": lambda: Bidirectional(LSTM(3, True, recurrent_dropout=0.5)),
    "Bidirectional GRU": lambda: Bidirectional(GRU(2)),
    "Reverse": Reverse,
    "Dense": lambda: Dense(4),
    **{f"Dense {name}": lambda name=name: Dense(4, name) for name in ACTIVATIONS if name},
    **{f"Activation {name}": lambda name=name: Activation(name) for name in ACTIVATIONS},
    "TiedDense": lambda: TiedDense(embedding()),
    "Dropout": lambda: Dropout(0.5),
    "BatchNormalization": lambda: BatchNormalization(),
    "LayerNormalization": lambda: LayerNormalization(),
}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
def test_every_gradient(make, training):
    report = gradcheck(built(make()), numbers(4, 2, 3), training=training)
    assert report.ok, str(report)


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
def test_backward_adds_to_the_gradients(make):
    layer, rng = built(make()), np.random.default_rng(0)
    y, _, cache = layer.forward(numbers(4, 2, 3), None, rng)
    once = {name: np.zeros_like(p) for name, p in layer.params.items()}
    more = {name: np.full_like(p, 0.5) for name, p in layer.params.items()}
    layer.backward(y, cache, once)
    layer.backward(y, cache, more)
    for name, gradient in once.items():
        np.testing.assert_allclose(more[name], gradient + 0.5, rtol=1e-13)
        assert gradient.any()


def test_an_embedding_sums_the_gradients_of_a_token_that_occurs_twice():
    layer = embedding()
    table = layer.params["table"]
    y, state, cache = layer.forward(np.array([[1, 1], [4, 0]]))
    assert (y == table[[[1, 1], [4, 0]]]).all() and state == ()
    grads = {"table": np.full((5, 3), 0.5)}
    dx, dstate = layer.backward(np.ones((2, 2, 3)), cache, grads)
    assert dx is None and dstate == ()
    assert grads["table"].tolist() == [[v] * 3 for v in (1.5, 2.5, 0.5, 0.5, 1.5)]
    assert built(Embedding(5, 3), None, np.float32).dtype == np.float32
    assert built(Embedding(5, 3), None, np.float32).params["table"].dtype == np.float32
    assert 0.8 < built(Embedding(50, 40), None).params["table"].std() < 1.2


def test_tied_weights_have_the_type_of_the_embedding():
    table = built(Embedding(5, 3), None, np.float32)
    layer = built(TiedDense(table), dtype=np.float32)
    assert layer.dtype == np.float32 and layer.params["b"].dtype == np.float32
    assert layer.params["b"].tolist() == [0] * 5 and layer.params["table"] is table.params["table"]


def test_one_hot_and_scaled_integers():
    ids = np.array([[0, 2]])
    layer = OneHot(3)
    assert layer.build(None, np.random.default_rng(0), np.float32) == 3
    y, state, cache = layer.forward(ids)
    assert y.tolist() == [[[1, 0, 0], [0, 0, 1]]] and y.dtype == np.float32
    assert state == () and layer.backward(y, cache, {}) == (None, ())
    layer = ScaledInteger(4)
    assert layer.build(None, np.random.default_rng(0), np.float32) == 1
    y, state, cache = layer.forward(ids)
    assert y.tolist() == [[[0.0], [0.5]]] and y.dtype == np.float32
    assert state == () and cache is None


def test_the_identity():
    layer, x = Layer(), numbers(2, 2, 2)
    assert layer.build(7, np.random.default_rng(0), np.float64) == 7
    assert layer.dtype == np.float64 and layer.config() == {} and repr(layer) == "Layer()"
    y, state, cache = layer.forward(x)
    assert y is x and state == () and layer.initial_state(2) == ()
    dx, dstate = layer.backward(y, cache, {})
    assert dx is x and dstate == ()
    assert layer.update_statistics(cache) is None
    assert layer.name == "" and layer.params == {} and layer.statistics == {}
    assert Layer().dtype == np.float32


# ---------------------------------------------------------------------- initial parameters


@pytest.mark.parametrize(("make", "blocks"), [(LSTM, 4), (GRU, 3), (SimpleRNN, 1)])
def test_recurrent_parameters_at_the_start(make, blocks):
    layer = make(6)
    assert layer.build(5, np.random.default_rng(0), np.float32) == 6
    assert not layer.return_sequences
    Wx, Wh, b = (layer.params[name] for name in ("Wx", "Wh", "b"))
    assert Wx.shape == (5, 6 * blocks) and Wh.shape == (6, 6 * blocks) and b.shape == (6 * blocks,)
    np.testing.assert_allclose(Wh @ Wh.T, np.eye(6), atol=1e-6)
    limit = np.sqrt(6 / (5 + 6 * blocks))
    assert 0.8 * limit < np.abs(Wx).max() <= limit
    assert {p.dtype for p in layer.params.values()} == {np.dtype(np.float32)}
    state = layer.initial_state(3)
    assert [s.shape for s in state] == [(3, 6)] * (2 if make is LSTM else 1)
    assert not np.any(state) and {s.dtype for s in state} == {np.dtype(np.float32)}
    assert layer.dtype == np.float32


def test_biases_at_the_start():
    assert built(LSTM(2)).params["b"].tolist() == [0, 0, 1, 1, 0, 0, 0, 0]
    assert built(LSTM(1, forget_bias=2.5)).params["b"].tolist() == [0, 2.5, 0, 0]
    assert not built(GRU(2)).params["b"].any() and not built(GRU(2)).params["bh"].any()
    dense = Dense(4)
    assert dense.build(3, np.random.default_rng(0), np.float32) == 4
    assert not dense.params["b"].any() and dense.params["W"].shape == (3, 4)
    assert dense.params["W"].dtype == dense.params["b"].dtype == dense.dtype == np.float32


def test_initializers():
    rng = np.random.default_rng(0)
    W = initializers.glorot_uniform((60, 40), rng, np.float32)
    assert W.dtype == np.float32
    np.testing.assert_allclose([W.min(), W.max()], [-0.24495, 0.24495], rtol=0.01)
    for shape in ((3, 8), (8, 3), (5, 5)):
        q = initializers.orthogonal(shape, rng, np.float64)
        assert q.shape == shape
        product = q @ q.T if shape[0] <= shape[1] else q.T @ q
        np.testing.assert_allclose(product, np.eye(min(shape)), atol=1e-14)
    # uniform over all orthogonal matrices: diagonals have mean zero
    diagonals = [np.trace(initializers.orthogonal((3, 3), rng, np.float64)) for _ in range(2000)]
    assert abs(np.mean(diagonals)) < 0.1
    assert initializers.orthogonal((2, 2), rng, np.float32).dtype == np.float32
    # C order: a kernel that writes into a flat view must not get a copy
    assert initializers.orthogonal((3, 8), rng, np.float64).flags.c_contiguous


# ------------------------------------------------------------------------- outputs and states


def test_without_return_sequences_only_the_last_output():
    x, state = numbers(4, 2, 3), (numbers(2, 4, seed=1), numbers(2, 4, seed=2))
    whole, last = built(LSTM(4, return_sequences=True)), built(LSTM(4))
    outputs, final, _ = whole.forward(x, state)
    y, final_too, _ = last.forward(x, state)
    assert (y == outputs[-1]).all() and (y == final_too[0]).all()
    assert all((a == b).all() for a, b in zip(final, final_too, strict=True))
    wanted = naive.lstm(x, *state, **whole.params)
    np.testing.assert_allclose(outputs, wanted[0], rtol=1e-13)
    np.testing.assert_allclose(final[1], wanted[2], rtol=1e-13)


def test_bidirectional_is_two_readers_side_by_side():
    layer, x = built(Bidirectional(GRU(4, True))), numbers(5, 2, 3)
    y, (ahead, back), _ = layer.forward(x)
    readers = [built(GRU(4, True)), built(GRU(4, True))]
    for reader, direction in zip(readers, ("forward", "backward"), strict=True):
        reader.params = {n: layer.params[f"{direction}.{n}"] for n in reader.params}
    first, (h,), _ = readers[0].forward(x)
    second, (hb,), _ = readers[1].forward(x[::-1])
    assert (y == np.concatenate([first, second[::-1]], axis=-1)).all()
    assert (ahead == h).all() and (back == hb).all()
    assert not (layer.params["forward.Wx"] == layer.params["backward.Wx"]).any()
    last = built(Bidirectional(GRU(4)))
    assert last.forward(x)[0].shape == (2, 8)
    assert (last.forward(x)[0] == np.concatenate([first[-1], second[-1]], axis=-1)).all()


def test_between_two_reverses_a_layer_is_the_second_reader_of_a_bidirectional():
    both, x = built(Bidirectional(GRU(4, True))), numbers(5, 2, 3)
    reader, turn = both.readers["backward"], Reverse()
    y, _, _ = turn.forward(reader.forward(turn.forward(x)[0])[0])
    assert (y == both.forward(x)[0][..., 4:]).all()


def test_reverse_takes_only_sequences_of_one_length():
    x, mask = numbers(5, 2, 3), np.ones((5, 2), bool)
    assert (Reverse().forward(x, mask=mask)[0] == x[::-1]).all()
    mask[3:, 1] = False
    with pytest.raises(ValueError, match="Reverse cannot turn round sequences of different"):
        Reverse().forward(x, mask=mask)


def test_bidirectional_readers_have_its_type_and_their_own_masks():
    layer = built(Bidirectional(LSTM(8, recurrent_dropout=0.5)), dtype=np.float32)
    assert layer.dtype == np.float32
    assert {p.dtype for p in layer.params.values()} == {np.dtype(np.float32)}
    x = numbers(5, 2, 3, dtype=np.float32)
    ahead, back = layer.forward(x, None, np.random.default_rng(0))[2]
    assert ahead.dropout.shape == back.dropout.shape == (2, 8)
    assert (ahead.dropout != back.dropout).any()


def test_bidirectional_gives_each_reader_its_own_state():
    layer, x = built(Bidirectional(LSTM(2, True))), numbers(3, 2, 3)
    assert layer.dtype == np.float64
    zeros = layer.initial_state(2)
    assert [s.shape for s in zeros] == [(2, 2)] * 4 and not np.any(zeros)
    state = tuple(numbers(2, 2, seed=k) for k in range(4))
    _, final, _ = layer.forward(x, state)
    ahead, back = layer.readers.values()
    assert (final[1] == ahead.forward(x, state[:2])[1][1]).all()
    assert (final[3] == back.forward(x[::-1], state[2:])[1][1]).all()


def test_bidirectional_layers_name_their_readers():
    model = Sequential([Bidirectional(LSTM(2, True)), Bidirectional(GRU(2))], input_size=3)
    names = [reader.name for layer in model.layers for reader in layer.readers.values()]
    assert names == [f"bidirectional_{k}.{d}" for k in (1, 2) for d in ("forward", "backward")]
    alone = built(Bidirectional(LSTM(2)))
    assert alone.readers["backward"].name == "bidirectional.backward"


def test_recurrent_alone_has_no_maths():
    layer = built(Recurrent(2))
    with pytest.raises(NotImplementedError):
        layer.scan(numbers(1, 1, 3), (), None)
    with pytest.raises(NotImplementedError):
        layer.scan_backward(numbers(1, 1, 2), (), None, {})


def test_activations():
    z = np.array([[-1.0, 0.0, 2.0]])
    wanted = {
        "relu": [0, 0, 2],
        "tanh": np.tanh(z[0]),
        "sigmoid": naive.sigmoid(z[0]),
        "softmax": naive.softmax(z[0]),
        None: z[0],
    }
    for name, row in wanted.items():
        np.testing.assert_allclose(Activation(name).forward(z)[0][0], row, rtol=1e-14)
    assert np.isnan(Activation("relu").forward(np.array([np.nan]))[0]).all()
    assert Activation("relu").forward(np.array([0.0, 0.5]))[0].tolist() == [0, 0.5]
    assert Activation("relu").forward(np.array([1e-20j]))[0] == 0  # forward treats zero alike
    corner = Activation("relu")
    assert corner.backward(np.ones(1), np.zeros(1), {})[0].tolist() == [0]  # by convention
    for name in wanted:
        assert Activation(name).forward(z.astype(np.float32))[0].dtype == np.float32
        y = Activation(name).forward(z.astype(np.float32))[0]
        assert ACTIVATIONS[name][1](y, y).dtype == np.float32


def test_softmax_neither_overflows_nor_underflows():
    z = np.array([[[1e4, 0.0], [-1e4, -1e4 - 1]], [[3e4, 3e4], [0.0, 1e4]]])
    with np.errstate(all="raise", under="ignore"):
        y = Activation("softmax").forward(z)[0]
    share = 1 / (1 + np.exp(-1))
    np.testing.assert_allclose(y, [[[1, 0], [share, 1 - share]], [[0.5, 0.5], [0, 1]]])


def test_dense_takes_any_number_of_axes():
    layer = built(Dense(4))
    x = numbers(2, 5, 3)
    assert layer.forward(x)[0].shape == (2, 5, 4)
    np.testing.assert_allclose(layer.forward(x[0])[0], layer.forward(x)[0][0], rtol=1e-14)


# ------------------------------------------------------------------------------- randomness


def test_dropout_drops_in_training_only():
    layer, x = built(Dropout(0.25), dtype=np.float32), np.ones((50, 20, 10), np.float32)
    assert layer.forward(x)[0] is x
    y, state, mask = layer.forward(x, None, np.random.default_rng(0))
    assert state == () and y.dtype == np.float32
    assert set(np.unique(y).tolist()) == {0.0, np.float32(4 / 3)}
    assert abs((y == 0).mean() - 0.25) < 0.02
    assert (layer.backward(x, mask, {})[0] == mask).all()
    assert built(Dropout(0)).forward(x, None, np.random.default_rng(0))[0] is x


def test_masks_are_the_same_from_the_same_generator():
    masks = [dropout_mask(np.random.default_rng(seed), (4, 5), 0.5, float) for seed in (3, 3, 4)]
    assert (masks[0] == masks[1]).all() and (masks[0] != masks[2]).any()
    drawn = np.random.default_rng(3).integers(65536, size=(4, 5), dtype=np.uint16)
    assert ((masks[0] > 0) == (drawn >= 32768)).all()  # the same masks in any precision

    class Edge:
        def integers(self, high, size, dtype):
            return np.full(size, high // 4, dtype)

    assert (dropout_mask(Edge(), (2,), 0.25, float) > 0).all()  # high // 4 is the first kept value
    assert dropout_mask(None, (2,), 0.5, float) is None
    assert dropout_mask(np.random.default_rng(0), (2,), 0, float) is None
    assert dropout_mask(np.random.default_rng(0), (2,), 0.5, np.float32).dtype == np.float32


def test_recurrent_dropout_has_one_mask_for_the_sequence():
    layer, x = built(LSTM(8, True, recurrent_dropout=0.5)), numbers(4, 3, 3)
    assert layer.forward(x)[2].dropout is None
    y, _, cache = layer.forward(x, None, np.random.default_rng(0))
    assert cache.dropout.shape == (3, 8) and set(np.unique(cache.dropout)) == {0, 2}
    h = np.zeros((3, 8))
    single = built(LSTM(8, True, recurrent_dropout=0.5), dtype=np.float32)
    cache_32 = single.forward(x.astype(np.float32), None, np.random.default_rng(0))[2]
    assert cache_32.dropout.dtype == np.float32 and (cache_32.dropout == cache.dropout).all()
    np.testing.assert_allclose(y, naive.lstm(x, h, h, **layer.params, dropout=cache.dropout)[0])


# ---------------------------------------------------------------------------------- masks

LENGTHS = np.array([4, 1, 3])
MASKS = {
    "at the end": np.arange(4)[:, None] < LENGTHS,  # (T, B)
    "at the start": np.arange(4)[:, None] >= 4 - LENGTHS,
    "in the middle": np.arange(12).reshape(4, 3) % 4 != 1,
}
MASKED = {name: make for name, make in MAKERS.items() if make().uses_mask and name != "Reverse"}


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
@pytest.mark.parametrize("make", MASKED.values(), ids=MASKED)
def test_every_gradient_with_a_mask(make, mask):
    for training in (True, False):
        report = gradcheck(built(make()), numbers(4, 3, 3), training=training, mask=mask)
        assert report.ok, str(report)


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
@pytest.mark.parametrize("make", MASKED.values(), ids=MASKED)
def test_a_padded_batch_is_its_sequences_one_by_one(make, mask):
    """Outputs at the steps that count, final states, and every gradient."""
    layer, x = built(make()), numbers(4, 3, 3)
    state = tuple(a + 0.3 * numbers(*a.shape, seed=5) for a in layer.initial_state(3))
    y, final, cache = layer.forward(x, state, None, mask)
    dy, dfinal = numbers(*y.shape, seed=6), tuple(numbers(*a.shape, seed=7) for a in final)
    if layer.return_sequences:
        dy[~mask] = 0  # a masked output enters no loss
    grads = {name: np.zeros_like(p) for name, p in layer.params.items()}
    dx, dstate = layer.backward(dy, cache, grads, dfinal)
    total = {name: np.zeros_like(p) for name, p in layer.params.items()}
    for b in range(3):
        on, one = mask[:, b], slice(b, b + 1)
        alone, last, kept = layer.forward(x[on, one], tuple(a[one] for a in state))
        part = (on, one) if layer.return_sequences else (one,)
        np.testing.assert_allclose(y[part], alone, rtol=1e-12)
        for a, c in zip(final, last, strict=True):
            np.testing.assert_allclose(a[one], c, rtol=1e-12)
        dlast = tuple(a[one] for a in dfinal)
        dalone, dfirst = layer.backward(dy[part], kept, total, dlast)
        np.testing.assert_allclose(dx[on, one], dalone, rtol=1e-11, atol=1e-13)
        assert not dx[~on, b].any()
        for a, c in zip(dstate, dfirst, strict=True):
            np.testing.assert_allclose(a[one], c, rtol=1e-11, atol=1e-13)
    for name, gradient in total.items():
        np.testing.assert_allclose(grads[name], gradient, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("kind", [LSTM, GRU, SimpleRNN])
def test_the_last_output_is_that_of_the_last_step_that_counts(kind):
    whole, last, x = built(kind(4, True)), built(kind(4)), numbers(4, 3, 3)
    outputs, _, _ = whole.forward(x)
    y, (h, *_), _ = last.forward(x, mask=MASKS["at the end"])
    assert (y == outputs[LENGTHS - 1, np.arange(3)]).all() and (y == h).all()
    held, _, _ = whole.forward(x, mask=MASKS["at the end"])
    assert (held[-1] == y).all()  # a masked step repeats the output before it


def test_bidirectional_reads_each_sequence_back_from_its_own_end():
    layer, x = built(Bidirectional(SimpleRNN(4, True))), numbers(4, 3, 3)
    back = built(SimpleRNN(4, True))
    back.params = {n: layer.params[f"backward.{n}"] for n in back.params}
    y, _, _ = layer.forward(x, mask=MASKS["at the end"])
    for b, n in enumerate(LENGTHS):
        alone, _, _ = back.forward(x[:n, b : b + 1][::-1])
        np.testing.assert_allclose(y[:n, b, 4:], alone[::-1, 0], rtol=1e-12)


def test_recurrent_dropout_goes_with_a_mask():
    layer, x, mask = (
        built(LSTM(8, True, recurrent_dropout=0.5)),
        numbers(4, 3, 3),
        MASKS["at the end"],
    )
    y, _, cache = layer.forward(x, None, np.random.default_rng(0), mask)
    h = np.zeros((3, 8))
    wanted = naive.lstm(x, h, h, **layer.params, dropout=cache.dropout, mask=mask)[0]
    np.testing.assert_allclose(y, wanted, rtol=1e-12)


@pytest.mark.parametrize("layer", [LSTM(2), GRU(2), Bidirectional(LSTM(2)), BatchNormalization()])
def test_wrong_masks_are_named(layer):
    layer, x = built(copy.deepcopy(layer)), numbers(4, 3, 3)
    name = "bidirectional.forward" if isinstance(layer, Bidirectional) else type(layer).__name__
    for mask, got in (
        (np.ones((4, 3)), "float64 (4, 3)"),
        (np.ones((3, 4), bool), "bool (3, 4)"),
        ([[True] * 3] * 4, "'list'"),
    ):
        with pytest.raises(
            ValueError, match=says(f"{name} wants a mask of bool (4, 3), got {got}")
        ):
            layer.forward(x, mask=mask)


# ------------------------------------------------------------------------ batch normalization


def test_batch_normalization_normalises_and_measures():
    layer = BatchNormalization(momentum=0.75, epsilon=1e-12)
    assert layer.build(3, np.random.default_rng(0), np.float32) == 3
    assert {a.dtype for a in (*layer.params.values(), *layer.statistics.values())} == {layer.dtype}
    layer = built(BatchNormalization(momentum=0.75, epsilon=1e-12))
    assert layer.params["gamma"].tolist() == [1] * 3 and layer.params["beta"].tolist() == [0] * 3
    x = 2 + 3 * numbers(50, 4, 3)
    y, state, cache = layer.forward(x, None, np.random.default_rng(0))
    assert state == ()
    np.testing.assert_allclose(y.mean(axis=(0, 1)), 0, atol=1e-13)
    np.testing.assert_allclose(y.std(axis=(0, 1)), 1, rtol=1e-9)
    assert layer.statistics["mean"].tolist() == [0] * 3  # forward does not change them
    assert layer.statistics["variance"].tolist() == [1] * 3
    layer.update_statistics(cache)
    np.testing.assert_allclose(layer.statistics["mean"], 0.25 * x.mean(axis=(0, 1)))
    np.testing.assert_allclose(layer.statistics["variance"], 0.75 + 0.25 * x.var(axis=(0, 1)))
    used, _, cache = layer.forward(x)
    mean, variance = layer.statistics["mean"], layer.statistics["variance"]
    np.testing.assert_allclose(used, (x - mean) / np.sqrt(variance + 1e-12))
    before = mean.copy()
    layer.update_statistics(cache)  # inference has no batch statistics
    assert (layer.statistics["mean"] == before).all()


def test_batch_normalization_has_keras_defaults():
    assert BatchNormalization().config() == {"momentum": 0.99, "epsilon": 1e-3}


def test_batch_normalization_leaves_padding_out():
    mask, x = MASKS["in the middle"], 2 + 3 * numbers(4, 3, 3)
    layer = built(BatchNormalization(momentum=0.0, epsilon=1e-12))
    y, _, cache = layer.forward(x, None, np.random.default_rng(0), mask)
    np.testing.assert_allclose(y[mask].mean(axis=0), 0, atol=1e-13)
    np.testing.assert_allclose(y[mask].std(axis=0), 1, rtol=1e-9)
    assert not y[~mask].any()
    layer.update_statistics(cache)
    np.testing.assert_allclose(layer.statistics["mean"], x[mask].mean(axis=0))
    np.testing.assert_allclose(layer.statistics["variance"], x[mask].var(axis=0))
    empty = np.zeros((4, 3), bool)  # a shard of padding alone
    y, _, cache = layer.forward(x, None, np.random.default_rng(0), empty)
    before = {name: a.copy() for name, a in layer.statistics.items()}
    layer.update_statistics(cache)
    assert all((layer.statistics[name] == a).all() for name, a in before.items())
    grads = {name: np.zeros(3) for name in layer.params}
    assert not y.any() and not layer.backward(x, cache, grads)[0].any()


def test_layer_normalization_normalises_every_step_alone():
    layer, x = built(LayerNormalization(1e-12), 50), 2 + 3 * numbers(4, 3, 50)
    assert LayerNormalization().config() == {"epsilon": 1e-3}  # Keras's
    assert layer.params["gamma"].tolist() == [1] * 50 and not layer.params["beta"].any()
    y, state, _ = layer.forward(x, None, np.random.default_rng(0))
    np.testing.assert_allclose(y.mean(axis=-1), 0, atol=1e-13)
    np.testing.assert_allclose(y.std(axis=-1), 1, rtol=1e-9)
    assert state == () and layer.statistics == {} and not layer.uses_mask
    np.testing.assert_allclose(y, layer.forward(x)[0])  # the same in use
    np.testing.assert_allclose(y[2, 1], layer.forward(x[2, 1:2])[0][0])  # (B, D) without time
    single = built(LayerNormalization(), dtype=np.float32)
    assert {a.dtype for a in single.params.values()} == {single.dtype} == {np.dtype(np.float32)}
    assert single.forward(numbers(4, 2, 3, dtype=np.float32))[0].dtype == np.float32


# --------------------------------------------------------------------------------- error messages

RATE = "use a number in [0, 1)"
NAMES = "[None, 'relu', 'tanh', 'sigmoid', 'softmax']"
REFUSED_ARGUMENTS = [
    (lambda: LSTM(0), "LSTM units is 0: use at least 1"),
    (lambda: GRU(-1), "GRU units is -1: use at least 1"),
    (lambda: SimpleRNN(0), "SimpleRNN units is 0: use at least 1"),
    (lambda: Dense(0), "Dense units is 0: use at least 1"),
    (lambda: OneHot(0), "OneHot vocabulary is 0: use at least 1"),
    (lambda: Embedding(0, 1), "Embedding vocabulary is 0: use at least 1"),
    (lambda: Embedding(1, 0), "Embedding units is 0: use at least 1"),
    (lambda: LSTM(2, recurrent_dropout=1), f"LSTM recurrent_dropout is 1: {RATE}"),
    (lambda: Dropout(1), f"Dropout rate is 1: {RATE}"),
    (lambda: Dropout(-0.1), f"Dropout rate is -0.1: {RATE}"),
    (lambda: Dropout(np.nan), f"Dropout rate is nan: {RATE}"),
    (lambda: BatchNormalization(momentum=1.5), f"BatchNormalization momentum is 1.5: {RATE}"),
    (
        lambda: BatchNormalization(epsilon=0),
        "BatchNormalization epsilon is 0: use a positive number",
    ),
    (
        lambda: LayerNormalization(epsilon=-1),
        "LayerNormalization epsilon is -1: use a positive number",
    ),
    (lambda: Activation("elu"), f"Activation activation is 'elu': use one of {NAMES}"),
    (lambda: Dense(2, "elu"), f"Dense activation is 'elu': use one of {NAMES}"),
    (
        lambda: Bidirectional(Dense(2)),
        "Bidirectional wants an LSTM, GRU or SimpleRNN, got Dense(units=2, activation=None)",
    ),
    (
        lambda: layer_from_config({"type": "Conv", "name": "c"}, {}),
        f"unknown layer type 'Conv': known are {', '.join(sorted(LAYERS))}; for your own class, "
        "import it and use tl.register",
    ),
    (
        lambda: layer_from_config({"type": "TiedDense", "name": "t", "embedding": "e"}, {}),
        "TiedDense needs an Embedding 'e' before it",
    ),
    (
        lambda: built(TiedDense(Embedding(5, 3))),
        "TiedDense's embedding is not built: put the Embedding earlier in the same model",
    ),
    (
        lambda: built(TiedDense(embedding()), 4),
        "TiedDense gets 4 features but its Embedding has 3: "
        "make the last layer's units equal to the embedding's",
    ),
    *(
        (
            lambda layer=layer: built(layer, None),
            f"{type(layer).__name__} does not know its input size: Sequential(..., input_size=D)",
        )
        for layer in (
            LSTM(2),
            Dense(2),
            BatchNormalization(),
            LayerNormalization(),
            TiedDense(embedding()),
        )
    ),
]


@pytest.mark.parametrize(("make", "message"), REFUSED_ARGUMENTS)
def test_wrong_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=says(message)):
        make()


IDS = "Embedding wants token ids (T, B), integers in [0, 5)"
CLEAN = "clean the data"
X = numbers(4, 2, 3)
REFUSED_INPUTS = [
    (LSTM(2), X[..., :2], "LSTM wants a float array (T, B, 3), got float64 (4, 2, 2): check the "
     "layer before it, or transpose"),
    (LSTM(2), X[0], "LSTM wants a float array (T, B, 3), got float64 (2, 3): check the layer "
     "before it, or transpose"),
    (GRU(2), X[:0], "GRU wants a float array (T, B, 3) with at least one number, "
     "got float64 (0, 2, 3)"),
    (SimpleRNN(2), X[:, :0], "SimpleRNN wants a float array (T, B, 3) with at least one number, "
     "got float64 (4, 0, 3)"),
    (Bidirectional(GRU(2)), X[0], "Bidirectional wants a float array (T, B, 3), "
     "got float64 (2, 3): check the layer before it, or transpose"),
    (Reverse(), X[0], "Reverse wants a float array (T, B, features), got float64 (2, 3): check the "
     "layer before it, or transpose"),
    (LSTM(2), X.astype(int), "LSTM wants a float array (T, B, 3), got int64 (4, 2, 3): use "
     "Embedding or OneHot for token ids"),
    (Dense(2), [1.0], "Dense wants a float array (..., 3), got 'list': use np.asarray"),
    (Dense(2), np.array(1.0), "Dense wants a float array (..., 3), got float64 (): use np.asarray"),
    (Dense(2), X[..., :2], "Dense wants a float array (..., 3), got float64 (4, 2, 2): check the "
     "layer before it, or transpose"),
    (BatchNormalization(), X.T, "BatchNormalization wants a float array (..., 3), "
     "got float64 (3, 2, 4): check the layer before it, or transpose"),
    (LayerNormalization(), X[..., :2], "LayerNormalization wants a float array (..., 3), "
     "got float64 (4, 2, 2): check the layer before it, or transpose"),
    (TiedDense(embedding()), X.T, "TiedDense wants a float array (..., 3), got float64 (3, 2, 4): "
     "check the layer before it, or transpose"),
    (Dropout(0.5), X > 0, "Dropout wants a float array (..., features), got bool (4, 2, 3): use "
     "Embedding or OneHot for token ids"),
    (Activation("tanh"), X[:0], "Activation wants a float array (..., features) with at least one "
     "number, got float64 (0, 2, 3)"),
    (Embedding(5, 2), X, f"{IDS}, got float64 (4, 2, 3)"),
    (Embedding(5, 2), np.array([1, 2]), f"{IDS}, got int64 (2,)"),
    (Embedding(5, 2), [[1]], f"{IDS}, got 'list'"),
    (Embedding(5, 2), np.array([[0.0]]), f"{IDS}, got float64 (1, 1)"),
    (Embedding(5, 2), np.zeros((0, 2), int), f"{IDS}, with at least one step and one sequence, "
     "got int64 (0, 2)"),
    (Embedding(5, 2), np.array([[-2, 3]]), f"{IDS}, got -2: encode with the vocabulary the model "
     "was made for"),
    (Embedding(5, 2), np.array([[-1, 5]]), f"{IDS}, got 5: encode with the vocabulary the model "
     "was made for"),
    (OneHot(5), np.array([[5, 9]]), f"{IDS.replace('Embedding', 'OneHot')}, got 9: encode with "
     "the vocabulary the model was made for"),
    (ScaledInteger(5), np.array([[5]]), f"{IDS.replace('Embedding', 'ScaledInteger')}, got 5: "
     "encode with the vocabulary the model was made for"),
]  # fmt: skip


@pytest.mark.parametrize(("layer", "x", "message"), REFUSED_INPUTS)
def test_wrong_inputs_are_named(layer, x, message):
    layer = copy.deepcopy(layer)
    with pytest.raises(ValueError, match=says(message)):
        built(layer).forward(x)
    layer.name = "the_third"
    with pytest.raises(ValueError, match=r"^the_third wants "):
        layer.forward(x)


def test_the_largest_and_smallest_id_are_taken():
    assert embedding().forward(np.array([[0, 4]], np.uint8))[0].shape == (1, 2, 3)


@pytest.mark.parametrize("layer", [LSTM(2), Bidirectional(SimpleRNN(2))])
def test_wrong_states_are_named(layer):
    kind = type(layer).__name__
    good = built(layer).initial_state(2)
    wanted, begin = [(2, 2), (2, 2)], "begin with initial_state(2)"
    short = good[0][:1]
    for state, shapes in (
        ((), []),
        (good[:1], wanted[:1]),
        ((short, good[0]), [(1, 2), (2, 2)]),
    ):
        message = f"{kind} wants a state of shapes {wanted}, got {shapes}: {begin}"
        with pytest.raises(ValueError, match=says(message)):
            layer.forward(X, state)
    with pytest.raises(ValueError, match=says(
        "GRU wants a state of shapes [(3, 2)], got [(2, 2)]: begin with initial_state(3)"
    )):  # fmt: skip
        built(GRU(2)).forward(numbers(4, 3, 3), good[:1])
    bad = (good[0], np.array([[0, 0], [0, np.nan]]))
    with pytest.raises(ValueError, match=says(f"the state of {kind} holds nan at (1, 1): {CLEAN}")):
        layer.forward(X, bad)


def test_not_finite_numbers_are_named_where_data_enters():
    check_finite("x", np.zeros(2))
    check_finite("x", np.array([1]))
    check_finite("x", "text")
    for value in (np.nan, np.inf, -np.inf, np.nan * 1j):
        with pytest.raises(
            ValueError, match=says(f"x holds {np.array(value)[()]} at (1,): {CLEAN}")
        ):
            check_finite("x", np.array([0.0, value, value]))


def test_describe():
    assert describe(np.zeros((2, 3), np.float32)) == "float32 (2, 3)"
    assert describe(3) == "'int'"


# ----------------------------------------------------------------------------- configuration


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
def test_a_layer_survives_its_configuration(make):
    layer = make()
    if isinstance(layer, TiedDense):
        return  # needs a model: test_model.py tests it
    entry = {"type": type(layer).__name__, "name": "a", **layer.config()}
    again = layer_from_config(entry, {})
    assert again.config() == layer.config() and type(again) is type(layer) and again.name == "a"
    assert "type" in entry  # the entry is not changed
    assert {p.shape for p in built(again).params.values()} == {
        p.shape for p in built(layer).params.values()
    }


def test_a_layer_shows_how_it_was_made():
    wanted = "LSTM(units=4, return_sequences=True, forget_bias=0.5, recurrent_dropout=0.0)"
    assert repr(LSTM(4, True, 0.5)) == wanted
    assert repr(TiedDense(Embedding(2, 3))) == "TiedDense(embedding='')"
    assert Bidirectional(GRU(2)).config() == {
        "layer": {"type": "GRU", "units": 2, "return_sequences": False, "reset_after": True}
    }


def test_every_layer_is_registered():
    ours = [name for name, kind in LAYERS.items() if kind.__module__.startswith("tinylstm.")]
    assert sorted(ours) == sorted(
        [
            "LSTM",
            "GRU",
            "LayerNormalization",
            "SimpleRNN",
            "Bidirectional",
            "Reverse",
            "Dense",
            "Activation",
            "Embedding",
            "TiedDense",
            "OneHot",
            "ScaledInteger",
            "Dropout",
            "BatchNormalization",
        ]
    )
