"""A hunt for arguments that crash the process or give wrong numbers without an error.

    python tests/hunt.py 5000 [seed]

Run in a process of its own: test_hunt.py does so with a few hundred cases, and with 5,000 in the
profile `deep`. Hypothesis takes right arguments of a public function, and makes some of them wrong
or only odd: another size, a view, negative or no strides, read-only or unaligned memory, another
type or byte order, other numbers, no array at all. Then, with kernels and with the textbook, there
must be either a ValueError (or MemoryError, RuntimeError) that says what is wrong, or the numbers
that plain NumPy gives for tidy copies of the same arrays; and no number beside an array changes.
The case that runs is written to standard output first, so a crash leaves it there.
"""

import sys
import warnings
from collections import Counter
from contextlib import suppress

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

import tinylstm as tl
from tinylstm import backend, functional
from tinylstm.data import Batch
from tinylstm.functional import LSTMCache
from tinylstm.parallel import Shards

IMPOSSIBLE = (
    IndexError,
    MemoryError,
    OverflowError,
    TypeError,
    ValueError,
)  # a type that holds no such number
GUARD = 64  # numbers beside each array that must stay as they are
outcomes: Counter[str] = Counter()


class Guarded:
    """Arrays cut out of larger ones; `check` says whether a number beside them has changed."""

    def __init__(self):
        self.around = []

    def array(self, a):
        whole = np.full(a.size + 2 * GUARD, 77, a.dtype)
        inner = whole[GUARD : GUARD + a.size].reshape(a.shape)
        inner[...] = a
        self.around.append(whole)
        return inner

    def check(self):
        for whole in self.around:
            beside = np.concatenate([whole[:GUARD], whole[-GUARD:]])
            assert (beside == np.array(77).astype(whole.dtype)).all(), "written outside"


def unaligned(a):
    raw = np.zeros(a.nbytes + 1, np.uint8)[1:].view(a.dtype).reshape(a.shape)
    raw[...] = a
    return raw


def locked(a):
    a = a.copy()
    a.flags.writeable = False
    return a


def spread(a):
    big = np.full([2 * n for n in a.shape], 5, a.dtype)[(slice(None, None, 2),) * a.ndim]
    big[...] = a
    return big


