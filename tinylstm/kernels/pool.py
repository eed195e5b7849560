"""A memory pool: an array's buffer returns to a shelf when its last reference is gone.

Why this is fast: the system provides a large array page by page and zeroes each page at its first
access. A training step that allocated its half gigabyte anew would spend a tenth of its time on
that. Reference counting alone moves buffers to and from the shelves: the buffers of a cache that
goes out of scope after `backward` serve the next step. Each thread has its own shelves.
Batches of many lengths want buffers of many sizes. So a buffer also serves an array of down to half
its size, and the buffers of a thread are at most twice those that were ever in use at once.
Next: ../parallel.py.
"""

import mmap
import threading
from math import prod
from typing import Any

import numpy as np
from numpy import ndarray

_local = threading.local()
_lock = threading.Lock()
SMALL = 1 << 14  # bytes
WASTE = 2  # a buffer may be so many times as large as the array on it
SPARE = 2  # the bytes held, at most, relative to the most that was ever in use
_obtained = 0


def obtained() -> int:
    """Bytes allocated from the system by all threads so far: constant after the first steps."""
    return _obtained


class Shelf(list[ndarray]):
    """The free buffers of one size; `made` counts those in use too."""

    made = 0


class Shelves:
    """The buffers of one thread, or of all threads together, by size in bytes.

    held: bytes of all buffers, free or in use.

    >>> shelves = Shelves()
    >>> shelves.take(100_000)[0].size, shelves.take(60_000)[0].size, shelves.held
    (100000, 60000, 160000)
    """

    def __init__(self) -> None:
        self.shelves: dict[int, Shelf] = {}  # the oldest first
        self.held = self.peak = 0
        self.lock = threading.Lock()  # `Block.__del__`, which may run at any time, needs none

    def take(self, size: int) -> tuple[ndarray, Shelf]:
        """A buffer of at least `size` bytes, and the shelf that it must return to."""
        with self.lock:
            shelf = self.shelves.get(size)
            if not shelf:
                shelf = self.near(size)
            return shelf.pop(), shelf

    def near(self, size: int) -> Shelf:
        """A shelf with a free buffer of about that size, which is made if there is none."""
        fitting = (n for n, shelf in self.shelves.items() if shelf and n >= size)
        if (n := min(fitting, default=0)) and n <= WASTE * size:
            return self.shelves[n]
        self.make_room(size)
        shelf = self.shelves.setdefault(size, Shelf())
        shelf.append(memory_of(size))
        shelf.made += 1
        self.held += size
        return shelf

    def make_room(self, size: int) -> None:
        """Give free buffers back to the system, of the oldest sizes first, until one more of `size`
        bytes is within the bound.
        """
        free = sum(n * len(shelf) for n, shelf in self.shelves.items())
        self.peak = max(self.peak, self.held - free + size)
        for n, shelf in list(self.shelves.items()):
            while shelf and self.held + size > SPARE * self.peak:
                shelf.pop()
                shelf.made -= 1
                self.held -= n
            if not shelf.made:
                del self.shelves[n]


_shared = Shelves()


class Block:
    """A buffer that returns to its shelf when the last array on it is deleted."""

    def __init__(self, memory: ndarray, shelf: Shelf, shape: tuple[int, ...], dtype: Any):
        self.memory, self.shelf = memory, shelf
        self.__array_interface__ = {
            "version": 3,
            "shape": shape,
            "typestr": np.dtype(dtype).str,
            "data": (memory.ctypes.data, False),
        }

    def __del__(self) -> None:
        self.shelf.append(self.memory)


def own() -> Shelves:
    """The shelves of this thread."""
    if not hasattr(_local, "shelves"):
        _local.shelves = Shelves()
    return _local.shelves


def empty(shape: tuple[int, ...], dtype: Any, shared: bool = False) -> ndarray:
    """An uninitialised array, from a shelf if a buffer of about that size is free.

    shared: use the shelves common to all threads, for arrays that any thread may allocate. Arrays
    up to 16 KB come from np.empty: the system is fast for those.

    >>> first = empty((200, 300), np.float32)
    >>> place = first.ctypes.data
    >>> del first
    >>> empty((300, 200), np.float32).ctypes.data == place
    True
    """
    size = prod(shape) * np.dtype(dtype).itemsize
    if size <= SMALL:
        return np.empty(shape, dtype)
    return np.asarray(Block(*(_shared if shared else own()).take(size), shape, dtype))


def ready(a: ndarray) -> ndarray:
    """The array, or a copy where kernels cannot take it: they read no strides, want numbers at
    aligned addresses, and would be compiled once more for memory that is read-only.
    """
    a = np.asarray(a)  # a subclass has no meaning here
    return a if a.flags.carray else a.copy()


def memory_of(size: int) -> ndarray:
    """Allocate `size` bytes, aligned to a cache line; large ones on Linux's huge pages."""
    global _obtained
    with _lock:
        _obtained += size
    huge = 1 << 21
    if size >= huge // 4 and hasattr(mmap, "MADV_HUGEPAGE"):
        try:
            pages = mmap.mmap(-1, -(-size // huge) * huge)
        except (OSError, OverflowError) as error:
            raise MemoryError(f"no room for an array of {size:,} bytes") from error
        pages.madvise(mmap.MADV_HUGEPAGE)
        return np.frombuffer(pages, np.uint8, size)
    raw = np.empty(size + 64, np.uint8)
    first = -raw.ctypes.data % 64
    return raw[first : first + size]
