"""The training loop: one readable function, `fit`, and what callbacks see of it.

Randomness is derived from the seed and the number of the step, and data from the seed and the
epoch, so that counters and arrays are all that need be kept to go on where a run stopped, and the
end is the same to the last bit. Next: run.py, what callbacks see.
"""

import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from .checkpoint import load_checkpoint
from .data import Batch
from .layers import State
from .losses import CategoricalCrossentropy, NotFiniteError
from .model import Sequential
from .optimizers import Adam, Optimizer, clip_by_global_norm
from .parallel import Shards
from .run import (
    Callback,
    DivergedError,
    History,
    Interrupt,
    Run,
    diagnosis,
    interruptible,
    recipe,
)

EXPLODED = 10  # times the first loss, or 1 if that is more: nothing is learnt any more


class Data(Protocol):
    """What `fit` wants of `Streams`, `Windows` or your own source of batches.

    A method `describe`, plain data, is what a resumed run is compared by; it may be missing.
    """

    def __len__(self) -> int: ...

    def epoch(self, epoch: int, /) -> Any:
        """An iterator over the epoch's batches: the same ones whenever it is asked for."""


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
    penalty: Any = None,
    resume: str | Path | None = None,
) -> History:
    """Train a model in place by truncated backpropagation through time.

    The state is carried from batch to batch and reset where `Batch.reset` says so. Gradients are
    clipped to a global norm of `clip`. Each batch is cut into `threads` shards, by default one for
    each core; the same seed and number of threads give the same bits. penalty: a loss of the
    parameters alone, such as `L2`; `loss` in the history is without it. resume: a checkpoint that
    `ModelCheckpoint` left; the run goes on from there, and ends in the same bits as one that was
    never stopped. Ctrl-C waits for the end of a batch, a second one does not.

    Where the optimizer keeps averages of the weights (`ema_momentum`), these are what is judged,
    what callbacks keep, and what the model has at the end.

    Returns a dictionary for each epoch: `loss`, `val_loss` in nats a target, `norm`, the mean
    gradient norm, `seconds` and `tokens_per_second`.
    Raises DivergedError when the loss explodes or is no longer a number, FileError for a checkpoint
    that cannot be read, ValueError for one of another run.

    >>> from tinylstm.data import Streams, Tokens
    >>> from tinylstm.layers import LSTM, Dense, Embedding
    >>> net = [Embedding(3, 8), LSTM(8, return_sequences=True), Dense(3)]
    >>> data = Streams(Tokens(np.tile([0, 1, 2], 40), np.array([0])), streams=2, steps=20)
    >>> history = fit(Sequential(net), data, epochs=20, optimizer=Adam(0.02))
    >>> history[0]["loss"] > 0.5 > 0.2 > history[-1]["loss"]
    True
    """
    optimizer = Adam() if optimizer is None else optimizer
    run = Run(model, optimizer, epochs, len(data), clip, seed, penalty)
    checkpoint = None if resume is None else load_checkpoint(resume)
    if threads is None and checkpoint and checkpoint.progress:
        threads = checkpoint.progress.recipe.get("threads")
    shards = Shards(model, CategoricalCrossentropy() if loss is None else loss, threads)
    run.recipe = recipe(run, shards.loss, shards.threads, data)
    if checkpoint:
        run.resume(checkpoint)
    for callback in callbacks:
        callback.on_train_begin(run)
    try:
        with interruptible() as interrupt, shards:
            while len(run.history) < epochs and not (run.stop or run.finished):
                for value in train_epoch(run, shards, data):
                    for callback in callbacks:
                        callback.on_batch_end(run, value)
                    interrupt.check()
                with run.averaged():
                    run.end_epoch(validated(run, shards, validation, interrupt))
                for callback in callbacks:
                    callback.on_epoch_end(run)
                interrupt.check()
        run.finished = True
        model.set_weights(run.weights)
    finally:
        for callback in callbacks:
            callback.on_train_end(run)
    return run.history


def train_epoch(run: Run, shards: Shards, data: Data) -> Iterator[float]:
    """What is left of a pass over the data: the loss of each step, and the totals in `run.sums`."""
    begin = time.perf_counter() - run.sums.get("seconds", 0.0)
    for batch in islice(data.epoch(len(run.history)), run.batch, None):
        run.whole = False
        run.states = carried(run.model, run.states, batch)
        loss, norm = one_step(run, shards, batch)
        run.step += 1
        run.batch += 1
        for name, value in (
            ("loss", loss * batch.tokens),
            ("tokens", batch.tokens),
            ("norm", norm),
        ):
            run.sums[name] = run.sums.get(name, 0.0) + value
        run.sums["seconds"] = time.perf_counter() - begin
        run.whole = True
        yield loss


def one_step(run: Run, shards: Shards, batch: Batch) -> tuple[float, float]:
    """One update of the weights and states; the loss, and the gradients' norm before clipping."""
    params = run.model.params
    try:
        with np.errstate(all="ignore"):  # what is no number is found, and told below
            loss, states, grads = shards.gradients(batch, run.states, [run.seed, run.step])
            if run.penalty is not None:
                run.penalty.backward(params, grads)
            norm = clip_by_global_norm(grads, run.clip)
    except ValueError as error:
        arrays = [*params.values(), *(array for state in run.states or [] for array in state)]
        if isinstance(error, NotFiniteError) or not all(np.isfinite(a).all() for a in arrays):
            raise DivergedError(diagnosis(run, shards.grads, str(error))) from error
        raise
    limit = EXPLODED * max(run.sums.setdefault("first", loss), 1.0)
    if not np.isfinite(norm):
        raise DivergedError(diagnosis(run, shards.grads, f"the gradient's norm is {norm}"))
    if loss > limit:
        what = f"the loss is {loss:.3g}, more than {EXPLODED} times the first"
        raise DivergedError(diagnosis(run, shards.grads, what))
    run.optimizer.update(params, grads, shards.spread)
    run.states = states
    return loss, norm


def validated(
    run: Run, shards: Shards, validation: Data | None, interrupt: Interrupt
) -> float | None:
    """The loss on the held-out data, if there is any."""
    try:
        with np.errstate(all="ignore"):
            return None if validation is None else mean_loss(shards, validation, interrupt)
    except NotFiniteError as error:
        run.whole = False
        raise DivergedError(diagnosis(run, shards.grads, f"in validation {error}")) from error


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


def mean_loss(shards: Shards, data: Data, interrupt: Interrupt | None = None) -> float:
    """See `evaluate`."""
    states: list[State] | None = None
    total, tokens = 0.0, 0
    for batch in data.epoch(0):
        value, states = shards.evaluate(batch, carried(shards.model, states, batch))
        total += value * batch.tokens
        tokens += batch.tokens
        if interrupt:
            interrupt.check()
    return total / max(tokens, 1)
