"""tinylstm: our own side of the benchmark."""

from collections.abc import Callable

import numpy as np

import tinylstm as tl
from tinylstm.data import Batch
from tinylstm.parallel import Shards

from .workloads import CLASSES, Workload


def model_of(work: Workload) -> tl.Sequential:
    """The workload's network."""
    layers: list[tl.Layer] = [
        tl.Embedding(CLASSES, work.embedding) if work.embedding else tl.ScaledInteger(CLASSES)
    ]
    for i in range(work.layers):
        last = i == work.layers - 1 and not work.embedding and work.kind != "compose"
        layers.append(getattr(tl, work.cell)(work.hidden, return_sequences=not last))
        if work.dropout and not last:
            layers.append(tl.Dropout(work.dropout))
    if not work.embedding:
        layers.append(tl.Dense(256))
        if work.dropout:
            layers.append(tl.Dropout(work.dropout))
    return tl.Sequential([*layers, tl.Dense(CLASSES)])


def compose(model: tl.Sequential, notes: int) -> list[int]:
    """Compose note by note, carrying the state."""
    rng, x, states, song = np.random.default_rng(0), np.zeros((1, 1), np.int64), None, []
    with model.frozen():
        for _ in range(notes):
            logits, states, _ = model.forward(x, states)
            song.append(int((logits + rng.gumbel(size=logits.shape)).argmax()))
            x = np.array([song[-1:]])
    return song


def build(work: Workload) -> Callable[[], object]:
    """A function that runs one step."""
    rng = np.random.default_rng(0)
    model = model_of(work)
    x = rng.integers(0, CLASSES, (work.steps, work.batch))
    targets = x if work.embedding else rng.integers(0, CLASSES, work.batch)
    batch = Batch(x, targets, np.ones(work.batch, bool), targets.size)
    if work.kind == "compose":
        return lambda: compose(model, work.units)
    shards = Shards(model, tl.CategoricalCrossentropy(), work.threads)
    shards.__enter__()
    if work.kind == "forward":
        return lambda: shards.evaluate(batch, None)
    optimizer = tl.Adam() if work.embedding else tl.RMSprop()
    steps = iter(range(1 << 60))

    def step() -> None:
        _, _, grads = shards.gradients(batch, None, [next(steps)])
        optimizer.update(model.params, grads, shards.each)

    return lambda: [step() for _ in range(work.units)]
