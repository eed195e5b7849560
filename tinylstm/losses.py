"""Losses: from the network's output and the targets to one number and its gradient.

`Loss` is the contract; your own follows it. pointwise.py has the losses of each output
by itself, such as the squared error. Next: optimizers.py.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

from . import backend

LEAST = 1e-7  # a probability below this counts as this, as in Keras


class Loss:
    """The contract of a loss, which your own can follow too (`gradcheck` and `fit` take it):

        forward(y, targets, count) -> (loss, cache)      the sum over the targets, divided by count
        backward(cache) -> dy                            its gradient with respect to y
        count(targets) -> number                         what the whole batch's sum is divided by

    y: the network's output, (T, B, V) or (B, V), or (n, V), the steps that a mask leaves in. A
    shard of a batch passes the count of the whole batch, so that the losses and gradients of all
    shards add up to the batch's.

    >>> class Sum(Loss):
    ...     def forward(self, y, targets, count=None):
    ...         return y.sum() / (count or y.size), (y, count or y.size)
    ...
    ...     def backward(self, cache):
    ...         y, count = cache
    ...         return np.full_like(y, 1 / count)
    >>> loss, cache = Sum().forward(np.array([[1.0], [3.0]]), np.zeros((2, 1)))
    >>> float(loss), Sum().backward(cache).tolist()
    (2.0, [[0.5], [0.5]])
    """

    unit = ""  # of the loss, for tables
    takes_logits = ""  # the activation that the loss applies itself, so the net must not

    def check_activation(self, activation: str | None) -> None:
        """Raise ValueError if the net ends in the activation that this loss applies itself."""
        if activation and activation == self.takes_logits:
            raise ValueError(
                f"{type(self).__name__} takes logits and applies the {activation} itself, but the "
                f"model ends in {activation}: remove it there"
                + (", or use from_logits=False" if activation == "softmax" else "")
            )

    def count(self, targets: ndarray) -> int:
        """The number of targets that enter the mean."""
        return targets.size

    def forward(
        self, y: ndarray, targets: ndarray, count: int | None = None
    ) -> tuple[ndarray | float, Any]:
        """The loss () and what `backward` needs. Raises ValueError for what does not fit."""
        raise NotImplementedError

    def backward(self, cache: Any) -> ndarray:
        """The gradient of the loss with respect to y, in y's shape."""
        raise NotImplementedError


class CrossEntropyCache(NamedTuple):
    """Probabilities (..., V), integer targets (...), the number divided by, and the output itself
    if it is probabilities.
    """

    p: ndarray
    targets: ndarray
    divisor: int
    y: ndarray | None


