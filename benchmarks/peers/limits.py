"""What the machine can do at best: multiply-adds on numbers at hand, and reading memory."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numba import njit

from tinylstm.kernels.tiles import ROWS_A, column, wide
from tinylstm.parallel import usable_cores

WIDE = wide(np.dtype(np.float32))
LOOPS = 5_000_000


@njit(nogil=True, fastmath=True)
def _sum(x: Any) -> Any:
    total = x[0]
    for i in range(len(x)):
        total += x[i]
    return total


def spin(numbers: Any, loops: int) -> None:
    """The largest tile, over and over on the same numbers, all in the nearest cache."""
    C = numbers[256:]
    column(numbers, 0, 1, 0, numbers, 128, 0, ROWS_A, loops, C, 0, WIDE, False)


def multiply_adds() -> Callable[[], float]:
    """A function that measures floating-point operations a second, on all cores."""
    cores = usable_cores()
    pool = ThreadPoolExecutor(cores)
    arrays = [np.zeros(2048, np.float32) for _ in range(cores)]
    spin(arrays[0], 1)

    def step() -> float:
        begin = time.perf_counter()
        list(pool.map(spin, arrays, [LOOPS] * cores))
        flops = cores * LOOPS * ROWS_A * WIDE * 2
        return flops / (time.perf_counter() - begin)

    return step


def bandwidth() -> float:
    """Bytes a second, read from memory by all cores."""
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
