"""Predict Bach's chorales as piano rolls: the benchmark of Boulanger-Lewandowski et al. (2012).

    python examples/jsb_chorales.py --data jsb-chorales-quarter.json              36 units
    python examples/jsb_chorales.py --data FILE --units 200 --dropout 0.5 --rate 0.01 --epochs 100

FILE is JSON with "train", "valid" and "test": lists of pieces, each a list of frames, each a list
of the MIDI pitches that sound. For each of the piano's 88 keys, the net predicts whether it sounds
in the next frame. The result is the negative log-likelihood per frame in nats: summed over keys,
averaged over all frames but each piece's first. "valid" selects the epoch; "test" is used once.
Published results of LSTMs: 8.67 (36 units; Chung et al., 2014), 8.45 (2 x 200; Bai et al., 2018).
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray

import tinylstm as tl
from tinylstm.losses import BinaryCrossentropy

LOWEST, KEYS = 21, 88
Piece = list[list[int]]  # frames of MIDI pitches


class FrameLoss(tl.Loss):
    """Binary cross-entropy per frame, summed over keys; targets of padding are NaN, and ignored."""

    def count(self, targets: ndarray) -> int:
        return int((~np.isnan(targets[..., 0])).sum())

    def forward(
        self, logits: ndarray, targets: ndarray, count: int | None = None
    ) -> tuple[ndarray, Any]:
        counts = ~np.isnan(targets[..., 0])  # (T, B)
        loss, cache = BinaryCrossentropy().forward(logits[counts], targets[counts], count)
        return loss, (cache, counts, logits)

    def backward(self, cache: Any) -> ndarray:
        inner, counts, logits = cache
        dlogits = np.zeros_like(logits)  # (T, B, 88)
        dlogits[counts] = BinaryCrossentropy().backward(inner)
        return dlogits


class Rolls:
    """Batches of whole pieces, padded at the end, in a new order every epoch.

    transpose: shift each piece by a random -5 to 6 semitones.
    """

    def __init__(self, pieces: list[Piece], batch: int, seed: int = 0, transpose: bool = False):
        self.rolls = [roll(piece) for piece in pieces]
        self.batch, self.seed, self.transpose = batch, seed, transpose

    def __len__(self) -> int:
        return -(-len(self.rolls) // self.batch)

    def epoch(self, epoch: int) -> Iterator[tl.Batch]:
        rng = np.random.default_rng([self.seed, epoch])
        order = rng.permutation(len(self.rolls))
        for i in range(0, len(order), self.batch):
            chosen = [self.rolls[j] for j in order[i : i + self.batch]]
            if self.transpose:
                chosen = [
                    np.roll(r, rng.integers(-5, 7), axis=1) for r in chosen
                ]  # no note is near an edge
            T, B = max(map(len, chosen)) - 1, len(chosen)
            x = np.zeros((T, B, KEYS), np.float32)  # (T, B, 88)
            targets = np.full((T, B, KEYS), np.nan, np.float32)  # (T, B, 88)
            for b, r in enumerate(chosen):
                x[: len(r) - 1, b], targets[: len(r) - 1, b] = r[:-1], r[1:]
            yield tl.Batch(x, targets, np.ones(B, bool), sum(len(r) - 1 for r in chosen))


def roll(piece: Piece) -> ndarray:
    """A piece as ones and zeros, (T, 88)."""
    keys = np.zeros((len(piece), KEYS), np.float32)
    for t, pitches in enumerate(piece):
        keys[t, [int(pitch) - LOWEST for pitch in pitches]] = 1
    return keys


def train(data: dict[str, list[Piece]], args: argparse.Namespace, seed: int) -> tuple[float, float]:
    """Train one net; returns validation and test results of its best epoch on "valid"."""
    layers: list[tl.Layer] = [tl.Dropout(args.input_dropout)] if args.input_dropout else []
    for _ in range(args.layers):
        layers += [tl.LSTM(args.units, return_sequences=True), tl.Dropout(args.dropout)]
    model = tl.Sequential([*layers, tl.Dense(KEYS)], input_size=KEYS, seed=seed)
    if seed == args.seeds[0]:
        print(model.summary())
    valid = Rolls(data["valid"], 76)
    history = tl.fit(
        model,
        Rolls(data["train"], args.batch, seed, args.transpose),
        args.epochs,
        valid,
        tl.Adam(args.rate, ema_momentum=args.ema),
        FrameLoss(),
        seed=seed,
        callbacks=[
            tl.LearningRateScheduler(tl.cosine(args.rate)),
            tl.EarlyStopping(patience=args.epochs, restore_best_weights=True),
        ],
    )
    best = min(history, key=lambda entry: entry["val_loss"])
    test = tl.evaluate(model, Rolls(data["test"], 77), FrameLoss())
    seconds = sum(entry["seconds"] for entry in history)
    print(f"seed {seed}  valid {best['val_loss']:.3f}  test {test:.3f}", end="  ")
    print(f"epoch {best['epoch']:.0f} of {len(history)}  {seconds:.0f} s", flush=True)
    return best["val_loss"], test


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--units", type=int, default=36)
    parser.add_argument("--layers", type=int, default=1)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--input-dropout", type=float, default=0.0)
    parser.add_argument("--rate", type=float, default=0.02)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--transpose", action="store_true", help="shift to a random key")
    parser.add_argument("--ema", type=float, help="momentum of the averaged weights, e.g. 0.99")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    args = parser.parse_args()
    data = json.loads(args.data.read_text())
    results = np.array([train(data, args, seed) for seed in args.seeds])
    mean, spread = results.mean(axis=0), results.std(axis=0)
    for name, m, s in zip(("valid", "test"), mean, spread, strict=True):
        print(f"{name}: mean of {len(args.seeds)} seeds {m:.3f}, standard deviation {s:.3f}")


if __name__ == "__main__":
    main()
