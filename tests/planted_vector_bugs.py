"""Bugs of one line each in the vector unit: kernels/vectors.py and what gates.py does with a row.

Each is compiled, in a copy of the two files, and test_vectors.py must fail on it. Everything there
is deterministic, so that a bug is caught always or never.
"""

import shutil
from pathlib import Path

from planted_bugs import ROOT, Bug

VECTORS, GATES = "kernels/vectors.py", "kernels/gates.py"

BUGS = [
    # ------------------------------------------------------------------------------ the operators
    Bug(VECTORS, "self.wrap(self.builder.fsub(self.lift(other), self.value))",
        "self.wrap(self.builder.fsub(self.value, self.lift(other)))", "1 - x that is x - 1"),
    Bug(VECTORS, "self.builder.fsub(self.value, self.lift(other))",
        "self.builder.fadd(self.value, self.lift(other))", "a difference that is a sum"),
    Bug(VECTORS, "self.builder.fdiv(self.value, self.lift(other))",
        "self.builder.fdiv(self.lift(other), self.value)", "a quotient upside down"),
    Bug(VECTORS, "[float(other)] * self.type.count)",
        "[float(other)] + [0.0] * (self.type.count - 1))", "a number in the first lane only"),
    Bug(VECTORS, "__radd__, __rmul__ = __add__, __mul__", "__radd__, __rmul__ = __mul__, __add__",
        "a number plus a vector multiplied"),
    Bug(VECTORS, 'return self.call("fma", factor, addend)', "return self * factor + addend",
        "an fma that rounds twice"),
    Bug(VECTORS, 'return self.choose(">", limit)', 'return self.choose("<", limit)',
        "a limit that is a floor"),
    Bug(VECTORS, 'return self.choose("<", limit)', 'return self.choose(">", limit)',
        "a floor that is a limit"),
    Bug(VECTORS, "beyond = self.builder.fcmp_ordered(comparison, self.value, bound)",
        "beyond = self.builder.fcmp_unordered(comparison, self.value, bound)",
        "NaN that becomes the limit"),
    Bug(VECTORS, "self.builder.select(beyond, bound, self.value)",
        "self.builder.select(beyond, self.value, bound)", "limits the wrong way round"),
    Bug(VECTORS, "self.builder.select(more, self.value, other.value)",
        "self.builder.select(more, other.value, self.value)", "the smaller number"),
    Bug(VECTORS, "for lane in range(self.type.count)\n", "for lane in range(1, self.type.count)\n",
        "the first lane left out"),
    Bug(VECTORS, "mantissa = 23 if", "mantissa = 22 if", "an exponent one bit too low"),
    Bug(VECTORS, "if self.bits == 32 else 52", "if self.bits == 32 else 51",
        "the same in float64"),
    Bug(VECTORS, "bias = 127 if", "bias = 126 if", "half of every power of two"),
    Bug(VECTORS, "if self.bits == 32 else 1023", "if self.bits == 32 else 1022",
        "the same in float64"),
    # ------------------------------------------------------------------------------ the functions
    Bug(VECTORS, "last = 7 if", "last = 6 if", "a series one term too short"),
    Bug(VECTORS, "if x.bits == 32 else 13", "if x.bits == 32 else 12", "the same in float64"),
    Bug(VECTORS, "high = 0.693359375 if", "high = 0.6931471 if",
        "a high part of ln 2 with too many digits"),
    Bug(VECTORS, 'float.fromhex("0x1.62e42feep-1")', "math.log(2)",
        "no low part of ln 2 in float64"),
    Bug(VECTORS, "r = k.fma(-low, r)\n", "r = k.fma(low, r)\n", "the low part with a wrong sign"),
    Bug(VECTORS, '.call("rint")\n', '.call("floor")\n',
        "a remainder twice as large as the series allows"),
    Bug(VECTORS, "for power in range(last - 1, 0, -1):", "for power in range(last - 1, 1, -1):",
        "the series without its linear term"),
    Bug(VECTORS, "p.fma(r, 1 / math.factorial(power))", "p.fma(r, 1 / power)",
        "no factorials in the series"),
    Bug(VECTORS, "return k.power_of_two(), p * r", "return k.power_of_two(), p",
        "expm1 without its factor r"),
    Bug(VECTORS, "x.at_least(-87.0 if", "x.at_least(-80.0 if",
        "an exponential that stops too early"),
    Bug(VECTORS, "x.at_least(-87.0 if", "x.at_least(-89.0 if", "2**k below the format's range"),
    Bug(VECTORS, "if x.bits == 32 else -708.0", "if x.bits == 32 else -745.0",
        "the same in float64"),
    Bug(VECTORS, "return s.fma(p, s)\n", "return s * (p + 1.0) - (p * s - p * s) + p * 1e-7\n",
        "an exponential off in its last digits"),
    Bug(VECTORS, '.at_most(10.0 if', '.at_most(5.0 if', "a tanh that saturates too early"),
    Bug(VECTORS, "if x.bits == 32 else 20.0", "if x.bits == 32 else 10.0", "the same in float64"),
    Bug(VECTORS, 'a = x.call("fabs")', "a = (x * 1.0)", "a tanh of negative numbers unbounded"),
    Bug(VECTORS, "t = s.fma(p, s - 1.0)", "t = s * (p + 1.0) - 1.0",
        "a tanh that cancels near zero"),
    Bug(VECTORS, '.call("copysign", x)', '.call("copysign", a)', "tanh without a sign"),
    Bug(VECTORS, "((0.0 - t) / (t + 2.0))", "((0.0 - t) / (t + 2.0000002))",
        "a tanh off in its last digits"),
    Bug(VECTORS, "return tanh(x * 0.5).fma(0.5, 0.5)", "return tanh(x).fma(0.5, 0.5)",
        "a sigmoid twice as steep"),
    # --------------------------------------------------------------------------- loads and stores
    Bug(VECTORS, "stop = builder.mul(builder.sdiv(n, ir.Constant(I64, w)), ir.Constant(I64, w))",
        "stop = builder.mul(builder.sdiv(n, ir.Constant(I64, w)), ir.Constant(I64, w)) "
        "if w > 1 else builder.sub(n, ir.Constant(I64, 1))", "the last number of a row left out"),
    Bug(VECTORS, "        start = stop\n", "        start = ir.Constant(I64, 0)\n",
        "numbers computed again in narrower vectors"),
    Bug(VECTORS, "sorted({width, min(width, 4), 1}, reverse=True)",
        "sorted({width, min(width, 4)}, reverse=True)", "no single numbers at the end"),
    Bug(VECTORS, "return VECTORS * lanes(dtype)", "return lanes(dtype)",
        "panels of half the width"),
    Bug(VECTORS, '{"float32": 4, "float64": 8}', '{"float32": 8, "float64": 8}',
        "float32 in half a register"),
    Bug(VECTORS, 'if features.get("avx512f")', 'if features.get("avx2")',
        "AVX-512's width where there is none"),
    Bug(VECTORS, "[0] * width)\n        return", "[1] * width)\n        return",
        "a broadcast of an undefined lane"),
    Bug(VECTORS, "number = self.builder.load(self.builder.gep(self.data, [offset]))",
        "number = self.builder.load(self.builder.gep(self.data, [I64(0)]))",
        "the first number broadcast for all"),
    Bug(VECTORS, "self.builder.store(vector.value, place, align=self.align)",
        "self.builder.store((vector * 1.0000001).value, place, align=self.align)",
        "a store that changes the last digit"),
    # ---------------------------------------------------------------------------------- the cells
    Bug(GATES, "places.append(builder.add(places[-1], H))", "places.append(builder.add(start, H))",
        "the first unit of a block for all of its vectors"),
    Bug(GATES, "places = [builder.add(start, u)]", "places = [start]",
        "the first vector of a row for all"),
    Bug(GATES, "sigmoid(zi), sigmoid(zf), tanh(zg), sigmoid(zo)",
        "sigmoid(zf), sigmoid(zi), tanh(zg), sigmoid(zo)", "forget and input gate exchanged"),
    Bug(GATES, "tanh(zg), sigmoid(zo)", "sigmoid(zg), sigmoid(zo)",
        "a candidate through the wrong function"),
    Bug(GATES, "cell = f.fma(c.load(builder.add(p0, u), w), i * g)",
        "cell = f.fma(c.load(builder.add(c0, u), w), i * g)", "the new cell's memory as the old"),
    Bug(GATES, "cell = f.fma(c.load(builder.add(p0, u), w), i * g)",
        "cell = f.fma(c.load(p0, w), i * g)", "the first units' cells for all"),
    Bug(GATES, "zip(places, (i, f, g, o), strict=True)", "zip(places, (f, i, g, o), strict=True)",
        "gates kept in another order"),
    Bug(GATES, "h.store(builder.add(h0, u), o * tanh(cell))",
        "h.store(builder.add(h0, u), o * cell)", "an output without its tanh"),
    Bug(GATES, "c.store(builder.add(c0, u), cell)", "c.store(builder.add(p0, u), cell)",
        "the new cell over the old"),
    Bug(GATES, "slope = (dhidden * o) * (1.0 - tanh_c * tanh_c)",
        "slope = (dhidden * o) * (1.0 - tanh_c)", "tanh's slope without a square"),
    Bug(GATES, "dcell = dc.load(state, w) + slope", "dcell = slope",
        "a gradient through the cell that does not flow"),
    Bug(GATES, "dhidden = dh.load(state, w) + dout.load(builder.add(o0, u), w)",
        "dhidden = dh.load(state, w)", "the output's own gradient lost"),
    Bug(GATES, "tanh_c = tanh(c.load(builder.add(c0, u), w))",
        "tanh_c = tanh(c.load(builder.add(p0, u), w))", "the old cell in the output"),
    Bug(GATES, "            dcell * g,\n", "            dcell * i,\n", "di by i"),
    Bug(GATES, "dc.store(state, dcell * f)", "dc.store(state, dcell * i)",
        "dc past the wrong gate"),
    Bug(GATES, "dg * (1.0 - g * g)", "dg * g * (1.0 - g)", "a sigmoid's slope for the candidate"),
    Bug(GATES, "do * o * (1.0 - o)", "do * o", "half of a slope"),
    Bug(GATES, "db.store(bias, db.load(bias, w) + d)", "db.store(bias, d)",
        "a bias gradient of one row"),
    Bug(GATES, "db.store(bias, db.load(bias, w) + d)", "db.store(place, db.load(bias, w) + d)",
        "a bias gradient at the row's place"),
    Bug(GATES, "new = tanh(reset.fma(an, zn))", "new = tanh(an + zn)", "a reset gate without use"),
    Bug(GATES, "reset, update = sigmoid(zr), sigmoid(zu)", "update, reset = sigmoid(zr), "
        "sigmoid(zu)", "reset and update exchanged"),
    Bug(GATES, "update.fma(old, (1.0 - update) * new)", "update.fma(new, (1.0 - update) * old)",
        "an update the wrong way round"),
    Bug(GATES, "old = h.load(builder.add(p0, u), w)", "old = h.load(builder.add(h0, u), w)",
        "the new state's memory as the old"),
    Bug(GATES, "dup = d * (h.load(builder.add(p0, u), w) - new)", "dup = d * (0.0 - new)",
        "an update gate that forgets the old state"),
    Bug(GATES, "dzn = d * (1.0 - up) * (1.0 - new * new)", "dzn = d * (1.0 - new * new)",
        "a candidate's gradient past the update gate"),
    Bug(GATES, "dh.store(state, d * up)", "dh.store(state, d)", "a state's gradient ungated"),
    Bug(GATES, "dzn * r, dzn * an * r * (1.0 - r)", "dzn * r, dzn * r * (1.0 - r)",
        "the reset gate's gradient without what it gates"),
    Bug(GATES, "dup * up * (1.0 - up), dzn", "dup * up * (1.0 - up), dzn * r",
        "the input's part gated like the state's"),
    Bug(GATES, "tanh(h.load(place, w) + b.load(builder.add(b0, u), w))",
        "tanh(h.load(place, w) + b.load(b0, w))", "the first biases for all units"),
    Bug(GATES, "(d * (1.0 - out * out),)", "(d * (1.0 - out),)", "a simple net's slope"),
    Bug(GATES, "d = dh.load(builder.add(s0, u), w) + dout.load(builder.add(o0, u), w)",
        "d = dh.load(builder.add(s0, u), w)", "a simple net's output gradient lost"),
    # ------------------------------------------------------------------------------ rows in gates
    Bug(GATES, "builder.mul(builder.sdiv(u, columns), p_n)", "builder.mul(u, p_n)",
        "a panel for every number"),
    Bug(GATES, "builder.add(panel, builder.srem(u, columns))", "builder.add(panel, u)",
        "columns of a panel that go on counting"),
    Bug(GATES, "panel = builder.add(p0, builder", "panel = builder.add(z0, builder",
        "the row's place for the panel's"),
    Bug(GATES, "z.load(builder.add(z0, u), w))\n\n        for_each(builder, n, width, body)",
        "z.load(u, w))\n\n        for_each(builder, n, width, body)",
        "the first row in all panels"),
    Bug(GATES, "columns = ir.Constant(n.type, wide(signature.args[0].dtype))",
        "columns = ir.Constant(n.type, width)", "panels of one vector"),
    Bug(GATES, "for lane in range(w):\n                most", "for lane in range(1):\n"
        "                most", "the maximum in the first lane only"),
    Bug(GATES, "exp(value - Vector(builder, most))", "exp(value)",
        "a maximum that is not subtracted"),
    Bug(GATES, "y.store(builder.add(y0, u), exp", "y.store(u, exp", "all rows into the first"),
    Bug(GATES, "value = x.load(builder.add(x0, u), w)", "value = x.load(u, w)",
        "the first row for all"),
    Bug(GATES, "[start] * w)\n", "[0.0] * w)\n", "a maximum of at least zero"),
    Bug(GATES, "both = combine(so_far, x.load(builder.add(x0, u), w))",
        "both = combine(so_far, x.load(u, w))", "the first row reduced for all"),
    Bug(GATES, "builder.store(both.value, places[w])", "builder.store(both.value, places[max("
        "places)]) if w == max(places) else None", "numbers behind the last full vector left out"),
    Bug(GATES, "for place in places.values()]", "for place in list(places.values())[:1]]",
        "results of the narrow vectors left out"),
    Bug(GATES, "_reduction(0.0, lambda a, b: a + b)", "_reduction(1.0, lambda a, b: a + b)",
        "a sum that begins with ones"),
    Bug(GATES, "lambda a, b: a.larger(b))", "lambda a, b: a)", "the first number as the largest"),
]  # fmt: skip


def failure(bug: Bug | None, folder: Path) -> str:
    """What test_vectors.py says of a copy of the two files with the bug in it; empty if nothing."""
    import test_vectors as tests

    for file in (VECTORS, GATES):
        shutil.copy(ROOT / "tinylstm" / file, folder)
    if bug is not None:
        path = folder / Path(bug.file).name
        source = path.read_text()
        if source.count(bug.right) != 1:
            times = source.count(bug.right)
            raise ValueError(f"{bug.file} holds {bug.right!r} {times} times, not once: {bug.kind}")
        path.write_text(source.replace(bug.right, bug.wrong))
    copies = [(*tests.load(width, folder), width, dtype) for width, dtype in tests.CASES[:2]]
    try:
        tests.the_processor_decides(copies[0][0])
        for vectors, _, width, _ in copies:
            tests.registers_are_as_wide_as_stated(vectors, width)
        for check in tests.OF_VECTORS if bug is None or bug.file == VECTORS else ():
            for vectors, _, _, dtype in copies:
                check(vectors, dtype)
        for check in tests.OF_ROWS:
            for vectors, gates, _, dtype in copies:
                check(vectors, gates, dtype)
    except AssertionError as error:
        return str(error) or "an assertion"
    return ""
