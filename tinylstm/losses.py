"""Losses: from the network's output and the targets to one number and its gradient.

The contract: `forward(y, targets, count) -> (loss, cache)`, `backward(cache) -> dy`.
`count` is what the sum is divided by; a shard passes `count(targets)` of the whole batch, so
that the losses and gradients of the shards add up to the batch's.
"""

from typing import NamedTuple

import numpy as np
from numpy import ndarray

from . import functional as F


class CrossEntropyCache(NamedTuple):
    """Probabilities (..., V), integer targets (...), and the number divided by."""

    p: ndarray
    targets: ndarray
    divisor: int


class CategoricalCrossentropy:
    """The mean of -log p[target] in nats, from logits (..., V).

    Targets are class numbers (...), where a negative one is left out of the loss and of its mean,
    or one-hot vectors (..., V).

    >>> criterion, targets = CategoricalCrossentropy(), np.array([[1], [5], [-1]])
    >>> loss, cache = criterion.forward(np.zeros((3, 1, 8)), targets)
    >>> float(round(loss, 4)), criterion.backward(cache).shape
    (2.0794, (3, 1, 8))
    """

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
        """The loss () and what `backward` needs. Raises ValueError for targets that do not fit."""
        classes, V = self.classes(targets), logits.shape[-1]
        if classes.shape != logits.shape[:-1]:
            raise ValueError(
                f"targets {targets.shape} do not fit logits {logits.shape}: "
                f"want class numbers {logits.shape[:-1]} or one-hot {logits.shape}"
            )
        if classes.size and classes.max() >= V:
            raise ValueError(f"target {classes.max()} is outside the {V} classes of the logits")
        count = max(self.count(classes), 1) if count is None else count
        loss, p = F.softmax_cross_entropy_forward(logits.reshape(-1, V), classes.ravel(), count)
        return loss, CrossEntropyCache(p.reshape(logits.shape), classes, count)

    def backward(self, cache: CrossEntropyCache) -> ndarray:
        """The gradient of the loss with respect to the logits, (..., V)."""
        p, targets, divisor = cache
        dlogits = F.softmax_cross_entropy_backward(
            p.reshape(-1, p.shape[-1]), targets.ravel(), divisor
        )
        return dlogits.reshape(p.shape)
