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

import numpy as np
from numpy import ndarray

import tinylstm as tl

LOWEST, KEYS = 21, 88
Piece = list[list[int]]  # frames of MIDI pitches


class FrameLoss(tl.BinaryCrossentropy):
    """Binary cross-entropy per frame: summed over keys, where tinylstm's own takes their mean."""

    def count(self, targets: ndarray) -> int:
        return targets.size // KEYS


def arrays(rolls: list[ndarray], batch: int, seed: int = 0) -> tl.Arrays:
    """Batches of whole pieces: from each frame to the next one."""
    return tl.Arrays([r[:-1] for r in rolls], [r[1:] for r in rolls], batch, seed=seed)


class Transposed:
    """The same, with each piece shifted by a random -5 to 6 semitones in every epoch."""

    def __init__(self, rolls: list[ndarray], batch: int, seed: int):
        self.rolls, self.batch, self.seed = rolls, batch, seed

    def __len__(self) -> int:
        return -(-len(self.rolls) // self.batch)

    def epoch(self, epoch: int) -> Iterator[tl.Batch]:
        shifts = np.random.default_rng([self.seed, epoch, 1]).integers(-5, 7, len(self.rolls))
        pairs = zip(self.rolls, shifts, strict=True)  # no note is near an edge
        shifted = [np.roll(roll, shift, axis=1) for roll, shift in pairs]
        return arrays(shifted, self.batch, self.seed).epoch(epoch)


def roll(piece: Piece) -> ndarray:
    """A piece as ones and zeros, (T, 88)."""
    keys = np.zeros((len(piece), KEYS), np.float32)
    for t, pitches in enumerate(piece):
        keys[t, [int(pitch) - LOWEST for pitch in pitches]] = 1
    return keys


def train_one(
    data: dict[str, list[Piece]], args: argparse.Namespace, seed: int
) -> tuple[float, float]:
    """Train one net; returns validation and test results of its best epoch on "valid"."""
    layers: list[tl.Layer] = [tl.Dropout(args.input_dropout)] if args.input_dropout else []
    for _ in range(args.layers):
        layers += [tl.LSTM(args.units, return_sequences=True), tl.Dropout(args.dropout)]
    model = tl.Sequential([*layers, tl.Dense(KEYS)], input_size=KEYS, seed=seed)
    if seed == args.seeds[0]:
        print(model.summary())
    train, valid, test = ([roll(piece) for piece in data[k]] for k in ("train", "valid", "test"))
    batches = (Transposed if args.transpose else arrays)(train, args.batch, seed)
    history = tl.fit(
        model,
        batches,
        args.epochs,
        arrays(valid, 76),
        tl.Adam(args.rate, ema_momentum=args.ema),
        FrameLoss(),
        seed=seed,
        callbacks=[
            tl.LearningRateScheduler(tl.cosine(args.rate)),
            tl.EarlyStopping(patience=args.epochs, restore_best_weights=True),
        ],
    )
    best = min(history, key=lambda entry: entry["val_loss"])
    found = tl.evaluate(model, arrays(test, 77), FrameLoss())
    seconds = sum(entry["seconds"] for entry in history)
    print(f"seed {seed}  valid {best['val_loss']:.3f}  test {found:.3f}", end="  ")
    print(f"epoch {best['epoch']:.0f} of {len(history)}  {seconds:.0f} s", flush=True)
    return best["val_loss"], found


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
    results = np.array([train_one(data, args, seed) for seed in args.seeds])
    mean, spread = results.mean(axis=0), results.std(axis=0)
    for name, m, s in zip(("valid", "test"), mean, spread, strict=True):
        print(f"{name}: mean of {len(args.seeds)} seeds {m:.3f}, standard deviation {s:.3f}")


if __name__ == "__main__":
    main()
