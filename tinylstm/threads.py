"""How many cores there are, and how many of them one call of a kernel may use.

A thread that works on a shard of its own uses one core for it (parallel.py says so); elsewhere a
call may use all. Next: kernels/crew.py, where threads share one recurrence.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache

_of_a_call: ContextVar[int | None] = ContextVar("_of_a_call", default=None)


@cache
def usable_cores() -> int:
    """Cores that this process may use: affinity and container limits count."""
    import joblib

    return int(joblib.cpu_count())


def for_a_call() -> int:
    """The cores that a kernel called here may use."""
    number = _of_a_call.get()
    return usable_cores() if number is None else number


@contextmanager
def each_uses(number: int) -> Iterator[None]:
    """A `with` block in which each call of a kernel uses at most that many cores.

    >>> with each_uses(3):
    ...     for_a_call()
    3
    """
    token = _of_a_call.set(number)
    try:
        yield
    finally:
        _of_a_call.reset(token)
