"""The training loop: one readable function, `fit`, and the state of a run, which callbacks see.

An epoch is a loop over batches; a step is forward, backward, clip, update. Randomness follows from
the seed and the number of the step, and the order of the data from the seed and the epoch, so that
a run which stopped can go on to the same bits: resume.py does that, and nothing here depends on it.
Next: callbacks.py.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from .checkpoint import Checkpoint, load_checkpoint
from .data import Batch
from .layers import State
from .losses import CategoricalCrossentropy, Loss, NotFiniteError
from .model import Arrays, Sequential
from .optimizers import Adam, Optimizer, clip_by_global_norm
from .parallel import Shards
from .resume import Interrupt, fingerprint, go_on, interruptible

History = list[dict[str, float]]  # one entry an epoch, plain data
EXPLODED = 10  # a loss of so many times the first one (or times 1) cannot recover


class DivergedError(Exception):
    """The loss became NaN or infinite, or exploded; the message says at which step and where."""


class Data(Protocol):
    """What `fit` wants of `Streams`, `Windows` or your own source of batches.

    A method `describe`, plain data, is what a resumed run is compared by; it may be missing.
    """

    def __len__(self) -> int: ...

    def epoch(self, epoch: int, /) -> Any:
        """An iterator over the epoch's batches: the same ones whenever it is asked for."""


@dataclass
class Run:
    """The state of a training run, for callbacks: set `stop` to end it after the current epoch."""

    model: Sequential
    optimizer: Optimizer
    epochs: int
    steps_per_epoch: int
    clip: float = 5.0
    seed: int = 0
    penalty: Any = None
    step: int = 0  # batches done
    batch: int = 0  # batches done in the current epoch
    sums: dict[str, float] = field(default_factory=dict)  # over the batches of this epoch
    states: list[State] | None = None  # what the next batch starts from
    history: History = field(default_factory=list)
    stop: bool = False
    finished: bool = False
    whole: bool = True  # False while a step is half done
    fingerprint: dict[str, Any] = field(default_factory=dict)  # must be equal for a run to go on
    resumed: Checkpoint | None = None  # what this run started from

    @property
    def weights(self) -> Arrays:
        """The weights that are evaluated and kept: the moving averages where the optimizer has
        them, else the model's own.
        """
        return self.model.weights | self.optimizer.averages

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """The model has the weights above inside the block, and its own again after it."""
        own = {path: self.model.params[path].copy() for path in self.optimizer.averages}
        if own:
            self.model.set_weights(self.weights)
        try:
            yield
        finally:
            if own:
                self.model.set_weights(self.model.weights | own)

    def since_best(self, monitor: str) -> int:
        """Epochs since the lowest `monitor` (or `loss` if it is missing)."""
        values = [entry.get(monitor, entry["loss"]) for entry in self.history]
        return len(values) - 1 - values.index(min(values))

    def end_epoch(self, val_loss: float | None) -> None:
        """Turn the sums of an epoch into its entry in the history."""
        loss, tokens, norm, seconds = (self.sums[k] for k in ("loss", "tokens", "norm", "seconds"))
        entry = {
            "epoch": len(self.history) + 1,
            "loss": loss / max(tokens, 1),
            "norm": norm / max(self.batch, 1),
            "seconds": seconds,
            "tokens_per_second": tokens / seconds,
        }
        self.history.append(entry if val_loss is None else entry | {"val_loss": val_loss})
        self.batch, self.states, self.sums = 0, None, {"first": self.sums["first"]}


class Callback:
    """Something that is called as the run goes on. Override what you need."""

    def on_train_begin(self, run: Run) -> None:
        """Before the first batch."""

    def on_batch_end(self, run: Run, loss: float) -> None:
        """After each update of the weights."""

    def on_epoch_end(self, run: Run) -> None:
        """After each epoch: `run.history[-1]` has its numbers."""

    def on_train_end(self, run: Run) -> None:
        """At the end, also when the run was interrupted or has diverged."""


