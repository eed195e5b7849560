"""onnxruntime, on the graph that `tinylstm.interchange` writes: forward passes only."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from tinylstm.interchange.onnx import to_onnx

from .ours import model_of
from .workloads import CLASSES, Workload


def build(work: Workload) -> Callable[[], object]:
    """A function that runs one step."""
    model, composing = model_of(work), work.kind == "compose"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.onnx"
        to_onnx(model, path, states=composing)
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = work.threads or 0
        settings.log_severity_level = 3
        session = onnxruntime.InferenceSession(path.read_bytes(), settings)
    if composing:
        return lambda: compose(session, work)
    ids = np.random.default_rng(0).integers(0, CLASSES, (work.steps, work.batch))
    return lambda: session.run(["y"], {"ids": ids})


def compose(session: Any, work: Workload) -> list[int]:
    """Compose note by note, carrying the state, as in ours.py."""
    rng, song = np.random.default_rng(0), []
    zero = np.zeros((1, 1, work.hidden), np.float32)
    names = [place.name for place in session.get_inputs()[1:]]
    feed = {"ids": np.zeros((1, 1), np.int64), **dict.fromkeys(names, zero)}
    for _ in range(work.units):
        logits, *states = session.run(None, feed)
        song.append(int((logits[-1] + rng.gumbel(size=logits[-1].shape)).argmax()))
        feed = {"ids": np.array([song[-1:]]), **dict(zip(names, states, strict=True))}
    return song
