"""What the machine can do at best: multiply-adds from register to register, and reading memory."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from tinylstm.kernels.vectors import BYTES, I64, Vector
from tinylstm.parallel import usable_cores

CHAINS = 12 if BYTES == 32 else 24  # independent sums: enough to hide the latency of one
LANES = BYTES // 4
LOOPS = 20_000_000


@intrinsic
def _multiply_adds(typing: Any, n: Any) -> Any:
    """n times CHAINS vector multiply-adds that touch nothing but registers; returns a number."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = ir.VectorType(ir.FloatType(), LANES)
        before = builder.block
        head, done = builder.append_basic_block("head"), builder.append_basic_block("done")
        builder.branch(head)
        builder.position_at_end(head)
        k, sums = builder.phi(I64), [builder.phi(kind) for _ in range(CHAINS)]
        k.add_incoming(ir.Constant(I64, 0), before)
        for i, total in enumerate(sums):
            total.add_incoming(ir.Constant(kind, [float(i)] * LANES), before)
            value = Vector(builder, total)
            total.add_incoming(value.fma(0.999, 0.5).value, head)
        following = builder.add(k, ir.Constant(I64, 1))
        k.add_incoming(following, head)
        builder.cbranch(builder.icmp_signed("<", following, args[0]), head, done)
        builder.position_at_end(done)
        result = Vector(builder, sums[0])
        for total in sums[1:]:
            result = result + Vector(builder, total)
        return builder.extract_element(result.value, ir.Constant(ir.IntType(32), 0))

    return types.float32(n), emit


@njit(nogil=True)
def _run(n: Any) -> Any:
    return _multiply_adds(n)


@njit(nogil=True, fastmath=True)
def _sum(x: Any) -> Any:
    total = x[0]
    for i in range(len(x)):
        total += x[i]
    return total


def multiply_adds() -> Callable[[], float]:
    """A function that measures floating-point operations a second, on all cores."""
    cores = usable_cores()
    pool = ThreadPoolExecutor(cores)
    _run(1)

    def step() -> float:
        begin = time.perf_counter()
        list(pool.map(_run, [LOOPS // 4] * cores))
        return cores * LOOPS // 4 * CHAINS * LANES * 2 / (time.perf_counter() - begin)

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
