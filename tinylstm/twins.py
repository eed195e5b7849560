"""Does a fast twin still equal its definition? Asked before the twin runs for the first time.

The definition decides: whoever edits `functional.py` or `Adam.step`, on disk or in memory, trains
the edited maths. So each function of `kernels/` is compared with the textbook's function, as that
stands in memory now, on a small random problem: every output, initial states, masks, gradients that
add to what is there. If they differ beyond rounding, the textbook runs and one warning says so. The
answer is kept until the definition is replaced. Next: kernels/__init__.py.
"""

import copy
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from . import functional

ROUNDING = 500  # times the type's precision: 6e-5 in float32, 1e-13 in float64
TEXTBOOK = [name for name, kind in vars(functional).items() if hasattr(kind, "__code__")]
RESULTS = {  # the names of what a function returns and of the arrays that it adds to
    "lstm_forward": ("outputs", "h", "c", "cache"),
    "lstm_backward": ("dx", "dh0", "dc0", "dWx", "dWh", "db"),
    "softmax_cross_entropy_forward": ("loss", "p"),
    "softmax_cross_entropy_backward": ("dlogits",),
}

_checked: dict[Any, tuple[Any, str]] = {}  # what was compared: the definition then, the difference
_lock = threading.Lock()  # the threads of a first step ask at the same time


def function_differs(name: str, twin: Callable[..., Any], args: tuple[Any, ...]) -> str:
    """How `twin` differs from `functional.<name>` on a problem of the kind of `args`; "" if equal.

    Compared once for each type, with and without dropout and a mask, for one and for several steps
    and sequences.
    """
    first = args[0]
    question: tuple[Any, ...] = (name, first.dtype)
    if name.startswith("lstm"):
        if name == "lstm_forward":
            dropout, mask = (*args[6:8], None, None)[:2]
        else:
            dropout, mask = getattr(args[3], "dropout", None), getattr(args[3], "mask", None)
        given = dropout is not None, mask is not None
        question += (min(len(first), 3), min(first.shape[1], 5), *given)
    known, now = _checked.get(question), vars(functional)
    if known is not None:  # asked at every call: this must be quick
        for part, function, code in known[0]:
            if now.get(part) is not function or getattr(function, "__code__", None) is not code:
                break
        else:
            return known[1]

    def compare() -> str:
        problem = (lstm_problem if name.startswith("lstm") else loss_problem)(*question)
        expected = results(name, getattr(functional, name), problem)
        return largest_difference(expected, results(name, twin, problem))

    functions = [(part, now.get(part)) for part in TEXTBOOK]
    definition = [(part, f, getattr(f, "__code__", None)) for part, f in functions]
    return _answer(question, definition, compare)


def optimizer_differs(optimizer: Any, twin: Callable[..., None], dtype: Any) -> str:
    """How `twin(optimizer, p, g, *slots)` differs from `optimizer.step(p, g, *slots)`; "" if equal.

    The step may be that of a subclass, or one that was replaced in memory.
    """
    step = getattr(optimizer.step, "__func__", optimizer.step)
    settings = {**vars(optimizer), "slots": 0, "steps": 0, "learning_rate": 0}
    definition = (step, getattr(step, "__code__", None), repr(settings))

    def compare() -> str:
        def after(run: Callable[[Any], Callable[..., None]]) -> dict[str, ndarray]:
            probe, rng, names = copy.copy(optimizer), np.random.default_rng(0), optimizer.slot_names
            probe.steps, probe.learning_rate = 3, 0.01
            found: dict[str, ndarray] = {}
            for size in 1.0, 1e-7:  # large gradients show the decay rates, small ones epsilon
                p, g = size * rng.normal(size=(2, 64))
                slots = size**2 * abs(rng.normal(size=(len(names), 64)))
                arrays = [array.astype(dtype) for array in (p, g, *slots)]
                run(probe)(*arrays)
                for name, array in zip(("p", "g", *names), arrays, strict=True):
                    found[f"{name} for gradients of {size:g}"] = array
            return found

        expected = after(lambda probe: probe.step)
        return largest_difference(expected, after(lambda probe: lambda *a: twin(probe, *a)))

    return _answer((type(optimizer), np.dtype(dtype)), definition, compare)


