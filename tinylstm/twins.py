"""Does a fast twin still equal its definition? Asked before the twin runs for the first time.

The definition decides: whoever edits `functional.py`, `recurrent.py` or `Adam.step`, on disk or in
memory, trains the edited maths. So each function of `kernels/` is compared with the textbook's, as
that stands in memory now, on a small random problem: every output, initial states, masks, gradients
that add to what is there. If they differ beyond rounding, the textbook runs and one warning says
so. The answer is kept until the definition is replaced. Next: kernels/__init__.py.
"""

import copy
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
from numpy import ndarray

from . import functional, recurrent

ROUNDING = 500  # times the type's precision: 6e-5 in float32, 1e-13 in float64
TEXTBOOK = {  # of both modules, the functions that decide
    module: [name for name, kind in vars(module).items() if hasattr(kind, "__code__")]
    for module in (functional, recurrent)
}
CELLS = {"lstm": 4, "gru": 3, "simple_rnn": 1}  # and their blocks of H numbers
CACHE_AT = {"lstm": 3, "gru": 2, "simple_rnn": 2}  # its place among backward's arguments
RESULTS = {  # the names of what a function returns and of the arrays that it adds to
    "lstm_forward": ("outputs", "h", "c", "cache"),
    "lstm_backward": ("dx", "dh0", "dc0", "dWx", "dWh", "db"),
    "gru_forward": ("outputs", "h", "cache"),
    "gru_backward": ("dx", "dh0", "dWx", "dWh", "db", "dbh"),
    "simple_rnn_forward": ("outputs", "h", "cache"),
    "simple_rnn_backward": ("dx", "dh0", "dWx", "dWh", "db"),
    "softmax_cross_entropy_forward": ("loss", "p"),
    "softmax_cross_entropy_backward": ("dlogits",),
}

_checked: dict[Any, tuple[Any, str]] = {}  # what was compared: the definition then, the difference
_lock = threading.Lock()  # the threads of a first step ask at the same time


def home(name: str) -> ModuleType:
    """The module of the definition with that name."""
    return recurrent if hasattr(recurrent, name) else functional


def function_differs(name: str, twin: Callable[..., Any], args: tuple[Any, ...]) -> str:
    """How `twin` differs from its definition on a problem of the kind of `args`; "" if equal.

    Compared once for each type, with and without dropout and a mask, for one and for several steps
    and sequences.
    """
    first, module = args[0], home(name)
    question: tuple[Any, ...] = (name, first.dtype)
    if not name.startswith("softmax"):
        question += (min(len(first), 3), min(first.shape[1], 5), *given(name, args))
    known, now = _checked.get(question), vars(module)
    if known is not None:  # asked at every call: this must be quick
        for part, function, code in known[0]:
            if now.get(part) is not function or getattr(function, "__code__", None) is not code:
                break
        else:
            return known[1]

    def compare() -> str:
        problem = (loss_problem if name.startswith("softmax") else recurrent_problem)(*question)
        expected = results(name, getattr(module, name), problem)
        return largest_difference(expected, results(name, twin, problem))

    functions = [(part, now.get(part)) for part in TEXTBOOK[module]]
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


def given(name: str, args: tuple[Any, ...]) -> tuple[bool, bool]:
    """Whether a recurrent function's arguments have dropout, and a mask."""
    cell, way = name.rsplit("_", 1)
    at = CACHE_AT[cell]
    if way == "backward":
        return getattr(args[at], "dropout", None) is not None, args[at].mask is not None
    dropout, mask = (*args[2 * at :], None, None)[:2] if cell == "lstm" else (None, args[-1])
    return dropout is not None, isinstance(mask, ndarray) and mask.dtype == bool


def recurrent_problem(
    name: str, dtype: Any, T: int, B: int, dropped: bool = False, masked: bool = False
) -> list[Any]:
    """Arguments for a cell's forward or backward pass, all random: a zero would hide a mistake."""
    rng, D, H = np.random.default_rng(0), 5, 9  # 4H is no multiple of a vector's width
    cell, way = name.rsplit("_", 1)
    n, states, biases = CELLS[cell] * H, 1 + (cell == "lstm"), 1 + (cell == "gru")

    def random(*shape: int) -> ndarray:
        return rng.normal(size=shape).astype(dtype)

    weights = [random(D, n), random(H, n), *(random(n) for _ in range(biases))]
    forward: list[Any] = [random(T, B, D), *(random(B, H) for _ in range(states)), *weights]
    if cell == "lstm":
        forward += [np.where(rng.random((B, H)) < 0.5, 0, 2).astype(dtype) if dropped else None]
    forward += [rng.random((T, B)) < 0.6 if masked else None]
    if way == "forward":
        return forward
    cache = getattr(home(name), f"{cell}_forward")(*forward)[-1]
    grads = [random(*weight.shape) for weight in weights]
    return [random(T, B, H), *(random(B, H) for _ in range(states)), cache, *grads]


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
    if (cell := name.removesuffix("_backward")) in CELLS:  # the gradients that it adds to
        values += args[CACHE_AT[cell] + 1 :]
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
