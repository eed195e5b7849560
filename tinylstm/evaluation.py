"""The loss and the metrics of a model on data: no dropout, no gradient, no update.

The state is carried from batch to batch, as in training. Next: training.py.
"""

from collections.abc import Callable, Sequence
from typing import Any

from .alone import ranks_of
from .data import Batch, Data
from .layers import State
from .losses import CategoricalCrossentropy, Loss
from .metrics import Metric, Metrics, metrics_from
from .model import Sequential
from .parallel import Shards

Sums = dict[str, float]  # over the targets so far: of losses, of metrics, of what divides them


def evaluate(
    model: Sequential, data: Data, loss: Loss | None = None, threads: int | None = None
) -> float:
    """The mean loss per target over one epoch of data; see `measure`.

    >>> import numpy as np
    >>> from tinylstm.arrays import Arrays
    >>> from tinylstm.layers import LSTM, Dense
    >>> model = Sequential([LSTM(4), Dense(2)], input_size=3)
    >>> 0 < evaluate(model, Arrays(np.ones((5, 6, 3)), np.ones(5, int))) < 2
    True
    """
    return measure(model, data, loss, threads=threads)["loss"]


def measure(
    model: Sequential,
    data: Data,
    loss: Loss | None = None,
    metrics: Metrics = (),
    threads: int | None = None,
    shards: int | None = None,
    communicator: Any = None,
) -> dict[str, float]:
    """The mean loss per target, "loss", and each metric by name, over one epoch of data.

    threads, shards, communicator: as in `fit`.

    >>> from tinylstm.arrays import Arrays
    >>> import numpy as np
    >>> from tinylstm.layers import LSTM, Dense
    >>> model = Sequential([LSTM(4), Dense(2)], input_size=3)
    >>> found = measure(model, Arrays(np.ones((5, 6, 3)), np.ones(5, int)), metrics=["accuracy"])
    >>> sorted(found), found["accuracy"] in (0.0, 1.0)
    (['accuracy', 'loss'], True)
    """
    loss, chosen = CategoricalCrossentropy() if loss is None else loss, metrics_from(metrics)
    with Shards(model, loss, threads, chosen, shards, ranks_of(communicator)) as pool:
        return measured(pool, data)


def measured(
    shards: Shards, data: Data, between: Callable[[], None] = lambda: None
) -> dict[str, float]:
    """See `measure`. between: is called after every batch."""
    states: list[State] | None = None
    sums: Sums = {"loss": 0.0, "tokens": 0}
    for batch in data.epoch(0):
        value, states = shards.evaluate(batch, carried(shards.model, states, batch))
        add(sums, shards, value, batch.tokens)
        between()
    return {"loss": sums["loss"] / max(sums["tokens"], 1), **means(shards.metrics, sums)}


def add(sums: Sums, shards: Shards, loss: float, tokens: int) -> None:
    """Add a batch's loss, its number of targets, and what the shards measured."""
    found = [("loss", loss * tokens), ("tokens", tokens)]
    for name, (total, count) in shards.measured.items():
        found += [(name, total), (f"{name} of", count)]
    for name, value in found:
        sums[name] = sums.get(name, 0.0) + value


def means(metrics: Sequence[Metric], sums: Sums) -> dict[str, float]:
    """Each metric by name, from sums over batches."""
    counts = {metric.name: sums.get(f"{metric.name} of", 0) for metric in metrics}
    return {m.name: m.result(sums[m.name] / counts[m.name]) for m in metrics if counts[m.name]}


def carried(model: Sequential, states: list[State] | None, batch: Batch) -> list[State]:
    """The states a batch starts from: those after the last batch, zero where a piece begins."""
    B = len(batch.reset)
    size = next((len(array) for state in states or [] for array in state), B)
    if states is None or size != B:
        return model.initial_states(B)
    keep = ~batch.reset[:, None]  # (B, 1)
    return [tuple(array * keep for array in state) for state in states]
