"""Break the LSTM's backward pass, and watch the gradient check find it.

    python examples/break_the_backward.py                  the bugs to choose from
    python examples/break_the_backward.py 3                plant the third
    python examples/break_the_backward.py --line "df = dc * c_prev" --becomes "df = dc * c"
                                                           plant one of your own
    python examples/break_the_backward.py 3 --steps 1      can a sequence of one step show it?

The bug is planted in memory, in tinylstm/functional.py as it stands; no file is changed.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from tinylstm import functional
from tinylstm.gradcheck import Report, gradcheck
from tinylstm.layers import LSTM, Dense, Embedding
from tinylstm.losses import CategoricalCrossentropy
from tinylstm.model import Sequential

BUGS = [
    ("dc = dc + dh * o * (1 - tanh_c**2)", "dc = dh * o * (1 - tanh_c**2)", "no carry"),
    ("dc_prev = dc * f", "dc_prev = dc", "the forget gate forgotten on the way back"),
    ("df = dc * c_prev", "df = dc * c", "the new cell where the old one belongs"),
    ("dzo = do * o * (1 - o)", "dzo = do * o * (1 - o**2)", "the slope of tanh for a sigmoid"),
    ("[dzi, dzf, dzg, dzo]", "[dzi, dzf, dzo, dzg]", "two gates swapped"),
    ("dh = dh + dout[t]", "dh = dout[t]", "no backpropagation through time"),
    ("dWh += h_in", "dWh[...] = 0.999 * h_in", "off by a thousandth"),
    ("db += dz2.sum(axis=0)", "db += dz2.mean(axis=0)", "a mean where the sum belongs"),
    ("g = np.tanh(zg)", "g = sigmoid(zg)", "forward, not backward, is wrong"),
    ("dlogits[rows] = p[rows] / count", "dlogits[rows] = p[rows]", "the mean forgotten"),
]


def main() -> int:
    """Plant a bug, check, and take it out again."""
    line = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    line.add_argument("number", type=int, nargs="?", choices=range(1, len(BUGS) + 1))
    line.add_argument("--line", help="a piece of functional.py, as it stands")
    line.add_argument("--becomes", help="what takes its place")
    line.add_argument("--steps", type=int, default=4, help="the length of the sequences")
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
        print(f"{right!r} stands {source.count(right)} times in {path.name}, not once")
        return 2
    number = source[: source.index(right)].count("\n") + 1
    print(f"Line {number} of {path.name}:\n-   {right}\n+   {wrong}\n")
    exec(compile(source.replace(right, wrong), path, "exec"), vars(functional))
    broken = check(options.steps)
    print(broken)
    exec(compile(source, path, "exec"), vars(functional))
    print(f"\nAs it was before, the largest error is {check(options.steps).error:.0e}.")
    print("The check missed it: give it more to see." if broken.ok else "The check found it.")
    return 0


def check(steps: int) -> Report:
    """A small network with every kind of array in it."""
    layers = [Embedding(5, 3), LSTM(4, return_sequences=True), LSTM(3, return_sequences=True)]
    model = Sequential([*layers, Dense(5)], dtype=np.float64)
    ids = np.random.default_rng(0).integers(5, size=(steps + 1, 2))
    return gradcheck(model, ids[:-1], ids[1:], CategoricalCrossentropy())


if __name__ == "__main__":
    sys.exit(main())
