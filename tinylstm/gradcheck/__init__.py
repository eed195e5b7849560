"""Checks that a backward pass is the derivative of its forward pass, for any layer or model.

    from tinylstm import gradcheck
    print(gradcheck(layer, x))

    python -m tinylstm.gradcheck lstm                     the same, from the command line
    python -m tinylstm.gradcheck my_layer.py:MyLayer

There are three methods:

complex      f(x + ih) = f(x) + ih f'(x) + O(h^2) for an analytic f, so Im f(x + ih) / h is the
             derivative. Nothing is subtracted, so nothing cancels: with h = 1e-20 the only error
             is rounding (W. Squire and G. Trapp, SIAM Review 40(1), 1998). All layers here accept
             complex numbers. Costs one forward pass per number.
central      (f(x + h) - f(x - h)) / 2h, for code that cannot take complex numbers: float kernels,
             abs, max. About ten digits in float64, three in float32. Two forward passes per number.
directional  central differences along one random direction through all arrays at once: two forward
             passes for a model of any size, and two more per array if the gradients disagree.

The inputs decide which mistakes a check can see. So parameters, biases and initial states are
random, and gradients flow into every output and final state (problem.py). Next: ../data.py.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy import ndarray

from ..backend import using
from ..layers import Layer
from ..losses import Loss
from ..model import Sequential
from .problem import Checkable, Problem
from .report import Entry, Report, Row

__all__ = ["METHODS", "Entry", "Report", "Row", "gradcheck"]

COMPLEX_STEP = 1e-20


def gradcheck(
    net: Layer | Sequential | Checkable,
    x: ndarray,
    targets: ndarray | None = None,
    loss: Loss | None = None,
    seed: int = 0,
    tolerance: float | None = None,
    method: str = "complex",
    training: bool = True,
    mask: ndarray | None = None,
    backend: str = "numpy",
) -> Report:
    """Compare every gradient of a built layer or model with the numerical derivative.

    net: a model, or anything with `params`, `initial_state`, `forward` and `backward` as in
    layers/base.py. x: (T, B) ids or (T, B, D). targets and loss: as in training; without them the
    check uses a random linear function of the outputs. tolerance: limit on the largest error,
    relative to the largest gradient in the array, or to a tenth of the largest gradient anywhere
    (the output's included) if that is more; by default 1e-12, or the method's own accuracy.
    backend: which implementation is checked, "numpy", the textbook, or "numba", the kernels, which
    take no complex numbers; the report names it. training: whether dropout and batch normalization
    work as in training. mask (T, B): False at padding. The net is not changed: a copy gets random
    values. Raises ValueError if nothing can be checked or a shape is wrong.

    >>> from tinylstm.layers import LSTM
    >>> model = Sequential([LSTM(3, return_sequences=True)], input_size=2)
    >>> report = gradcheck(model, np.random.default_rng(0).standard_normal((4, 2, 2)))
    >>> report.ok, [row.name for row in report.rows]
    (True, ['lstm_1.Wx', 'lstm_1.Wh', 'lstm_1.b', 'x', 'lstm_1.state[0]', 'lstm_1.state[1]'])
    """
    if method not in METHODS:
        raise ValueError(f"method is {method!r}: use one of {sorted(METHODS)}")
    if method == "complex" and backend == "numba":
        raise ValueError("kernels take no complex numbers: use method 'central' or 'directional'")
    rows, default = METHODS[method]
    with using(backend) as kernels:
        problem = Problem(net, x, targets, loss, seed, training, method == "complex", mask)
        limit = default(problem.precision) if tolerance is None else tolerance
        found = rows(problem, limit)
    ran = f"kernels: {', '.join(sorted(kernels))}" if kernels else "textbook"
    return Report(found, limit, ran)


def complex_step(problem: Problem, tolerance: float) -> list[Row]:
    """One row per array; each entry is moved by an imaginary 1e-20."""

    def derivative(array: ndarray, index: tuple[int, ...]) -> float:
        with moved(array, index, 1j * COMPLEX_STEP):
            return problem.value().imag / COMPLEX_STEP

    return entrywise(problem, derivative)


def central_differences(problem: Problem, tolerance: float) -> list[Row]:
    """One row per array; each entry is moved up and down."""
    h = float(np.cbrt(problem.precision))

    def derivative(array: ndarray, index: tuple[int, ...]) -> float:
        with moved(array, index, h) as above:
            up = problem.value()
        with moved(array, index, -h) as below:
            down = problem.value()
        return float(up - down) / float(above - below)  # the step after rounding

    return entrywise(problem, derivative)


def directional(problem: Problem, tolerance: float) -> list[Row]:
    """One row for all arrays together; if that is wrong, also one per array, to find the place."""
    arrays = problem.gradients()
    every = along(problem, "all arrays", arrays)
    if every.error <= tolerance:
        return [every]
    return [every, *(along(problem, entry[0], [entry]) for entry in arrays)]


# name: (the method, its default tolerance for a type with that machine epsilon)
Method = tuple[Callable[[Problem, float], list[Row]], Callable[[float], float]]
METHODS: dict[str, Method] = {
    "complex": (complex_step, lambda precision: 1e-12),
    "central": (central_differences, lambda precision: 500 * precision ** (2 / 3)),
    "directional": (directional, lambda precision: 200 * precision ** (2 / 3)),
}


@contextmanager
def moved(array: ndarray, index: tuple[int, ...], step: complex) -> Iterator[Any]:
    """Add `step` to array[index] inside the block; yields the new value, after rounding."""
    value = array[index]
    array[index] = value + step
    try:
        yield array[index]
    finally:
        array[index] = value


def entrywise(
    problem: Problem, derivative: Callable[[ndarray, tuple[int, ...]], float]
) -> list[Row]:
    """One row per array, from a function that computes the derivative with respect to one entry."""
    found = []
    for name, array, gradient in problem.gradients():
        numeric = np.empty(array.shape)
        for index in np.ndindex(*array.shape):
            numeric[index] = derivative(array, index)
        found.append((name, gradient.real.astype(float), numeric))
    # errors are relative to the array's largest gradient. If that is mostly rounding itself (a bias
    # before batch normalization, a saturated gate: 1 - h^2 is as exact as 1), they are relative to
    # a tenth of the largest gradient anywhere, incoming ones included
    floor = max([0.1 * biggest(numeric) for _, _, numeric in found] + [0.1 * problem.inflow, 1e-30])
    return [compare(name, g, numeric, max(biggest(numeric), floor)) for name, g, numeric in found]


def biggest(array: ndarray) -> float:
    """The largest absolute value."""
    return float(np.abs(array).max(initial=0.0))


def compare(name: str, gradient: ndarray, numeric: ndarray, scale: float) -> Row:
    """The row for one array: backward's gradient against the numerical one."""
    errors = np.abs(gradient - numeric) / scale
    order = np.argsort(np.where(np.isnan(errors), np.inf, errors), axis=None)[::-1]
    worst = []
    for flat in order[:3]:
        index = tuple(int(i) for i in np.unravel_index(flat, errors.shape))
        worst.append(Entry(index, float(gradient[index]), float(numeric[index])))
    return Row(name, gradient.shape, float(errors.flat[order[0]]), tuple(worst))


def along(problem: Problem, name: str, arrays: list[tuple[str, ndarray, ndarray]]) -> Row:
    """The row for the derivative along one random direction through the given arrays."""
    rng = np.random.default_rng(problem.seed + 1)
    size = sum(array.size for _, array, _ in arrays)
    h = float(np.cbrt(problem.precision)) / size**0.25
    directions = [rng.standard_normal(array.shape) for _, array, _ in arrays]
    values = [array.copy() for _, array, _ in arrays]
    sides = []
    for step in (h, -h):
        for (_, array, _), value, direction in zip(arrays, values, directions, strict=True):
            array[...] = value + step * direction
        sides.append(float(problem.value()))
    for (_, array, _), value in zip(arrays, values, strict=True):
        array[...] = value
    numeric = (sides[0] - sides[1]) / (2 * h)
    gradients = [gradient.astype(float) for _, _, gradient in arrays]
    expected = sum(float((g * d).sum()) for g, d in zip(gradients, directions, strict=True))
    scale = max(float(np.sqrt(sum((g**2).sum() for g in gradients))), 1e-30)
    return Row(name, (size,), abs(expected - numeric) / scale, (Entry((), expected, numeric),))
