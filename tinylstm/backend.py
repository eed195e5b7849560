"""Which implementation runs: the textbook's, or its fast twin. Layers call these and cannot tell.

A twin in `kernels/` has the name and the arguments of the textbook's function. It runs for float32
and float64 where Numba is installed, and only while it gives the numbers of the definition as that
stands in memory (twins.py compares them at first use). Arguments are checked first (border.py), for
both: nothing that does not fit reaches a kernel. Otherwise the textbook runs: for complex
numbers, after an edit, without Numba, or after `set_backend("numpy")`. Next: twins.py.
"""

import importlib
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, partial
from types import ModuleType
from typing import Any

import numpy as np
from numpy import ndarray

from . import border, twins

BACKENDS = ("auto", "numpy", "numba")
FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
_chosen = os.environ.get("TINYLSTM_BACKEND", "auto")
_here: ContextVar[tuple[str, set[str]] | None] = ContextVar("_here", default=None)  # `using`
_warned: set[str] = set()  # names of the functions that a warning was given for


class SlowerWarning(UserWarning):
    """The textbook runs where a fast kernel could: the kernel is missing, or was not edited too.

    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", SlowerWarning)    # while you edit functional.py
    """


def set_backend(name: str) -> str:
    """Choose "auto" (kernels where they fit), "numpy" (the textbook) or "numba" (no kernel: error).

    The environment variable TINYLSTM_BACKEND sets it from outside. Returns the one before.

    >>> before = set_backend("numpy")
    >>> set_backend(before)
    'numpy'
    """
    global _chosen
    if name not in BACKENDS:
        raise ValueError(f"backend is {name!r}: use one of {BACKENDS}")
    before, _chosen = _chosen, name
    return before


@contextmanager
def using(name: str) -> Iterator[set[str]]:
    """A `with` block in which this thread alone uses that backend; yields the names of the kernels
    that run in it.
    """
    if name not in BACKENDS:
        raise ValueError(f"backend is {name!r}: use one of {BACKENDS}")
    ran: set[str] = set()
    token = _here.set((name, ran))
    try:
        yield ran
    finally:
        _here.reset(token)


def chosen() -> str:
    """The backend that this thread uses now."""
    here = _here.get()
    return _chosen if here is None else here[0]


@cache
def kernels() -> ModuleType | None:
    """The module of fast twins, or None if it cannot be imported; imported at first use."""
    try:
        fast = importlib.import_module(".kernels", __package__)
        if importlib.import_module("numba").config.DISABLE_JIT:
            raise RuntimeError("Numba's compiler is switched off: unset NUMBA_DISABLE_JIT")
        return fast
    except Exception as error:
        why = f"the fast kernels cannot be imported ({type(error).__name__}: {error})"
        _warn(why, "Install numba, or silence this")
        return None


def kernels_for(*arrays: ndarray) -> ModuleType | None:
    """The kernels if they are wanted and can work on these arrays."""
    if (choice := chosen()) == "numpy":
        return None
    dtype = arrays[0].dtype
    fits = dtype in FLOATS and all(array.dtype == dtype for array in arrays)
    if fits and (fast := kernels()) is not None:
        return fast
    if choice == "numba":
        kinds = sorted({str(array.dtype) for array in arrays})
        raise ValueError(f"backend 'numba' has no kernel for {kinds}: use 'auto', or install numba")
    return None


def lstm_forward(x: ndarray, h0: ndarray, c0: ndarray, Wx: ndarray, *others: Any) -> Any:
    """See `functional.lstm_forward`."""
    border.lstm_forward(x, h0, c0, Wx, *others)
    arrays = x, h0, c0, Wx, *others[:2], *(a for a in others[2:3] if a is not None)
    return _run("lstm_forward", arrays, x, h0, c0, Wx, *others)


def lstm_backward(dout: ndarray, dhT: ndarray, dcT: ndarray, cache: Any, *grads: Any) -> Any:
    """See `functional.lstm_backward`."""
    border.lstm_backward(dout, dhT, dcT, cache, *grads)
    kept = [a for a in cache if a is not None and a is not cache.mask]
    return _run("lstm_backward", (dout, dhT, dcT, *kept, *grads), dout, dhT, dcT, cache, *grads)


def gru_forward(x: ndarray, h0: ndarray, *others: Any) -> Any:
    """See `recurrent.gru_forward`."""
    border.gru_forward(x, h0, *others)
    return _run("gru_forward", (x, h0, *others[:4]), x, h0, *others)


