"""One call of a learner's function, made safely, and what came of it, in words a learner can use.

Arguments are handed over read-only, so that a line which writes into one of them is found and
named; overflow and 0/0 are errors. Next: checks.py.
"""

import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray
from numpy.exceptions import ComplexWarning

import tinylstm

OTHERS = [str(Path(str(module.__file__)).parent) for module in (np, tinylstm, traceback)]
OTHERS.append(str(Path(__file__).parent))


@dataclass(frozen=True)
class Outcome:
    """The results of a call, or why there are none.

    kind: "" if all went well, "unwritten", "raised", "wrote", "returned" (not what was wanted) or
    "differs". message: for the learner. detail: the message without its line number, by which two
    outcomes are compared. error: of right results, the largest, relative to the largest number.
    """

    values: tuple[ndarray, ...] = ()
    kind: str = ""
    message: str = ""
    detail: str = ""
    error: float = 0.0

    def same_as(self, other: "Outcome") -> bool:
        """Whether two answers went wrong in the same way: the same numbers, or the same trouble."""
        if (self.kind, self.detail, len(self.values)) != (
            other.kind,
            other.detail,
            len(other.values),
        ):
            return False
        return all(close(a, b) for a, b in zip(self.values, other.values, strict=True))


def close(a: ndarray, b: ndarray) -> bool:
    """Whether two arrays are equal up to rounding."""
    if a.shape != b.shape:
        return False
    finite = np.abs(b[np.isfinite(b)])
    scale = float(finite.max(initial=0.0)) or 1.0
    return bool(np.allclose(a, b, rtol=0, atol=1e-8 * scale, equal_nan=True))


def call(
    function: Callable, arguments: dict[str, Any], returns: Sequence[str], writes: Sequence[str]
) -> Outcome:
    """Call the function with a copy of the arguments, in order.

    returns: the names of its results. writes: the names of arguments that it must write into,
    which are then the results instead.
    """
    given = {name: handed(value, name in writes) for name, value in arguments.items()}
    try:
        with np.errstate(over="raise", invalid="raise", divide="raise"), warnings.catch_warnings():
            warnings.simplefilter("error", ComplexWarning)
            warnings.simplefilter("error", RuntimeWarning)
            result = function(*given.values())
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a learner may call sys.exit, too
        return refused(error)
    if writes:
        return Outcome(tuple(given[name] for name in writes))
    return results(result, returns)


def handed(value: Any, writable: bool) -> Any:
    """What the learner gets of an argument: a copy of an array, read-only unless `writable`."""
    if not isinstance(value, ndarray):
        return value
    value = value.copy()
    value.flags.writeable = writable
    return value


def refused(error: BaseException) -> Outcome:
    """The outcome of a call that raised."""
    name, (line, code) = type(error).__name__, place(error)
    at = f" in line {line}: {code}" if line else ""
    if isinstance(error, NotImplementedError):
        return Outcome(kind="unwritten", message="not written yet")
    if isinstance(error, ValueError) and "read-only" in str(error):
        why = f"writes into its arguments{at}\nThey belong to the caller: make a new array"
        return Outcome(kind="wrote", message=why)
    if isinstance(error, ComplexWarning):
        why = f"drops the imaginary part of a complex number{at}"
        return Outcome(kind="raised", message=why, detail=name)
    return Outcome(kind="raised", message=f"raises {name}: {error}{at}", detail=f"{name}: {error}")


def place(error: BaseException) -> tuple[int, str]:
    """The line of the learner's file where an error came from, and its text; 0 if there is none."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if by_learner(f.filename)]
    return (frames[-1].lineno or 0, frames[-1].line or "") if frames else (0, "")


def by_learner(file: str) -> bool:
    """Whether a file is the learner's: not the grader's, a library's or Python's own."""
    return not file.startswith(("<", *OTHERS))


def results(result: Any, returns: Sequence[str]) -> Outcome:
    """What was returned as arrays, or an outcome that says why it is not what was wanted."""
    wanted = ", ".join(returns)
    if result is None:
        return Outcome(kind="returned", message=f"returns nothing: end with `return {wanted}`")
    values = (result,) if len(returns) == 1 else result
    if not isinstance(values, tuple | list) or len(values) != len(returns):
        count = len(values) if isinstance(values, tuple | list) else 1
        what = (
            f"returns {count} result{'s' * (count != 1)}, but {len(returns)} are wanted: {wanted}"
        )
        return Outcome(kind="returned", message=what)
    found = []
    for name, value in zip(returns, values, strict=True):
        try:
            array = np.asarray(value)
        except ValueError:  # a ragged list
            array = np.asarray(None)
        if array.dtype.kind not in "biufc":
            what = f"{name} is a {type(value).__name__}, not an array of numbers"
            return Outcome(kind="returned", message=what)
        found.append(array)
    return Outcome(tuple(found))
