"""Memory that is used again: arrays whose buffer goes back to a shelf when nobody holds them.

Why this is fast: the system hands out large arrays page by page, and zeroes each page at its first
touch; a training step that asks for the same half gigabyte anew would spend a tenth of its time on
that. Buffers here are taken and given back by reference counting alone: a cache that goes out
of scope after `backward` serves the next step. Each thread has shelves of its own.
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
    """Bytes that all threads have ever taken from the system: constant in the steady state."""
    return _obtained


class Block:
    """A buffer that returns to its shelf when the last array made of it is gone."""

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
    """An array like np.empty's, from the shelf where there is one of that size.

    shared: from shelves of all threads, for what any of them may make.

    Small ones, up to 16 KB, are np.empty's own: the system is quick with those.

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


def memory_of(size: int) -> ndarray:
    """`size` bytes that begin at a cache line; large ones on huge pages, where Linux has them."""
    global _obtained
    with _lock:
        _obtained += size
    huge = 1 << 21
    if size >= huge // 4 and hasattr(mmap, "MADV_HUGEPAGE"):
        pages = mmap.mmap(-1, -(-size // huge) * huge)
        pages.madvise(mmap.MADV_HUGEPAGE)
        return np.frombuffer(pages, np.uint8, size)
    raw = np.empty(size + 64, np.uint8)
    first = -raw.ctypes.data % 64
    return raw[first : first + size]