def value(number):
    def change(a):
        a = a.copy()
        if a.size:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                a.flat[a.size // 2] = np.array(number).astype(a.dtype)
        return a

    return change


ODD = {
    "reversed": lambda a: a[(slice(None, None, -1),) * a.ndim],
    "transposed": lambda a: a.T,
    "fortran": np.asfortranarray,
    "spread": spread,
    "unaligned": unaligned,
    "read-only": locked,
    "stride 0": lambda a: np.broadcast_to(a[:1], a.shape) if a.ndim and len(a) else a,
    "overlapping": lambda a: np.lib.stride_tricks.as_strided(
        a, a.shape, (*a.strides[1:], a.itemsize) if a.ndim else ()
    ),
    "big-endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "subclass": lambda a: a.view(np.recarray) if a.dtype.kind == "f" else a,
    **{kind: (lambda a, kind=kind: a.astype(kind)) for kind in (
        "float16", "float32", "float64", "longdouble", "complex64", "int64", "uint8", "bool", "U3"
    )},
    "object": lambda a: a.astype(object),
    "shorter": lambda a: a[:-1],
    "narrower": lambda a: a[..., :-1] if a.ndim else a,
    "longer": lambda a: np.concatenate([a, a]) if a.ndim else a,
    "wider": lambda a: np.concatenate([a, a], -1) if a.ndim else a,
    "one": lambda a: a[:1],
    "empty": lambda a: a[:0],
    "flat": np.ravel,
    "deeper": lambda a: a[None],
    "number": lambda a: a.flat[0] if a.size else a,
    "0-d": lambda a: np.array(1, a.dtype),
    "huge": lambda a: np.broadcast_to(np.ones(1, a.dtype), (1 << 40, *a.shape[1:])),
    "None": lambda a: None,
    "list": lambda a: a.tolist(),
    "text": lambda a: "text",
    **{f"value {n}": value(n) for n in (np.nan, np.inf, 1e30, -1, 5, 2**40, -(2**62))},
}  # fmt: skip


class Case:
    """Arguments by name, drawn at random; `tidy` are plain copies of them for the textbook."""

    def __init__(self, data):
        self.draw, self.guarded = data.draw, Guarded()
        self.rng = np.random.default_rng(self.draw(st.integers(0, 2**32 - 1)))
        self.dtype = self.draw(st.sampled_from(["float32", "float64"]))
        self.T, self.B, self.D, self.H = (self.draw(st.integers(1, 9)) for _ in range(4))
        self.text = ""

    def normal(self, *shape):
        return self.rng.normal(size=shape).astype(self.dtype)

    def mutated(self, right):
        """The arguments with up to three of them made odd; every array is guarded."""
        args = {k: v if v is None else self.guarded.array(v) for k, v in right.items()}
        names = self.draw(st.lists(st.sampled_from(sorted(right)), max_size=3))
        for name in names:
            how = self.draw(st.sampled_from(sorted(ODD)))
            self.text += f" {name}: {how};"
            if isinstance(args[name], np.ndarray):
                with warnings.catch_warnings(), np.errstate(all="ignore"), suppress(*IMPOSSIBLE):
                    warnings.simplefilter("ignore")
                    args[name] = ODD[how](args[name])
        return args


def tidy(a):
    """A plain copy, floats in float64, so that nothing but the numbers is left."""
    if not isinstance(a, np.ndarray):
        return a
    wide = np.result_type(a.dtype, np.float64) if a.dtype.kind in "fc" else a.dtype
    return np.array(a, wide.newbyteorder("="), order="C", subok=False)


def outcome(call):
    """What a call returns, or the text of its error; any other error is a find."""
    try:
        with np.errstate(all="ignore"):
            return call()
    except (ValueError, MemoryError, RuntimeError) as error:
        return str(error) or "?"


def both(case, call, textbook):
    """Run it with kernels and with the textbook; each must refuse, or give `textbook`'s numbers."""
    refused = []
    for name in ("auto", "numpy"):
        with backend.using(name):
            found = outcome(call)
        case.guarded.check()
        refused.append(isinstance(found, str))
        if isinstance(found, str):
            assert found != "?", "an error that says nothing"
            outcomes["refused"] += 1
            continue
        outcomes["right"] += 1
        with np.errstate(all="ignore"):
            expected = textbook()
        for a, b in zip(found, expected, strict=True):
            equal(a, b, case)
    assert refused[0] == refused[1], f"kernels and textbook refuse differently: {refused}"


def equal(a, b, case):
    """Equal up to the rounding of the narrowest type, relative to the largest finite number."""
    a, b = np.asarray(a), np.asarray(b)
    assert a.shape == b.shape, (a.shape, b.shape)
    types = case.text + case.dtype
    limit = 3e-2 if "float16" in types else 2e-3 if "32" in types or "complex64" in types else 1e-8
    with np.errstate(all="ignore"):
        finite = np.isfinite(b) & (abs(b) < 1e15)
        scale = max(float(np.max(abs(b[finite]), initial=0)), 1.0)
        assert (abs(a - b)[finite] <= limit * scale).all(), (a, b)


def lstm_forward(case):
    T, B, D, H, normal = case.T, case.B, case.D, case.H, case.normal
    right = {"x": normal(T, B, D), "h0": normal(B, H), "c0": normal(B, H)}
    right |= {"Wx": normal(D, 4 * H), "Wh": normal(H, 4 * H), "b": normal(4 * H)}
    right["dropout"] = normal(B, H) if case.draw(st.booleans()) else None
    right["mask"] = case.rng.random((T, B)) < 0.7 if case.draw(st.booleans()) else None
    return right


def hunt_lstm_forward(case):
    args = case.mutated(lstm_forward(case))
    yield
    both(
        case,
        lambda: backend.lstm_forward(*args.values())[:3],
        lambda: functional.lstm_forward(*map(tidy, args.values()))[:3],
    )


def hunt_lstm_backward(case):
    T, B, H = case.T, case.B, case.H
    cache = functional.lstm_forward(*lstm_forward(case).values())[-1]
    right = dict(
        zip(("dout", "dhT", "dcT"), [case.normal(T, B, H), *case.normal(2, B, H)], strict=True)
    )
    right |= cache._asdict()
    right |= {"dWx": 0 * cache.Wx, "dWh": 0 * cache.Wh, "db": 0 * cache.Wx[0]}
    args = case.mutated(right)
    fields = LSTMCache._fields
    sums = [k for k in ("dWx", "dWh", "db") if isinstance(args[k], np.ndarray)]
    yield

    def run(module, copy):
        given = {k: copy(v) for k, v in args.items()}
        given |= {k: v.copy() if v.flags.writeable else v for k, v in given.items() if k in sums}
        kept = LSTMCache(*(given[k] for k in fields))
        grads = [given[k] for k in ("dWx", "dWh", "db")]
        dx = module.lstm_backward(given["dout"], given["dhT"], given["dcT"], kept, *grads)
        return [*dx, *grads]

    both(case, lambda: run(backend, lambda a: a), lambda: run(functional, tidy))


def hunt_softmax(case):
    N, V = case.T * case.B, case.D
    right = {"logits": case.normal(N, V), "targets": case.rng.integers(-1, V, N)}
    args = case.mutated(right)
    count = case.draw(st.sampled_from([None, 1, 7, 0, -3, np.nan, 2.5]))
    way = case.draw(st.sampled_from(["forward", "backward"]))
    case.text += f" {way} {count}"
    name = f"softmax_cross_entropy_{way}"
    yield

    def run(module, copy):
        found = getattr(module, name)(*map(copy, args.values()), count)
        return [*found] if way == "forward" else [found]

    both(case, lambda: run(backend, lambda a: a), lambda: run(functional, tidy))


def hunt_add_rows(case):
    V, U, n = case.T, case.D, case.B
    right = {"table": case.normal(V, U), "ids": case.rng.integers(0, V, (n, 2))}
    args = case.mutated({**right, "rows": case.normal(n, 2, U)})
    table = args["table"]
    start = tidy(table[:99]) if np.ndim(table) else table  # all of it, unless it is huge
    yield

    def run():
        args["table"][...] = start
        backend.add_rows(*args.values())
        return [args["table"]]

    def plain():
        table = start.copy()
        np.add.at(table, args["ids"], tidy(args["rows"]))
        return [table]

    if not isinstance(args["table"], np.ndarray) or not args["table"].flags.writeable:
        assert isinstance(outcome(lambda: backend.add_rows(*args.values())), str)
    elif 0 not in args["table"].strides and "overlapping" not in case.text:
        both(case, run, plain)


def hunt_optimizer(case):
    kind = case.draw(st.sampled_from([tl.SGD, tl.RMSprop, tl.Adam]))
    shape = (case.T, case.D)
    slots = {slot: abs(case.normal(*shape)) for slot in kind().slot_names}
    args = case.mutated({"p": case.normal(*shape), "g": case.normal(*shape), **slots})
    case.text += f" {kind.__name__}"
    arrays = {k: v for k, v in args.items() if isinstance(v, np.ndarray)}
    start = {
        k: np.copy(v[:99] if v.ndim else v) for k, v in arrays.items()
    }  # all of it, unless it is huge
    yield
    if any(0 in a.strides or "overlapping" in case.text for a in arrays.values()):
        return  # a slot that shares its own memory has no right answer

    def run():
        for k, a in arrays.items():
            if a.flags.writeable:
                a[...] = start[k]
        optimizer = kind(0.1)
        optimizer.slots = {slot: {"w": args[slot]} for slot in slots}
        optimizer.update({"w": args["p"]}, {"w": args["g"]})
        return [args["p"]]

    def plain():
        optimizer = kind(0.1)
        optimizer.steps = 1
        copies = {k: v.astype(v.dtype.newbyteorder("=")) for k, v in start.items()}
        optimizer.step(*(copies[k] for k in args))
        return [copies["p"]]

    both(case, run, plain)


def network(case):
    gate = {"recurrent_dropout": 0.5} if case.draw(st.booleans()) else {}
    layers = [tl.LSTM(case.H, return_sequences=True, **gate), tl.Dense(3)]
    return tl.Sequential(layers, case.D, seed=1, dtype=case.dtype)


def hunt_model(case):
    model, T, B = network(case), case.T, case.B
    states = dict(zip(("h", "c"), case.normal(2, B, case.H), strict=True))
    right = {"x": case.normal(T, B, case.D), **states, "dy": case.normal(T, B, 3)}
    right["mask"] = case.rng.random((T, B)) < 0.7 if case.draw(st.booleans()) else None
    args = case.mutated(right)
    yield

    def run(net, copy):
        x, h, c, dy, mask = (copy(a) for a in args.values())
        if isinstance(x, np.ndarray) and net.dtype == "float64" and x.dtype.kind == "f":
            x = x.astype(case.dtype).astype(net.dtype)  # the model takes it in its own type
        y, final, caches = net.forward(x, [(h, c), ()], np.random.default_rng(0), mask)
        grads = net.zero_grads()
        dx, _ = net.backward(dy, caches, grads)
        return [y, *final[0], dx, *grads.values()]

    double = tl.Sequential.from_config({**model.config(), "dtype": "float64"})
    double.set_weights(model.weights)

    def plain():
        with backend.using("numpy"):
            return run(double, tidy)

    both(case, lambda: run(model, lambda a: a), plain)


def hunt_shards(case):
    model, T, B = network(case), case.T, case.B
    right = {"x": case.normal(T, B, case.D), "targets": case.rng.integers(-1, 3, (T, B))}
    right["mask"] = case.rng.random((T, B)) < 0.7 if case.draw(st.booleans()) else None
    args = case.mutated(right)
    threads = case.draw(st.integers(1, 3))
    loss = case.draw(
        st.sampled_from([tl.CategoricalCrossentropy(), tl.CategoricalCrossentropy(0.1)])
    )
    yield

    def run(copy):
        x, targets, mask = (copy(a) for a in args.values())
        if isinstance(x, np.ndarray) and x.dtype.kind == "f":
            x = x.astype(case.dtype)
        with Shards(model, loss, threads) as shards:
            value, _, grads = shards.gradients(Batch(x, targets, np.ones(B, bool), T * B, mask))
            return [value, *(g.copy() for g in grads.values())]

    def plain():
        with backend.using("numpy"):
            return run(tidy)

    both(case, lambda: run(lambda a: a), plain)


def hunt_losses(case):
    kinds = [tl.MeanSquaredError(), tl.BinaryCrossentropy(), tl.CategoricalCrossentropy(0.1)]
    loss = case.draw(st.sampled_from(kinds))
    y = case.normal(case.T, case.B, 3)
    targets = np.eye(3)[case.rng.integers(0, 3, (case.T, case.B))]
    args = case.mutated({"y": y, "targets": targets})
    case.text += f" {type(loss).__name__}"
    yield

    def run(copy):
        value, cache = loss.forward(*map(copy, args.values()))
        return [value, loss.backward(cache)]

    both(case, lambda: run(lambda a: a), lambda: run(tidy))


def hunt_set_weights(case):
    model = network(case)
    args = case.mutated({path: 1 + 0 * a for path, a in model.weights.items()})
    yield

    def run():
        model.set_weights({k: v for k, v in args.items() if v is not None})
        return list(model.weights.values())

    both(case, run, lambda: [tidy(np.asarray(args[k])) for k in model.weights])


HUNTS = [hunt for name, hunt in sorted(globals().items()) if name.startswith("hunt_")]


def main(cases, start):
    warnings.simplefilter("ignore")

    @seed(start)
    @settings(
        max_examples=cases,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],  # a crash cannot be shrunk
    )
    @given(st.data())
    def all_hunts(data):
        hunt = data.draw(st.sampled_from(HUNTS))
        case = Case(data)
        steps = hunt(case)
        next(steps)  # draws the arguments
        print(
            f"{hunt.__name__} {case.dtype} {case.T, case.B, case.D, case.H}:{case.text}", flush=True
        )
        outcomes["cases"] += 1
        next(steps, None)

    all_hunts()
    print(dict(outcomes))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
