"""Optimizers: SGD, RMSprop, Adam, AdamW, as their papers and Keras define them, and clipping.

`update(params, grads)` changes the parameters in place. What an optimizer remembers is in `slots`,
one array the shape of the parameter for each name, and `steps`; both go into a checkpoint.
Next: model.py.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy import ndarray

from . import backend, border
from .frozen import changing

NamedArrays = dict[str, ndarray]
Each = Callable[[Callable[[str], None], Iterable[str]], Iterable[None]]  # as Python's `map`


class Optimizer:
    """What all of them share. `learning_rate` may be changed at any time, by a schedule for one.

    ema_momentum: if given, `averages` are exponential moving averages of the weights, each step's
    with a share of 1 - ema_momentum (more in the first steps). `fit` judges and keeps these: they
    stand where a much lower learning rate would end (B. Polyak and A. Juditsky, 1992).

    >>> class Signs(Optimizer):
    ...     def step(self, p, g):
    ...         p -= self.learning_rate * np.sign(g)
    >>> p = {"w": np.array([1.0])}
    >>> Signs(0.25).update(p, {"w": np.array([-7.0])})
    >>> p["w"].tolist()
    [1.25]
    """

    weight_decay = 0.0  # the share of itself, times the learning rate, that a parameter loses
    slot_names: tuple[str, ...] = ()
    config_names: tuple[str, ...] = ("learning_rate", "ema_momentum")

    def __init__(self, learning_rate: float, ema_momentum: float | None = None):
        if not learning_rate > 0:
            raise ValueError(f"learning_rate is {learning_rate}: use a positive number")
        if ema_momentum is not None and not 0 <= ema_momentum < 1:
            raise ValueError(f"ema_momentum is {ema_momentum}: use a number in [0, 1)")
        self.learning_rate = learning_rate
        self.ema_momentum = ema_momentum
        self.steps = 0
        self.slots: dict[str, NamedArrays] = {slot: {} for slot in self.slot_names}
        if ema_momentum is not None:
            self.slots["average"] = {}

    @property
    def averages(self) -> NamedArrays:
        """The moving average of each parameter; empty without `ema_momentum`."""
        return self.slots.get("average", {})

    def config(self) -> dict[str, Any]:
        """The constructor's arguments, as plain data."""
        return {name: getattr(self, name) for name in self.config_names}

    def update(self, params: NamedArrays, grads: NamedArrays, each: Each = map) -> None:
        """One step downhill: changes `params` (and the optimizer's memory) in place.

        each: calls a function for every name; `Shards.each` does so in several threads.
        """
        if params.keys() != grads.keys():
            names = sorted(params.keys() ^ grads.keys())
            raise ValueError(f"parameters and gradients differ in {names}: use zero_grads()")
        for name, p in params.items():
            border.update(name, p, grads[name], self.slots)
        self.steps += 1
        for memory in self.slots.values():
            for name in params:
                if name not in memory:
                    memory[name] = np.zeros_like(params[name])

        def one(name: str) -> None:
            p, g = params[name], grads[name]
            if self.weight_decay:
                # p = p - rate * decay * p          apart from the gradient, unlike L2
                p *= 1 - self.learning_rate * self.weight_decay
            step = backend.optimizer_step(self, p, g)  # the one below, or its fast twin
            step(p, g, *(self.slots[slot][name] for slot in self.slot_names))
            if self.ema_momentum is not None:
                # a = momentum * a + (1 - momentum) * p, with less momentum in the first steps
                a, momentum = self.averages[name], min(self.ema_momentum, 1 - 9 / (self.steps + 8))
                a *= momentum
                a += (1 - momentum) * p

        with changing(params.values()):  # no other thread reads them meanwhile
            list(each(one, params))

    def step(self, p: ndarray, g: ndarray, *slots: ndarray) -> None:
        """Update one parameter p and its slots in place, given its gradient g."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.config().items())})"


class SGD(Optimizer):
    """Gradient descent with momentum (B. Polyak, 1964), in Keras's form.

    >>> p = {"w": np.array([1.0])}
    >>> SGD(0.1).update(p, {"w": np.array([2.0])})
    >>> p["w"].tolist()
    [0.8]
    """

    slot_names = ("velocity",)
    config_names = ("learning_rate", "momentum", "ema_momentum")

    def __init__(
        self,
        learning_rate: float = 0.01,
        momentum: float = 0.0,
        ema_momentum: float | None = None,
    ):
        super().__init__(learning_rate, ema_momentum)
        self.momentum = momentum

    def step(self, p: ndarray, g: ndarray, *slots: ndarray) -> None:
        (v,) = slots
        # v = momentum * v - rate * g
        v *= self.momentum
        v -= self.learning_rate * g
        # p = p + v
        p += v


class RMSprop(Optimizer):
    """The gradient divided by a running root mean square of itself (T. Hinton, lecture 6e, 2012).

    As in Keras, epsilon stands under the root.

    >>> p = {"w": np.array([1.0])}
    >>> RMSprop(0.1, rho=0.75).update(p, {"w": np.array([3.0])})
    >>> float(p["w"][0].round(6))
    0.8
    """

    slot_names = ("mean_square",)
    config_names = ("learning_rate", "rho", "epsilon", "ema_momentum")

    def __init__(
        self,
        learning_rate: float = 0.001,
        rho: float = 0.9,
        epsilon: float = 1e-7,
        ema_momentum: float | None = None,
    ):
        super().__init__(learning_rate, ema_momentum)
        self.rho = rho
        self.epsilon = epsilon

    def step(self, p: ndarray, g: ndarray, *slots: ndarray) -> None:
        (s,) = slots
        # s = rho * s + (1 - rho) * g^2
        s *= self.rho
        s += (1 - self.rho) * g**2
        # p = p - rate * g / sqrt(s + epsilon)
        p -= self.learning_rate * g / np.sqrt(s + self.epsilon)


class Adam(Optimizer):
    """Adaptive moments (D. Kingma and J. Ba, Adam, ICLR 2015, algorithm 1 in the form of the end of
    its section 2, which is Keras's: the bias corrections are folded into the rate).

    >>> p = {"w": np.array([1.0])}
    >>> Adam(0.1).update(p, {"w": np.array([3.0])})    # the first step has the size of the rate
    >>> float(p["w"][0].round(6))
    0.9
    """

    slot_names = ("m", "v")
    config_names: tuple[str, ...] = (
        "learning_rate", "beta_1", "beta_2", "epsilon", "ema_momentum"
    )  # fmt: skip

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        ema_momentum: float | None = None,
    ):
        super().__init__(learning_rate, ema_momentum)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def step(self, p: ndarray, g: ndarray, *slots: ndarray) -> None:
        m, v = slots
        t = self.steps
        # m = beta_1 * m + (1 - beta_1) * g
        m *= self.beta_1
        m += (1 - self.beta_1) * g
        # v = beta_2 * v + (1 - beta_2) * g^2
        v *= self.beta_2
        v += (1 - self.beta_2) * g**2
        # both start at zero and are too small by 1 - beta^t after t steps
        rate = self.learning_rate * (1 - self.beta_2**t) ** 0.5 / (1 - self.beta_1**t)
        # p = p - rate * m / (sqrt(v) + epsilon)
        p -= rate * m / (np.sqrt(v) + self.epsilon)


class AdamW(Adam):
    """Adam with decoupled weight decay (I. Loshchilov, F. Hutter, ICLR 2019), for all parameters,
    with Keras's default. At each step a parameter first loses rate * weight_decay of itself.

    >>> p = {"w": np.array([1.0])}
    >>> AdamW(0.1, weight_decay=0.5).update(p, {"w": np.array([3.0])})
    >>> float(p["w"][0].round(6))
    0.85
    """

    config_names = ("learning_rate", "weight_decay", "beta_1", "beta_2", "epsilon", "ema_momentum")

    def __init__(
        self, learning_rate: float = 0.001, weight_decay: float = 0.004, **options: float | None
    ):
        super().__init__(learning_rate, **options)  # type: ignore[arg-type]
        if not 0 <= weight_decay < np.inf:
            raise ValueError(f"weight_decay is {weight_decay}: use 0 or a positive number")
        self.weight_decay = weight_decay


def global_norm(grads: NamedArrays) -> float:
    """The Euclidean length of all gradients taken as one vector, of any size: 1e30 in float32 too.

    >>> global_norm({"a": np.array([3.0]), "b": np.array([4.0])})
    5.0
    """
    norm = float(np.sqrt(sum(float(np.vdot(g, g).real) for g in grads.values())))
    if 1e-15 < norm < 1e15:
        return norm
    # float32's squares end at 1e-38 and 1e38: take them relative to the largest number
    largest = max((float(np.abs(g).max(initial=0)) for g in grads.values()), default=0.0)
    if not 0 < largest < np.inf:
        return largest
    parts = (np.vdot(q, q).real for q in (g / g.dtype.type(largest) for g in grads.values()))
    return largest * float(np.sqrt(sum(map(float, parts))))


def clip_by_global_norm(grads: NamedArrays, limit: float) -> float:
    """Scale all gradients, in place, so that their global norm is at most `limit`.

    Returns the norm before (R. Pascanu, T. Mikolov and Y. Bengio, 2013).

    >>> g = {"a": np.array([3.0]), "b": np.array([4.0])}
    >>> clip_by_global_norm(g, 1.0), g["a"].round(6).tolist()
    (5.0, [0.6])
    """
    if not limit > 0:
        raise ValueError(f"clipping limit is {limit}: use a positive number")
    norm = global_norm(grads)
    if norm > limit:
        for g in grads.values():
            g *= limit / norm
    return norm
