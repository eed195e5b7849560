"""One idea: cut the batch into shards, run the whole net on each, and add the gradients.

Each shard has a thread of its own and waits for nobody until the gradients are added, in a fixed
order: results depend on the number of shards, never on timing. Kernels and one-thread BLAS release
Python's lock, so that threads are enough; the same cut would serve processes on several machines.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy import ndarray

from .data import Batch
from .layers import State
from .model import Arrays, Sequential


def usable_cores() -> int:
    """Cores that this process may use, by affinity and by the container's limits."""
    import joblib

    return int(joblib.cpu_count())


class Shards:
    """Runs a model on batches, `threads` shards at a time. Use it in a `with` block.

    threads: by default the usable cores. While the block lasts BLAS keeps to one thread for each
    shard; afterwards it has its old setting again.

    >>> from tinylstm.data import Batch
    >>> from tinylstm.layers import LSTM, Dense, Embedding
    >>> from tinylstm.losses import CategoricalCrossentropy
    >>> model = Sequential([Embedding(5, 4), LSTM(8, return_sequences=True), Dense(5)])
    >>> ids = np.arange(12).reshape(3, 4) % 5
    >>> with Shards(model, CategoricalCrossentropy(), threads=2) as shards:
    ...     loss, states, grads = shards.gradients(Batch(ids, ids, np.ones(4, bool), 12), seed=[0])
    >>> round(loss, 1), grads["dense_1.b"].shape
    (1.6, (5,))
    """

    def __init__(self, model: Sequential, loss: Any, threads: int | None = None):
        if threads is not None and threads < 1:
            raise ValueError(f"threads is {threads}: use at least 1")
        self.model, self.loss = model, loss
        self.threads = usable_cores() if threads is None else threads
        self.grads: list[Arrays] = []  # one set for each shard, used again at every step

    def __enter__(self) -> "Shards":
        from threadpoolctl import ThreadpoolController

        self.pool = ThreadPoolExecutor(max(self.threads - 1, 1))
        self.limit = ThreadpoolController().limit(limits=1, user_api="blas")
        self.limit.__enter__()
        return self

    def __exit__(self, *reason: object) -> None:
        self.limit.__exit__(*reason)
        self.pool.shutdown()

    def gradients(
        self, batch: Batch, states: list[State] | None = None, seed: list[int] | None = None
    ) -> tuple[float, list[State], Arrays]:
        """The loss, the states after the batch, and the gradients of all parameters.

        The gradients are the shards' own memory: use them before the next call. seed: of dropout.
        """
        cuts = self.cuts(batch)
        while len(self.grads) < len(cuts):
            self.grads.append(self.model.zero_grads())
        count = max(self.loss.count(batch.targets), 1)

        def work(shard: int) -> tuple[float, list[State], Any]:
            part, before = self.part(batch, states, *cuts[shard])
            grads = self.grads[shard]
            for grad in grads.values():
                grad.fill(0)
            rng = np.random.Generator(np.random.SFC64([*(seed or [0]), shard]))
            y, after, caches = self.model.forward(part.x, before, rng)
            value, cache = self.loss.forward(y, part.targets, count)
            self.model.backward(self.loss.backward(cache), caches, grads)
            return float(value), after, caches if self.model.statistics else None

        with self.model.frozen():
            results = self.each(work, len(cuts))
        total = self.grads[0]

        def add(path: str) -> None:
            for grads in self.grads[1 : len(cuts)]:  # in this order, whichever thread does it
                total[path] += grads[path]

        self.spread(add, list(total))
        for _, _, caches in results:
            if caches is not None:
                self.model.update_statistics(caches)
        value = sum(value for value, _, _ in results)
        return value, joined([after for _, after, _ in results]), total

    def evaluate(self, batch: Batch, states: list[State] | None) -> tuple[float, list[State]]:
        """The loss without dropout, and the states after the batch."""
        cuts, count = self.cuts(batch), max(self.loss.count(batch.targets), 1)

        def work(shard: int) -> tuple[float, list[State]]:
            part, before = self.part(batch, states, *cuts[shard])
            y, after, _ = self.model.forward(part.x, before)
            return float(self.loss.forward(y, part.targets, count)[0]), after

        with self.model.frozen():
            results = self.each(work, len(cuts))
        return sum(value for value, _ in results), joined([after for _, after in results])

    def each(self, work: Callable[[int], Any], shards: int) -> list[Any]:
        """work(0), work(1), ... at the same time; the first in this thread."""
        others = [self.pool.submit(work, shard) for shard in range(1, shards)]
        try:
            return [work(0), *(other.result() for other in others)]
        finally:  # an error in one shard must not leave another at work on the same arrays
            for other in others:
                other.exception()

    def spread(self, work: Callable[[str], None], names: list[str]) -> None:
        """work(name) for every name, dealt out to the threads; the order must not matter."""

        def some(thread: int) -> None:
            for name in names[thread :: self.threads]:
                work(name)

        self.each(some, self.threads)

    def cuts(self, batch: Batch) -> list[tuple[int, int]]:
        """Where each shard begins and ends in the batch: as equal as can be."""
        B = batch.x.shape[1]
        n = min(self.threads, B)
        return [(B * i // n, B * (i + 1) // n) for i in range(n)]

    def part(
        self, batch: Batch, states: list[State] | None, a: int, b: int
    ) -> tuple[Batch, list[State] | None]:
        """Sequences a to b of a batch and of its states."""
        every_step = all(getattr(layer, "return_sequences", True) for layer in self.model.layers)
        targets = batch.targets[:, a:b] if every_step else batch.targets[a:b]
        part = Batch(batch.x[:, a:b], targets, batch.reset[a:b], batch.tokens)
        if states is None:
            return part, None
        return part, [tuple(array[a:b] for array in state) for state in states]


def joined(states: list[list[State]]) -> list[State]:
    """The shards' states as one batch's."""

    def join(arrays: tuple[ndarray, ...]) -> ndarray:
        return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)

    return [
        tuple(join(same) for same in zip(*layer, strict=True))
        for layer in zip(*states, strict=True)
    ]
