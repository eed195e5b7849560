"""The three cells on one row of the batch, forward and backward: LSTM, GRU, simple recurrent net.

Why this is fast: each number of a unit is read once, kept in a vector register and written once.
A nonlinearity costs one exponential and one division, for W units at a time. The formulas are those
of `functional.lstm_cell_forward`, `recurrent.gru_cell_forward` and their reverses, line by line.
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


def _cell(body: Callable[..., None]) -> Callable[..., Any]:
    """What emits `body(emitted, u, w)` for all units u of a row; the last argument is their number.

    emitted: the arguments, and the builder.
    """

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        *arrays, count = _arrays(context, builder, signature, args)
        width = lanes(signature.args[0].dtype)
        for_each(builder, count, width, lambda u, w: body(builder, u, w, *arrays))
        return context.get_dummy_value()

    return emit


def _blocks(builder: Any, start: Any, H: Any, u: Any, number: int) -> list[Any]:
    """The places of unit u in `number` blocks of H numbers, the first of which is at `start`."""
    places = [builder.add(start, u)]
    while len(places) < number:
        places.append(builder.add(places[-1], H))
    return places


@intrinsic
def lstm_cell(typing, z, z0, b, b0, c, p0, c0, h, h0, H, n):  # type: ignore[no-untyped-def]
    """Replaces z by the gates i f g o of z + b; writes c and h. p0: where the old c is.

    The row's four blocks start at z0 and are H apart; n units of each are computed.
    """

    def body(builder, u, w, z, z0, b, b0, c, p0, c0, h, h0, H):  # type: ignore[no-untyped-def]
        places = _blocks(builder, z0, H, u, 4)
        biases = _blocks(builder, b0, H, u, 4)
        zi, zf, zg, zo = (z.load(p, w) + b.load(q, w) for p, q in zip(places, biases, strict=True))
        i, f, g, o = sigmoid(zi), sigmoid(zf), tanh(zg), sigmoid(zo)
        cell = f.fma(c.load(builder.add(p0, u), w), i * g)
        for place, gate in zip(places, (i, f, g, o), strict=True):
            z.store(place, gate)
        c.store(builder.add(c0, u), cell)
        h.store(builder.add(h0, u), o * tanh(cell))

    return types.void(z, z0, b, b0, c, p0, c0, h, h0, H, n), _cell(body)


@intrinsic
def lstm_cell_back(  # type: ignore[no-untyped-def]
    typing, dh, dout, o0, dc, s0, gates, g0, c, c0, p0, dz, dz0, db, b0, H, n
):
    """Writes dz from dh + dout and dc; replaces dc by that of the old c; adds dz to db.

    s0: where dh and dc are.
    """

    def body(  # type: ignore[no-untyped-def]
        builder, u, w, dh, dout, o0, dc, s0, gates, g0, c, c0, p0, dz, dz0, db, b0, H
    ):
        i, f, g, o = (gates.load(place, w) for place in _blocks(builder, g0, H, u, 4))
        state = builder.add(s0, u)
        dhidden = dh.load(state, w) + dout.load(builder.add(o0, u), w)
        tanh_c = tanh(c.load(builder.add(c0, u), w))
        slope = (dhidden * o) * (1.0 - tanh_c * tanh_c)
        dcell = dc.load(state, w) + slope
        di, df, dg, do = (
            dcell * g,
            dcell * c.load(builder.add(p0, u), w),
            dcell * i,
            dhidden * tanh_c,
        )
        dc.store(state, dcell * f)
        _store(builder, u, w, dz, dz0, db, b0, H, (
            di * i * (1.0 - i), df * f * (1.0 - f), dg * (1.0 - g * g), do * o * (1.0 - o)
        ))  # fmt: skip

    kinds = (dh, dout, o0, dc, s0, gates, g0, c, c0, p0, dz, dz0, db, b0, H, n)
    return types.void(*kinds), _cell(body)


def _store(  # type: ignore[no-untyped-def]
    builder, u, w, dz, dz0, db, b0, H, values
):
    """Writes a unit's gradients to dz, one per block, and adds them to db."""
    places, biases = (_blocks(builder, start, H, u, len(values)) for start in (dz0, b0))
    for place, bias, d in zip(places, biases, values, strict=True):
        dz.store(place, d)
        db.store(bias, db.load(bias, w) + d)


