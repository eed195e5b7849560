"""Measuring: means over all targets, whatever the batches, shards, masks and states."""

import numpy as np
import pytest

import tinylstm as tl
from tinylstm.data import Batch
from tinylstm.evaluation import carried

RNG = np.random.default_rng(0)
X = [RNG.standard_normal((n, 2)) for n in (5, 2, 3, 5, 1)]
STEPS = [RNG.integers(0, 3, len(row)) for row in X]  # a class for every step
ONE = np.array([0, 2, 1, 1, 0])  # a class for every sequence
METRICS = ["accuracy", "perplexity"]


def net(return_sequences):
    layers = [tl.LSTM(4, return_sequences=return_sequences), tl.Dense(3)]
    return tl.Sequential(layers, 2, seed=1, dtype=np.float64)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("batch_size", [1, 2, 5])
@pytest.mark.parametrize("every_step", [True, False])
def test_means_are_over_targets(every_step, batch_size, threads):
    """Not over batches or shards: these have different numbers of targets."""
    model, y = net(every_step), STEPS if every_step else ONE
    data = tl.Arrays(X, y, batch_size, shuffle=False, dtype=np.float64)
    found = tl.measure(model, data, metrics=METRICS, threads=threads)
    logits = [model.forward(row[:, None])[0] for row in X]  # one by one, without padding
    logits = np.concatenate([out[:, 0] if every_step else out for out in logits])
    targets = np.concatenate(STEPS) if every_step else ONE
    loss = float(tl.CategoricalCrossentropy().forward(logits, targets)[0])
    assert found["loss"] == pytest.approx(loss, rel=1e-12)
    assert found["accuracy"] == pytest.approx((logits.argmax(1) == targets).mean(), rel=1e-12)
    assert found["perplexity"] == pytest.approx(np.exp(loss), rel=1e-12)
    assert tl.evaluate(model, data, threads=threads) == found["loss"]


def test_targets_that_are_left_out_count_nowhere():
    y = [row.copy() for row in STEPS]
    y[0][:] = -1
    found = tl.measure(net(True), tl.Arrays(X, y, 1, shuffle=False), metrics=METRICS)
    without = tl.measure(net(True), tl.Arrays(X[1:], y[1:], 1, shuffle=False), metrics=METRICS)
    assert found == pytest.approx(without)


def test_a_metric_without_any_target_has_no_value():
    y = [np.full(len(row), -1) for row in X]
    assert tl.measure(net(True), tl.Arrays(X, y), metrics=METRICS) == {"loss": 0.0}


def test_the_state_is_carried_through_metrics_too():
    ids = np.tile([0, 1, 1], 20)
    model = tl.Sequential([tl.Embedding(2, 3), tl.LSTM(4, return_sequences=True), tl.Dense(2)])
    found = [
        tl.measure(model, tl.Streams(tl.Tokens(ids, [0]), 1, steps), metrics=METRICS)
        for steps in (59, 7)
    ]
    assert found[0] == pytest.approx(found[1], rel=1e-5)


def test_the_state_begins_again_for_a_batch_of_another_size():
    model = net(True)
    states = [tuple(np.ones((3, 4)) for _ in state) for state in model.initial_states(3)]
    batch = Batch(np.zeros((1, 2, 2)), np.zeros((1, 2), int), np.zeros(2, bool), 2)
    assert not np.any(carried(model, states, batch)[0])
    same = batch._replace(reset=np.array([False, True, False]))
    assert carried(model, states, same)[0][1][:, 0].tolist() == [1, 0, 1]


def test_own_metrics_may_give_numbers_of_any_type():
    class Largest(tl.Metric):
        def __init__(self):
            self.name = "largest"

        def count(self, targets):
            return np.int64(1)

        def total(self, y, targets):
            return np.float32(7)

    found = tl.measure(net(False), tl.Arrays(X, ONE), metrics=Largest())
    assert found["largest"] == 7 and type(found["largest"]) is float


def test_a_loss_and_a_net_that_do_not_fit():
    model = tl.Sequential([tl.LSTM(4), tl.Dense(3, "softmax")], 2)
    with pytest.raises(ValueError, match="applies the softmax itself, but the model ends"):
        tl.measure(model, tl.Arrays(X, ONE))
    loss = tl.CategoricalCrossentropy(from_logits=False)
    assert tl.measure(model, tl.Arrays(X, ONE), loss)["loss"] > 0
    with pytest.raises(ValueError, match="metric is 'lossy'"):
        tl.measure(model, tl.Arrays(X, ONE), loss, metrics=["lossy"])
