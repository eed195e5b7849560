"""What an exercise checks: a call, what it must give, and the wrong answers that are known.

`Check` compares one call with a judge: a slow twin in scalar loops, a published number, or the
complex step of the learner's own forward pass. `Wrong` is a wrong answer: the reference solution
with one edit, and the hint for whoever gives the same numbers. Next: grade.py.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

from .calls import Outcome, call, close, refused

Answer = SimpleNamespace  # the learner's functions, by name
STEP = 1e-20


class Wrong(NamedTuple):
    """A wrong answer: text of the reference solution, what stands there instead, and the hint."""

    right: str
    wrong: str
    hint: str


@dataclass(frozen=True)
class Check:
    """One call of a learner's function.

    arguments: a function of the answer that gives the arguments in order; it may call the
    learner's own forward. expected: a function of the answer that gives the right results.
    returns: the results' names, separated by blanks. judge: where the right results come from.
    writes: arguments that must be written into. blocks: for a result, the names of equal parts of
    its last axis, to say in which of them the error is. hint: where no `Wrong` is recognised.
    """

    name: str
    function: str
    arguments: Callable[[Answer], dict[str, Any]]
    expected: Callable[[Answer], Any]
    returns: str
    judge: str = "the slow twin says"
    writes: str = ""
    blocks: Mapping[str, str] = field(default_factory=dict)
    hint: str = ""
    tolerance: float = 1e-9

    def attempt(self, answer: Answer) -> Outcome:
        """Make the call and compare."""
        function = getattr(answer, self.function)
        try:
            arguments, expected = self.arguments(answer), self.expected(answer)
        except Exception as error:  # the learner's own forward failed
            return refused(error)
        writes = self.writes.split()
        names = writes or self.returns.split()
        outcome = call(function, arguments, names, writes)
        if outcome.kind:
            return outcome
        right = expected if isinstance(expected, tuple) else (expected,)
        return self.compared(outcome, names, right)

    def compared(self, outcome: Outcome, names: list[str], right: tuple) -> Outcome:
        """The outcome of a call that returned: whether each array is right."""
        error = 0.0
        for name, value, wanted in zip(names, outcome.values, right, strict=True):
            if wanted is None:  # another check asks for it
                continue
            wanted = np.asarray(wanted)
            if value.shape != wanted.shape:
                what = f"{name} has the shape {value.shape}, but {wanted.shape} is wanted"
                return Outcome(outcome.values, "differs", what, "shape")
            if not np.isfinite(value).all():
                index = tuple(int(i) for i in np.argwhere(~np.isfinite(value))[0])
                what = f"{name} holds {value[index]}{at(index)}"
                return Outcome(outcome.values, "differs", what, "not finite")
            if value.dtype.kind == "c" and wanted.dtype.kind != "c":
                what = f"{name} is complex, but its arguments are not"
                return Outcome(outcome.values, "differs", what, "complex")
            scale = float(np.abs(wanted).max(initial=0.0)) or 1.0
            errors = np.abs(value - wanted) / scale
            if errors.max(initial=0.0) > self.tolerance:
                message = self.difference(name, value, wanted, errors)
                return Outcome(outcome.values, "differs", message, "values")
            error = max(error, float(errors.max(initial=0.0)))
        return replace(outcome, error=error)

    def difference(self, name: str, value: ndarray, wanted: ndarray, errors: ndarray) -> str:
        """In words: the worst entry, and what the whole array looks like."""
        index = tuple(int(i) for i in np.unravel_index(int(errors.argmax()), errors.shape))
        mine, right = value[index] + 0, wanted[index] + 0  # no -0
        line = f"{name} is wrong{at(index)}: yours {mine:.6g}, {self.judge} {right:.6g}"
        if name in self.blocks and value.any():
            blocks = self.blocks[name].split()
            parts = zip(blocks, np.split(errors > self.tolerance, len(blocks), -1), strict=True)
            wrong = [block for block, part in parts if part.any()]
            if len(wrong) < len(blocks):
                line += f"\nOf its parts {self.blocks[name]}, wrong: {' '.join(wrong)}"
        return "\n".join([line, *symptoms(name, value, wanted)])


def at(index: tuple[int, ...]) -> str:
    """Where, for a message."""
    return f" at {list(index)}" if index else ""


def symptoms(name: str, value: ndarray, wanted: ndarray) -> list[str]:
    """What a wrong array has in common with the right one: a sign, a factor, a step."""
    if not value.any():
        return [f"All of your {name} is zero"] if wanted.any() else []
    if close(value, -wanted):
        return [f"Your {name} is exactly the negative of the right one"]
    big = np.abs(wanted) > 1e-6 * np.abs(wanted).max()
    if big.any():
        factor = float((value[big] / wanted[big]).real.flat[0])
        if close(value, factor * wanted):
            return [f"Each number of your {name} is {factor:.4g} times the right one"]
    if value.ndim and len(value) > 1 and close(value[1:], wanted[:-1]):
        return [f"Your {name} is right, but one step late along its first axis"]
    if value.ndim and len(value) > 1 and close(value[:-1], wanted[1:]):
        return [f"Your {name} is right, but one step early along its first axis"]
    return []


@dataclass(frozen=True)
class Task:
    """An exercise as the grader sees it.

    functions: names the learner defines. wrong: the known wrong answers. after: what is said when
    it is solved. derive: more functions, made of the learner's. needs: numbers of the exercises
    whose functions are used too: the learner's if they are right, else the reference's.
    """

    title: str
    functions: tuple[str, ...]
    checks: tuple[Any, ...]
    wrong: tuple[Wrong, ...]
    after: str
    derive: Callable[[Answer], dict[str, Callable]] = field(default=lambda answer: {})
    needs: tuple[int, ...] = ()


def complex_step(value: Callable[..., Any], *arrays: ndarray) -> tuple[ndarray, ...]:
    """The gradient of value(*arrays), a number, with respect to each array: each entry is moved by
    an imaginary 1e-20, and the imaginary part of the value, divided by it, is the derivative.

    >>> complex_step(lambda x: (x**3).sum(), np.array([1.0, 2.0]))[0].tolist()
    [3.0, 12.0]
    """
    moved = [array.astype(complex) for array in arrays]
    found = []
    for array in moved:
        gradient = np.zeros(array.shape)
        for index in np.ndindex(*array.shape):
            kept = array[index]
            array[index] = kept + 1j * STEP
            gradient[index] = np.imag(value(*[a.copy() for a in moved])) / STEP
            array[index] = kept
        found.append(gradient)
    return tuple(found)


def numbers(seed: int, *shape: int, scale: float = 1.0) -> ndarray:
    """Random numbers, the same at every run."""
    return scale * np.random.default_rng([seed, *shape]).standard_normal(shape)
