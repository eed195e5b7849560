"""Is the backward pass the derivative of the forward pass? Checked to the last digits.

The complex step (W. Squire and G. Trapp, SIAM Review 40(1), 1998): for an analytic f,
f(x + ih) = f(x) + ih f'(x) + O(h^2), so Im f(x + ih) / h is the derivative, with no subtraction and
hence no cancellation; h = 1e-20 leaves no error but rounding. Layers take complex numbers as is.

What the inputs are decides what a check can see: parameters, biases and initial states are drawn at
random, and gradients flow into every output and into the final states.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy import ndarray

from .layers import Layer
from .model import Sequential

STEP = 1e-20


@dataclass(frozen=True)
class Row:
    """One array: its name, shape, and the largest error relative to the largest gradient in it."""

    name: str
    shape: tuple[int, ...]
    error: float
    worst: tuple[int, ...]  # the index of the entry with that error


@dataclass(frozen=True)
class Report:
    """What `gradcheck` found. `print` it for a table; `ok` says whether all is within `tolerance`."""

    rows: list[Row]
    tolerance: float

    @property
    def error(self) -> float:
        """The largest of the rows' errors (NaN if there is one)."""
        return float(np.max([row.error for row in self.rows]))

    @property
    def ok(self) -> bool:
        """Whether every error is at most the tolerance."""
        return bool(self.error <= self.tolerance)

    def __str__(self) -> str:
        width = max(len(row.name) for row in self.rows)
        lines = [f"{'array':<{width}}  {'shape':<14}  largest error"]
        for row in self.rows:
            verdict = "" if row.error <= self.tolerance else f"  WRONG, worst at {row.worst}"
            lines.append(f"{row.name:<{width}}  {row.shape!s:<14}  {row.error:.1e}{verdict}")
        verdict = "all within" if self.ok else "NOT within"
        return "\n".join([*lines, f"{verdict} {self.tolerance:.0e}"])


def gradcheck(
    net: Layer | Sequential,
    x: ndarray,
    targets: ndarray | None = None,
    loss: Any = None,
    seed: int = 0,
    tolerance: float = 1e-12,
) -> Report:
    """Compare every gradient of a built layer, or of a model, with the complex step.

    x: (T, B) ids or (T, B, D). targets and loss: as for training; without them the check uses a
    random linear function of the outputs. One forward pass for each number: keep sizes small.
    The net itself is left alone: a copy gets random parameters (of scale 0.5), states and dropout.

    >>> from tinylstm.layers import LSTM
    >>> model = Sequential([LSTM(3, return_sequences=True)], input_size=2)
    >>> report = gradcheck(model, np.random.default_rng(0).standard_normal((4, 2, 2)))
    >>> report.ok, [row.name for row in report.rows]
    (True, ['lstm_1.Wx', 'lstm_1.Wh', 'lstm_1.b', 'x', 'lstm_1.state[0]', 'lstm_1.state[1]'])
    """
    problem = Problem(net, np.asarray(x), targets, loss, seed)
    rows = []
    for name, array, gradient in problem.gradients():
        numeric = np.empty(array.shape)
        for index in np.ndindex(*array.shape):
            value = array[index]
            array[index] = value + 1j * STEP
            numeric[index] = problem.value().imag / STEP
            array[index] = value
        rows.append(compare(name, gradient.real, numeric))
    return Report(rows, tolerance)


def compare(name: str, gradient: ndarray, numeric: ndarray) -> Row:
    """The row for one array, given what backward and what the check say."""
    difference = np.abs(gradient - numeric)
    worst = np.unravel_index(int(np.argmax(difference)), difference.shape)
    scale = max(float(np.abs(numeric).max()), 1e-30)
    return Row(name, gradient.shape, float(difference[worst]) / scale, tuple(int(i) for i in worst))


class Problem:
    """A number that depends on arrays: the loss as a function of parameters, input and states."""

    def __init__(
        self,
        net: Layer | Sequential,
        x: ndarray,
        targets: ndarray | None,
        loss: Any,
        seed: int,
    ):
        if (targets is None) != (loss is None):
            raise ValueError("gradcheck wants targets and loss together, or neither")
        rng = np.random.default_rng(seed)
        self.net = in_complex(net)
        self.x = x.astype(complex) if x.dtype.kind in "fc" else x
        self.targets, self.loss, self.seed = targets, loss, seed
        for layer in self.net.layers:
            for array in layer.params.values():
                array[...] = 0.5 * rng.standard_normal(array.shape)
        self.states = [
            tuple(0.5 * rng.standard_normal(array.shape) + 0j for array in state)
            for state in self.net.initial_states(x.shape[1])
        ]
        y, states, _ = self.forward()
        self.dy = rng.standard_normal(y.shape) + 0j
        self.dstates = [
            tuple(rng.standard_normal(array.shape) + 0j for array in state) for state in states
        ]

    def forward(self) -> tuple[ndarray, list[Any], list[Any]]:
        """The net's forward pass, with the same dropout every time."""
        return self.net.forward(self.x, self.states, np.random.default_rng(self.seed))

    def value(self) -> Any:
        """The loss, or the random linear function, plus one of the final states."""
        y, states, _ = self.forward()
        if self.loss is None:
            total = (y * self.dy).sum()
        else:
            total = self.loss.forward(y, self.targets)[0]
        for state, dstate in zip(states, self.dstates, strict=True):
            for array, weight in zip(state, dstate, strict=True):
                total = total + (array * weight).sum()
        return total

    def gradients(self) -> Iterator[tuple[str, ndarray, ndarray]]:
        """Name, array and gradient according to backward: parameters, input, initial states."""
        y, _, caches = self.forward()
        dy = self.dy
        if self.loss is not None:
            dy = self.loss.backward(self.loss.forward(y, self.targets)[1])
        grads = self.net.zero_grads()
        dx, dinitial = self.net.backward(dy, caches, grads, self.dstates)
        for path, array in self.net.params.items():
            yield path, array, grads[path]
        if dx is not None:
            yield "x", self.x, dx
        for layer, state, dstate in zip(self.net.layers, self.states, dinitial, strict=True):
            for i, array in enumerate(state):
                yield f"{layer.name}.state[{i}]", array, dstate[i]


def in_complex(net: Layer | Sequential) -> Sequential:
    """A copy of the net with complex parameters; a single layer becomes a model of one."""
    net = copy.deepcopy(net)
    if isinstance(net, Sequential):
        model = net
    else:
        model = copy.copy(Sequential([Layer()]))
        net.name = net.name or type(net).__name__.lower()
        model.layers = [net]
    for layer in model.layers:
        layer.dtype = np.dtype(complex)
        layer.params = {name: array.astype(complex) for name, array in layer.params.items()}
    return model
