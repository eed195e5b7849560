"""A memory pool: an array's buffer returns to a shelf when its last reference is gone.

Why this is fast: the system provides a large array page by page and zeroes each page at its first
access. A training step that allocated its half gigabyte anew would spend a tenth of its time on
that. Reference counting alone moves buffers to and from the shelves: the buffers of a cache that
goes out of scope after `backward` serve the next step. Each thread has its own shelves.
Next: ../parallel.py.
"""

import mmap
import threading
from collections import defaultdict
from math import prod
from typing import Any

import numpy as np
from numpy import ndarray

_local = threading.local()
_shelves: dict[int, list[ndarray]] = defaultdict(list)
_lock = threading.Lock()
SMALL = 1 << 14  # bytes
_obtained = 0


def obtained() -> int:
    """Bytes allocated from the system by all threads so far: constant after the first steps."""
    return _obtained


class Block:
    """A buffer that returns to its shelf when the last array on it is deleted."""

    def __init__(self, memory: ndarray, shelf: list[ndarray], shape: tuple[int, ...], dtype: Any):
        self.memory, self.shelf = memory, shelf
        self.__array_interface__ = {
            "version": 3,
            "shape": shape,
            "typestr": np.dtype(dtype).str,
            "data": (memory.ctypes.data, False),
        }

    def __del__(self) -> None:
        self.shelf.append(self.memory)


def empty(shape: tuple[int, ...], dtype: Any, shared: bool = False) -> ndarray:
    """An uninitialised array, from a shelf if a buffer of that size is free.

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
    if not hasattr(_local, "shelves"):
        _local.shelves = defaultdict(list)
    shelf = (_shelves if shared else _local.shelves)[size]
    try:
        memory = shelf.pop()
    except IndexError:
        memory = memory_of(size)
    return np.asarray(Block(memory, shelf, shape, dtype))


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