def _answer(question: Any, definition: Any, compare: Callable[[], str]) -> str:
    """The answer of `compare`, asked anew when the definition is not the one that was compared."""
    known = _checked.get(question)
    if known is None or known[0] != definition:
        with _lock, np.errstate(all="ignore"):
            known = _checked.get(question)
            if known is None or known[0] != definition:
                try:
                    known = definition, compare()
                except MemoryError:
                    raise
                except Exception as error:  # an edit may want other arguments, or fail
                    known = definition, f"{type(error).__name__}: {error}"
                _checked[question] = known
    return known[1]


def lstm_problem(
    name: str, dtype: Any, T: int, B: int, dropped: bool = False, masked: bool = False
) -> list[Any]:
    """Arguments for `lstm_forward` or `lstm_backward`, all random: a zero would hide a mistake."""
    rng, D, H = np.random.default_rng(0), 5, 9  # 4H is no multiple of a vector's width

    def random(*shape: int) -> ndarray:
        return rng.normal(size=shape).astype(dtype)

    dropout = np.where(rng.random((B, H)) < 0.5, 0, 2).astype(dtype) if dropped else None
    mask = rng.random((T, B)) < 0.6 if masked else None
    weights = [random(D, 4 * H), random(H, 4 * H), random(4 * H)]
    forward: list[Any] = [random(T, B, D), random(B, H), random(B, H), *weights, dropout, mask]
    if name == "lstm_forward":
        return forward
    cache = functional.lstm_forward(*forward)[-1]
    grads = [random(*weight.shape) for weight in weights]
    return [random(T, B, H), random(B, H), random(B, H), cache, *grads]


def loss_problem(name: str, dtype: Any) -> list[Any]:
    """Arguments for the softmax cross-entropy, forward or backward; one target is left out."""
    rng, V = np.random.default_rng(0), 37
    scores = rng.normal(size=(6, V)).astype(dtype)
    if name.endswith("backward"):
        scores = (abs(scores) / abs(scores).sum(axis=1, keepdims=True)).astype(dtype)
    targets = rng.integers(V, size=6)
    targets[2] = -1
    return [scores, targets, 5]


def results(name: str, function: Callable[..., Any], args: list[Any]) -> dict[str, Any]:
    """What `function` makes of (copies of) `args`, by name; the fields of a cache one by one."""
    args = copy.deepcopy(args)
    found = function(*args)
    values = [*(found if isinstance(found, tuple) else [found])]
    values += args[4:] if name == "lstm_backward" else []  # the gradients that it adds to
    named: dict[str, Any] = dict(zip(RESULTS[name], values, strict=True))
    if "cache" in named:
        named |= {f"cache.{field}": a for field, a in named.pop("cache")._asdict().items()}
    return {what: array * 1.0 for what, array in named.items() if array is not None}


def largest_difference(expected: dict[str, Any], found: dict[str, Any]) -> str:
    """The largest relative difference and the array that has it, in words; "" within rounding."""
    if expected.keys() != found.keys():
        return f"only one of them has {sorted(expected.keys() ^ found.keys())}"
    worst, where = 0.0, ""
    for name, a in expected.items():
        if np.shape(a) != np.shape(found[name]):
            return f"{name} is {np.shape(a)}, not {np.shape(found[name])}"
        kind = np.asarray(found[name]).dtype
        apart = float(np.max(abs(a - found[name])) / max(np.max(abs(a)), 1e-30))
        apart = apart if np.isfinite(apart) else np.inf
        if apart > max(worst, ROUNDING * np.finfo(kind).eps):
            worst, where = apart, f"largest difference {apart:.1e} in {name}, {kind}"
    return where
