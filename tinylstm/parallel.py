"""One idea: cut the batch into shards, run the whole net on each, and add the gradients.

Each shard has its own thread, and threads meet only to add the gradients, in a fixed order: results
depend on the number of shards, never on timing. Kernels and one-thread BLAS release Python's lock,
so threads are enough. Next: generate.py.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy import ndarray

from .data import Batch
from .layers import State
from .layers.base import Mask
from .losses import Loss, kept, placed
from .metrics import Metric
from .model import Arrays, Sequential


def usable_cores() -> int:
    """Cores that this process may use: affinity and container limits count."""
    import joblib

    return int(joblib.cpu_count())


class Shards:
    """Runs a model on batches, `threads` shards at a time. Use it in a `with` block.

    threads: by default the usable cores. Inside the block BLAS uses one thread for each shard; its
    old setting is restored after. metrics: are measured with every loss; `measured` then has, for
    each, the sum over the last batch and the number that divides it. Raises ValueError if the net
    ends in an activation that the loss applies itself.

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

    def __init__(
        self,
        model: Sequential,
        loss: Loss,
        threads: int | None = None,
        metrics: Sequence[Metric] = (),
    ):
        if threads is not None and threads < 1:
            raise ValueError(f"threads is {threads}: use at least 1")
        if check := getattr(loss, "check_activation", None):
            check(getattr(model.layers[-1], "activation", None))
        self.model, self.loss, self.metrics = model, loss, metrics
        self.measured: dict[str, tuple[float, int]] = {}
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
        self,
        batch: Batch,
        states: list[State] | None = None,
        seed: list[int] | None = None,
        count: int | None = None,
        nth: int = 0,
    ) -> tuple[float, list[State], Arrays]:
        """The loss, the states after the batch, and the gradients of all parameters.

        The gradients are the shards' own memory: use them before the next call. seed: of dropout.
        To add up several batches, as if they were one: count is the number of targets in all of
        them, and nth is 0 for the first, which starts from zero gradients, 1 for the second, ...
        """
        cuts = self.cuts(batch)
        while len(self.grads) < len(cuts):
            self.grads.append(self.model.zero_grads())
        count = self.count(batch) if count is None else count

        def work(shard: int) -> tuple[float, list[State], Any, Any]:
            grads, (a, b) = self.grads[shard], cuts[shard]
            if not (nth and shard == 0):  # the first shard has the sum over the batches before
                for grad in grads.values():
                    grad.fill(0)
            entropy = [*(seed or [0]), shard, *([nth] if nth else [])]
            rng = np.random.Generator(np.random.SFC64(entropy))
            x, mask = part(batch, a, b)
            y, after, caches = self.model.forward(x, cut(states, a, b), rng, mask)
            value, dy, measured = self.judge(y, targets(batch, y, a, b), mask, count)
            self.model.backward(dy, caches, grads)
            return value, after, caches if self.model.statistics else None, measured

        with self.model.frozen():
            results = self.each(work, range(len(cuts)))
        total = self.grads[0]

        def add(path: str) -> None:
            for grads in self.grads[1 : len(cuts)]:  # in this order, whichever thread does it
                total[path] += grads[path]

        self.each(add, total)
        for _, _, caches, _ in results:
            if caches is not None:
                self.model.update_statistics(caches)
        value, after = self.added([(value, states, found) for value, states, _, found in results])
        return value, after, total

    def evaluate(self, batch: Batch, states: list[State] | None) -> tuple[float, list[State]]:
        """The loss without dropout, and the states after the batch."""
        cuts, count = self.cuts(batch), self.count(batch)

        def work(shard: int) -> tuple[float, list[State], Any]:
            a, b = cuts[shard]
            x, mask = part(batch, a, b)
            y, after, _ = self.model.forward(x, cut(states, a, b), mask=mask)
            value, _, measured = self.judge(y, targets(batch, y, a, b), mask, count, False)
            return value, after, measured

        with self.model.frozen():
            return self.added(self.each(work, range(len(cuts))))

    def count(self, batch: Batch) -> int:
        """What the sum of the batch's losses is divided by: the number of targets, at least 1."""
        masked = batch.mask is not None and self.model.return_sequences
        return max(self.loss.count(batch.targets[batch.mask] if masked else batch.targets), 1)

    def judge(
        self, y: ndarray, targets: ndarray, mask: Mask, count: int, backward: bool = True
    ) -> tuple[float, Any, Any]:
        """The loss of the steps that count, its gradient in y's shape, and the metrics' sums."""
        mask = mask if self.model.return_sequences else None
        if mask is not None and not mask.any():
            return 0.0, np.zeros_like(y), [(0.0, 0)] * len(self.metrics)
        outputs, targets = kept(y, targets, mask)  # (n, V), (n, ...)
        value, cache = self.loss.forward(outputs, targets, count)
        measured = [(each.total(outputs, targets), each.count(targets)) for each in self.metrics]
        dy = placed(self.loss.backward(cache), y, mask) if backward else None
        return float(value), dy, measured

    def added(self, results: list[tuple[float, list[State], Any]]) -> tuple[float, list[State]]:
        """The shards' losses and states as one batch's; their metrics go to `measured`."""
        for i, metric in enumerate(self.metrics):
            totals, counts = zip(*(measured[i] for _, _, measured in results), strict=True)
            self.measured[metric.name] = sum(totals), sum(counts)
        return sum(value for value, _, _ in results), joined([states for _, states, _ in results])

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


def part(batch: Batch, a: int, b: int) -> tuple[ndarray, Mask]:
    """The input and the mask of sequences a to b."""
    return batch.x[:, a:b], None if batch.mask is None else batch.mask[:, a:b]


def cut(states: list[State] | None, a: int, b: int) -> list[State] | None:
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
