"""Sequences of very different lengths as training data: buckets of similar length, cut into chunks.

`Arrays` pads everything to the longest sequence, and a batch is as long as its longest one: 4,000
steps of one piece make a batch of 4,000 steps. Here a batch is never longer than `steps`: the state
is carried from one chunk to the next, as in `Streams`, which does this for token ids.
Next: metrics.py.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy import ndarray
from numpy.typing import DTypeLike

from .data import IGNORED, Batch

Vary = Callable[[ndarray, ndarray, np.random.Generator], tuple[ndarray, ndarray]]
WIDTHS = 8  # sequences whose lengths differ by less than steps / WIDTHS are in one bucket


class Buckets:
    """Batches of (x, y), a target for each step; N sequences, in a new order every epoch.

    x: N arrays of different lengths, (T, D) numbers or (T,) token ids. y: N arrays of the same
    lengths, (T, V) numbers or (T,) classes. A group of `batch_size` sequences of similar length is
    read `steps` at a time; the state is carried within the group, and gradients end at the chunk's
    beginning. The last chunks are padded and masked. vary: a function of a sequence's x, y and a
    Generator; in every epoch it returns what to train on instead, of the same length. Numbers
    become `dtype` in a batch only, so uint8 saves memory. Raises ValueError, by name, for what does
    not fit together.

    >>> x = [np.ones((5, 1)), np.ones((2, 1)), np.ones((4, 1))]
    >>> data = Buckets(x, [2 * row for row in x], batch_size=2, steps=3, shuffle=False)
    >>> [(batch.x.shape, batch.tokens, bool(batch.reset[0])) for batch in data.epoch(0)]
    [((3, 2, 1), 5, True), ((1, 2, 1), 1, False), ((3, 1, 1), 3, True), ((2, 1, 1), 2, False)]
    """

    def __init__(
        self,
        x: Sequence[ndarray],
        y: Sequence[ndarray],
        batch_size: int = 32,
        steps: int = 100,
        shuffle: bool = True,
        seed: int = 0,
        vary: Vary | None = None,
        dtype: DTypeLike = np.float32,
    ):
        if batch_size < 1 or steps < 1:
            raise ValueError(f"batch_size={batch_size}, steps={steps}: use at least 1 of each")
        self.x, self.y = checked("x", x), checked("y", y)
        self.lengths = np.array([len(row) for row in self.x])  # (N,)
        targets = np.array([len(row) for row in self.y])  # (N,)
        if len(self.lengths) != len(targets):
            raise ValueError(f"x has {len(self.lengths)} sequences, y {len(targets)}: one for each")
        if (bad := np.flatnonzero(self.lengths != targets)).size:
            T, t = self.lengths[bad[0]], targets[bad[0]]
            raise ValueError(f"sequence {bad[0]}: {T} steps of x, {t} of y: one for each")
        self.batch_size, self.steps, self.shuffle, self.seed = batch_size, steps, shuffle, seed
        self.vary, self.dtype = vary, dtype

    def __len__(self) -> int:
        """Batches in an epoch: as many in each, for all of a bucket have as many chunks."""
        return sum(-(-int(self.lengths[rows].max()) // self.steps) for rows in self.groups(0))

    def describe(self) -> dict[str, Any]:
        """The data's part of a run's fingerprint, as plain data."""
        hasher = hashlib.blake2b(digest_size=8)
        for array in (*self.x, *self.y):
            hasher.update(f"{array.dtype} {array.shape}".encode() + array.tobytes())
        options = {name: getattr(self, name) for name in ("batch_size", "steps", "shuffle")}
        vary = getattr(self.vary, "__qualname__", None) if self.vary else None
        return {"data": "Buckets", "arrays": hasher.hexdigest(), "vary": vary, **options,
                "data_seed": self.seed}  # fmt: skip

    def groups(self, epoch: int) -> list[ndarray]:
        """The numbers of the sequences that are read together, in the order of an epoch."""
        N = len(self.x)
        rng = np.random.default_rng([self.seed, epoch])
        ties = rng.random(N) if self.shuffle else np.arange(N)
        order = np.lexsort((ties, (self.lengths - 1) * WIDTHS // self.steps))
        groups = [order[i : i + self.batch_size] for i in range(0, N, self.batch_size)]
        return [groups[i] for i in rng.permutation(len(groups))] if self.shuffle else groups

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """Yields the batches of an epoch (0, 1, 2, ...): the same ones at every call."""
        for rows in self.groups(epoch):
            xs, ys = [self.x[i] for i in rows], [self.y[i] for i in rows]
            if self.vary is not None:
                rngs = [np.random.default_rng([self.seed, epoch, 1, int(i)]) for i in rows]
                pairs = [self.vary(*varied) for varied in zip(xs, ys, rngs, strict=True)]
                xs, ys = [x for x, _ in pairs], [y for _, y in pairs]
            for first in range(0, int(self.lengths[rows].max()), self.steps):
                yield self.batch(xs, ys, first)

    def batch(self, xs: list[ndarray], ys: list[ndarray], first: int) -> Batch:
        """One chunk of some sequences, time-major, from step `first` on."""
        lengths = np.array([len(x) for x in xs]) - first  # (B,) negative after the end
        T = min(self.steps, int(lengths.max()))
        mask = np.arange(T)[:, None] < lengths  # (T, B)
        x, y = self.chunk(xs, first, T, 0), self.chunk(ys, first, T, IGNORED)
        reset = np.full(len(xs), first == 0)  # (B,)
        return Batch(x, y, reset, int(mask.sum()), None if mask.all() else mask)

    def chunk(self, rows: list[ndarray], first: int, T: int, padding: int) -> ndarray:
        """Steps first to first + T of each, (T, B) integers, or (T, B, D) numbers with zeros as
        padding.
        """
        ids = rows[0].ndim == 1 and rows[0].dtype.kind != "f"
        shape, dtype = (T, len(rows), *rows[0].shape[1:]), np.int64 if ids else self.dtype
        a = np.full(shape, padding if ids else 0, dtype)  # (T, B, ...)
        for b, row in enumerate(rows):
            part = row[first : first + T]
            a[: len(part), b] = part
        return a


def checked(name: str, rows: Sequence[ndarray]) -> list[ndarray]:
    """The arrays, all (T, D) numbers with one D, or all (T,) integers. Raises ValueError."""
    found = [np.asarray(row) for row in rows]
    if not found:
        raise ValueError(f"{name} is empty: give at least one sequence")
    for i, a in enumerate(found):
        if not a.size or a.dtype.kind not in "fiub" or a.ndim not in (1, 2):
            raise ValueError(f"{name}[{i}] is {a.dtype} {a.shape}: want numbers (T, D), and a step")
        if a.shape[1:] != found[0].shape[1:] or (a.ndim == 1 and a.dtype.kind not in "iu"):
            shapes = f"{found[0].dtype} {found[0].shape} and {a.dtype} {a.shape}"
            raise ValueError(f"{name} has {shapes}: want (T, D) with one D, or (T,) integers")
        if a.dtype.kind == "f" and not np.isfinite(a).all():
            raise ValueError(f"{name}[{i}] holds NaN or infinity: clean the data")
    return found