@intrinsic
def gru_cell(typing, z, z0, b, b0, h, p0, h0, H, n):  # type: ignore[no-untyped-def]
    """The row's four blocks are `an`, the state's part of the candidate, and the gates r u n.

    Replaces z by what they are after biases and nonlinearities; writes h. p0: where the old h is.
    """

    def body(builder, u, w, z, z0, b, b0, h, p0, h0, H):  # type: ignore[no-untyped-def]
        places = _blocks(builder, z0, H, u, 4)
        biases = _blocks(builder, b0, H, u, 4)
        an, zr, zu, zn = (z.load(p, w) + b.load(q, w) for p, q in zip(places, biases, strict=True))
        reset, update = sigmoid(zr), sigmoid(zu)
        new = tanh(reset.fma(an, zn))
        for place, value in zip(places, (an, reset, update, new), strict=True):
            z.store(place, value)
        old = h.load(builder.add(p0, u), w)
        h.store(builder.add(h0, u), update.fma(old, (1.0 - update) * new))

    return types.void(z, z0, b, b0, h, p0, h0, H, n), _cell(body)


@intrinsic
def gru_cell_back(  # type: ignore[no-untyped-def]
    typing, dh, s0, dout, o0, gates, g0, h, p0, dz, dz0, db, b0, H, n
):
    """Writes dz, the blocks dan dzr dzu dzn, from dh + dout; adds it to db. Replaces dh by the
    part of the old h's gradient that flows past the products.
    """

    def body(  # type: ignore[no-untyped-def]
        builder, u, w, dh, s0, dout, o0, gates, g0, h, p0, dz, dz0, db, b0, H
    ):
        an, r, up, new = (gates.load(place, w) for place in _blocks(builder, g0, H, u, 4))
        state = builder.add(s0, u)
        d = dh.load(state, w) + dout.load(builder.add(o0, u), w)
        dup = d * (h.load(builder.add(p0, u), w) - new)
        dzn = d * (1.0 - up) * (1.0 - new * new)
        dh.store(state, d * up)
        _store(builder, u, w, dz, dz0, db, b0, H, (
            dzn * r, dzn * an * r * (1.0 - r), dup * up * (1.0 - up), dzn
        ))  # fmt: skip

    kinds = (dh, s0, dout, o0, gates, g0, h, p0, dz, dz0, db, b0, H, n)
    return types.void(*kinds), _cell(body)


@intrinsic
def rnn_cell(typing, h, h0, b, b0, n):  # type: ignore[no-untyped-def]
    """Replaces h by tanh(h + b)."""

    def body(builder, u, w, h, h0, b, b0):  # type: ignore[no-untyped-def]
        place = builder.add(h0, u)
        h.store(place, tanh(h.load(place, w) + b.load(builder.add(b0, u), w)))

    return types.void(h, h0, b, b0, n), _cell(body)


@intrinsic
def rnn_cell_back(  # type: ignore[no-untyped-def]
    typing, dh, s0, dout, o0, h, h0, dz, dz0, db, b0, n
):
    """Writes dz from dh + dout and h; adds it to db."""

    def body(builder, u, w, dh, s0, dout, o0, h, h0, dz, dz0, db, b0):  # type: ignore[no-untyped-def]
        out = h.load(builder.add(h0, u), w)
        d = dh.load(builder.add(s0, u), w) + dout.load(builder.add(o0, u), w)
        _store(builder, u, w, dz, dz0, db, b0, u, (d * (1.0 - out * out),))

    return types.void(dh, s0, dout, o0, h, h0, dz, dz0, db, b0, n), _cell(body)


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
