"""The copying task: repeat eight symbols after a long pause (Hochreiter, 1997; Arjovsky, 2016).

    python examples/copy_memory.py                    a silence of 20 steps
    python examples/copy_memory.py --silence 50 --epochs 60

The input is 8 letters, then silence, then a signal; the target is the letters, in order, after the
signal. A net without memory can only guess: ln 8 = 2.079 nats per letter. The plot shows the cell
states over time: the letters are written, kept and read.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import tinylstm as tl
from tinylstm import plots

LETTERS, LENGTH = 8, 8
BLANK, SIGNAL = LETTERS, LETTERS + 1


class Copies:
    """New random examples every epoch. Only the steps that repeat the letters have a loss."""

    def __init__(self, silence: int, seed: int, batches: int = 100, batch: int = 64):
        self.silence, self.seed, self.batches, self.batch = silence, seed, batches, batch

    def __len__(self) -> int:
        return self.batches

    def epoch(self, epoch: int) -> Iterator[tl.Batch]:
        rng, B = np.random.default_rng([self.seed, epoch]), self.batch
        T = 2 * LENGTH + self.silence
        for _ in range(self.batches):
            letters = rng.integers(0, LETTERS, (LENGTH, B))  # (LENGTH, B)
            x = np.full((T, B), BLANK)  # (T, B)
            x[:LENGTH] = letters
            x[T - LENGTH] = SIGNAL
            targets = np.full((T, B), -1)  # (T, B)
            targets[T - LENGTH :] = letters
            yield tl.Batch(x, targets, np.ones(B, bool), LENGTH * B)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--silence", type=int, default=20, help="steps of silence (default 20)")
    parser.add_argument("--units", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=40, help="of 100 batches each (default 40)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("out/copy.png"))
    args = parser.parse_args()

    layers = [tl.Embedding(LETTERS + 2, 16), tl.LSTM(args.units, return_sequences=True),
              tl.Dense(LETTERS)]  # fmt: skip
    model = tl.Sequential(layers, seed=args.seed)
    data, judged = Copies(args.silence, args.seed), Copies(args.silence, args.seed + 1, 5)
    history = tl.fit(
        model,
        data,
        args.epochs,
        judged,
        tl.Adam(0.005),
        clip=1.0,
        seed=args.seed,
        callbacks=[
            tl.LearningRateScheduler(tl.cosine(0.005)),
            tl.ProgressBar({"guess": np.log(8)}),
        ],
    )
    batch = next(judged.epoch(0))
    logits, _, caches = model.forward(batch.x)
    said = logits[-LENGTH:].argmax(axis=-1)  # (LENGTH, B)
    right = (said == batch.targets[-LENGTH:]).mean()
    print(f"{right:.1%} of the letters are right after a silence of {args.silence} steps")

    fig, axes = plots.figure(9, 4)
    cells = caches[1].c[1:, 0]  # (T, H) of the first sequence
    order = np.argsort(np.abs(np.diff(cells, axis=0)).argmax(axis=0), kind="stable")
    axes.imshow(cells[:, order].T, aspect="auto", cmap="RdBu", vmin=-2, vmax=2)
    axes.set(xlabel="step", ylabel="unit, sorted by the step of its largest change")
    axes.set_title(f"{history[-1]['val_loss']:.3f} nats per letter; guessing {np.log(8):.3f}")
    plots.save(fig, args.out)
    print(f"{args.out}: the cell states")


if __name__ == "__main__":
    main()
