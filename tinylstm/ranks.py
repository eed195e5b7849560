"""Ranks: processes, on one machine or on many, that train one model together, to the same bits.

The batch is cut into shards as in parallel.py. Each rank works on some of them, and gradients are
added along one fixed binary tree over the numbers of the shards: (0 + 1) + (2 + 3), never in an
order of MPI's own. So the result depends on the number of shards, not on who computed them.
`Alone` is one process; `Ranks` exchanges through an mpi4py communicator. docs/scaling.md has the
costs. Next: training.py.
"""

import hashlib
import os
import pickle
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import numpy as np
from numpy import ndarray

from . import backend

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


class Ranks(Alone):
    """The ranks of an mpi4py communicator (of a duplicate, so that messages never mix).

    Raises ValueError for anything else.
    """

    def __init__(self, communicator: Any):
        if not hasattr(communicator, "Alltoallv"):
            kind = type(communicator).__name__
            raise ValueError(f"communicator is a {kind}: pass mpi4py's, such as MPI.COMM_WORLD")
        from mpi4py import MPI

        self.comm = communicator.Dup()
        self.rank, self.size = self.comm.rank, self.comm.size
        here = self.comm.Split_type(MPI.COMM_TYPE_SHARED)
        self.local, self.leader = here.size, here.rank == 0
        self.in_place = MPI.IN_PLACE
        self.received: dict[Any, ndarray] = {}  # buffers, used again at every step

    def gather(self, work: Callable[[], list[R]]) -> list[R]:
        error: Exception | None = None
        mine: list[R] = []
        try:
            mine = work()
        except Exception as failed:  # the others must not wait for a rank that failed
            error = failed
        found = self.comm.allgather((None if error is None else portable(error), mine))
        for rank, (elsewhere, _) in enumerate(found):
            if elsewhere is not None:
                if error is None:
                    elsewhere.add_note(f"on rank {rank} of {self.size}")
                raise error or elsewhere
        return [result for _, results in found for result in results]

    def first(self, work: Callable[[], R]) -> R:
        found = self.gather(lambda: [work()] if self.rank == 0 else [])
        return found[0]

    def all(self, work: Callable[[], R]) -> R:
        done: list[R] = []

        def one() -> list[None]:
            done.append(work())
            return []  # nothing is sent

        self.gather(one)
        return done[0]

    def on_each_machine(self, work: Callable[[], list[R]]) -> list[R]:
        return self.all(lambda: work() if self.leader else [])

    def any(self, flag: bool) -> bool:
        return any(self.comm.allgather(flag))

    def agree(self, fingerprint: dict[str, Any], weights: dict[str, ndarray]) -> None:
        mine = identity() | fingerprint | {path: digest(a.tobytes()) for path, a in weights.items()}
        for rank, its in enumerate(self.comm.allgather(mine)):
            names = [name for name in its | mine if its.get(name) != mine.get(name)]
            if differ := [f"{n} is {its.get(n)}, here {mine.get(n)}" for n in names]:
                some = "; ".join(differ[:5]) + ("; ..." if len(differ) > 5 else "")
                raise ValueError(f"rank {rank} is not like rank {self.rank}: {some}")

    def add(self, flats: Sequence[ndarray], shards: int, each: Each) -> None:
        super().add(flats, shards, each)
        total, me, mine = flats[0], self.rank, self.own(shards)
        cuts = [total.size * i // self.size for i in range(self.size + 1)]
        counts = np.diff(cuts)  # the numbers of each rank's slice
        ours = slice(cuts[me], cuts[me + 1])
        sent_counts = np.where(np.arange(self.size) == me, 0, counts)  # nothing to oneself
        owned = [nodes(range(shards * r // self.size, shards * (r + 1) // self.size), (0, shards))
                 for r in range(self.size)]  # fmt: skip
        known = {node: flats[node[0] - mine.start][ours] for node in owned[me]}
        for i in range(max(map(len, owned))):  # one round if the ranks' shards are whole nodes
            here = owned[me][i] if i < len(owned[me]) else None
            flat = total if here is None else flats[here[0] - mine.start]
            sent = [flat, (sent_counts if here else 0 * counts, cuts[:-1])]
            others = [rank for rank in range(self.size) if i < len(owned[rank]) and rank != me]
            buffer = self.buffer((i, len(others), counts[me]), len(others) * counts[me], flat.dtype)
            received = [counts[me] if rank in others else 0 for rank in range(self.size)]
            self.comm.Alltoallv(sent, [buffer, received])
            for row, rank in enumerate(others):
                known[owned[rank][i]] = buffer[row * counts[me] : (row + 1) * counts[me]]
        sum_here = sum_of((0, shards), known)
        if not np.shares_memory(sum_here, total[ours]):
            total[ours] = sum_here
        self.comm.Allgatherv(self.in_place, [total, counts])

    def buffer(self, key: Any, size: int, dtype: Any) -> ndarray:
        """Memory for what is received, the same at every step."""
        if key not in self.received or self.received[key].dtype != dtype:
            self.received[key] = np.empty(size, dtype)
        return self.received[key]

    def in_turn(self, statistics: dict[str, ndarray], update: Callable[[], None]) -> None:
        if not statistics:
            return
        if self.rank:
            self.set(statistics, self.comm.recv(source=self.rank - 1))
        update()
        if self.rank + 1 < self.size:
            self.comm.send(statistics, dest=self.rank + 1)
        self.set(statistics, self.comm.bcast(statistics, root=self.size - 1))

    @staticmethod
    def set(arrays: dict[str, ndarray], values: dict[str, ndarray]) -> None:
        """Copy values into arrays."""
        for name, value in values.items():
            arrays[name][...] = value


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


def digest(data: bytes) -> str:
    """A short hash."""
    return hashlib.blake2b(data, digest_size=8).hexdigest()


def identity() -> dict[str, Any]:
    """What decides the bits beside the run itself: this code, NumPy, Numba and the processor."""
    files = sorted(Path(__file__).parent.rglob("*.py"))
    versions = [f"NumPy {np.__version__}"]
    if backend.kernels() is not None:
        vectors = import_module(".kernels.vectors", __package__)
        versions.append(f"Numba {version('numba')}, vectors of {vectors.BYTES} bytes")
    return {
        "code": digest(b"".join(file.read_bytes() for file in files)),
        "machine": ", ".join(versions),
    }


def portable(error: Exception) -> Exception:
    """The error, or one with its text if it cannot be sent to another process."""
    try:
        return pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")


def ranks_of(communicator: Any) -> Alone:
    """`Ranks` for a communicator of several processes, else `Alone`.

    >>> ranks_of(None).size
    1
    """
    if communicator is None or getattr(communicator, "size", 0) == 1:
        return Alone()
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
    try:
        from mpi4py import MPI
    except ImportError as error:
        advice = "mpiexec started this process, but mpi4py is missing: pip install 'tinylstm[mpi]'"
        raise ImportError(advice) from error
    communicator = MPI.COMM_WORLD
    if communicator.size == 1:
        return None
    if communicator.rank:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115

    def end(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        lines = traceback.format_exception(kind, error, trace)
        print(f"rank {communicator.rank}: {''.join(lines)}", file=sys.stderr, flush=True)
        communicator.Abort(1)

    sys.excepthook = end
    threading.excepthook = lambda args: end(
        args.exc_type, args.exc_value or args.exc_type(), args.exc_traceback
    )
    return communicator
