"""One idea: cut the batch into shards, run the whole net on each, and add the gradients.

Each shard has its own thread, and threads meet only to add the gradients, in a fixed order: results
depend on the number of shards, never on timing. Kernels and one-thread BLAS release Python's lock,
so threads are enough. Next: generate.py.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy import ndarray

from .data import Batch
from .layers import State
from .losses import Loss
from .model import Arrays, Sequential


def usable_cores() -> int:
    """Cores that this process may use: affinity and container limits count."""
    import joblib

    return int(joblib.cpu_count())


class Shards:
    """Runs a model on batches, `threads` shards at a time. Use it in a `with` block.

    threads: by default the usable cores. Inside the block BLAS uses one thread for each shard; its
    old setting is restored after.

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

    def __init__(self, model: Sequential, loss: Loss, threads: int | None = None):
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
            grads, (a, b) = self.grads[shard], cuts[shard]
            for grad in grads.values():
                grad.fill(0)
            rng = np.random.Generator(np.random.SFC64([*(seed or [0]), shard]))
            y, after, caches = self.model.forward(batch.x[:, a:b], part(states, a, b), rng)
            value, cache = self.loss.forward(y, targets(batch, y, a, b), count)
            self.model.backward(self.loss.backward(cache), caches, grads)
            return float(value), after, caches if self.model.statistics else None

        with self.model.frozen():
            results = self.each(work, range(len(cuts)))
        total = self.grads[0]

        def add(path: str) -> None:
            for grads in self.grads[1 : len(cuts)]:  # in this order, whichever thread does it
                total[path] += grads[path]

        self.each(add, total)
        for _, _, caches in results:
            if caches is not None:
                self.model.update_statistics(caches)
        value = sum(value for value, _, _ in results)
        return value, joined([after for _, after, _ in results]), total

    def evaluate(self, batch: Batch, states: list[State] | None) -> tuple[float, list[State]]:
        """The loss without dropout, and the states after the batch."""
        cuts, count = self.cuts(batch), max(self.loss.count(batch.targets), 1)

        def work(shard: int) -> tuple[float, list[State]]:
            a, b = cuts[shard]
            y, after, _ = self.model.forward(batch.x[:, a:b], part(states, a, b))
            return float(self.loss.forward(y, targets(batch, y, a, b), count)[0]), after

        with self.model.frozen():
            results = self.each(work, range(len(cuts)))
        return sum(value for value, _ in results), joined([after for _, after in results])

    def each(self, work: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
        """`[work(item) for item in items]`, dealt out to the threads; this one takes its share."""
        items = list(items)
        n = max(min(self.threads, len(items)), 1)

        def some(thread: int) -> list[Any]:
            return [work(item) for item in items[thread::n]]

        others = [self.pool.submit(some, thread) for thread in range(1, n)]
        try:
            done = [some(0), *(other.result() for other in others)]
        finally:  # an error in one thread must not leave another at work on the same arrays
            for other in others:
                other.exception()
        return [done[i % n][i // n] for i in range(len(items))]

    def cuts(self, batch: Batch) -> list[tuple[int, int]]:
        """Where each shard begins and ends in the batch, as evenly as possible."""
        B = batch.x.shape[1]
        n = min(self.threads, B)
        return [(B * i // n, B * (i + 1) // n) for i in range(n)]


def part(states: list[State] | None, a: int, b: int) -> list[State] | None:
    """The states of sequences a to b."""
    return states and [tuple(array[a:b] for array in state) for state in states]


def targets(batch: Batch, y: ndarray, a: int, b: int) -> ndarray:
    """The targets of sequences a to b: of every step if the output y is (T, B, V), else (B, V)."""
    return batch.targets[:, a:b] if y.ndim > 2 else batch.targets[a:b]


def joined(states: list[list[State]]) -> list[State]:
    """The shards' states as one batch's."""

    def join(arrays: tuple[ndarray, ...]) -> ndarray:
        return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)

    return [
        tuple(join(same) for same in zip(*layer, strict=True))
        for layer in zip(*states, strict=True)
    ]
