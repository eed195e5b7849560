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
from typing import Any

import numpy as np

from .alone import Together, ranks_of
from .arrays import Arrays, Ragged
from .checkpoint import Checkpoint, load_checkpoint
from .data import Batch, Data
from .evaluation import add, carried, means, measured
from .frozen import training
from .layers import State
from .losses import CategoricalCrossentropy, Loss, NotFiniteError
from .metrics import Metric, Metrics, metrics_from
from .model import NamedArrays, Sequential
from .optimizers import Adam, Optimizer, clip_by_global_norm
from .parallel import Shards
from .penalties import Penalty
from .resume import Interrupt, check_numbers, fingerprint, go_on, interruptible

History = list[dict[str, float]]  # one entry an epoch, plain data
EXPLODED = 10  # a loss of so many times the first one (or times 1) cannot recover


class DivergedError(Exception):
    """The loss became NaN or infinite, or exploded; the message says at which step and where.

    >>> try:
    ...     raise DivergedError("at step 3 the loss is nan")
    ... except DivergedError as error:
    ...     print(error)
    at step 3 the loss is nan
    """


@dataclass
class Run:
    """The state of a training run, for callbacks: set `stop` to end it after the current epoch.

    >>> from tinylstm.layers import LSTM
    >>> run = Run(Sequential([LSTM(4)], input_size=2), Adam(0.01), epochs=3, steps_per_epoch=10)
    >>> run.step, run.stop, run.history
    (0, False, [])
    """

    model: Sequential
    optimizer: Optimizer
    epochs: int
    steps_per_epoch: int
    clip: float = 5.0
    seed: int = 0
    penalty: Penalty | None = None
    accumulate: int = 1  # batches for each update
    loss: Loss = field(default_factory=CategoricalCrossentropy)
    metrics: Sequence[Metric] = ()
    step: int = 0  # updates done
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
    def weights(self) -> NamedArrays:
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
        """Epochs since the best `monitor`, or `loss` without it: see `Metric.higher_is_better`."""
        higher = [metric.name for metric in self.metrics if metric.higher_is_better]
        best = max if monitor.removeprefix("val_") in higher else min
        values = [entry.get(monitor, entry["loss"]) for entry in self.history]
        return len(values) - 1 - values.index(best(values))

    def end_epoch(self, validation: dict[str, float]) -> None:
        """Turn the sums of an epoch into its entry in the history."""
        loss, tokens, norm, seconds = (self.sums[k] for k in ("loss", "tokens", "norm", "seconds"))
        entry = {
            "epoch": len(self.history) + 1,
            "loss": loss / max(tokens, 1),
            **means(self.metrics, self.sums),
            "norm": norm / max(-(-self.batch // self.accumulate), 1),
            "seconds": seconds,
            "tokens_per_second": tokens / seconds,
        }
        self.history.append(entry | {f"val_{name}": value for name, value in validation.items()})
        self.batch, self.states, self.sums = 0, None, {"first": self.sums["first"]}


class Callback:
    """Something that is called as the run goes on. Override what you need.

    >>> class Enough(Callback):
    ...     def on_epoch_end(self, run):
    ...         run.stop = run.history[-1]["loss"] < 0.1
    >>> callbacks = [Enough()]    # for fit(..., callbacks=callbacks)
    """

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
    data: Data | tuple[Ragged, Ragged],
    epochs: int,
    validation: Data | tuple[Ragged, Ragged] | None = None,
    optimizer: Optimizer | None = None,
    loss: Loss | None = None,
    clip: float = 5.0,
    seed: int = 0,
    callbacks: Sequence[Callback] = (),
    threads: int | None = None,
    penalty: Penalty | None = None,
    resume: str | Path | None = None,
    metrics: Metrics = (),
    batch_size: int = 32,
    validation_split: float = 0.0,
    accumulate: int = 1,
    shards: int | None = None,
    communicator: Any = None,
) -> History:
    """Train a model in place by truncated backpropagation through time.

    The state is carried from batch to batch and reset where `Batch.reset` says so. Gradients are
    clipped to a global norm of `clip`. Each batch is cut into `shards`, which `threads` work on, by
    default one each per core; the same seed and number of shards give the same bits. communicator:
    mpi4py's, of the processes that train together and get those bits too, by default in 8 shards;
    callbacks run on the first rank only (docs/scaling.md). penalty: a loss of the
    parameters alone, such as `L2`; `loss` in the history does not include it. resume: a checkpoint
    that `ModelCheckpoint` wrote; the run goes on from there, and ends in the same bits as one that
    was never stopped. Ctrl-C is deferred to the end of the step; a second one stops at once.

    data and validation: a source of batches, or arrays (x, y) as `Arrays` takes them, in batches of
    `batch_size`; `validation_split` keeps the last part of such arrays for validation. metrics:
    "accuracy" for one, see metrics.py. accumulate: the gradients of so many batches are added up
    for each update, as if they were one batch.

    Where the optimizer keeps moving averages of the weights (`ema_momentum`), validation and
    callbacks use these, and the model has them at the end.

    Returns a dictionary for each epoch: `loss` and `val_loss` per target, the metrics likewise,
    `norm`, the mean gradient norm, `seconds` and `tokens_per_second` (targets).
    Raises DivergedError when the loss explodes or becomes NaN or infinite, FileError for a
    checkpoint that cannot be read, ValueError for one of another run, RuntimeError while another
    thread trains the same model.

    >>> from tinylstm.data import Streams, Tokens
    >>> from tinylstm.layers import LSTM, Dense, Embedding
    >>> net = [Embedding(3, 8), LSTM(8, return_sequences=True), Dense(3)]
    >>> data = Streams(Tokens(np.tile([0, 1, 2], 40), np.array([0])), streams=2, steps=20)
    >>> history = fit(Sequential(net), data, epochs=20, optimizer=Adam(0.02))
    >>> history[0]["loss"] > 0.5 > 0.2 > history[-1]["loss"]
    True
    """
    check_numbers(epochs, clip, seed)
    if accumulate < 1:
        raise ValueError(f"accumulate is {accumulate}: use at least 1")
    data, validation = sources(model, data, validation, batch_size, validation_split, seed)
    optimizer, loss = optimizer or Adam(), loss or CategoricalCrossentropy()
    chosen, steps = metrics_from(metrics), -(-len(data) // accumulate)
    run = Run(model, optimizer, epochs, steps, clip, seed, penalty, accumulate, loss, chosen)
    ranks = ranks_of(communicator)
    checkpoint = None if resume is None else ranks.first(lambda: load_checkpoint(resume))
    if shards is None and checkpoint and checkpoint.progress:
        shards = checkpoint.progress.fingerprint.get("shards")
    pool = Shards(model, loss, threads, chosen, threads if shards is None else shards, ranks)
    run.fingerprint = fingerprint(run, loss, pool.shards, data)
    ranks.agree(run.fingerprint, model.weights)
    if checkpoint:
        go_on(run, checkpoint)
    called = Together(callbacks, run, ranks)
    called.on("on_train_begin")
    try:
        with interruptible(ranks) as interrupt, pool, training(model.params.values()):
            while len(run.history) < epochs and not (run.stop or run.finished):
                for value in train_epoch(run, pool, data):
                    called.on("on_batch_end", value)
                    interrupt.check()
                with run.averaged():
                    run.end_epoch(validated(run, pool, validation, interrupt))
                called.on("on_epoch_end")
                interrupt.check()
        run.finished = True
        model.set_weights(run.weights)
    finally:
        called.on("on_train_end")
    return run.history


def sources(
    model: Sequential, data: Any, validation: Any, batch_size: int, split: float, seed: int
) -> tuple[Data, Data | None]:
    """Training and validation data, from arrays too. Raises ValueError for what cannot be split."""
    if isinstance(data, tuple):
        x, y = data
        data = Arrays(x, y, batch_size, seed=seed, dtype=model.dtype)
    if split:
        if validation is not None or not isinstance(data, Arrays):
            raise ValueError("validation_split needs arrays, and no validation data beside it")
        return data.split(split)
    if isinstance(validation, tuple):
        x, y = validation
        validation = Arrays(x, y, batch_size, shuffle=False, dtype=model.dtype)
    return data, validation


def train_epoch(run: Run, shards: Shards, data: Data) -> Iterator[float]:
    """The rest of a pass over the data: yields the loss of each step, adds to `run.sums`."""
    begin = time.perf_counter() - run.sums.get("seconds", 0.0)
    batches = islice(data.epoch(len(run.history)), run.batch, None)
    while group := list(islice(batches, run.accumulate)):
        run.whole = False
        loss, norm = one_step(run, shards, group)
        run.step += 1
        run.batch += len(group)
        run.sums["norm"] = run.sums.get("norm", 0.0) + norm
        run.sums["seconds"] = time.perf_counter() - begin
        run.whole = True
        yield loss


def one_step(run: Run, shards: Shards, group: list[Batch]) -> tuple[float, float]:
    """One update of the weights, from one batch or a group of them; the loss, and the gradients'
    norm before clipping.
    """
    params, loss = run.model.params, 0.0
    counts = [shards.count(batch) for batch in group]
    count = max(sum(counts), 1)
    try:
        with np.errstate(all="ignore"):  # NaN and infinity are found and reported below
            for i, batch in enumerate(group):
                run.states = carried(run.model, run.states, batch)
                seed = [run.seed, run.step]
                value, states, grads = shards.gradients(batch, run.states, seed, count, i)
                run.states, loss = states, loss + value
                add(run.sums, shards, value * (count / max(counts[i], 1)), batch.tokens)
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
    return loss, norm


def diagnosis(run: Run, shards: list[NamedArrays], what: str) -> str:
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


def validated(
    run: Run, shards: Shards, data: Data | None, interrupt: Interrupt
) -> dict[str, float]:
    """Loss and metrics on the held-out data; nothing without any."""
    try:
        with np.errstate(all="ignore"):
            return {} if data is None else measured(shards, data, interrupt.check)
    except NotFiniteError as error:
        run.whole = False
        raise DivergedError(diagnosis(run, shards.grads, f"in validation {error}")) from error
