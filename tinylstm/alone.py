"""One process has all shards of a batch, and does alone what ranks.py does with several.

`Alone` is the interface of `Ranks`, which is imported only where mpiexec started several processes.
Gradients are added along one binary tree over the numbers of the shards, (0 + 1) + (2 + 3), whoever
computed them, so the result depends on the number of shards alone. Next: training.py.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from numpy import ndarray

R = TypeVar("R")
Node = tuple[int, int]  # the sum over the shards from the first to before the second
Each = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
LAUNCHED = ("PMI_SIZE", "PMIX_RANK", "OMPI_COMM_WORLD_SIZE")  # set by mpiexec, or srun


class Alone:
    """One process has all the shards and nobody to talk to. The interface of `Ranks`."""

    rank, size = 0, 1
    local, leader = 1, True  # ranks on this machine; whether this is the first of them

    def own(self, shards: int) -> range:
        """The shards that this rank works on."""
        return range(shards * self.rank // self.size, shards * (self.rank + 1) // self.size)

    def gather(self, work: Callable[[], list[R]]) -> list[R]:
        """The results of all ranks, in order of rank. If one rank fails, all of them raise."""
        return work()

    def all(self, work: Callable[[], R]) -> R:
        """Work that every rank does for itself. If one rank fails, all of them raise."""
        return work()

    def first(self, work: Callable[[], R]) -> R:
        """What the first rank's `work` returns, on every rank; only the first one calls it."""
        return work()

    def spread(self, work: Callable[[list[Any]], list[R]], items: list[Any]) -> list[R]:
        """What `work` makes of all items, in order; each rank works on some of them."""
        own = self.own(len(items))
        return self.gather(lambda: work(items[own.start : own.stop]) if own else [])

    def on_each_machine(self, work: Callable[[], list[R]]) -> list[R]:
        """Work that one rank of each machine does before the others go on; they get []."""
        return work()

    def any(self, flag: bool) -> bool:
        """Whether the flag is set on any rank."""
        return flag

    def agree(self, fingerprint: dict[str, Any], weights: dict[str, ndarray]) -> None:
        """Raise ValueError, on every rank, if they do not have the same code, run and weights."""

    def add(self, flats: Sequence[ndarray], shards: int, each: Each) -> None:
        """Add up the gradients of all shards, one flat array each, along the tree. The sum goes to
        the first of `flats`, which are this rank's own; the others are overwritten.
        """
        own, size = self.own(shards), flats[0].size if flats else 0
        leaves = {(shard, shard + 1): flat for shard, flat in zip(own, flats, strict=False)}
        parts = [(size * i // 8, size * (i + 1) // 8) for i in range(8)]  # for the threads

        def fold(part: tuple[int, int]) -> None:
            a, b = part
            for node in nodes(own, (0, shards)):
                sum_of(node, {leaf: flat[a:b] for leaf, flat in leaves.items()})

        list(each(fold, parts))

    def in_turn(self, statistics: dict[str, ndarray], update: Callable[[], None]) -> None:
        """Let the ranks update these arrays one after the other; all end with the last's."""
        update()


def nodes(own: range, node: Node) -> list[Node]:
    """The largest nodes of the tree that have none but these shards.

    >>> nodes(range(0, 2), (0, 4)), nodes(range(1, 4), (0, 4))
    ([(0, 2)], [(1, 2), (2, 4)])
    """
    a, b = node
    if own.start <= a and b <= own.stop:
        return [node] if a < b else []
    if b <= own.start or own.stop <= a:
        return []
    return nodes(own, (a, (a + b) // 2)) + nodes(own, ((a + b) // 2, b))


def sum_of(node: Node, known: dict[Node, ndarray]) -> ndarray:
    """The node's sum, from those that are known; it is left in the array of the node's first part.

    >>> import numpy as np
    >>> arrays = {(i, i + 1): np.array([2.0**i]) for i in range(3)}
    >>> sum_of((0, 3), arrays).tolist()
    [7.0]
    """
    if node in known:
        return known[node]
    a, b = node
    left, right = (sum_of(half, known) for half in ((a, (a + b) // 2), ((a + b) // 2, b)))
    left += right
    return left


class Together:
    """The callbacks of a run, on the first rank; what they change of it reaches every rank."""

    def __init__(self, callbacks: Sequence[Any], run: Any, ranks: Alone):
        self.callbacks, self.run, self.ranks = callbacks, run, ranks

    def on(self, event: str, *arguments: Any) -> None:
        """Call the callbacks' method of that name."""
        run = self.run

        def call() -> tuple[bool, float, Any]:
            for callback in self.callbacks:
                getattr(callback, event)(run, *arguments)
            weights = run.model.weights if event == "on_train_end" else None
            return run.stop, run.optimizer.learning_rate, weights

        run.stop, run.optimizer.learning_rate, weights = self.ranks.first(call)
        if weights is not None and self.ranks.rank:
            run.model.set_weights(weights)


def ranks_of(communicator: Any) -> Alone:
    """`Ranks` for a communicator of several processes, else `Alone`.

    >>> ranks_of(None).size
    1
    """
    if communicator is None or getattr(communicator, "size", 0) == 1:
        return Alone()
    from .ranks import Ranks

    return Ranks(communicator)


def world() -> Any:
    """mpi4py's communicator of all processes, if mpiexec (or srun) started several; else None.

    For scripts: ranks but the first stop printing, and an error that nobody catches ends all ranks,
    with the number of the one that failed. Raises ImportError if mpi4py is missing.

    >>> world() is None
    True
    """
    if not any(name in os.environ for name in LAUNCHED):
        return None
    from .ranks import launched

    return launched()
