"""Weights that stand still: any number of calls may read a weight, or one may change it.

Whoever runs a model inside `with Frozen(weights):` reads weights that no other thread changes
meanwhile, and kernels prepare each of them only once. Whoever changes them waits for its turn. What
was prepared belongs to the `Frozen`, not to the process: a thread that trains and one that composes
each have their own. Next: kernels/__init__.py.
"""

import threading
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from numpy import ndarray

Prepared = dict[bool, Any]  # whether transposed: a weight in the layout of the kernels

_turn = threading.Condition()
_known: "weakref.WeakSet[Frozen]" = weakref.WeakSet()
_changing: list[frozenset[int]] = []  # ids of the weights that are being changed now
_trained: dict[int, int] = {}  # id of a weight: the thread that trains it
_here: ContextVar[dict[int, "Frozen"] | None] = ContextVar("_here", default=None)  # of this call


class Frozen:
    """A `with` block in which these weights do not change. It can be entered again and again, and
    keeps what was prepared until an optimizer or `set_weights` changes a weight.
    """

    def __init__(self, weights: Iterable[ndarray]):
        self.weights = list(weights)  # holds them, so that no id is used again
        self.ids = frozenset(map(id, self.weights))
        self.prepared: dict[int, Prepared] = {key: {} for key in self.ids}
        self.readers = 0

    def __enter__(self) -> None:
        with _turn:
            _turn.wait_for(lambda: not any(self.ids & ids for ids in _changing))
            _known.add(self)
            self.readers += 1
        outer = {key: frozen for key, frozen in here().items() if frozen.readers}
        _here.set(dict.fromkeys(self.ids, self) | outer)

    def __exit__(self, *reason: object) -> None:
        _here.set({key: frozen for key, frozen in here().items() if frozen is not self})
        with _turn:
            self.readers -= 1
            _turn.notify_all()


def here() -> dict[int, Frozen]:
    """The `Frozen` of each weight, by id, that this call stands in."""
    return _here.get() or {}


def prepared(weight: ndarray) -> Prepared:
    """Where this call keeps the prepared weight; a new, empty place outside any `with` block."""
    frozen = here().get(id(weight))
    return {} if frozen is None or not frozen.readers else frozen.prepared[id(weight)]


@contextmanager
def changing(weights: Iterable[ndarray]) -> Iterator[None]:
    """A `with` block that may change these weights: waits until no other thread reads them.

    Raises RuntimeError inside a block in which they are frozen, where it would wait for itself.
    """
    ids = frozenset(map(id, weights))
    if any(frozen.readers and frozen.ids & ids for frozen in set(here().values())):
        raise RuntimeError("these weights are frozen in this block: change them after it")

    def free() -> bool:
        read = any(frozen.readers and frozen.ids & ids for frozen in _known)
        return not read and not any(ids & others for others in _changing)

    with _turn:
        _turn.wait_for(free)
        _changing.append(ids)
    try:
        yield
    finally:
        with _turn:
            _changing.remove(ids)
            for frozen in _known:
                if frozen.ids & ids:
                    frozen.prepared = {key: {} for key in frozen.ids}
            _turn.notify_all()


@contextmanager
def training(weights: Iterable[ndarray]) -> Iterator[None]:
    """A `with` block in which only this thread trains these weights. Raises RuntimeError if another
    one does: its gradients would be those of weights that are gone.
    """
    me, ids = threading.get_ident(), set(map(id, weights))
    with _turn:
        mine = {key for key in ids if key not in _trained}
        if any(_trained[key] != me for key in ids - mine):
            raise RuntimeError("another thread trains this model: wait for it, or train a copy")
        _trained.update(dict.fromkeys(mine, me))
    try:
        yield
    finally:
        with _turn:
            for key in mine:
                del _trained[key]
