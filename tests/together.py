"""A training run for several ranks, as a script: prints what every rank must agree on.

mpiexec -n 3 python tests/together.py checkpoint.npz [what goes wrong]
mpiexec -n 3 python tests/together.py fifty             fifty steps of two nets
mpiexec -n 3 python tests/together.py corpus FOLDER     reads the music in a folder
"""

import hashlib
import importlib
import json
import os
import signal
import sys
from pathlib import Path

import numpy as np

import tinylstm as tl


def run(
    path, communicator=None, trouble="", every=0.0, seed=0, sizes=(10, 12), epochs=2, **options
):
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
        epochs,
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
    kept = [{k: v for k, v in entry.items() if "second" not in k} for entry in history]
    return digest(model.weights.values()), kept


def digest(arrays):
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()


def fifty(communicator=None, **options):
    """The weights of the default preset after 50 steps, and of the net above with averages."""
    preset, ids = tl.PRESETS["default"], np.random.default_rng(0).integers(0, 300, 32 * 50 * 50 + 1)
    model = tl.Sequential(preset.layers(300))
    callbacks = [tl.LearningRateScheduler(preset.schedule)]
    streams, options = preset.data(tl.Tokens(ids, [0]), 0, None), {"shards": 8, **options}
    tl.fit(model, streams, 1, optimizer=preset.optimizer(), callbacks=callbacks,
           communicator=communicator, **options)  # fmt: skip
    return digest(model.weights.values()), run(None, communicator, epochs=5, **options)


def corpus(communicator, folder):
    """What each rank parsed, and what all read."""
    module, parsed = importlib.import_module("tinylstm.music.corpus.corpus"), []

    def parse_files(files, *others):
        parsed.extend(file.name for file in files)
        return parse(files, *others)

    parse, module.parse_files = module.parse_files, parse_files
    found = module.load_corpus(folder, validation=0, communicator=communicator)
    cache = os.environ["TINYLSTM_CACHE"]
    return communicator.allgather((parsed, digest([found.train.ids]), cache, os.listdir(cache)))


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
    what, world = {"fifty": fifty, "corpus": corpus}.get(sys.argv[1]), tl.world()
    done = what(world, *sys.argv[2:]) if what else run(sys.argv[1], world, *sys.argv[2:], shards=8)
    print(json.dumps(done))
