"""Explicit vector code: values of W lanes with operators, emitted as LLVM code inside Numba.

Why this is fast: in a Numba loop, the compiler decides whether to use vector registers, and how
wide. It uses half of AVX-512's width, and does not vectorise loops that contain a call. Here each
operation is always one instruction on W lanes, and a whole gate stays in registers.
Nothing is specific to a processor: LLVM splits vectors that are too wide for the machine.

`Vector` reads like the textbook: `f * c + i * g`. Next: gates.py, which uses it.
"""

import functools
import math
import os
from collections.abc import Callable
from typing import Any

import numba.core.cgutils as cgutils
from llvmlite import binding, ir
from numba.core import types
from numba.np.arrayobj import make_array

I64 = ir.IntType(64)


def vector_bytes() -> int:
    """Bytes in a vector register: 64 with AVX-512, 32 with AVX2, else 16 (NEON, SSE).

    The environment variable TINYLSTM_VECTOR_BYTES overrides it, to test the other tiles.
    """
    asked = os.environ.get("TINYLSTM_VECTOR_BYTES")
    if asked:
        return int(asked)
    features = binding.get_host_cpu_features()
    return 64 if features.get("avx512f") else 32 if features.get("avx2") else 16


BYTES = vector_bytes()
VECTORS = 2  # vectors across a tile


@functools.cache
def lanes(dtype: Any) -> int:
    """W, how many numbers of a NumPy or Numba dtype fit one vector register."""
    return BYTES // {"float32": 4, "float64": 8}[str(dtype)]


def wide(dtype: Any) -> int:
    """The number of columns in a panel of a packed matrix, and in a tile."""
    return VECTORS * lanes(dtype)


class Vector:
    """W floating-point numbers in a register, at the time of code generation.

    Operators emit instructions; Python numbers are broadcast. `a.fma(b, c)` rounds a * b + c once.
    """

    def __init__(self, builder: ir.IRBuilder, value: ir.Value):
        self.builder, self.value, self.type = builder, value, value.type

    @property
    def bits(self) -> int:
        """Bits in one number: 32 or 64."""
        return 32 if isinstance(self.type.element, ir.FloatType) else 64

    def lift(self, other: "Vector | float") -> ir.Value:
        """The LLVM value of another vector, or of a constant that is broadcast."""
        if isinstance(other, Vector):
            return other.value
        return ir.Constant(self.type, [float(other)] * self.type.count)

    def wrap(self, value: ir.Value) -> "Vector":
        """A Vector with this builder."""
        return Vector(self.builder, value)

    def __add__(self, other: "Vector | float") -> "Vector":
        return self.wrap(self.builder.fadd(self.value, self.lift(other)))

    def __sub__(self, other: "Vector | float") -> "Vector":
        return self.wrap(self.builder.fsub(self.value, self.lift(other)))

    def __rsub__(self, other: float) -> "Vector":
        return self.wrap(self.builder.fsub(self.lift(other), self.value))

    def __mul__(self, other: "Vector | float") -> "Vector":
        return self.wrap(self.builder.fmul(self.value, self.lift(other)))

    def __truediv__(self, other: "Vector | float") -> "Vector":
        return self.wrap(self.builder.fdiv(self.value, self.lift(other)))

    __radd__, __rmul__ = __add__, __mul__

    def call(self, name: str, *others: "Vector | float") -> "Vector":
        """Call an LLVM intrinsic on vectors, such as fma, fabs, copysign, rint."""
        values = [self.value, *(self.lift(other) for other in others)]
        kind = ir.FunctionType(self.type, [self.type] * len(values))
        full = f"llvm.{name}.v{self.type.count}f{self.bits}"
        function = cgutils.get_or_insert_function(self.builder.module, kind, full)
        return self.wrap(self.builder.call(function, values))

    def fma(self, factor: "Vector | float", addend: "Vector | float") -> "Vector":
        """self * factor + addend in one instruction."""
        return self.call("fma", factor, addend)

    def at_most(self, limit: float) -> "Vector":
        """The smaller of each lane and `limit`; NaN stays NaN."""
        return self.choose(">", limit)

    def at_least(self, limit: float) -> "Vector":
        """The larger of each lane and `limit`; NaN stays NaN."""
        return self.choose("<", limit)

    def choose(self, comparison: str, limit: float) -> "Vector":
        """`limit` in lanes where the comparison with it is true, else the lane."""
        bound = self.lift(limit)
        beyond = self.builder.fcmp_ordered(comparison, self.value, bound)
        return self.wrap(self.builder.select(beyond, bound, self.value))

    def larger(self, other: "Vector") -> "Vector":
        """The larger number in each lane; `other` if either is NaN."""
        more = self.builder.fcmp_ordered(">", self.value, other.value)
        return self.wrap(self.builder.select(more, self.value, other.value))

    def each_lane(self) -> "list[Vector]":
        """The lanes as scalars with the same operators."""
        number = ir.IntType(32)
        return [
            self.wrap(self.builder.extract_element(self.value, ir.Constant(number, lane)))
            for lane in range(self.type.count)
        ]

    def shuffled(self, other: "Vector") -> "list[Vector]":
        """The lanes of both in turns, as two vectors."""
        W = self.type.count
        order = [lane for k in range(W) for lane in (k, W + k)]
        masks = [
            ir.Constant(ir.VectorType(ir.IntType(32), W), half) for half in (order[:W], order[W:])
        ]
        both = self.value, other.value
        return [self.wrap(self.builder.shuffle_vector(*both, mask)) for mask in masks]

    def power_of_two(self) -> "Vector":
        """2**self for integers: writes the exponent bits directly."""
        mantissa = 23 if self.bits == 32 else 52
        bias = 127 if self.bits == 32 else 1023
        whole = ir.VectorType(ir.IntType(self.bits), self.type.count)

        def each(number: int) -> ir.Constant:
            return ir.Constant(whole, [number] * self.type.count)

        biased = self.builder.add(self.builder.fptosi(self.value, whole), each(bias))
        return self.wrap(self.builder.bitcast(self.builder.shl(biased, each(mantissa)), self.type))


