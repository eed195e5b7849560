"""The adding problem: remember two numbers that are far apart, and add them (Hochreiter, 1997).

    python examples/adding_problem.py                 an LSTM and a simple recurrent net, T = 100
    python examples/adding_problem.py --steps 200

Each step gives a random number in [0, 1] and a mark, which is 1 at one step in each half and else
0. The target is the sum of the two marked numbers. Always answering 1 gives a mean squared error of
0.167; only a net with memory does better. Plots both learning curves. Next: copy_memory.py.
"""

import argparse
from pathlib import Path

import numpy as np

import tinylstm as tl
from tinylstm import plots

GUESSING = 1 / 6  # the variance of the sum of two uniform numbers


def sums(steps: int, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Random sequences (count, T, 2), numbers and marks, and their sums (count, 1)."""
    rng, N, T = np.random.default_rng(seed), count, steps
    x = np.zeros((N, T, 2), np.float32)  # (N, T, 2)
    x[..., 0] = rng.random((N, T))
    first, second = rng.integers(0, T // 2, N), rng.integers(T // 2, T, N)  # (N,) each
    x[range(N), first, 1] = x[range(N), second, 1] = 1
    return x, (x[..., 0] * x[..., 1]).sum(axis=1, keepdims=True)  # (N, 1)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=100, help="T, the length (default 100)")
    parser.add_argument("--units", type=int, default=64)
    parser.add_argument("--count", type=int, default=20_000, help="sequences (default 20,000)")
    parser.add_argument("--epochs", type=int, default=10, help="passes over them (default 10)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("out/adding.png"))
    args = parser.parse_args()

    fig, axes = plots.figure(7, 4)
    for kind, colour in ((tl.LSTM, plots.ACCENT), (tl.SimpleRNN, plots.SOFT)):
        model = tl.Sequential([kind(args.units), tl.Dense(1)], input_size=2, seed=args.seed)
        history = tl.fit(model, sums(args.steps, args.count, args.seed), args.epochs,
                         optimizer=tl.Adam(0.003), loss=tl.MeanSquaredError(), clip=1.0,
                         seed=args.seed, batch_size=64, validation_split=0.05)  # fmt: skip
        errors = [entry["val_loss"] for entry in history]
        seconds = sum(entry["seconds"] for entry in history)
        print(f"{kind.__name__:>10}: error {errors[-1]:.4f} after {seconds:.0f} s, "
              f"guessing {GUESSING:.4f}", flush=True)  # fmt: skip
        axes.semilogy([args.count * 0.95 * entry["epoch"] for entry in history], errors,
                      color=colour, label=kind.__name__)  # fmt: skip
    axes.axhline(GUESSING, color=plots.INK, linewidth=0.8, linestyle="--", label="always 1")
    axes.set(xlabel="sequences seen", ylabel="mean squared error",
             title=f"adding two of {args.steps} numbers")  # fmt: skip
    axes.legend(frameon=False)
    plots.save(fig, args.out)
    print(f"{args.out}: the curves")


if __name__ == "__main__":
    main()
