"""A model in another program, with what composing asks of ours; and the proof of the default run.

    python tests/interchange_peers.py out/model.npz       500 argmax tokens in onnxruntime, PyTorch

Needs onnx, onnxruntime, safetensors and torch.
"""

import os
import sys
import tempfile
from contextlib import chdir, nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np

import tinylstm as tl
from tinylstm.generate import Count, generate_columns
from tinylstm.interchange.onnx_check import named_states
from tinylstm.music import Sampling, compose_takes
from tinylstm.music.tokenizers import tokenizer_from_config


class InOnnxruntime:
    """A model's graph in onnxruntime; its state is a dictionary."""

    def __init__(self, model, folder):
        import onnxruntime

        path = Path(folder) / "net.onnx"
        tl.to_onnx(model, path)
        self.model, self.output_sizes = model, model.output_sizes
        self.session = onnxruntime.InferenceSession(str(path))
        self.names = [output.name for output in self.session.get_outputs()]

    def frozen(self):
        return nullcontext()

    def forward(self, x, state=None, rng=None):
        if state is None:
            state = named_states(self.model, self.model.initial_states(x.shape[1]), "0")
        found = self.session.run(None, {self.session.get_inputs()[0].name: x, **state})
        y, *final = found
        state = {f"{name[:-1]}0": a for name, a in zip(self.names[1:], final, strict=True)}
        return y, state, None


class InTorch:
    """A model as the printed module."""

    def __init__(self, model, folder):
        self.output_sizes, names = model.output_sizes, {}
        source = tl.to_torch(model, Path(folder) / "net.safetensors")
        with chdir(folder):
            exec(source, names)
        self.net = names["net"]

    def frozen(self):
        import torch

        return torch.no_grad()

    def forward(self, x, state=None, rng=None):
        import torch

        with torch.no_grad():
            y, state = self.net(torch.tensor(x), state)
        return y.numpy(), state, None


def same_tokens(checkpoint, peer, folder, tokens=500):
    """The argmax tokens that ours and another program give, with the grammar and without."""
    start = tokenizer_from_config(checkpoint.tokenizer).beginning()
    found = []
    for model in (checkpoint.model, peer(checkpoint.model, folder)):
        (free,) = generate_columns(model, start, Count(tokens), [0], Sampling(0))
        (take,) = compose_takes(replace(checkpoint, model=model), [0], 100, Sampling(0))
        found.append((free, take.ids))
    (ours, composed), (theirs, composed_there) = found
    assert len(ours) == tokens
    return bool(np.array_equal(ours, theirs)), bool(np.array_equal(composed, composed_there))


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    loaded = tl.load_checkpoint(sys.argv[1])
    for each in (InOnnxruntime, InTorch):
        free, composed = same_tokens(loaded, each, tempfile.mkdtemp())
        print(f"{each.__name__}: 500 tokens equal: {free}; a piece of 100 notes equal: {composed}")