def expm1_parts(x: Vector) -> tuple[Vector, Vector]:
    """s and p with exp(x) = s (1 + p): s = 2**k, p = expm1(r), x = k ln 2 + r, |r| <= ln 2 / 2.

    p is a Taylor series up to the term below rounding: r**7 / 7! in float32, r**13 / 13! in
    float64. 2**k must be in the range of the format.
    """
    last = 7 if x.bits == 32 else 13
    high = 0.693359375 if x.bits == 32 else float.fromhex("0x1.62e42feep-1")
    low = math.log(2) - high if x.bits == 32 else 1.9082149292705877e-10
    k = (x * (1 / math.log(2))).call("rint")
    r = k.fma(-high, x)
    r = k.fma(-low, r)
    p = r.wrap(r.lift(1 / math.factorial(last)))
    for power in range(last - 1, 0, -1):
        p = p.fma(r, 1 / math.factorial(power))
    return k.power_of_two(), p * r


def exp(x: Vector) -> Vector:
    """exp(x) for x <= 0; no smaller than exp(-87) in float32, exp(-708) in float64."""
    s, p = expm1_parts(x.at_least(-87.0 if x.bits == 32 else -708.0))
    return s.fma(p, s)


def tanh(x: Vector) -> Vector:
    """tanh(x) = -t / (2 + t) with t = expm1(-2 |x|): no cancellation near zero, no overflow."""
    a = x.call("fabs").at_most(10.0 if x.bits == 32 else 20.0)
    s, p = expm1_parts(a * -2.0)
    t = s.fma(p, s - 1.0)
    return ((0.0 - t) / (t + 2.0)).call("copysign", x)


def sigmoid(x: Vector) -> Vector:
    """The logistic function, as in functional.py."""
    return tanh(x * 0.5).fma(0.5, 0.5)


class Array:
    """A one-dimensional Numba array in generated code: loads and stores at element offsets."""

    def __init__(self, context: Any, builder: ir.IRBuilder, kind: Any, value: Any):
        self.builder = builder
        self.data = make_array(kind)(context, builder, value).data
        self.element = context.get_data_type(kind.dtype)
        self.align = 4 if kind.dtype == types.float32 else 8

    def pointer(self, offset: ir.Value, width: int) -> ir.Value:
        """The address of `width` numbers from `offset` on."""
        place = self.builder.gep(self.data, [offset])
        return self.builder.bitcast(place, ir.VectorType(self.element, width).as_pointer())

    def load(self, offset: ir.Value, width: int) -> Vector:
        """Load `width` numbers from `offset` on."""
        return Vector(
            self.builder, self.builder.load(self.pointer(offset, width), align=self.align)
        )

    def prefetch(self, offset: ir.Value, for_writing: bool = False, nearest: bool = True) -> None:
        """Prefetch the cache line at `offset`, which may lie beyond the end.

        nearest: into the L1 cache, else into L2.
        """
        byte, i32 = ir.IntType(8).as_pointer(), ir.IntType(32)
        place = self.builder.bitcast(self.builder.gep(self.data, [offset]), byte)
        kind = ir.FunctionType(ir.VoidType(), [byte, i32, i32, i32])
        fetch = cgutils.get_or_insert_function(self.builder.module, kind, "llvm.prefetch.p0")
        # read or write; 3 for L1, 2 for L2; data, not code
        flags = (int(for_writing), 3 if nearest else 2, 1)
        self.builder.call(fetch, [place, *(ir.Constant(i32, flag) for flag in flags)])

    def store(self, offset: ir.Value, vector: Vector) -> None:
        """Write a vector at `offset`."""
        place = self.pointer(offset, vector.type.count)
        self.builder.store(vector.value, place, align=self.align)

    def broadcast(self, offset: ir.Value, width: int) -> Vector:
        """Load the number at `offset` into every lane."""
        number = self.builder.load(self.builder.gep(self.data, [offset]))
        kind = ir.VectorType(self.element, width)
        empty = ir.Constant(kind, ir.Undefined)
        one = self.builder.insert_element(empty, number, ir.Constant(ir.IntType(32), 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), width), [0] * width)
        return Vector(self.builder, self.builder.shuffle_vector(one, empty, zeros))


def widths(width: int) -> list[int]:
    """The vector widths that `for_each` uses, widest first."""
    return sorted({width, min(width, 4), 1}, reverse=True)


def for_each(builder: ir.IRBuilder, n: ir.Value, width: int, body: Callable[..., None]) -> None:
    """Emit loops over n numbers: `body(offset, width)` for full vectors, then for 4, then for 1."""
    start: ir.Value = ir.Constant(I64, 0)
    for w in widths(width):
        stop = builder.mul(builder.sdiv(n, ir.Constant(I64, w)), ir.Constant(I64, w))
        with cgutils.for_range_slice(builder, start, stop, ir.Constant(I64, w), I64) as (offset, _):
            body(offset, w)
        start = stop
