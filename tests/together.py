"""A training run for several ranks, as a script: prints what every rank must agree on.

mpiexec -n 3 python tests/together.py checkpoint.npz [what goes wrong]
"""

import hashlib
import json
import os
import signal
import sys
from pathlib import Path

import numpy as np

import tinylstm as tl


def run(path, communicator=None, trouble="", every=0.0, seed=0, sizes=(10, 12), **options):
    """Train a net with everything that depends on other sequences; its digest and history."""
    rng = np.random.default_rng(seed)
    tokens = tl.Tokens(rng.integers(0, 20, 1500), [0, 500, 1100])
    rank = communicator.rank if communicator else 0
    if trouble == "data" and rank:
        tokens = tl.Tokens(tokens.ids[::-1].copy(), [0, 500, 1100])
    layers = [
        tl.Embedding(20, 8), tl.Dropout(0.2), tl.LSTM(9, True, recurrent_dropout=0.1),
        tl.BatchNormalization(), tl.GRU(7, True), tl.Dense(20),
    ]  # fmt: skip
    model, streams = tl.Sequential(layers, seed=seed), tl.Streams(tokens, *sizes)
    history = tl.fit(
        model,
        streams,
        2,
        tl.Streams(tokens, 4, 20, shuffle=False),
        tl.Adam(0.01, ema_momentum=0.9),
        Troubled(trouble, rank),
        clip=0.1,
        callbacks=[tl.ModelCheckpoint(path, every=every)] if path else [],
        resume=path if path and Path(path).exists() else None,
        metrics=["accuracy"],
        communicator=communicator,
        **options,
    )
    bits = b"".join(array.tobytes() for array in model.weights.values())
    kept = [{k: v for k, v in entry.items() if "second" not in k} for entry in history]
    return hashlib.sha256(bits).hexdigest(), kept


class Troubled(tl.CategoricalCrossentropy):
    """The last rank fails in its tenth step, in a way of its own."""

    def __init__(self, trouble, rank):
        super().__init__()
        self.trouble, self.rank = trouble, rank

    def backward(self, cache):
        Troubled.steps = getattr(Troubled, "steps", 0) + 1
        if self.rank and Troubled.steps == 40:
            if self.trouble == "error":
                raise RuntimeError("broken on purpose")
            if self.trouble == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
        return super().backward(cache)

    def __getattribute__(self, name):  # the ranks' fingerprints must be equal
        return {"label_smoothing": 0.0} if name == "__dict__" else super().__getattribute__(name)


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1], tl.world(), *sys.argv[2:], shards=8)))
