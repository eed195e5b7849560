"""Metrics against slow formulas; sums over batches and shards are those of all targets at once."""

import math

import naive
import numpy as np
import pytest

import tinylstm as tl
from tinylstm.metrics import METRICS, Accuracy, BinaryAccuracy, Metric, Perplexity, metrics_from

LOGITS = np.random.default_rng(0).standard_normal((6, 4))
CLASSES = np.array([2, 0, -1, 3, 1, -1])


def value(metric, y, targets):
    return metric.result(metric.total(y, targets) / metric.count(targets))


def test_accuracy_is_the_share_of_right_classes():
    right = [int(row.argmax() == k) for row, k in zip(LOGITS, CLASSES, strict=True) if k >= 0]
    assert value(Accuracy(), LOGITS, CLASSES) == sum(right) / 4
    kept = CLASSES >= 0
    onehot = np.eye(4)[CLASSES[kept]]
    assert value(Accuracy(), LOGITS[kept], onehot) == sum(right) / 4
    assert value(Accuracy(), LOGITS.reshape(3, 2, 4), CLASSES.reshape(3, 2)) == sum(right) / 4
    assert value(Accuracy(), np.eye(4), np.arange(4)) == 1


def test_perplexity_is_exp_of_the_cross_entropy():
    wanted = math.exp(naive.cross_entropy(LOGITS, CLASSES))
    assert value(Perplexity(), LOGITS, CLASSES) == pytest.approx(wanted, rel=1e-12)
    smoothed = Perplexity(tl.CategoricalCrossentropy(0.5))
    assert value(smoothed, LOGITS, CLASSES) != pytest.approx(wanted)
    assert Perplexity().result(1e9) == math.exp(700)


def test_binary_accuracy_is_the_share_on_the_right_side():
    y, t = np.array([[0.5, -2.0], [-0.1, 0.4]]), np.array([[1, 1], [0, 0]])
    assert value(BinaryAccuracy(), y, t) == 0.5
    assert value(BinaryAccuracy(0.45), y, t) == 0.75
    assert value(BinaryAccuracy(), y[:, :1], t[:, 0]) == 1  # targets (B,) for one output


def test_a_loss_is_a_metric():
    y, t = np.array([[1.0], [5.0], [2.0]]), np.array([[1.0], [2.0], [0.0]])
    for name, wanted in (("mse", 13 / 3), ("mae", 5 / 3)):
        (metric,) = metrics_from(name)
        assert value(metric, y, t) == pytest.approx(wanted)
    assert Metric(tl.BinaryCrossentropy()).name == "binary_crossentropy"
    (metric,) = metrics_from(tl.CategoricalCrossentropy())
    assert metric.name == "categorical_crossentropy"
    assert value(metric, LOGITS, CLASSES) == pytest.approx(naive.cross_entropy(LOGITS, CLASSES))


def test_names_metrics_and_losses_are_taken_alone_or_in_a_list():
    own = Accuracy()
    found = metrics_from(["accuracy", own, tl.MeanSquaredError()])
    assert [metric.name for metric in found] == ["accuracy", "accuracy", "mean_squared_error"]
    assert found[1] is own and metrics_from(()) == []
    assert [type(m) for m in metrics_from("perplexity")] == [Perplexity]
    for name, make in METRICS.items():
        assert make().name == {"mse": "mean_squared_error", "mae": "mean_absolute_error"}.get(
            name, name
        )
    with pytest.raises(ValueError, match="metric is 'acuracy': use one of "):
        metrics_from(["acuracy"])


def test_which_are_better_when_higher():
    assert {n for n, make in METRICS.items() if make().higher_is_better} == {
        "accuracy", "binary_accuracy"
    }  # fmt: skip
