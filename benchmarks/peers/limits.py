"""The machine's limits: multiply-adds on numbers in the L1 cache, and memory bandwidth."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numba import njit

from tinylstm.kernels.tiles import ROWS_A, column
from tinylstm.kernels.vectors import wide
from tinylstm.parallel import usable_cores

WIDE = wide(np.dtype(np.float32))
DEPTH = 128  # times WIDE numbers: a panel that fits the L1 cache
LOOPS = 50_000


@njit(nogil=True, fastmath=True)
def _sum(x: Any) -> Any:
    total = x[0]
    for i in range(len(x)):
        total += x[i]
    return total


@njit(nogil=True)
def spin(A: Any, B: Any, C: Any, loops: int) -> None:
    """Run the largest tile repeatedly on the same numbers, all in the L1 cache."""
    for _ in range(loops):
        column(A, 0, DEPTH, 1, B, 0, WIDE, ROWS_A, DEPTH, C, 0, WIDE, False, 0)


def multiply_adds() -> Callable[[], float]:
    """A function that measures floating-point operations per second, on all cores."""
    cores = usable_cores()
    pool = ThreadPoolExecutor(cores)
    sizes = (ROWS_A * DEPTH, DEPTH * WIDE, ROWS_A * WIDE)
    arrays = [[np.zeros(size, np.float32) for size in sizes] for _ in range(cores)]
    spin(*arrays[0], 1)

    def step() -> float:
        begin = time.perf_counter()
        list(pool.map(lambda own: spin(*own, LOOPS), arrays))
        flops = cores * LOOPS * ROWS_A * DEPTH * WIDE * 2
        return flops / (time.perf_counter() - begin)

    return step


def bandwidth() -> float:
    """Bytes per second that all cores together read from memory."""
    cores = usable_cores()
    pool = ThreadPoolExecutor(cores)
    arrays = [np.ones(1 << 26, np.float32) for _ in range(cores)]
    _sum(arrays[0])
    best = 0.0
    for _ in range(3):
        begin = time.perf_counter()
        list(pool.map(_sum, arrays))
        best = max(best, cores * arrays[0].nbytes / (time.perf_counter() - begin))
    return best
