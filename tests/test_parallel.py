"""Shards add up to the batch, whatever their number, and leave no trace."""

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from tinylstm.data import Batch
from tinylstm.layers import (
    GRU,
    LSTM,
    BatchNormalization,
    Bidirectional,
    Dense,
    Dropout,
    Embedding,
)
from tinylstm.layers.base import Layer
from tinylstm.losses import CategoricalCrossentropy, NotFiniteError
from tinylstm.metrics import metrics_from
from tinylstm.model import Sequential
from tinylstm.parallel import Shards, usable_cores
from tinylstm.pointwise import BinaryCrossentropy, MeanSquaredError


def model_of(*last, dtype=np.float64):
    return Sequential([Embedding(7, 5), LSTM(6, return_sequences=True), *last], dtype=dtype)


def batch_of(T=4, B=5, seed=0):
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, 7, (T, B))
    return Batch(ids, rng.integers(-1, 7, (T, B)), np.ones(B, bool), T * B)


def results(model, batch, threads, loss=None, **kwargs):
    with Shards(model, loss or CategoricalCrossentropy(), threads) as shards:
        value, states, grads = shards.gradients(batch, **kwargs)
        return value, states, {path: grad.copy() for path, grad in grads.items()}


@pytest.mark.parametrize("threads", [2, 3, 9])
@pytest.mark.parametrize("last_only", [False, True])
def test_shards_add_up_to_the_batch(threads, last_only):
    model, batch = model_of(LSTM(3, return_sequences=not last_only), Dense(7)), batch_of()
    if last_only:
        batch = batch._replace(targets=batch.targets[-1])
    states = [
        tuple(np.random.default_rng(1).standard_normal(a.shape) for a in state)
        for state in model.initial_states(5)
    ]
    value, final, grads = results(model, batch, 1, states=states)
    cut_value, cut_final, cut_grads = results(model, batch, threads, states=states)
    assert cut_value == pytest.approx(value, rel=1e-12)
    for path in grads:
        np.testing.assert_allclose(cut_grads[path], grads[path], rtol=1e-10, atol=1e-14)
    for one, other in zip(final, cut_final, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_allclose(b, a, rtol=1e-12)


def test_vectors_and_rolls_are_cut_along_the_batch():
    rng = np.random.default_rng(0)
    model = Sequential([LSTM(6, return_sequences=True), Dense(3)], input_size=3, dtype=np.float64)
    roll = (rng.random((4, 5, 3)) > 0.5).astype(float)
    batch = Batch(roll, roll, np.ones(5, bool), 20)
    one = results(model, batch, 1, BinaryCrossentropy())
    two = results(model, batch, 2, BinaryCrossentropy())
    assert one[0] == pytest.approx(two[0], rel=1e-12)


def test_the_same_number_of_shards_gives_the_same_bits():
    model, batch = model_of(Dropout(0.5), Dense(7), dtype=np.float32), batch_of()
    first, second = (results(model, batch, 2, seed=[3, 1]) for _ in range(2))
    assert first[0] == second[0]
    assert all(np.array_equal(first[2][path], second[2][path]) for path in first[2])
    assert results(model, batch, 2, seed=[3, 2])[0] != first[0]


def test_gradients_start_from_zero_at_every_step():
    model, batch = model_of(Dense(7)), batch_of()
    with Shards(model, CategoricalCrossentropy(), 2) as shards:
        first = shards.gradients(batch)[2]["dense_1.W"].copy()
        assert np.array_equal(shards.gradients(batch)[2]["dense_1.W"], first)


def test_evaluation_is_the_loss_without_dropout():
    model, batch = model_of(Dropout(0.5), Dense(7)), batch_of()
    y, _, _ = model.forward(batch.x)
    expected, _ = CategoricalCrossentropy().forward(y, batch.targets)
    with Shards(model, CategoricalCrossentropy(), 2) as shards:
        assert shards.evaluate(batch, None)[0] == pytest.approx(float(expected), rel=1e-12)


def test_statistics_are_taken_in_shard_by_shard():
    model, batch = model_of(BatchNormalization(0.5), Dense(7)), batch_of()
    before = {path: a.copy() for path, a in model.statistics.items()}
    results(model, batch, 2)
    assert all((model.statistics[path] != a).any() for path, a in before.items())


def test_blas_has_its_own_setting_again():
    def threads():
        return {
            i["filepath"]: i["num_threads"] for i in threadpool_info() if i["user_api"] == "blas"
        }

    before = threads()
    with Shards(model_of(Dense(7)), CategoricalCrossentropy(), 2):
        assert set(threads().values()) <= {1}
    assert threads() == before


def test_an_error_in_one_shard_is_raised():
    model, batch = model_of(Dense(7)), batch_of()
    model.params["dense_1.b"][0] = np.nan
    with Shards(model, CategoricalCrossentropy(), 2) as shards, pytest.raises(NotFiniteError):
        shards.gradients(batch)


def test_threads_must_be_at_least_one():
    with pytest.raises(ValueError, match="threads is 0"):
        Shards(model_of(Dense(7)), CategoricalCrossentropy(), 0)
    assert usable_cores() >= 1


class LastStep(Layer):
    """A layer of one's own that leaves out the time axis, without a `return_sequences`."""

    def forward(self, x, state=None, rng=None):
        return x[-1], (), len(x)

    def backward(self, dy, cache, grads, dstate=None):
        return np.concatenate([np.zeros((cache - 1, *dy.shape)), dy[None]]), ()


def test_targets_are_cut_as_the_output_is():
    model = Sequential([LSTM(4, return_sequences=True), LastStep(), Dense(3)], 2, dtype="float64")
    x = np.random.default_rng(0).standard_normal((5, 4, 2))
    batch = Batch(x, np.array([0, 1, 2, 1]), np.ones(4, bool), 4)
    found = []
    for threads in (1, 4):
        with Shards(model, CategoricalCrossentropy(), threads) as shards:
            loss, _, grads = shards.gradients(batch)
            assert shards.evaluate(batch, None)[0] == pytest.approx(loss)
            found.append((loss, grads["lstm_1.Wx"].copy()))
    assert found[0][0] == pytest.approx(found[1][0])
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-12)


