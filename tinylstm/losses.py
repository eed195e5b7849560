"""Losses: from the network's output and the targets to one number and its gradient.

`Loss` is the contract; your own follows it. `L2` is a loss of the parameters alone.
Next: optimizers.py.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

from . import backend
from .functional import sigmoid


class Loss:
    """The contract of a loss, which your own can follow too (`gradcheck` and `fit` take it):

        forward(y, targets, count) -> (loss, cache)      the sum over the targets, divided by count
        backward(cache) -> dy                            its gradient with respect to y
        count(targets) -> number                         what the whole batch's sum is divided by

    y: the network's output, (T, B, V) or (B, V). A shard of a batch passes the count of the whole
    batch, so that the losses and gradients of all shards add up to the batch's.
    """

    def count(self, targets: ndarray) -> int:
        """The number of targets that enter the mean."""
        return targets.size

    def forward(self, y: ndarray, targets: ndarray, count: int | None = None) -> Any:
        """The loss () and what `backward` needs. Raises ValueError for what does not fit."""
        raise NotImplementedError

    def backward(self, cache: Any) -> ndarray:
        """The gradient of the loss with respect to y, in y's shape."""
        raise NotImplementedError


class CrossEntropyCache(NamedTuple):
    """Probabilities (..., V), integer targets (...), and the number divided by."""

    p: ndarray
    targets: ndarray
    divisor: int


class CategoricalCrossentropy(Loss):
    """The mean of -log p[target] in nats, from logits (..., V).

    Targets are class numbers (...), where a negative one is left out of the loss and of its mean,
    or one-hot vectors (..., V).
    label_smoothing: the share of the target that is spread evenly over all classes (C. Szegedy et
    al., 2016); 0.1 of four classes makes 1 0 0 0 into 0.925 0.025 0.025 0.025.

    >>> criterion, targets = CategoricalCrossentropy(), np.array([[1], [5], [-1]])
    >>> loss, cache = criterion.forward(np.zeros((3, 1, 8)), targets)
    >>> float(round(loss, 4)), criterion.backward(cache).shape
    (2.0794, (3, 1, 8))
    """

    def __init__(self, label_smoothing: float = 0.0):
        if not 0 <= label_smoothing < 1:
            raise ValueError(f"label_smoothing is {label_smoothing}: use a number in [0, 1)")
        self.label_smoothing = label_smoothing

    def count(self, targets: ndarray) -> int:
        """The number of targets that enter the mean."""
        return int((self.classes(targets) >= 0).sum())

    def classes(self, targets: ndarray) -> ndarray:
        """Class numbers from class numbers or one-hot vectors of floats."""
        if targets.dtype.kind in "iu":
            return targets
        if not (np.isin(targets, (0, 1)).all() and (targets.sum(axis=-1) == 1).all()):
            raise ValueError("targets are neither integers nor one-hot vectors: use class numbers")
        return targets.argmax(axis=-1)

    def forward(
        self, logits: ndarray, targets: ndarray, count: int | None = None
    ) -> tuple[ndarray, CrossEntropyCache]:
        """The loss () and what `backward` needs. Raises ValueError for what does not fit."""
        check_logits(logits)
        classes, V = self.classes(targets), logits.shape[-1]
        if classes.shape != logits.shape[:-1]:
            raise ValueError(
                f"targets {targets.shape} do not fit logits {logits.shape}: "
                f"want class numbers {logits.shape[:-1]} or one-hot {logits.shape}"
            )
        if classes.max() >= V:
            raise ValueError(f"target {classes.max()} is outside the {V} classes of the logits")
        count = max(self.count(classes), 1) if count is None else count
        loss, p = backend.softmax_cross_entropy_forward(
            logits.reshape(-1, V), classes.ravel(), count
        )
        if self.label_smoothing:
            # -sum_v q_v log p_v, with q = (1 - s) onehot + s / V, is
            # -log p[target] + s * (logits[target] - mean(logits)): log sum exp(logits) cancels
            counted = logits[classes >= 0]  # (n, V)
            chosen = counted[np.arange(len(counted)), classes[classes >= 0]]  # (n,)
            loss = loss + self.label_smoothing * (chosen - counted.mean(axis=-1)).sum() / count
        return check_loss(loss, logits), CrossEntropyCache(p.reshape(logits.shape), classes, count)

    def backward(self, cache: CrossEntropyCache) -> ndarray:
        """The gradient of the loss with respect to the logits, (..., V)."""
        p, targets, divisor = cache
        V = p.shape[-1]
        dlogits = backend.softmax_cross_entropy_backward(p.reshape(-1, V), targets.ravel(), divisor)
        if self.label_smoothing:
            # loss += s * (logits[target] - mean(logits)) / count
            rows = np.flatnonzero(targets >= 0)  # (n,)
            dlogits[rows] -= self.label_smoothing / V / divisor
            dlogits[rows, targets.ravel()[rows]] += self.label_smoothing / divisor
        return dlogits.reshape(p.shape)


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

    def forward(
        self, logits: ndarray, targets: ndarray, count: int | None = None
    ) -> tuple[ndarray, BinaryCrossEntropyCache]:
        """The loss () and what `backward` needs. Raises ValueError for what does not fit."""
        check_logits(logits)
        if targets.shape != logits.shape:
            raise ValueError(f"targets {targets.shape} do not fit logits {logits.shape}")
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


