"""A training run: what callbacks see of it, what is kept of it, and how it ends too early.

The loop itself is in training.py, the callbacks in callbacks.py, the file in checkpoint.py.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .checkpoint import Checkpoint, Progress
from .layers import State
from .model import Arrays, Sequential
from .optimizers import Optimizer

History = list[dict[str, float]]  # one entry an epoch, plain data


class DivergedError(Exception):
    """The loss is no number any more, or has exploded; the message says at which step and where."""


class Run:
    """A training run, as callbacks see it: change `stop` to end it after the current epoch."""

    def __init__(
        self,
        model: Sequential,
        optimizer: Optimizer,
        epochs: int,
        steps: int,
        clip: float = 5.0,
        seed: int = 0,
        penalty: Any = None,
    ):
        self.model, self.optimizer = model, optimizer
        self.epochs, self.steps_per_epoch = epochs, steps
        self.clip, self.seed, self.penalty = clip, seed, penalty
        self.recipe: dict[str, Any] = {}  # what must be equal for a run to go on
        self.step = 0  # batches so far
        self.batch = 0  # of these in the epoch that is not done yet
        self.sums: dict[str, float] = {}  # over these batches
        self.states: list[State] | None = None  # what the next batch begins with
        self.history: History = []
        self.stop = False
        self.finished = False
        self.whole = True  # False from the beginning of a step until all of it is done
        self.resumed: Checkpoint | None = None  # what the run goes on from

    @property
    def weights(self) -> Arrays:
        """The weights that an epoch is judged by, and that are worth keeping: the model's, or their
        moving averages where the optimizer has such.
        """
        return self.model.weights | self.optimizer.averages

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Within the block the model has the weights above; behind it, those to go on with."""
        if not self.optimizer.averages:
            yield
            return
        own = {path: self.model.params[path].copy() for path in self.optimizer.averages}
        self.model.set_weights(self.weights)
        try:
            yield
        finally:
            self.model.set_weights(self.model.weights | own)

    def progress(self) -> Progress:
        """All that is needed to go on from here, in the run's own arrays: save them at once."""
        kept = Progress(
            recipe=self.recipe,
            epoch=len(self.history),
            batch=self.batch,
            step=self.step,
            sums=self.sums,
            optimizer_steps=self.optimizer.steps,
            learning_rate=self.optimizer.learning_rate,
            finished=self.finished,
        )
        if not self.finished:
            kept.weights, kept.slots = self.model.weights, self.optimizer.slots
            kept.states = self.states
        return kept

    def resume(self, checkpoint: Checkpoint) -> None:
        """Go on from a checkpoint. Raises ValueError that lists what differs from its run."""
        progress = checkpoint.progress
        if progress is None:
            raise ValueError("the checkpoint holds a network, but no run that could go on")
        mine, its = self.recipe, progress.recipe
        if names := [name for name in mine | its if mine.get(name) != its.get(name)]:
            differ = "; ".join(f"{n} was {its.get(n)}, now {mine.get(n)}" for n in names)
            raise ValueError(f"the checkpoint is of another run, which cannot go on: {differ}")
        self.model.set_weights(checkpoint.model.weights if progress.finished else progress.weights)
        self.optimizer.slots |= progress.slots
        self.optimizer.steps = progress.optimizer_steps
        self.optimizer.learning_rate = progress.learning_rate
        self.step, self.batch, self.sums = progress.step, progress.batch, dict(progress.sums)
        self.states, self.finished = progress.states, progress.finished
        self.history = list(checkpoint.history)
        self.resumed = checkpoint

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
    """Something that is told of the run's progress. Override what you need."""

    def on_train_begin(self, run: Run) -> None:
        """Before the first batch."""

    def on_batch_end(self, run: Run, loss: float) -> None:
        """After each update of the weights."""

    def on_epoch_end(self, run: Run) -> None:
        """After each epoch: `run.history[-1]` has its numbers."""

    def on_train_end(self, run: Run) -> None:
        """At the end, also when the run was interrupted or has diverged."""


def recipe(run: Run, loss: Any, threads: int, data: Any) -> dict[str, Any]:
    """What must be equal for a run to end in the same bits, as plain data."""
    describe = getattr(data, "describe", None)
    config = {k: v for k, v in run.optimizer.config().items() if k != "learning_rate"}
    parts = {"loss": loss, "penalty": run.penalty}
    return {
        "input_size": run.model.input_size,
        "dtype": run.model.dtype.name,
        **{layer.name: repr(layer) for layer in run.model.layers},
        "optimizer": f"{type(run.optimizer).__name__} {config}",
        **{k: v and f"{type(v).__name__} {vars(v)}" for k, v in parts.items()},
        **{name: getattr(run, name) for name in ("epochs", "steps_per_epoch", "clip", "seed")},
        "threads": threads,
        **(describe() if describe else {}),
    }


def diagnosis(run: Run, shards: list[Arrays], what: str) -> str:
    """Where the numbers stopped being numbers: the norm of each parameter and of its gradient."""
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


class Interrupt:
    """Whether Ctrl-C was pressed: `check` raises KeyboardInterrupt then."""

    asked = False

    def check(self) -> None:
        """To be called where all is whole."""
        if self.asked:
            raise KeyboardInterrupt


@contextmanager
def interruptible() -> Iterator[Interrupt]:
    """Within the block Ctrl-C only asks; what is saved is never a step half done. A second Ctrl-C
    stops at once. Only Python's own handler is replaced, and only in the main thread.
    """
    interrupt, before = Interrupt(), signal.getsignal(signal.SIGINT)

    def ask(number: int, frame: Any) -> None:
        interrupt.asked = True
        signal.signal(signal.SIGINT, before)

    ours = before is signal.default_int_handler
    if ours and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, ask)
        try:
            yield interrupt
        finally:
            signal.signal(signal.SIGINT, before)
    else:
        yield interrupt
