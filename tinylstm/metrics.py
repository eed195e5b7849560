"""Metrics: what is measured beside the loss, for people: accuracy, perplexity, errors.

A metric is a sum over the targets and their number, so that batches and shards can be added up.
Next: penalties.py.
"""

import math
import re
from collections.abc import Callable, Sequence

from numpy import ndarray

from .losses import CategoricalCrossentropy, Loss
from .pointwise import MeanAbsoluteError, MeanSquaredError, fitting


class Metric:
    """The contract of a metric, here for a loss: its mean, without smoothing or weights of its own.

    name: under which the history has it. Your own metric overrides `count`, `total` and `result`,
    and sets `higher_is_better` where callbacks should look for the highest value.

    >>> import numpy as np
    >>> squared = Metric(MeanSquaredError())
    >>> y, targets = np.array([[1.0], [5.0]]), np.array([[1.0], [3.0]])
    >>> squared.name, squared.total(y, targets), squared.count(targets)
    ('mean_squared_error', 4.0, 2)
    """

    higher_is_better = False

    def __init__(self, loss: Loss):
        self.loss = loss
        self.name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(loss).__name__).lower()

    def count(self, targets: ndarray) -> int:
        """What the total is divided by at the end."""
        return self.loss.count(targets)

    def total(self, y: ndarray, targets: ndarray) -> float:
        """The sum over these targets; y and targets as in a loss."""
        return float(self.loss.forward(y, targets, 1)[0])

    def result(self, mean: float) -> float:
        """The number to show, from the mean over all targets."""
        return mean


class Perplexity(Metric):
    """exp of the mean cross-entropy per token: among how many equally likely tokens the net would
    be as unsure. y are logits (..., V).

    >>> import numpy as np
    >>> perplexity, targets = Perplexity(), np.array([0, 3])
    >>> mean = perplexity.total(np.zeros((2, 8)), targets) / perplexity.count(targets)
    >>> round(perplexity.result(mean), 6)
    8.0
    """

    def __init__(self, loss: Loss | None = None):
        super().__init__(CategoricalCrossentropy() if loss is None else loss)
        self.name = "perplexity"

    def result(self, mean: float) -> float:
        return math.exp(min(mean, 700.0))  # no overflow


class Accuracy(Metric):
    """The share of targets whose class has the largest output. Targets as CategoricalCrossentropy
    takes them; y (..., V), logits or probabilities.

    >>> import numpy as np
    >>> accuracy, targets = Accuracy(), np.array([0, 0, -1])
    >>> y = np.array([[2.0, 1.0], [1.0, 2.0], [0.0, 0.0]])
    >>> accuracy.total(y, targets), accuracy.count(targets)
    (1.0, 2)
    """

    higher_is_better = True

    def __init__(self) -> None:
        super().__init__(CategoricalCrossentropy())
        self.name = "accuracy"

    def total(self, y: ndarray, targets: ndarray) -> float:
        classes = CategoricalCrossentropy().classes(targets)  # (...)
        return float(((y.argmax(axis=-1) == classes) & (classes >= 0)).sum())


class BinaryAccuracy(Metric):
    """The share of outputs on the right side of `threshold`: 0 for logits, 0.5 for probabilities.
    y and targets (..., V), targets 0 or 1.

    >>> import numpy as np
    >>> BinaryAccuracy().total(np.array([[2.0, -1.0]]), np.array([[1, 1]]))
    1.0
    """

    higher_is_better = True

    def __init__(self, threshold: float = 0.0):
        super().__init__(MeanSquaredError())
        self.name, self.threshold = "binary_accuracy", threshold

    def total(self, y: ndarray, targets: ndarray) -> float:
        return float(((y > self.threshold) == (fitting(y, targets) > 0.5)).sum())


METRICS: dict[str, Callable[[], Metric]] = {
    "accuracy": Accuracy,
    "binary_accuracy": BinaryAccuracy,
    "perplexity": Perplexity,
    "mean_squared_error": lambda: Metric(MeanSquaredError()),
    "mean_absolute_error": lambda: Metric(MeanAbsoluteError()),
}
METRICS |= {"mse": METRICS["mean_squared_error"], "mae": METRICS["mean_absolute_error"]}


def metric_from(which: "str | Metric | Loss") -> Metric:
    """The metric of that name, or of that loss. Raises ValueError for an unknown name.

    >>> metric_from("mae").name, metric_from(MeanAbsoluteError()).name
    ('mae', 'mean_absolute_error')
    """
    if isinstance(which, str):
        if which not in METRICS:
            raise ValueError(f"metric is {which!r}: use one of {sorted(METRICS)}, or a tl.Metric")
        metric = METRICS[which]()
        metric.name = which  # the history has it under the name that was asked for
        return metric
    return Metric(which) if isinstance(which, Loss) else which


Metrics = str | Metric | Loss | Sequence[str | Metric | Loss]  # as `fit` and `measure` take them


def metrics_from(which: Metrics) -> list[Metric]:
    """The metrics of a list of names, metrics and losses, or of one of them."""
    several = [which] if isinstance(which, str | Metric | Loss) else which
    return [metric_from(each) for each in several]