class CategoricalCrossentropy(Loss):
    """The mean of -log p[target] in nats, from logits (..., V).

    Targets are class numbers (...), where a negative one is left out of the loss and of its mean,
    or one-hot vectors (..., V).
    label_smoothing: the share of the target that is spread evenly over all classes (C. Szegedy et
    al., 2016); 0.1 of four classes makes 1 0 0 0 into 0.925 0.025 0.025 0.025.
    from_logits: False for a net that ends in a softmax; logits stay exact where that underflows.
    class_weight: what the loss of each class is multiplied by, {class: weight}, 1 for those that
    are not named. The mean is divided by the number of targets, as in Keras.
    Raises ValueError for a number out of range.

    >>> criterion, targets = CategoricalCrossentropy(), np.array([[1], [5], [-1]])
    >>> loss, cache = criterion.forward(np.zeros((3, 1, 8)), targets)
    >>> float(round(loss, 4)), criterion.backward(cache).shape
    (2.0794, (3, 1, 8))
    """

    unit = "nats per target"
    takes_logits = "softmax"
    class_weight: dict[int, float] | None = None

    def __init__(
        self,
        label_smoothing: float = 0.0,
        from_logits: bool = True,
        class_weight: dict[int, float] | None = None,
    ):
        if not 0 <= label_smoothing < 1:
            raise ValueError(f"label_smoothing is {label_smoothing}: use a number in [0, 1)")
        self.label_smoothing = label_smoothing
        if not from_logits:
            self.takes_logits = ""
        if class_weight:
            if not all(k >= 0 and 0 <= w < np.inf for k, w in class_weight.items()):
                raise ValueError(f"class_weight is {class_weight}: use {{class number: weight}}")
            self.class_weight = dict(class_weight)

    def count(self, targets: ndarray) -> int:
        """The number of targets that enter the mean."""
        return int((self.classes(targets) >= 0).sum())

    def classes(self, targets: ndarray) -> ndarray:
        """Class numbers, which integers always are, or those of one-hot vectors of floats."""
        check_targets(targets)
        if targets.dtype.kind in "iu":
            return targets
        if not (np.isin(targets, (0, 1)).all() and (targets.sum(axis=-1) == 1).all()):
            raise ValueError(
                "targets are neither integers nor one-hot vectors: use class numbers, or "
                "MeanSquaredError to predict numbers"
            )
        return targets.argmax(axis=-1)

    def forward(
        self, y: ndarray, targets: ndarray, count: int | None = None
    ) -> tuple[ndarray, CrossEntropyCache]:
        """The loss () and what `backward` needs. Raises ValueError for what does not fit."""
        check_output(y)
        # probabilities are the softmax of their logarithms, whose sum of exponentials is 1
        logits = y if self.takes_logits else np.log(np.where(y.real < LEAST, LEAST, y))  # (..., V)
        classes, V = self.classes(targets), logits.shape[-1]
        if classes.shape != logits.shape[:-1]:
            raise ValueError(
                f"targets {targets.shape} do not fit logits {logits.shape}: "
                f"want class numbers {logits.shape[:-1]} or one-hot {logits.shape}"
                + (", as floats: use y.astype(float)" if targets.shape == logits.shape else "")
            )
        if classes.max() >= V:
            raise ValueError(f"target {classes.max()} is outside the {V} classes of the logits")
        count = max(self.count(classes), 1) if count is None else count
        loss, p = backend.softmax_cross_entropy_forward(
            logits.reshape(-1, V), classes.ravel(), count
        )
        if self.label_smoothing or self.class_weight:
            loss = self.weighted(logits[classes >= 0], classes[classes >= 0]) / count
        cache = CrossEntropyCache(p.reshape(y.shape), classes, count, None if logits is y else y)
        return check_loss(loss, y), cache

    def weighted(self, logits: ndarray, targets: ndarray) -> ndarray:
        """The sum of the loss over targets (n,) from logits (n, V), with smoothing and weights."""
        z = logits - logits.real.max(axis=-1, keepdims=True)  # (n, V)
        chosen = z[np.arange(len(z)), targets]  # (n,)
        # -sum_v q_v log p_v, with q = (1 - s) onehot + s / V
        wanted = (1 - self.label_smoothing) * chosen + self.label_smoothing * z.mean(axis=-1)
        return (self.weights(targets) * (np.log(np.exp(z).sum(axis=-1)) - wanted)).sum()

    def weights(self, targets: ndarray) -> ndarray:
        """The weight of each target (n,)."""
        weights = np.ones(1 + max([*(self.class_weight or {}), int(targets.max(initial=0))]))
        for k, weight in (self.class_weight or {}).items():
            weights[k] = weight
        return weights[targets]

    def backward(self, cache: CrossEntropyCache) -> ndarray:
        """The gradient of the loss with respect to y, (..., V)."""
        p, targets, divisor, y = cache
        V = p.shape[-1]
        dlogits = backend.softmax_cross_entropy_backward(p.reshape(-1, V), targets.ravel(), divisor)
        rows = np.flatnonzero(targets >= 0)  # (n,)
        ids = targets.ravel()[rows]  # (n,)
        if self.label_smoothing:
            # q = (1 - s) onehot + s / V, not onehot
            dlogits[rows] -= self.label_smoothing / V / divisor
            dlogits[rows, ids] += self.label_smoothing / divisor
        if self.class_weight:
            dlogits[rows] *= self.weights(ids)[:, None].astype(dlogits.real.dtype)
        dlogits = dlogits.reshape(p.shape)
        # logits = log(y)
        return (
            dlogits if y is None else np.where(y.real < LEAST, 0, dlogits / np.where(y == 0, 1, y))
        )


def kept(y: ndarray, targets: ndarray, mask: ndarray | None) -> tuple[ndarray, ndarray]:
    """The outputs (n, V) and targets (n, ...) of the steps that the mask (T, B) leaves in."""
    return (y, targets) if mask is None else (y[mask], targets[mask])


def placed(dkept: ndarray, y: ndarray, mask: ndarray | None) -> ndarray:
    """The gradient of y from that of the kept outputs: a masked step has none."""
    if mask is None:
        return dkept
    dy = np.zeros_like(y)  # (T, B, V)
    dy[mask] = dkept
    return dy


def check_output(y: ndarray) -> None:
    """Raise ValueError unless y is a non-empty float array."""
    if not isinstance(y, np.ndarray) or y.dtype.kind not in "fc" or not y.size or not y.ndim:
        what = f"{y.dtype} {y.shape}" if isinstance(y, np.ndarray) else type(y)
        raise ValueError(f"a loss wants outputs (..., V), floats and at least one, got {what}")


def check_targets(targets: ndarray) -> None:
    """Raise ValueError unless targets are an array of numbers."""
    if not isinstance(targets, np.ndarray) or targets.dtype.kind not in "biuf":
        what = targets.dtype if isinstance(targets, np.ndarray) else f"a {type(targets).__name__}"
        raise ValueError(f"targets are {what}: want an array of numbers")


class NotFiniteError(ValueError):
    """A loss is NaN or infinite, because its input is."""


def check_loss(loss: ndarray, y: ndarray) -> ndarray:
    """The loss, or NotFiniteError. Checking the loss avoids scanning every array at a good step."""
    if not np.isfinite(loss):
        bad = np.argwhere(~np.isfinite(y))
        index = tuple(bad[0].tolist()) if len(bad) else ()
        why = f"the output holds {y[index]} at {index}" if index else "outputs are too large"
        raise NotFiniteError(f"the loss is {loss}: {why}")
    return loss