def fit(
    model: Sequential,
    data: Data,
    epochs: int,
    validation: Data | None = None,
    optimizer: Optimizer | None = None,
    loss: Loss | None = None,
    clip: float = 5.0,
    seed: int = 0,
    callbacks: Sequence[Callback] = (),
    threads: int | None = None,
    penalty: Any = None,
    resume: str | Path | None = None,
) -> History:
    """Train a model in place by truncated backpropagation through time.

    The state is carried from batch to batch and reset where `Batch.reset` says so. Gradients are
    clipped to a global norm of `clip`. Each batch is cut into `threads` shards, one per core by
    default; the same seed and number of threads give the same bits. penalty: a loss of the
    parameters alone, such as `L2`; `loss` in the history does not include it. resume: a checkpoint
    that `ModelCheckpoint` wrote; the run goes on from there, and ends in the same bits as one that
    was never stopped. Ctrl-C is deferred to the end of the step; a second one stops at once.

    Where the optimizer keeps moving averages of the weights (`ema_momentum`), validation and
    callbacks use these, and the model has them at the end.

    Returns a dictionary for each epoch: `loss` and `val_loss` in nats per target, `norm`, the mean
    gradient norm, `seconds` and `tokens_per_second`.
    Raises DivergedError when the loss explodes or becomes NaN or infinite, FileError for a
    checkpoint that cannot be read, ValueError for one of another run.

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
        threads = checkpoint.progress.fingerprint.get("threads")
    shards = Shards(model, CategoricalCrossentropy() if loss is None else loss, threads)
    run.fingerprint = fingerprint(run, shards.loss, shards.threads, data)
    if checkpoint:
        go_on(run, checkpoint)
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
    """The rest of a pass over the data: yields the loss of each step, adds to `run.sums`."""
    begin = time.perf_counter() - run.sums.get("seconds", 0.0)
    for batch in islice(data.epoch(len(run.history)), run.batch, None):
        run.whole = False
        run.states = carried(run.model, run.states, batch)
        loss, norm = one_step(run, shards, batch)
        run.step += 1
        run.batch += 1
        for name, value in ("loss", loss * batch.tokens), ("tokens", batch.tokens), ("norm", norm):
            run.sums[name] = run.sums.get(name, 0.0) + value
        run.sums["seconds"] = time.perf_counter() - begin
        run.whole = True
        yield loss


def one_step(run: Run, shards: Shards, batch: Batch) -> tuple[float, float]:
    """One update of the weights and states; the loss, and the gradients' norm before clipping."""
    params = run.model.params
    try:
        with np.errstate(all="ignore"):  # NaN and infinity are found and reported below
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
    run.optimizer.update(params, grads, shards.each)
    run.states = states
    return loss, norm


def diagnosis(run: Run, shards: list[Arrays], what: str) -> str:
    """Where the numbers went wrong: the norm of each parameter and of its gradient."""
    rate = run.optimizer.learning_rate
    lines = [f"at step {run.step + 1} {what}. Lower the learning rate (now {rate:g}) or `clip`."]
    wide = max(len(path) for path in run.model.params)
    with np.errstate(all="ignore"):
        for path, array in run.model.params.items():
            norms = [float(np.linalg.norm(a)) for a in (array, *(g[path] for g in shards))]
            bad = "" if np.isfinite(norms).all() else "   <- not finite"
            numbers = f"norm {norms[0]:10.3g}   gradient {np.max(norms[1:], initial=0):10.3g}"
            lines.append(f"  {path:<{wide}}  {numbers}{bad}")
    return "\n".join(lines)


def carried(model: Sequential, states: list[State] | None, batch: Batch) -> list[State]:
    """The states a batch starts from: those after the last batch, zero where a piece begins."""
    B = len(batch.reset)
    size = next((len(array) for state in states or [] for array in state), B)
    if states is None or size != B:
        return model.initial_states(B)
    keep = ~batch.reset[:, None]  # (B, 1)
    return [tuple(array * keep for array in state) for state in states]


def validated(run: Run, shards: Shards, data: Data | None, interrupt: Interrupt) -> float | None:
    """The loss on the held-out data, or None without any."""
    try:
        with np.errstate(all="ignore"):
            return None if data is None else mean_loss(shards, data, interrupt)
    except NotFiniteError as error:
        run.whole = False
        raise DivergedError(diagnosis(run, shards.grads, f"in validation {error}")) from error


def evaluate(
    model: Sequential, data: Data, loss: Loss | None = None, threads: int | None = None
) -> float:
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
