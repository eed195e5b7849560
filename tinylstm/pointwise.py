"""Losses of each output by itself: squared and absolute errors, and yes-or-no questions.

y and targets have one shape, and the mean is over all of them. The contract is in losses.py.
Next: metrics.py.
"""

from typing import NamedTuple

import numpy as np
from numpy import ndarray

from .functional import sigmoid
from .losses import Loss, check_loss, check_output, check_targets


class BinaryCrossEntropyCache(NamedTuple):
    """Probabilities and targets (..., V), and the number divided by."""

    p: ndarray
    targets: ndarray
    divisor: int


class BinaryCrossentropy(Loss):
    """The mean of -t log p - (1 - t) log(1 - p), with p = sigmoid(logits): each output answers a
    question of its own, such as whether a key of the piano is down. Logits and targets (..., V),
    targets in [0, 1]; the mean is over all of them.

    >>> criterion = BinaryCrossentropy()
    >>> loss, cache = criterion.forward(np.zeros((1, 1, 88)), np.ones((1, 1, 88)))
    >>> float(round(loss, 4)), criterion.backward(cache).shape
    (0.6931, (1, 1, 88))
    """

    unit = "nats per output"
    takes_logits = "sigmoid"

    def forward(
        self, logits: ndarray, targets: ndarray, count: int | None = None
    ) -> tuple[ndarray, BinaryCrossEntropyCache]:
        """The loss () and what `backward` needs. Raises ValueError for what does not fit."""
        targets = fitting(logits, targets)
        if not ((targets >= 0) & (targets <= 1)).all():
            raise ValueError("targets of BinaryCrossentropy are not all in [0, 1]")
        count = self.count(targets) if count is None else count
        # -t log p - (1 - t) log(1 - p) = log(1 + exp(z)) - t z
        #                               = max(z, 0) + log(1 + exp(-|z|)) - t z     without overflow
        z = logits  # (..., V)
        positive = z.real > 0  # (..., V)
        softplus = np.where(positive, z, 0) + np.log1p(np.exp(np.where(positive, -z, z)))
        loss = (softplus - targets * z).sum() / count  # ()
        return check_loss(loss, logits), BinaryCrossEntropyCache(sigmoid(z), targets, count)

    def backward(self, cache: BinaryCrossEntropyCache) -> ndarray:
        """The gradient of the loss with respect to the logits, (..., V)."""
        p, targets, divisor = cache
        # loss = sum of (log(1 + exp(z)) - t z) / count, and the derivative of log(1 + exp(z)) is p
        return (p - targets.astype(p.dtype)) / divisor  # (..., V)


class ErrorCache(NamedTuple):
    """y - targets (..., V), and the number divided by."""

    error: ndarray
    divisor: int


class MeanSquaredError(Loss):
    """The mean of (y - target)^2 over all outputs; y and targets (..., V). Targets (...) will do
    where there is one output, V = 1.

    >>> criterion = MeanSquaredError()
    >>> loss, cache = criterion.forward(np.array([[1.0], [5.0]]), np.array([[1.0], [3.0]]))
    >>> float(loss), criterion.backward(cache).tolist()
    (2.0, [[0.0], [2.0]])
    """

    def forward(
        self, y: ndarray, targets: ndarray, count: int | None = None
    ) -> tuple[ndarray, ErrorCache]:
        """The loss () and what `backward` needs. Raises ValueError for what does not fit."""
        error = y - fitting(y, targets).astype(y.dtype)  # (..., V)
        count = error.size if count is None else count
        return check_loss(self.sizes(error).sum() / count, y), ErrorCache(error, count)

    def sizes(self, error: ndarray) -> ndarray:
        """The loss of each error, (..., V)."""
        return error**2

    def backward(self, cache: ErrorCache) -> ndarray:
        """The gradient of the loss with respect to y, (..., V)."""
        error, divisor = cache
        return 2 * error / divisor


class MeanAbsoluteError(MeanSquaredError):
    """The mean of |y - target| over all outputs; the derivative at 0 is 0. See MeanSquaredError.

    >>> criterion = MeanAbsoluteError()
    >>> loss, cache = criterion.forward(np.array([[1.0], [5.0]]), np.array([[1.0], [3.0]]))
    >>> float(loss), criterion.backward(cache).tolist()
    (1.0, [[0.0], [0.5]])
    """

    def sizes(self, error: ndarray) -> ndarray:
        """The loss of each error, (..., V)."""
        return error * np.sign(error.real)  # |error|, and analytic for complex numbers

    def backward(self, cache: ErrorCache) -> ndarray:
        """The gradient of the loss with respect to y, (..., V)."""
        error, divisor = cache
        return np.sign(error.real).astype(error.dtype) / divisor


def fitting(y: ndarray, targets: ndarray) -> ndarray:
    """The targets in the shape of y, (..., V). Raises ValueError if they do not fit."""
    check_output(y)
    check_targets(targets)
    if targets.shape == y.shape[:-1] and y.shape[-1] == 1:
        return targets[..., None]
    if targets.shape != y.shape:
        raise ValueError(f"targets {targets.shape} do not fit outputs {y.shape}: reshape them")
    return targets
