"""A small run that may be killed: python tests/resumed.py FOLDER. Prints the weights' digest.

Not a test: tests/test_resume.py starts it, kills it, and starts it again.
"""

import hashlib
import sys
from pathlib import Path

import numpy as np

import tinylstm as tl


def network(dropout=0.3):
    return tl.Sequential(
        [
            tl.Embedding(12, 6),
            tl.LSTM(8, return_sequences=True, recurrent_dropout=0.2),
            tl.Dropout(dropout),
            tl.LSTM(8, return_sequences=True),
            tl.Dense(12),
        ],
        seed=3,
    )


def data():
    """Training and validation streams, each piece in one of two keys."""
    rng = np.random.default_rng(0)
    tokens = tl.Tokens(rng.integers(0, 12, 900), np.array([0, 250, 300, 620]))
    keys = np.array([np.arange(12), (np.arange(12) + 5) % 12])
    held_out = tl.Tokens(rng.integers(0, 12, 90), np.array([0, 40]))
    return tl.Streams(tokens, 4, 9, seed=1, variants=keys), tl.Streams(held_out, 2, 9)


def digest(model):
    """The weights, to the last bit."""
    hasher = hashlib.sha256()
    for path, array in sorted(model.weights.items()):
        hasher.update(path.encode() + array.tobytes())
    return hasher.hexdigest()


def train(path, callbacks=(), every=0.0, epochs=8, **options):
    """A run that saves after every step and goes on where the file at `path` stands."""
    model, (train, held_out) = network(), data()
    keep = tl.ModelCheckpoint(path, every=every)
    schedule = tl.LearningRateScheduler(tl.cosine(0.01))
    history = tl.fit(
        model,
        train,
        epochs,
        held_out,
        tl.Adam(0.01, ema_momentum=0.8),
        seed=5,
        callbacks=[keep, schedule, tl.EarlyStopping(patience=epochs), *callbacks],
        threads=2,
        resume=path if Path(path).exists() else None,
        **options,
    )
    return model, history


if __name__ == "__main__":
    print("ready", flush=True)
    print(digest(train(Path(sys.argv[1]) / "model.npz")[0]))
