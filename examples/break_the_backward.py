"""Break the LSTM's backward pass: the gradient check finds it, and training runs the broken maths.

    python examples/break_the_backward.py                  list the bugs
    python examples/break_the_backward.py 3                plant the third
    python examples/break_the_backward.py --line "df = dc * c_prev" --becomes "df = dc * c"
                                                           plant your own
    python examples/break_the_backward.py 3 --steps 1      can a sequence of one step show it?

The bug is planted in memory, in the functions of tinylstm/functional.py; no file is changed.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

import tinylstm as tl
from tinylstm import functional
from tinylstm.gradcheck import Report

BUGS = [
    (
        "dc = dc + dh * o * (1 - tanh_c**2)",
        "dc = dh * o * (1 - tanh_c**2)",
        "the gradient from later steps lost",
    ),
    ("dc_prev = dc * f", "dc_prev = dc", "the forget gate left out"),
    ("df = dc * c_prev", "df = dc * c", "the new cell instead of the old one"),
    ("dzo = do * o * (1 - o)", "dzo = do * o * (1 - o**2)", "tanh's derivative for a sigmoid"),
    ("[dzi, dzf, dzg, dzo]", "[dzi, dzf, dzo, dzg]", "two gates swapped"),
    ("dh = dh + dout[t]", "dh = dout[t]", "no backpropagation through time"),
    ("dWh += h_in", "dWh[...] = 0.999 * h_in", "off by a thousandth"),
    ("db += dz2.sum(axis=0)", "db += dz2.mean(axis=0)", "a mean instead of a sum"),
    ("g = np.tanh(zg)", "g = sigmoid(zg)", "forward, not backward, is wrong"),
    ("dlogits[rows] = p[rows] / count", "dlogits[rows] = p[rows]", "the mean forgotten"),
]


def main() -> int:
    """Plant a bug, check, and take it out again."""
    line = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    line.add_argument("number", type=int, nargs="?", choices=range(1, len(BUGS) + 1))
    line.add_argument("--line", help="a piece of functional.py that occurs once")
    line.add_argument("--becomes", help="its replacement")
    line.add_argument("--steps", type=int, default=4, help="length of the sequences (default 4)")
    options = line.parse_args()
    if options.number:
        right, wrong, _ = BUGS[options.number - 1]
    elif options.line and options.becomes is not None:
        right, wrong = options.line, options.becomes
    else:
        for n, (right, wrong, kind) in enumerate(BUGS, start=1):
            print(f"{n:2}  {right:36} ->  {wrong:36} {kind}")
        return 0

    path = Path(functional.__file__)
    source = path.read_text()
    if source.count(right) != 1:
        print(f"{right!r} occurs {source.count(right)} times in {path.name}, not once")
        return 2
    number = source[: source.index(right)].count("\n") + 1
    print(f"Line {number} of {path.name}:\n-   {right}\n+   {wrong}\n")
    whole = losses()
    exec(compile(source.replace(right, wrong), path, "exec"), vars(functional))
    report = check(options.steps)
    print(report)
    print("The check missed it: give it more to see." if report.ok else "The check found it.")
    print("\nTraining runs the broken maths too. The loss of each epoch, before and after:")
    for values in (whole, losses()):
        print(" ".join(f"{value:.6f}" for value in values))
    exec(compile(source, path, "exec"), vars(functional))
    print(f"\nMended, the largest error is {check(options.steps).error:.0e}.")
    return 0


def network(dtype: str) -> tl.Sequential:
    """A small network with every kind of array in it."""
    layers = [tl.LSTM(units, return_sequences=True) for units in (4, 3)]
    return tl.Sequential([tl.Embedding(5, 3), *layers, tl.Dense(5)], dtype=dtype)


def check(steps: int) -> Report:
    """The gradient check of the network."""
    ids = np.random.default_rng(0).integers(5, size=(steps + 1, 2))
    return tl.gradcheck(network("float64"), ids[:-1], ids[1:], tl.CategoricalCrossentropy())


def losses() -> list[float]:
    """The losses of six epochs, with the fast kernels where these still fit."""
    data = tl.Streams(tl.Tokens(np.arange(97) % 5, [0]), 4, 4)
    history = tl.fit(network("float32"), data, 6, optimizer=tl.Adam(0.01))
    return [entry["loss"] for entry in history]


if __name__ == "__main__":
    sys.exit(main())
