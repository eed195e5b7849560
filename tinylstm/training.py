"""The training loop: one readable function, `fit`, and the callbacks that watch it.

Randomness is derived from the seed and the number of the step, and data from the seed and the
epoch, so that nothing but counters need be kept to go on where a run stopped.
"""

import time
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from .data import Batch
from .layers import State
from .losses import CategoricalCrossentropy, NotFiniteError
from .model import Arrays, Sequential
from .optimizers import Optimizer, clip_by_global_norm
from .parallel import Shards

History = list[dict[str, float]]  # one entry an epoch, plain data


class Data(Protocol):
    """What `fit` wants of `Streams`, `Windows` or your own source of batches."""

    def __len__(self) -> int: ...

    def epoch(self, epoch: int, /) -> Any:
        """An iterator over the epoch's batches."""


class DivergedError(Exception):
    """The loss is no longer a number; the message says at which step, and in which layer."""


class Run:
    """A training run, as callbacks see it: change `stop` to end it after the current epoch."""

    def __init__(self, model: Sequential, optimizer: Optimizer, epochs: int, steps: int):
        self.model = model
        self.optimizer = optimizer
        self.epochs = epochs
        self.steps_per_epoch = steps
        self.step = 0  # batches so far
        self.history: History = []
        self.stop = False


class Callback:
    """Something that is told of the run's progress. Override what you need."""

    def on_train_begin(self, run: Run) -> None:
        """Before the first batch."""

    def on_batch_end(self, run: Run, loss: float) -> None:
        """After each update of the weights."""

    def on_epoch_end(self, run: Run) -> None:
        """After each epoch: `run.history[-1]` has its numbers."""

    def on_train_end(self, run: Run) -> None:
        """At the end, also when the run was interrupted."""


def fit(
    model: Sequential,
    data: Data,
    epochs: int,
    validation: Data | None = None,
    optimizer: Optimizer | None = None,
    loss: Any = None,
    clip: float = 5.0,
    seed: int = 0,
    callbacks: Sequence[Callback] = (),
    threads: int | None = None,
) -> History:
    """Train a model in place by truncated backpropagation through time.

    The state is carried from batch to batch and reset where `Batch.reset` says so. Gradients are
    clipped to a global norm of `clip`. Each batch is cut into `threads` shards, by default one for
    each core; the same seed and number of threads give the same bits. Returns a dictionary for each
    epoch: `loss`, `val_loss` in nats a target, `norm`, the mean gradient norm, `seconds` and
    `tokens_per_second`. Raises DivergedError when the loss is no longer a number.

    >>> from tinylstm.data import Streams, Tokens
    >>> from tinylstm.layers import LSTM, Dense, Embedding
    >>> from tinylstm.optimizers import Adam
    >>> net = [Embedding(3, 8), LSTM(8, return_sequences=True), Dense(3)]
    >>> data = Streams(Tokens(np.tile([0, 1, 2], 40), np.array([0])), streams=2, steps=20)
    >>> history = fit(Sequential(net), data, epochs=20, optimizer=Adam(0.02))
    >>> history[0]["loss"] > 0.5 > 0.2 > history[-1]["loss"]
    True
    """
    if optimizer is None:
        from .optimizers import Adam

        optimizer = Adam()
    loss = CategoricalCrossentropy() if loss is None else loss
    run = Run(model, optimizer, epochs, len(data))
    for callback in callbacks:
        callback.on_train_begin(run)
    try:
        with Shards(model, loss, threads) as shards:
            for epoch in range(epochs):
                run.history.append(train_epoch(run, shards, data, epoch, clip, seed, callbacks))
                if validation is not None:
                    run.history[-1]["val_loss"] = mean_loss(shards, validation)
                for callback in callbacks:
                    callback.on_epoch_end(run)
                if run.stop:
                    break
    finally:
        for callback in callbacks:
            callback.on_train_end(run)
    return run.history


def train_epoch(
    run: Run,
    shards: Shards,
    data: Data,
    epoch: int,
    clip: float,
    seed: int,
    callbacks: Sequence[Callback],
) -> dict[str, float]:
    """One pass over the data; returns its entry in the history."""
    states: list[State] | None = None
    total, tokens, norms, begin = 0.0, 0, 0.0, time.perf_counter()
    for batch in data.epoch(epoch):
        states = carried(run.model, states, batch)
        try:
            loss, states, grads = shards.gradients(batch, states, [seed, run.step])
        except NotFiniteError as error:
            raise DivergedError(diagnosis(run, shards.grads[0], str(error))) from error
        norm = clip_by_global_norm(grads, clip)
        if not np.isfinite(norm):
            raise DivergedError(diagnosis(run, grads, f"the gradient's norm is {norm}"))
        run.optimizer.update(run.model.params, grads)
        run.step += 1
        total += loss * batch.tokens
        tokens += batch.tokens
        norms += norm
        for callback in callbacks:
            callback.on_batch_end(run, loss)
    seconds = time.perf_counter() - begin
    return {
        "epoch": epoch + 1,
        "loss": total / tokens,
        "norm": norms / len(data),
        "seconds": seconds,
        "tokens_per_second": tokens / seconds,
    }


def carried(model: Sequential, states: list[State] | None, batch: Batch) -> list[State]:
    """The states a batch begins with: those after the last one, zero where a piece begins."""
    if states is None or len(batch.reset) != batch_size(states, len(batch.reset)):
        return model.initial_states(len(batch.reset))
    keep = ~batch.reset[:, None]  # (B, 1)
    return [tuple(array * keep for array in state) for state in states]


def batch_size(states: list[State], default: int) -> int:
    """The B of the states, or the default where no layer has one."""
    return next((len(array) for state in states for array in state), default)


def evaluate(model: Sequential, data: Data, loss: Any = None, threads: int | None = None) -> float:
    """The mean loss per target over one epoch of data, without dropout, the state carried over."""
    with Shards(model, CategoricalCrossentropy() if loss is None else loss, threads) as shards:
        return mean_loss(shards, data)


def mean_loss(shards: Shards, data: Data) -> float:
    """See `evaluate`."""
    states: list[State] | None = None
    total, tokens = 0.0, 0
    for batch in data.epoch(0):
        value, states = shards.evaluate(batch, carried(shards.model, states, batch))
        total += value * batch.tokens
        tokens += batch.tokens
    return total / max(tokens, 1)


def diagnosis(run: Run, grads: Arrays, what: str) -> str:
    """Where the numbers stopped being numbers."""
    bad = [path for path, array in run.model.params.items() if not np.isfinite(array).all()]
    bad += [f"the gradient of {path}" for path, g in grads.items() if not np.isfinite(g).all()]
    where = f"; not finite: {', '.join(bad[:4])}" if bad else ""
    return (
        f"at step {run.step + 1} {what}{where}. "
        f"Lower the learning rate (now {run.optimizer.learning_rate:g}) or the clipping limit"
    )
