"""Plain arrays as training data: sequences of equal or different lengths, batch-first as in Keras.

Beyond this file everything is time-major: here, and in `Sequential.predict`, batch-first arrays are
transposed. Next: metrics.py.
"""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy import ndarray
from numpy.typing import ArrayLike, DTypeLike

from .data import IGNORED, Batch

Ragged = ndarray | Sequence[ArrayLike]  # one array, or one array for each sequence


class Arrays:
    """Batches of (x, y), for `fit` and `evaluate`; N sequences, in a new order every epoch.

    x: (N, T, D) numbers or (N, T) token ids; or a list of N arrays of different lengths, (T, D) or
    (T,). y: a target for each sequence, (N,) classes or (N, V) numbers; or for each step, (N, T)
    classes, (N, T, V) numbers, or a list like x. Integers (N, T) are a target for each step.
    lengths: (N,) steps of each sequence, if x is padded at its end; mask: (N, T) of bool, False at
    padding anywhere. Padding changes no state and enters neither loss nor gradient. A batch is cut
    after its longest sequence. Numbers become float32 (`dtype`). Raises ValueError, by name, for
    what does not fit together.

    >>> data = Arrays([np.ones((3, 1)), np.ones((2, 1))], np.array([0, 1]), shuffle=False)
    >>> batch = next(data.epoch(0))
    >>> batch.x.shape, batch.targets.tolist(), batch.mask.T.tolist()
    ((3, 2, 1), [0, 1], [[True, True, True], [True, True, False]])
    """

    def __init__(
        self,
        x: Ragged,
        y: Ragged,
        batch_size: int = 32,
        lengths: ArrayLike | None = None,
        mask: ndarray | None = None,
        shuffle: bool = True,
        seed: int = 0,
        dtype: DTypeLike = np.float32,
    ):
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}: use at least 1")
        self.dtype = dtype
        self.x, self.mask = padded("x", x, lengths, mask, dtype)  # (N, T, ...), (N, T) or None
        N, T = self.x.shape[:2]
        if len(y) != N:
            raise ValueError(f"x has {N} sequences, but y has {len(y)} targets: one for each")
        if not isinstance(y, np.ndarray) and np.ndim(y[0]) > 0:  # a list like x
            for i, (row, n) in enumerate(zip(y, self.lengths(), strict=True)):
                if np.shape(row)[0] != n:
                    raise ValueError(f"sequence {i}: {n} steps of x, {np.shape(row)[0]} of y")
            self.y = self.placed(y)
        else:
            self.y = numbers("y", np.asarray(y), dtype)
        integers = self.y.dtype.kind in "iu"
        self.every_step = self.y.ndim == 3 or (integers and self.y.shape[1:] == (T,))
        if self.every_step and self.y.shape[1] != T:
            raise ValueError(f"x has {T} steps, but y has {self.y.shape[1]}: one target for each")
        if self.every_step and integers and self.y.ndim == 2 and self.mask is not None:
            self.y = np.where(self.mask, self.y, IGNORED)  # (N, T)
        self.batch_size, self.shuffle, self.seed = batch_size, shuffle, seed

    def __len__(self) -> int:
        """Batches in an epoch."""
        return -(-len(self.x) // self.batch_size)

    def lengths(self) -> ndarray:
        """The number of steps of each sequence, (N,), without padding."""
        N, T = self.x.shape[:2]
        return np.full(N, T) if self.mask is None else self.mask.sum(axis=1)

    def placed(self, rows: Sequence[ArrayLike]) -> ndarray:
        """Targets (n,) or (n, V) of each sequence, at the steps that count: (N, T, ...)."""
        short, _ = stacked("y", rows, self.dtype)  # (N, longest, ...)
        if short.ndim == 2 and short.dtype.kind == "f":
            short = short[..., None]  # one number for each step: V = 1
        y = np.zeros((*self.x.shape[:2], *short.shape[2:]), short.dtype)  # (N, T, ...)
        on = np.ones(y.shape[:2], bool) if self.mask is None else self.mask  # (N, T)
        y[on] = short[np.arange(short.shape[1]) < self.lengths()[:, None]]
        return y

    def describe(self) -> dict[str, Any]:
        """The data's part of a run's fingerprint, as plain data."""
        hasher = hashlib.blake2b(digest_size=8)
        for array in (self.x, self.y, self.lengths() if self.mask is None else self.mask):
            hasher.update(f"{array.dtype} {array.shape}".encode() + array.tobytes())
        options = {name: getattr(self, name) for name in ("batch_size", "shuffle")}
        return {"data": "Arrays", "arrays": hasher.hexdigest(), **options, "data_seed": self.seed}

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """Yields the batches of an epoch (0, 1, 2, ...): the same ones at every call."""
        order = np.arange(len(self.x))
        if self.shuffle:
            order = np.random.default_rng([self.seed, epoch]).permutation(order)
        for i in range(0, len(order), self.batch_size):
            yield self.batch(order[i : i + self.batch_size])

    def batch(self, rows: ndarray) -> Batch:
        """The sequences of these numbers (B,) as one time-major batch."""
        x, y = self.x[rows], self.y[rows]  # (B, T, ...), (B, ...)
        mask = None if self.mask is None else self.mask[rows].T  # (T, B)
        if mask is not None:
            T = len(mask) - int(mask.any(axis=1)[::-1].argmax())  # steps that any of them has
            x, mask = x[:, :T], np.ascontiguousarray(mask[:T])
            y = y[:, :T] if self.every_step else y
        targets = time_major(y) if self.every_step else y
        counted = np.ones(targets.shape[: 1 + self.every_step], bool)  # (T, B) or (B,)
        counted &= mask if self.every_step and mask is not None else True
        if targets.dtype.kind in "iu" and targets.shape == counted.shape:
            counted &= targets >= 0
        return Batch(time_major(x), targets, np.ones(len(rows), bool), int(counted.sum()), mask)

    def split(self, fraction: float) -> tuple["Arrays", "Arrays"]:
        """The first sequences, and the last `fraction` of them for validation, as in Keras.

        >>> train, held_out = Arrays(np.ones((10, 3, 1)), np.zeros(10, int)).split(0.2)
        >>> len(train.x), len(held_out.x), held_out.shuffle
        (8, 2, False)
        """
        N = len(self.x)
        cut = N - int(N * fraction)
        if not 0 < cut < N:
            raise ValueError(f"validation_split is {fraction}, of {N} sequences: one part is empty")

        def part(a: int, b: int, shuffle: bool) -> "Arrays":
            mask = None if self.mask is None else self.mask[a:b]
            x, y = self.x[a:b], self.y[a:b]
            return Arrays(x, y, self.batch_size, None, mask, shuffle, self.seed, self.dtype)

        return part(0, cut, self.shuffle), part(cut, N, False)


def time_major(a: ndarray) -> ndarray:
    """(B, T, ...) to (T, B, ...), contiguous."""
    return np.ascontiguousarray(np.swapaxes(a, 0, 1))


def numbers(name: str, a: ArrayLike, dtype: DTypeLike) -> ndarray:
    """The array with floats as `dtype` and integers as they are. Raises ValueError for others."""
    a = np.asarray(a)
    if a.dtype.kind not in "fiub" or a.size == 0:
        raise ValueError(f"{name} is {a.dtype} {a.shape}: give numbers, and at least one")
    if a.dtype.kind == "f":
        if not np.isfinite(a).all():
            where = tuple(np.argwhere(~np.isfinite(a))[0].tolist())
            raise ValueError(f"{name} holds {a[where]} at {where}: clean the data")
        return a.astype(dtype, copy=False)
    return a.astype(np.int64, copy=False)


def padded(
    name: str, arrays: Ragged, lengths: ArrayLike | None, mask: ndarray | None, dtype: DTypeLike
) -> tuple[ndarray, ndarray | None]:
    """One array (N, T, ...) with zeros as padding, and the mask (N, T), None if all steps count.

    arrays: (N, T, ...), or N arrays (T, ...), whose lengths then are their own.

    >>> padded("x", [np.array([1, 2]), np.array([3])], None, None, np.float32)[0].tolist()
    [[1, 2], [3, 0]]
    """
    if not isinstance(arrays, np.ndarray):
        if lengths is not None or mask is not None:
            raise ValueError(f"{name} is a list, whose arrays have their own lengths: pass none")
        if not len(arrays):
            raise ValueError(f"{name} is empty: give at least one sequence")
        arrays, lengths = stacked(name, arrays, dtype)
    x = numbers(name, arrays, dtype)
    if x.ndim != 3 and (x.ndim != 2 or x.dtype.kind == "f"):
        remedy = f": use {name}[..., None] for one number a step" if x.ndim == 2 else ""
        wanted = "(N, T, D) numbers, or (N, T) token ids"
        raise ValueError(f"{name} is {x.dtype} {x.shape}, want {wanted}{remedy}")
    return x, mask_of(x, lengths, mask)


def stacked(name: str, arrays: Sequence[ArrayLike], dtype: DTypeLike) -> tuple[ndarray, list[int]]:
    """N arrays (T, ...) as one (N, T, ...), with zeros after the end of each, and their lengths."""
    rows = [numbers(f"{name}[{i}]", row, dtype) for i, row in enumerate(arrays)]
    if len({row.shape[1:] for row in rows}) > 1 or rows[0].ndim not in (1, 2):
        shapes = sorted({row.shape for row in rows})[:4]
        raise ValueError(f"{name} has shapes {shapes}: want (T, D) with one D, or (T,)")
    lengths = [len(row) for row in rows]
    a = np.zeros((len(rows), max(lengths), *rows[0].shape[1:]), np.result_type(*rows))
    for i, row in enumerate(rows):
        a[i, : len(row)] = row
    return a, lengths


def mask_of(
    x: ndarray, lengths: ArrayLike | None = None, mask: ndarray | None = None
) -> ndarray | None:
    """The mask (N, T) of x (N, T, ...) from lengths (N,) or a mask; None if every step counts."""
    if lengths is not None and mask is not None:
        raise ValueError("lengths and a mask are given: pass one of them")
    N, T = x.shape[:2]
    if lengths is not None:
        lengths = np.asarray(lengths)
        if lengths.shape != (N,) or lengths.dtype.kind not in "iu":
            raise ValueError(f"lengths are {lengths.dtype} {lengths.shape}: want integers ({N},)")
        if lengths.min() < 1 or lengths.max() > T:
            worst = lengths.min() if lengths.min() < 1 else lengths.max()
            raise ValueError(f"a sequence has length {worst}: want 1 to {T}")
        mask = np.arange(T) < lengths[:, None]  # (N, T)
    if mask is None:
        return None
    mask = np.asarray(mask)
    if mask.shape != (N, T) or mask.dtype != bool:
        raise ValueError(f"the mask is {mask.dtype} {mask.shape}: want bool ({N}, {T})")
    if not mask.any(axis=1).all():
        raise ValueError(f"sequence {int(mask.any(axis=1).argmin())} has no step: leave it out")
    return None if mask.all() else mask
