"""The copying task: repeat eight symbols after a long pause (Hochreiter, 1997; Arjovsky, 2016).

    python examples/copy_memory.py                    a silence of 20 steps
    python examples/copy_memory.py --silence 50 --epochs 6

The input is 8 letters, then silence, then a signal; the target is the letters, in order, after the
signal. A net without memory can only guess: ln 8 = 2.079 nats per letter. The plot shows the cell
states over time: the letters are written, kept and read.
"""

import argparse
from pathlib import Path

import numpy as np

import tinylstm as tl
from tinylstm import plots

LETTERS, LENGTH = 8, 8
BLANK, SIGNAL = LETTERS, LETTERS + 1


def copies(silence: int, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Random sequences (count, T) and targets (count, T): -1, no loss, except after the signal."""
    T = 2 * LENGTH + silence
    letters = np.random.default_rng(seed).integers(0, LETTERS, (count, LENGTH))  # (N, LENGTH)
    x, targets = np.full((count, T), BLANK), np.full((count, T), -1)  # (N, T) each
    x[:, :LENGTH] = targets[:, T - LENGTH :] = letters
    x[:, T - LENGTH] = SIGNAL
    return x, targets


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--silence", type=int, default=20, help="steps of silence (default 20)")
    parser.add_argument("--units", type=int, default=128)
    parser.add_argument("--count", type=int, default=64_000, help="sequences (default 64,000)")
    parser.add_argument("--epochs", type=int, default=4, help="passes over them (default 4)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("out/copy.png"))
    args = parser.parse_args()

    layers = [tl.Embedding(LETTERS + 2, 16), tl.LSTM(args.units, return_sequences=True),
              tl.Dense(LETTERS)]  # fmt: skip
    model = tl.Sequential(layers, seed=args.seed)
    unseen = copies(args.silence, 320, args.seed + 1)
    history = tl.fit(
        model,
        copies(args.silence, args.count, args.seed),
        args.epochs,
        unseen,
        tl.Adam(0.005),
        clip=1.0,
        seed=args.seed,
        callbacks=[
            tl.LearningRateScheduler(tl.cosine(0.005)),
            tl.ProgressBar({"guess": np.log(8)}),
        ],
        batch_size=64,
    )
    right = model.evaluate(*unseen, metrics=["accuracy"])["accuracy"]
    print(f"{right:.1%} of the letters are right after a silence of {args.silence} steps")

    fig, axes = plots.figure(9, 4)
    cells = model.forward(unseen[0][:1].T)[2][1].c[1:, 0]  # (T, H) of the first sequence
    order = np.argsort(np.abs(np.diff(cells, axis=0)).argmax(axis=0), kind="stable")
    axes.imshow(cells[:, order].T, aspect="auto", cmap="RdBu", vmin=-2, vmax=2)
    axes.set(xlabel="step", ylabel="unit, sorted by the step of its largest change")
    axes.set_title(f"{history[-1]['val_loss']:.3f} nats per letter; guessing {np.log(8):.3f}")
    plots.save(fig, args.out)
    print(f"{args.out}: the cell states")


if __name__ == "__main__":
    main()