def gru_backward(dout: ndarray, dhT: ndarray, cache: Any, *grads: Any) -> Any:
    """See `recurrent.gru_backward`."""
    border.gru_backward(dout, dhT, cache, *grads)
    return _run("gru_backward", (dout, dhT, *cache[:-1], *grads), dout, dhT, cache, *grads)


def simple_rnn_forward(x: ndarray, h0: ndarray, *others: Any) -> Any:
    """See `recurrent.simple_rnn_forward`."""
    border.simple_rnn_forward(x, h0, *others)
    return _run("simple_rnn_forward", (x, h0, *others[:3]), x, h0, *others)


def simple_rnn_backward(dout: ndarray, dhT: ndarray, cache: Any, *grads: Any) -> Any:
    """See `recurrent.simple_rnn_backward`."""
    border.simple_rnn_backward(dout, dhT, cache, *grads)
    return _run("simple_rnn_backward", (dout, dhT, *cache[:-1], *grads), dout, dhT, cache, *grads)


def softmax_cross_entropy_forward(logits: ndarray, targets: ndarray, count: int) -> Any:
    """See `functional.softmax_cross_entropy_forward`."""
    border.softmax_cross_entropy_forward(logits, targets, count)
    return _run("softmax_cross_entropy_forward", (logits,), logits, targets, count)


def softmax_cross_entropy_backward(p: ndarray, targets: ndarray, count: int) -> Any:
    """See `functional.softmax_cross_entropy_backward`."""
    border.softmax_cross_entropy_backward(p, targets, count)
    return _run("softmax_cross_entropy_backward", (p,), p, targets, count)


def matmul(a: ndarray, b: ndarray) -> ndarray:
    """a @ b, (N, K) times (K, M); the kernels' own reuses memory from step to step."""
    fast = kernels_for(a, b)
    return a @ b if fast is None else fast.matmul(a, b)


def add_rows(table: ndarray, ids: ndarray, rows: ndarray) -> None:
    """table[ids[i]] += rows[i] for every i, repeated ids included; changes the table in place."""
    border.add_rows(table, ids, rows)
    fast = kernels_for(table, rows)
    (np.add.at if fast is None else fast.add_rows)(table, ids, rows)


def optimizer_step(optimizer: Any, p: ndarray, g: ndarray) -> Callable[..., None]:
    """`optimizer.step`, or its twin, which makes no temporary arrays: a function (p, g, *slots)."""
    if (fast := kernels_for(p, g)) is None:
        return optimizer.step
    steps = fast.OPTIMIZER_STEPS
    names = [f"{kind.__module__}.{kind.__name__}" for kind in type(optimizer).__mro__]
    twin = next((steps[name] for name in names if name in steps), None)
    if twin is not None:
        difference = twins.optimizer_differs(optimizer, twin, p.dtype)
        if _trusted(f"{type(optimizer).__name__}.step", twin, difference):
            return partial(twin, optimizer)
    return optimizer.step


def _run(name: str, arrays: tuple[Any, ...], *args: Any) -> Any:
    """The function of that name: the kernel if it fits the arrays and equals the definition."""
    if (fast := kernels_for(*arrays)) is not None:
        twin = getattr(fast, name)
        difference = twins.function_differs(name, twin, args)
        if not (difference or _warned) or _trusted(name, twin, difference):
            if here := _here.get():
                here[1].add(name)
            return twin(*args)
    elif chosen() == "auto" and {array.dtype for array in arrays} == set(FLOATS):
        why = f"{name} got float32 and float64 arrays"
        if why not in _warned:
            _warned.add(why)
            _warn(why, "Give x the model's type, or silence this")
    return getattr(twins.home(name), name)(*args)


def _trusted(name: str, twin: Any, difference: str) -> bool:
    """Whether there is no difference; else warn, once for each name, or raise under "numba"."""
    if not difference:
        _warned.discard(name)
        return True
    file = f"kernels/{twin.__module__.split('.')[-1]}.py"
    where = name if "." in name else f"{twins.home(name).__name__.split('.')[-1]}.{name}"
    why = f"{where} no longer gives what its fast twin in {file} gives ({difference})"
    if chosen() == "numba":
        raise ValueError(f"{why}: port the change to {file}, or use backend 'auto' or 'numpy'")
    if name not in _warned:
        _warned.add(name)
        _warn(why, f"Port the change to {file}, or silence this")
    return False


def _warn(why: str, advice: str) -> None:
    message = f"{why}: the textbook runs, more slowly. {advice} with set_backend('numpy')."
    warnings.warn(message, SlowerWarning, stacklevel=5)
