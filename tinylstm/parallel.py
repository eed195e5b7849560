"""One idea: cut the batch into shards, run the whole net on each, and add the gradients.

Threads take one shard after the other and meet only to add the gradients, in a fixed order: results
depend on the number of shards, never on timing, nor on who computed them. Kernels and one-thread
BLAS release Python's lock, so threads are enough on one machine. Next: alone.py.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

import numpy as np
from numpy import ndarray

from .alone import Alone
from .data import Batch
from .layers import State
from .layers.base import Mask, describe
from .losses import Loss, kept, placed
from .metrics import Metric
from .model import NamedArrays, Sequential
from .threads import each_uses, usable_cores

SHARDS = 8  # of a batch, where several ranks share the work
ROW_OF = 64  # units: a batch of fewer rows than its net has such widths is not cut (docs/speed.md)
PANEL = 32  # columns that a thread cannot share, on any machine
Found = tuple[float, list[State], Any]  # a shard's loss, states after the batch, metrics' sums


class Shards:
    """Runs a model on batches, `threads` shards at a time. Use it in a `with` block.

    threads: by default the usable cores. shards: by default one for each thread, or SHARDS for
    several `ranks`, the processes that share the work. Inside the block BLAS uses one thread for
    each shard; its old setting is restored after. metrics: are measured with every loss; `measured`
    then has, for each, the sum over the last batch and the number that divides it. Raises
    ValueError if the net ends in an activation that the loss applies itself.

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
        shards: int | None = None,
        ranks: Alone | None = None,
    ):
        for name, number in (("threads", threads), ("shards", shards)):
            if number is not None and number < 1:
                raise ValueError(f"{name} is {number}: use at least 1")
        if check := getattr(loss, "check_activation", None):
            check(getattr(model.layers[-1], "activation", None))
        self.model, self.loss, self.metrics = model, loss, metrics
        widths = [len(W) for path, W in model.params.items() if path.endswith("Wh")]
        self.units = max((H for H in widths if H % PANEL == 0), default=0)
        self.measured: dict[str, tuple[float, int]] = {}
        self.ranks = Alone() if ranks is None else ranks
        self.threads = threads or max(usable_cores() // self.ranks.local, 1)
        self.shards = shards or (self.threads if self.ranks.size == 1 else SHARDS)
        if self.shards < self.ranks.size:
            raise ValueError(
                f"{self.ranks.size} ranks for {self.shards} shards: start fewer, or raise shards"
            )
        self.flats: list[ndarray] = []  # one array for each shard here, used again at every step
        self.grads: list[NamedArrays] = []  # the gradients in it, by name

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
    ) -> tuple[float, list[State], NamedArrays]:
        """The loss, the states after the batch, and the gradients of all parameters.

        The gradients are the shards' own memory: use them before the next call. seed: of dropout.
        To add up several batches, as if they were one: count is the number of targets in all of
        them, and nth is 0 for the first, which starts from zero gradients, 1 for the second, ...
        """
        cuts = self.cuts(batch)
        own = self.ranks.own(len(cuts))
        while len(self.grads) < max(len(own), 1):
            self.grads.append(self.flat_grads())
        count = max(self.count(batch), 1) if count is None else count
        kept: list[Any] = []  # the caches, for the statistics

        def work(shard: int) -> Found:
            grads, (a, b) = self.grads[shard - own.start], cuts[shard]
            if not (nth and shard == 0):  # the first shard has the sum over the batches before
                self.flats[shard - own.start].fill(0)
            entropy = [*(seed or [0]), shard, *([nth] if nth else [])]
            rng = np.random.Generator(np.random.SFC64(entropy))
            x, mask = part(batch, a, b)
            y, after, caches = self.model.forward(x, cut(states, a, b), rng, mask)
            value, dy, measured = self.judge(y, targets(batch, y, a, b), mask, count)
            self.model.backward(dy, caches, grads)
            if self.model.statistics:
                kept.append((shard, caches))
            return value, after, measured

        found = self.run(work, own)
        self.ranks.add(self.flats, len(cuts), self.each)

        def update() -> None:
            for _, caches in sorted(kept, key=lambda pair: pair[0]):
                self.model.update_statistics(caches)

        self.ranks.in_turn(self.model.statistics, update)
        value, after = self.added(found)
        return value, after, self.grads[0]

    def evaluate(self, batch: Batch, states: list[State] | None) -> tuple[float, list[State]]:
        """The loss without dropout, and the states after the batch."""
        cuts, count = self.cuts(batch), max(self.count(batch), 1)

        def work(shard: int) -> Found:
            a, b = cuts[shard]
            x, mask = part(batch, a, b)
            y, after, _ = self.model.forward(x, cut(states, a, b), mask=mask)
            value, _, measured = self.judge(y, targets(batch, y, a, b), mask, count, False)
            return value, after, measured

        return self.added(self.run(work, self.ranks.own(len(cuts))))

    def run(self, work: Callable[[int], Found], own: range) -> list[Found]:
        """The results of all shards, in order; this rank works on its own."""
        with self.model.frozen(), each_uses(max(self.threads // max(len(own), 1), 1)):
            return self.ranks.gather(lambda: self.each(work, own))

    def flat_grads(self) -> NamedArrays:
        """A zero gradient for each parameter, all in one array, which is appended to `flats`."""
        params = self.model.params
        flat = np.zeros(sum(p.size for p in params.values()), self.model.dtype)
        self.flats.append(flat)
        ends = np.cumsum([p.size for p in params.values()])
        parts = np.split(flat, ends[:-1]) if len(ends) else []
        return {
            path: g.reshape(p.shape) for (path, p), g in zip(params.items(), parts, strict=True)
        }

    def count(self, batch: Batch) -> int:
        """The number of targets, which the sum of the batch's losses is divided by."""
        check_batch(batch, self.model.return_sequences)
        masked = batch.mask is not None and self.model.return_sequences
        return self.loss.count(batch.targets[batch.mask] if masked else batch.targets)

    def judge(
        self, y: ndarray, targets: ndarray, mask: Mask, count: int, backward: bool = True
    ) -> tuple[float, Any, Any]:
        """The loss of the steps that count, its gradient in y's shape, and the metrics' sums."""
        mask = mask if self.model.return_sequences else None
        if mask is not None and not mask.any():
            return 0.0, np.zeros_like(y), [(0.0, 0)] * len(self.metrics)
        outputs, targets = kept(y, targets, mask)  # (n, V), (n, ...)
        value, cache = self.loss.forward(outputs, targets, count)
        measured = [(float(m.total(outputs, targets)), int(m.count(targets))) for m in self.metrics]
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

        # in the context of this call, whose frozen weights they use
        others = [self.pool.submit(copy_context().run, some, thread) for thread in range(1, n)]
        try:
            done = [some(0), *(other.result() for other in others)]
        finally:  # an error in one thread must not leave another at work on the same arrays
            for other in others:
                other.exception()
        return [done[i % n][i // n] for i in range(len(items))]

    def cuts(self, batch: Batch) -> list[tuple[int, int]]:
        """Where each shard begins and ends in the batch, as evenly as possible.

        Few rows of a wide net are one shard, which its threads share by columns (kernels/crew.py).
        """
        check_batch(batch, self.model.return_sequences)
        B = batch.x.shape[1]
        n = 1 if self.units >= B * ROW_OF else min(self.shards, B)
        return [(B * i // n, B * (i + 1) // n) for i in range(n)]


def check_batch(batch: Batch, time: bool) -> None:
    """Raise ValueError unless x is (T, B, ...), none of them 0, and targets and mask fit it."""
    x, y, mask = batch.x, batch.targets, batch.mask
    if not isinstance(x, ndarray) or x.ndim < 2 or 0 in x.shape:
        raise ValueError(f"a batch wants x of (T, B) or (T, B, D), not 0, got {describe(x)}")
    (T, B), every = x.shape[:2], mask is not None and time  # a target for every step
    if not isinstance(y, ndarray) or (y.shape[:2] != (T, B) and (every or y.shape[:1] != (B,))):
        raise ValueError(f"a batch wants targets ({T}, {B}, ...) or ({B}, ...), got {describe(y)}")
    if mask is not None and describe(mask) != f"bool {(T, B)}":
        raise ValueError(f"a batch wants a mask of bool {(T, B)}, got {describe(mask)}")


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
