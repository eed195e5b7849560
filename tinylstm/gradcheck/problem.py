"""The function that a check differentiates: the loss, with respect to parameters,
input and initial states.
"""

import copy
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from numpy import ndarray

from ..layers import Layer, Rng, State
from ..losses import Loss, kept, placed
from ..model import Sequential


class Checkable(Protocol):
    """The contract of layers/base.py, as far as a check needs it, for classes that are no Layer."""

    params: dict[str, ndarray]

    def initial_state(self, batch: int, /) -> State:
        """The state at the start of a sequence."""

    def forward(self, x: ndarray, state: State | None, rng: Rng, /) -> tuple[ndarray, State, Any]:
        """The output, the final state, and what `backward` needs."""

    def backward(
        self, dy: ndarray, cache: Any, grads: dict[str, ndarray], dstate: State | None, /
    ) -> tuple[Any, State]:
        """The gradients of the input and of the initial state; adds to `grads`."""


class Problem:
    """A copy of a net with random parameters and states, an input, and a loss.

    in_complex: use complex numbers throughout; otherwise the type of the net's parameters.
    Raises ValueError if only one of targets and loss is given.
    """

    def __init__(
        self,
        net: Layer | Sequential | Checkable,
        x: ndarray,
        targets: ndarray | None,
        loss: Loss | None,
        seed: int,
        training: bool,
        in_complex: bool,
        mask: ndarray | None = None,
    ):
        if (targets is None) != (loss is None):
            raise ValueError("gradcheck needs targets and loss, or neither: pass both")
        rng = np.random.default_rng(seed)
        self.net, kind = model_copy(net, in_complex)
        self.precision = float(np.finfo(kind).eps)
        self.x = np.array(x, kind) if np.asarray(x).dtype.kind in "fc" else np.asarray(x)
        self.targets, self.loss = np.asarray(targets), loss
        self.seed, self.training = seed, training
        self.mask = mask
        self.loss_mask = mask if self.net.return_sequences else None
        self.inflow = 0.0  # the largest gradient that flows into backward
        for array in self.net.params.values():
            # not too small, or some paths would not count; not too large, or a big net would be too
            # nonlinear for finite differences
            rows = array.shape[0] if array.ndim > 1 else 1
            array[...] = min(0.5, rows**-0.5) * rng.standard_normal(array.shape)
        self.states = [
            tuple((0.5 * rng.standard_normal(array.shape)).astype(kind) for array in state)
            for state in self.net.initial_states(self.x.shape[1])
        ]
        y, states, _ = self.forward()
        self.dy = rng.standard_normal(y.shape).astype(kind)
        self.dstates = [
            tuple(rng.standard_normal(array.shape).astype(kind) for array in state)
            for state in states
        ]

    def forward(self) -> tuple[ndarray, list[Any], list[Any]]:
        """The net's forward pass, with the same dropout mask every time."""
        rng = np.random.default_rng(self.seed) if self.training else None
        return self.net.forward(self.x, self.states, rng, self.mask)

    def value(self) -> Any:
        """The loss of the outputs, or a random linear function of them if there is no loss, plus a
        random linear function of the final states.
        """
        y, states, _ = self.forward()
        double = np.result_type(y.dtype, np.float64)  # so that the sum loses no digits
        if self.loss is None:
            total = (y.astype(double) * self.dy).sum()
        else:
            total = self.loss.forward(*kept(y, self.targets, self.loss_mask))[0]
        for state, dstate in zip(states, self.dstates, strict=True):
            for array, weight in zip(state, dstate, strict=True):
                total = total + (array.astype(double) * weight).sum()
        return total

    def gradients(self) -> list[tuple[str, ndarray, ndarray]]:
        """Name, array and backward's gradient, for parameters, input and initial states."""
        found = list(self.backward())
        if not found:
            raise ValueError("nothing to check: no parameters, no states, and the input is ids")
        for name, array, gradient in found:
            if np.shape(gradient) != array.shape:
                raise ValueError(
                    f"backward gives {name} a gradient of shape {np.shape(gradient)}, "
                    f"but {name} has shape {array.shape}"
                )
        return found

    def backward(self) -> Iterator[tuple[str, ndarray, ndarray]]:
        """Yields what `gradients` returns, before its checks."""
        y, _, caches = self.forward()
        dy = self.dy
        if self.loss is not None:
            cache = self.loss.forward(*kept(y, self.targets, self.loss_mask))[1]
            dy = placed(self.loss.backward(cache), y, self.loss_mask)
        incoming = [dy, *(array for dstate in self.dstates for array in dstate)]
        self.inflow = max(float(np.abs(array).max()) for array in incoming)
        grads = self.net.zero_grads()
        dx, dinitial = self.net.backward(dy, caches, grads, self.dstates)
        for path, array in self.net.params.items():
            yield path, array, grads[path]
        if dx is not None:
            yield "x", self.x, dx
        for layer, state, dstate in zip(self.net.layers, self.states, dinitial, strict=True):
            for i, array in enumerate(state):
                yield f"{layer.name}.state[{i}]", array, dstate[i]


def model_copy(
    net: Layer | Sequential | Checkable, in_complex: bool
) -> tuple[Sequential, np.dtype]:
    """A copy of the net and the type of its numbers; a single layer becomes a one-layer model.

    deepcopy replaces each real array by its complex copy wherever the net refers to it, so shared
    weights stay shared.
    """
    layers: list[Any] = [*net.layers] if isinstance(net, Sequential) else [net]
    arrays = [array for layer in layers for array in layer.params.values()]
    kind = np.dtype(complex) if in_complex else np.result_type(*arrays, *[] if arrays else [float])
    layers = copy.deepcopy(layers, {id(array): array.astype(kind) for array in arrays})
    model = copy.copy(Sequential([Layer()]))
    model.layers, model.dtype = layers, kind
    for layer in layers:
        layer.name = getattr(layer, "name", "") or type(layer).__name__.lower()
    return model, kind
