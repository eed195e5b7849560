"""The LSTM cell on one row of the batch, forward and backward: four gates, new cell and output.

Why this is fast: each number of a unit is read once, kept in a vector register and written once.
The five nonlinearities cost one exponential and one division each, for W units at a time.
The formulas are those of `functional.lstm_cell_forward` and `lstm_cell_backward`, line by line.
Next: tiles.py.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import numba.core.cgutils as cgutils
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from .vectors import Array, Vector, exp, for_each, lanes, sigmoid, tanh, wide, widths


def _arrays(context: Any, builder: Any, signature: Any, args: Any) -> list[Any]:
    """The arguments, with arrays wrapped in `Array`."""
    return [
        Array(context, builder, kind, value) if isinstance(kind, types.Array) else value
        for kind, value in zip(signature.args, args, strict=True)
    ]


@intrinsic
def cell_forward(typing, z, z0, bias, c_prev, p0, c, c0, h, h0, n):  # type: ignore[no-untyped-def]
    """Replaces z[z0:][:4n] with the gates i f g o of z + bias; writes c[c0:][:n] and h[h0:][:n].

    n is H.
    """

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        z, z0, bias, c_prev, p0, c, c0, h, h0, n = _arrays(context, builder, signature, args)

        def body(u: ir.Value, w: int) -> None:
            units = [u]
            for _ in range(3):
                units.append(builder.add(units[-1], n))
            at = [builder.add(z0, unit) for unit in units]
            zi, zf, zg, zo = (
                z.load(p, w) + bias.load(q, w) for p, q in zip(at, units, strict=True)
            )
            i, f, g, o = sigmoid(zi), sigmoid(zf), tanh(zg), sigmoid(zo)
            cell = f.fma(c_prev.load(builder.add(p0, u), w), i * g)
            for place, gate in zip(at, (i, f, g, o), strict=True):
                z.store(place, gate)
            c.store(builder.add(c0, u), cell)
            h.store(builder.add(h0, u), o * tanh(cell))

        for_each(builder, n, lanes(signature.args[0].dtype), body)
        return context.get_dummy_value()

    return types.void(z, z0, bias, c_prev, p0, c, c0, h, h0, n), emit


@intrinsic
def cell_backward(  # type: ignore[no-untyped-def]
    typing, dh, dh0, dout, o0, dc, dc0, gates, g0, c, c0, c_prev, p0, dz, dz0, db, n
):
    """Writes dz[dz0:][:4n] from dh + dout and dc; replaces dc with dc_prev; adds dz to db[:4n]."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        (dh, dh0, dout, o0, dc, dc0, gates, g0, c, c0, c_prev, p0, dz, dz0, db, n) = _arrays(
            context, builder, signature, args
        )

        def body(u: ir.Value, w: int) -> None:
            def plus(base: ir.Value, times: int) -> ir.Value:
                return builder.add(base, builder.add(u, builder.mul(n, ir.Constant(n.type, times))))

            i, f, g, o = (gates.load(plus(g0, gate), w) for gate in range(4))
            dhidden = dh.load(plus(dh0, 0), w) + dout.load(plus(o0, 0), w)
            tanh_c = tanh(c.load(plus(c0, 0), w))
            slope = (dhidden * o) * (1.0 - tanh_c * tanh_c)
            dcell = dc.load(plus(dc0, 0), w) + slope
            di, df, dg, do = (
                dcell * g,
                dcell * c_prev.load(plus(p0, 0), w),
                dcell * i,
                dhidden * tanh_c,
            )
            dc.store(plus(dc0, 0), dcell * f)
            zero = u.type(0)
            for k, d in enumerate(
                (di * i * (1.0 - i), df * f * (1.0 - f), dg * (1.0 - g * g), do * o * (1.0 - o))
            ):
                dz.store(plus(dz0, k), d)
                db.store(plus(zero, k), db.load(plus(zero, k), w) + d)

        for_each(builder, n, lanes(signature.args[0].dtype), body)
        return context.get_dummy_value()

    kinds = (dh, dh0, dout, o0, dc, dc0, gates, g0, c, c0, c_prev, p0, dz, dz0, db, n)
    return types.void(*kinds), emit


@intrinsic
def to_panels(typing, z, z0, n, P, p0, p_n):  # type: ignore[no-untyped-def]
    """Copies row z[z0:][:n] into panels: 2 W numbers to P[p0:], the next 2 W to P[p0 + p_n:]."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        z, z0, n, P, p0, p_n = _arrays(context, builder, signature, args)
        width = lanes(signature.args[0].dtype)
        columns = ir.Constant(n.type, wide(signature.args[0].dtype))

        def body(u: ir.Value, w: int) -> None:
            panel = builder.add(p0, builder.mul(builder.sdiv(u, columns), p_n))
            P.store(builder.add(panel, builder.srem(u, columns)), z.load(builder.add(z0, u), w))

        for_each(builder, n, width, body)
        return context.get_dummy_value()

    return types.void(z, z0, n, P, p0, p_n), emit


@intrinsic
def exp_minus(typing, x, x0, m, y, y0, n):  # type: ignore[no-untyped-def]
    """y[y0:][:n] = exp(x[x0:][:n] - m), for an m that no x exceeds."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        x, x0, m, y, y0, n = _arrays(context, builder, signature, args)

        def body(u: ir.Value, w: int) -> None:
            value = x.load(builder.add(x0, u), w)
            kind = value.type
            most = ir.Constant(kind, ir.Undefined)
            for lane in range(w):
                most = builder.insert_element(most, m, ir.Constant(ir.IntType(32), lane))
            y.store(builder.add(y0, u), exp(value - Vector(builder, most)))

        for_each(builder, n, lanes(signature.args[0].dtype), body)
        return context.get_dummy_value()

    return types.void(x, x0, m, y, y0, n), emit


def _reduction(start: float, combine: Callable[[Vector, Vector], Vector]) -> Any:
    """An intrinsic that reduces x[x0:][:n] to one number: in W parallel lanes, then across them."""

    @intrinsic
    def reduce(typing, x, x0, n):  # type: ignore[no-untyped-def]
        def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            x, x0, n = _arrays(context, builder, signature, args)
            places: dict[int, Any] = {}  # the result so far, for each width of `for_each`
            for w in widths(lanes(signature.args[0].dtype)):
                first = ir.Constant(ir.VectorType(x.element, w), [start] * w)
                places[w] = cgutils.alloca_once_value(builder, first)

            def body(u: ir.Value, w: int) -> None:
                so_far = Vector(builder, builder.load(places[w]))
                both = combine(so_far, x.load(builder.add(x0, u), w))
                builder.store(both.value, places[w])

            for_each(builder, n, max(places), body)
            vectors = [Vector(builder, builder.load(place)) for place in places.values()]
            lanes_of_all = [lane for vector in vectors for lane in vector.each_lane()]
            return functools.reduce(combine, lanes_of_all).value

        return x.dtype(x, x0, n), emit

    return reduce


largest = _reduction(-math.inf, lambda a, b: a.larger(b))  # if no number is NaN
total_of = _reduction(0.0, lambda a, b: a + b)
