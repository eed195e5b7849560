"""The adding problem: remember two numbers that are far apart, and add them (Hochreiter, 1997).

    python examples/adding_problem.py                 an LSTM and a simple recurrent net, T = 100
    python examples/adding_problem.py --steps 200

Each step gives a random number in [0, 1] and a mark, which is 1 at one step in each half and else
0. The target is the sum of the two marked numbers. Always answering 1 gives a mean squared error of
0.167; only a net with memory does better. Plots both learning curves. Next: copy_memory.py.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray

import tinylstm as tl
from tinylstm import plots
from tinylstm.layers import SimpleRNN

GUESSING = 1 / 6  # the variance of the sum of two uniform numbers


class MeanSquaredError(tl.Loss):
    """The mean of (y - target)^2. `fit` needs these three methods of a loss."""

    def count(self, targets: ndarray) -> int:
        return len(targets)

    def forward(self, y: ndarray, targets: ndarray, count: int | None = None) -> tuple[float, Any]:
        error, count = y - targets, count or len(targets)  # (B, 1)
        return float((error**2).sum() / count), 2 * error / count

    def backward(self, cache: ndarray) -> ndarray:
        return cache  # (B, 1)


class Sums:
    """New random examples every epoch; `len` is the number of batches."""

    def __init__(self, steps: int, seed: int, batches: int = 100, batch: int = 64):
        self.steps, self.seed, self.batches, self.batch = steps, seed, batches, batch

    def __len__(self) -> int:
        return self.batches

    def epoch(self, epoch: int) -> Iterator[tl.Batch]:
        rng, T, B = np.random.default_rng([self.seed, epoch]), self.steps, self.batch
        for _ in range(self.batches):
            x = np.zeros((T, B, 2), np.float32)  # (T, B, 2)
            x[..., 0] = rng.random((T, B))
            first, second = rng.integers(0, T // 2, B), rng.integers(T // 2, T, B)  # (B,) each
            x[first, range(B), 1] = x[second, range(B), 1] = 1
            targets = (x[..., 0] * x[..., 1]).sum(axis=0)[:, None]  # (B, 1)
            yield tl.Batch(x, targets, np.ones(B, bool), B)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=100, help="T, the length (default 100)")
    parser.add_argument("--units", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=30, help="of 100 batches each (default 30)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("out/adding.png"))
    args = parser.parse_args()

    fig, axes = plots.figure(7, 4)
    for kind, colour in ((tl.LSTM, plots.ACCENT), (SimpleRNN, plots.SOFT)):
        model = tl.Sequential([kind(args.units), tl.Dense(1)], input_size=2, seed=args.seed)
        data, judged = Sums(args.steps, args.seed), Sums(args.steps, args.seed + 1, 10)
        history = tl.fit(model, data, args.epochs, judged, tl.Adam(0.003), MeanSquaredError(),
                         clip=1.0, seed=args.seed)  # fmt: skip
        errors = [entry["val_loss"] for entry in history]
        seconds = sum(entry["seconds"] for entry in history)
        print(f"{kind.__name__:>10}: error {errors[-1]:.4f} after {seconds:.0f} s, "
              f"guessing {GUESSING:.4f}", flush=True)  # fmt: skip
        axes.semilogy([64 * 100 * (i + 1) for i in range(args.epochs)], errors,
                      color=colour, label=kind.__name__)  # fmt: skip
    axes.axhline(GUESSING, color=plots.INK, linewidth=0.8, linestyle="--", label="always 1")
    axes.set(xlabel="sequences seen", ylabel="mean squared error",
             title=f"adding two of {args.steps} numbers")  # fmt: skip
    axes.legend(frameon=False)
    plots.save(fig, args.out)
    print(f"{args.out}: the curves")


if __name__ == "__main__":
    main()