class L2:
    """A loss of the parameters alone: rate * sum of w^2 over weights (not biases), as Keras has it.

    Add `forward(params)` to the loss once a step, and after the gradients of all shards are summed,
    before clipping, `backward(params, grads)`, which adds to them.

    >>> params = {"dense_1.W": np.ones((2, 3)), "dense_1.b": np.ones(3)}
    >>> grads = {name: np.zeros_like(p) for name, p in params.items()}
    >>> penalty = L2(0.5)
    >>> penalty.backward(params, grads)
    >>> float(penalty.forward(params)), [float(g.max()) for g in grads.values()]
    (3.0, [1.0, 0.0])
    """

    def __init__(self, rate: float):
        if not rate >= 0:
            raise ValueError(f"L2 rate is {rate}: use 0 or a positive number")
        self.rate = rate

    def weights(self, params: dict[str, ndarray]) -> dict[str, ndarray]:
        """The parameters that are penalised: matrices. Biases, gamma and beta are vectors."""
        return {name: p for name, p in params.items() if p.ndim > 1}

    def forward(self, params: dict[str, ndarray]) -> ndarray:
        """The penalty, ()."""
        return self.rate * sum((w**2).sum() for w in self.weights(params).values())

    def backward(self, params: dict[str, ndarray], grads: dict[str, ndarray]) -> None:
        """Add its gradient, 2 * rate * w, to `grads`."""
        for name, w in self.weights(params).items():
            grads[name] += 2 * self.rate * w


def check_logits(logits: ndarray) -> None:
    """Raise ValueError unless logits is a non-empty float array."""
    if not isinstance(logits, np.ndarray) or logits.dtype.kind not in "fc" or logits.size == 0:
        what = f"{logits.dtype} {logits.shape}" if isinstance(logits, np.ndarray) else type(logits)
        raise ValueError(f"a loss wants logits (..., V), floats and at least one, got {what}")


class NotFiniteError(ValueError):
    """A loss is NaN or infinite, because its input is."""


def check_loss(loss: ndarray, logits: ndarray) -> ndarray:
    """The loss, or NotFiniteError. Checking the loss avoids scanning every array at a good step."""
    if not np.isfinite(loss):
        bad = np.argwhere(~np.isfinite(logits))
        index = tuple(bad[0].tolist()) if len(bad) else ()
        why = f"logits hold {logits[index]} at {index}" if index else "logits are too large"
        raise NotFiniteError(f"the loss is {loss}: {why}")
    return loss
