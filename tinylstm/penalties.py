"""Penalties: losses of the parameters alone, which keep them small. `fit` takes one as `penalty`.

Next: optimizers.py.
"""

from typing import Protocol

from numpy import ndarray


class Penalty(Protocol):
    """The contract of a penalty."""

    def forward(self, params: dict[str, ndarray]) -> ndarray:
        """The penalty, ()."""

    def backward(self, params: dict[str, ndarray], grads: dict[str, ndarray]) -> None:
        """Add its gradient to `grads`."""


class L2:
    """A loss of the parameters alone: rate * sum of w^2 over weights (not biases), as Keras has it.

    Add `forward(params)` to the loss once a step, and after the gradients of all shards are summed,
    before clipping, `backward(params, grads)`, which adds to them.

    >>> import numpy as np
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
