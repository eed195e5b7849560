"""Ranks: processes, on one machine or on many, that train one model together, to the same bits.

The batch is cut into shards as in parallel.py. Each rank works on some of them, and gradients are
added along the tree of alone.py, never in an order of MPI's own. `Ranks` exchanges through an
mpi4py communicator. docs/scaling.md has the costs. Next: training.py.
"""

import hashlib
import os
import pickle
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy import ndarray
from threadpoolctl import ThreadpoolController

from . import backend
from .alone import Alone, Each, R, nodes, sum_of


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
        other = np.arange(self.size) != me  # nothing is sent to oneself
        owned = [nodes(range(shards * r // self.size, shards * (r + 1) // self.size), (0, shards))
                 for r in range(self.size)]  # fmt: skip
        known = {node: flats[node[0] - mine.start][ours] for node in owned[me]}
        for i in range(max(map(len, owned))):  # one round if the ranks' shards are whole nodes
            here = owned[me][i] if i < len(owned[me]) else None
            flat = total if here is None else flats[here[0] - mine.start]
            sent = [flat, (counts * other * (here is not None), cuts[:-1])]
            others = [rank for rank in range(self.size) if i < len(owned[rank]) and rank != me]
            buffer = self.buffer((i, len(others), counts[me]), len(others) * counts[me], flat.dtype)
            received = [counts[me] if rank in others else 0 for rank in range(self.size)]
            self.comm.Alltoallv(sent, [buffer, received])
            for row, rank in enumerate(others):
                known[owned[rank][i]] = buffer[row * counts[me] : (row + 1) * counts[me]]
        sum_here = sum_of((0, shards), known)
        if not np.shares_memory(sum_here, total[ours]):
            total[ours] = sum_here
        # the same bytes as Allgatherv, in a third of MPICH's time for that on one machine
        sent = [total, (counts[me] * other, [cuts[me]] * self.size)]
        self.comm.Alltoallv(sent, [total, (counts * other, cuts[:-1])])

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


def digest(data: bytes) -> str:
    """A short hash."""
    return hashlib.blake2b(data, digest_size=8).hexdigest()


def identity() -> dict[str, Any]:
    """What decides the bits beside the run itself: this code, NumPy, BLAS, Numba, the processor."""
    files = sorted(Path(__file__).parent.rglob("*.py"))
    versions = [f"NumPy {np.__version__}"]
    for blas in ThreadpoolController().select(user_api="blas").info():
        versions.append(" ".join(str(blas.get(key)) for key in ("internal_api", "architecture")))
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


@cache
def launched() -> Any:
    """See `alone.world`, in a process that mpiexec or srun started."""
    try:
        from mpi4py import MPI
    except ImportError as error:
        advice = "mpiexec started this process, but mpi4py is missing: pip install 'tinylstm[mpi]'"
        raise ImportError(advice) from error
    communicator = MPI.COMM_WORLD
    if communicator.size == 1:
        return None
    place = f"process {os.getpid()} on {MPI.Get_processor_name()}"
    if places := communicator.gather(place):  # MPICH says only which process a signal killed
        where = "; ".join(f"{rank} is {place}" for rank, place in enumerate(places))
        print(f"ranks: {where}", file=sys.stderr, flush=True)
    else:
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