def test_each_keeps_the_order_and_waits_for_all():
    with Shards(Sequential([Dense(1)], 1), CategoricalCrossentropy(), 3) as shards:
        assert shards.each(lambda item: item * item, range(8)) == [n * n for n in range(8)]
        assert shards.each(str, []) == []
        done = []

        def work(item):
            if item == 0:
                raise ValueError("the first")
            done.append(item)

        with pytest.raises(ValueError, match="the first"):
            shards.each(work, range(6))
        assert sorted(done) == [1, 2, 4, 5]


# ------------------------------------------------------------------------------------ masks

LENGTHS = np.array([4, 1, 3, 2, 4])
MASK = np.arange(4)[:, None] < LENGTHS  # (T, B)


def masked_case(return_sequences=True, seed=0):
    layers = [Embedding(7, 5), Bidirectional(LSTM(4, True)), GRU(3, return_sequences), Dense(7)]
    batch = batch_of(seed=seed)
    targets = batch.targets if return_sequences else np.abs(batch.targets[0])
    tokens = int((targets[MASK] >= 0).sum()) if return_sequences else 5
    batch = batch._replace(targets=targets, tokens=tokens, mask=MASK)
    return Sequential(layers, dtype=np.float64), batch


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("return_sequences", [True, False])
def test_a_masked_batch_is_its_sequences_one_by_one(return_sequences, threads):
    model, batch = masked_case(return_sequences)
    metrics = metrics_from(["accuracy"])
    with Shards(model, CategoricalCrossentropy(), threads, metrics) as shards:
        value, states, grads = shards.gradients(batch)
        grads = {path: g.copy() for path, g in grads.items()}
        measured, count = shards.measured["accuracy"], shards.count(batch)
        assert shards.evaluate(batch, None)[0] == pytest.approx(value, rel=1e-12)
        assert shards.measured["accuracy"] == measured
    total, wanted, right = 0.0, model.zero_grads(), 0
    for b, n in enumerate(LENGTHS):
        y, final, caches = model.forward(batch.x[:n, b : b + 1])
        targets = batch.targets[:n, b : b + 1] if return_sequences else batch.targets[b : b + 1]
        loss, cache = CategoricalCrossentropy().forward(y, targets, count)
        model.backward(CategoricalCrossentropy().backward(cache), caches, wanted)
        total += loss
        right += int(((y.argmax(-1) == targets) & (targets >= 0)).sum())
        for ours, theirs in zip(states, final, strict=True):
            for a, c in zip(ours, theirs, strict=True):
                np.testing.assert_allclose(a[b], c[0], rtol=1e-12)
    assert count == batch.tokens and measured == (right, count)
    assert value == pytest.approx(total, rel=1e-12)
    for path, gradient in wanted.items():
        np.testing.assert_allclose(grads[path], gradient, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("padded", [slice(0, 2), slice(3, None)])
def test_a_shard_whose_steps_are_all_masked_adds_nothing(padded):
    model, batch = masked_case()
    mask = MASK.copy()
    mask[:, padded] = False
    batch = batch._replace(mask=mask)
    with Shards(model, CategoricalCrossentropy(), 5, metrics_from("accuracy")) as shards:
        value, _, grads = shards.gradients(batch)
        measured, grads = shards.measured["accuracy"], {k: g.copy() for k, g in grads.items()}
    keep = mask.any(axis=0)
    small = batch._replace(x=batch.x[:, keep], targets=batch.targets[:, keep], mask=mask[:, keep])
    with Shards(model, CategoricalCrossentropy(), 1, metrics_from("accuracy")) as shards:
        assert shards.gradients(small)[0] == pytest.approx(value, rel=1e-12)
        assert shards.measured["accuracy"] == measured
        for path, gradient in shards.grads[0].items():
            np.testing.assert_allclose(grads[path], gradient, rtol=1e-10, atol=1e-14)


def test_errors_are_means_over_the_steps_that_count():
    model = Sequential([LSTM(4, True), Dense(3)], 2, dtype=np.float64)
    x, y = np.random.default_rng(0).standard_normal((2, 4, 5, 3))
    batch = Batch(x[..., :2], y, np.ones(5, bool), int(MASK.sum()), MASK)
    outputs, _, _ = model.forward(x[..., :2], mask=MASK)
    for threads in (1, 3):
        value, _, grads = results(model, batch, threads, MeanSquaredError())
        assert value == pytest.approx(((outputs - y)[MASK] ** 2).mean(), rel=1e-12)
        np.testing.assert_allclose(
            grads["dense_1.b"], (2 * (outputs - y)[MASK]).sum(axis=0) / (3 * MASK.sum()), rtol=1e-12
        )


def test_batches_add_up_as_one():
    """Gradients of several batches with one count, dropout apart, are those of one big batch."""
    model = model_of(Dense(7))
    first, second = batch_of(seed=1), batch_of(B=3, seed=2)
    both = Batch(
        np.concatenate([first.x, second.x], axis=1),
        np.concatenate([first.targets, second.targets], axis=1), np.ones(8, bool), 0,
    )  # fmt: skip
    for threads in (1, 2, 4):
        with Shards(model, CategoricalCrossentropy(), threads) as shards:
            count = shards.count(first) + shards.count(second)
            value = shards.gradients(first, None, None, count, 0)[0]
            more, _, grads = shards.gradients(second, None, None, count, 1)
            grads = {path: g.copy() for path, g in grads.items()}
            whole, _, wanted = shards.gradients(both)
            assert count == shards.count(both) and value + more == pytest.approx(whole, rel=1e-12)
            for path, gradient in wanted.items():
                np.testing.assert_allclose(grads[path], gradient, rtol=1e-10, atol=1e-14)


def test_the_same_bits_for_padding_of_any_content():
    model, batch = masked_case()
    other = batch._replace(x=np.where(MASK, batch.x, 6), targets=np.where(MASK, batch.targets, 2))
    first, second = results(model, batch, 2), results(model, other, 2)
    assert first[0] == second[0]
    assert all(np.array_equal(first[2][path], g) for path, g in second[2].items())


def test_few_rows_of_a_wide_net_are_one_shard_that_threads_share():
    model = Sequential([Embedding(7, 5), LSTM(128, return_sequences=True), Dense(7)])
    found = {}
    for rows in (2, 3):
        ids = np.random.default_rng(0).integers(7, size=(6, rows))
        batch = Batch(ids, ids, np.ones(rows, bool), ids.size)
        for threads in (1, 2, 3):
            with Shards(model, CategoricalCrossentropy(), threads, shards=2) as shards:
                assert len(shards.cuts(batch)) == (1 if rows == 2 else 2)
                loss, _, grads = shards.gradients(batch, seed=[0])
                found[rows, threads] = [loss, *(g.tobytes() for g in grads.values())]
        assert found[rows, 1] == found[rows, 2] == found[rows, 3]
