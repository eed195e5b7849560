"""The callbacks of a usual run: a progress bar, checkpoints, a schedule. The names are Keras's.

Those that end a run early, and the log, are in more_callbacks.py. Next: checkpoint.py.
"""

import logging
import math
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .checkpoint import save_checkpoint
from .files import FileError, check_writable, quoted, sweep
from .model import NamedArrays
from .resume import progress
from .schedules import Schedule
from .training import Callback, Run

logger = logging.getLogger("tinylstm")


class ProgressBar(Callback):
    """A bar for the whole run, with the loss and the time left, and a line for each epoch, with the
    metrics of the held-out data (or of the training data without any).

    baselines: names and cross-entropies, in nats per token, to print beside the losses (see
    `tinylstm.baselines`). tokens_per_note: prints all losses in bits per note too, which can be
    compared between tokenizers.

    >>> import contextlib, io
    >>> from tinylstm import Dense, OneHot, Sequential, Streams, Tokens, fit
    >>> model = Sequential([OneHot(3), Dense(3)])
    >>> data = Streams(Tokens(np.tile([0, 1, 2], 9), [0]), streams=1, steps=13)
    >>> with contextlib.redirect_stdout(io.StringIO()) as log:
    ...     history = fit(model, data, 1, callbacks=[ProgressBar({"guess": math.log(3)})])
    >>> log.getvalue().splitlines()[1].split()
    ['epoch', 'train', 'valid', 'guess', 'targets/s', 'left']
    """

    def __init__(
        self, baselines: Mapping[str, float] | None = None, tokens_per_note: float | None = None
    ):
        self.baselines = dict(baselines or {})
        self.tokens_per_note = tokens_per_note
        self.bar: Any = None

    def on_train_begin(self, run: Run) -> None:
        from tqdm import tqdm

        form = "{percentage:3.0f}%|{bar:24}| {elapsed} so far, {remaining} left{postfix}"
        options = {"bar_format": form, "mininterval": 0.2, "disable": None}
        self.bar = tqdm(total=run.epochs * run.steps_per_epoch, initial=run.step, **options)
        self.begin, self.first = time.monotonic(), run.step
        if run.step:
            self.bar.write(f"resumed after {len(run.history)} epochs, at step {run.step}")
        self.units = {getattr(run.loss, "unit", "") or "loss": (1.0, 3)}
        if self.tokens_per_note is not None:
            self.units = {"nats per token": (1.0, 3)}
            self.units["bits per note"] = (self.tokens_per_note / math.log(2), 2)
        names = ["train", "valid", *self.baselines]
        columns = "".join(f"{name:>8}" for name in names)
        wide = len(columns)
        self.bar.write(" " * 8 + "".join(f"{unit:>{wide}} " for unit in self.units))
        metrics = "".join(f"  {metric.name}" for metric in run.metrics)
        losses = f"{columns} " * len(self.units)
        self.bar.write(f"{'epoch':>8}{losses}{metrics}   targets/s   left")

    def on_batch_end(self, run: Run, loss: float) -> None:
        self.bar.set_postfix_str(f"loss {loss:.3f}", refresh=False)
        self.bar.update()

    def on_epoch_end(self, run: Run) -> None:
        entry = run.history[-1]
        valid = entry.get("val_loss", math.nan)
        best = "val_loss" in entry and run.since_best("val_loss") == 0
        line = f"{len(run.history):>4}/{run.epochs:<3}"
        for scale, digits in self.units.values():
            numbers = [entry["loss"], valid, *self.baselines.values()]
            texts = [f"{scale * number:.{digits}f}" for number in numbers]
            texts[1] += "*" if best else " "  # the best so far
            line += "".join(f"{text:>8}" for text in texts) + " "
        pace = (time.monotonic() - self.begin) / max(run.step - self.first, 1)
        left = round(pace * (run.epochs * run.steps_per_epoch - run.step))
        for name in (metric.name for metric in run.metrics):
            measured = entry.get(f"val_{name}", entry.get(name, math.nan))
            line += f"{measured:>{len(name) + 2}.4g}"
        rate = f"{entry['tokens_per_second']:>12,.0f}"
        self.bar.write(f"{line}{rate}{left // 60:>4}:{left % 60:02}")

    def on_train_end(self, run: Run) -> None:
        self.bar.close()


class ModelCheckpoint(Callback):
    """Keeps the best weights so far on disk, by `monitor`, and all that a run needs to go on.

    The file is written after an epoch that was the best so far, every `every` seconds, and at the
    end, also when the run is interrupted. When a run diverges, the last good file stays.
    `fit(..., resume=path)` goes on from it. At the end the model gets the best weights, and the
    file holds only these. If the file cannot be written, that is an error before training and at
    its end, and a warning in between. `extra` is passed to `save_checkpoint`.

    >>> from tinylstm import Dense, OneHot, Sequential, Streams, Tokens, fit, load_checkpoint
    >>> model = Sequential([OneHot(3), Dense(3)])
    >>> data = Streams(Tokens(np.tile([0, 1, 2], 9), [0]), streams=1, steps=13)
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "model.npz"
    >>> history = fit(model, data, 2, callbacks=[ModelCheckpoint(path, "loss")])
    >>> load_checkpoint(path).history == history
    True
    """

    def __init__(
        self, path: str | Path, monitor: str = "val_loss", every: float = 60.0, **extra: Any
    ):
        self.path = Path(path)
        self.monitor = monitor
        self.every = every
        self.extra = extra
        self.weights: NamedArrays = {}
        self.saved = False

    def on_train_begin(self, run: Run) -> None:
        self.weights, self.saved = {}, run.resumed is not None
        if run.resumed and run.history:
            self.weights = run.resumed.model.weights
        self.last = time.monotonic()
        check_writable(self.path)  # reported before training starts
        sweep(self.path)

    def on_batch_end(self, run: Run, loss: float) -> None:
        if time.monotonic() - self.last >= self.every:
            self.try_to_save(run)

    def on_epoch_end(self, run: Run) -> None:
        if run.since_best(self.monitor) == 0 and finite(run.weights):
            self.weights = {path: array.copy() for path, array in run.weights.items()}
            self.try_to_save(run)

    def on_train_end(self, run: Run) -> None:
        try:
            if run.whole and run.step:
                self.save(run)
            elif self.saved:
                logger.warning("%s holds the last good network", quoted(self.path))
        finally:
            if self.weights:
                run.model.set_weights(self.weights)

    def try_to_save(self, run: Run) -> None:
        """Save, or warn and train on: a disk that is full now may have room later."""
        try:
            self.save(run)
        except FileError as error:
            warnings.warn(f"{error}; training goes on", stacklevel=2)
            self.last = time.monotonic()

    def save(self, run: Run) -> None:
        """Write the checkpoint; skip if the weights are not finite: the next step raises."""
        if not finite(run.model.weights):
            return
        save_checkpoint(
            self.path,
            run.model,
            history=run.history,
            weights=self.weights or None,
            progress=progress(run),
            **self.extra,
        )
        self.saved, self.last = True, time.monotonic()


def finite(weights: NamedArrays) -> bool:
    """Whether no weight is NaN or infinite."""
    return all(bool(np.isfinite(array).all()) for array in weights.values())


class LearningRateScheduler(Callback):
    """Sets the learning rate before every batch: `schedule` maps the fraction done to it.

    >>> from tinylstm import Adam, Dense, OneHot, Sequential, Streams, Tokens, cosine, fit
    >>> model = Sequential([OneHot(3), Dense(3)])
    >>> data = Streams(Tokens(np.tile([0, 1, 2], 9), [0]), streams=1, steps=13)
    >>> optimizer = Adam(0.01)
    >>> history = fit(model, data, 2, None, optimizer,
    ...               callbacks=[LearningRateScheduler(cosine(0.01, floor=0.1))])
    >>> round(optimizer.learning_rate, 6)
    0.001
    """

    def __init__(self, schedule: Schedule):
        self.schedule = schedule

    def on_train_begin(self, run: Run) -> None:
        self.on_batch_end(run, math.nan)

    def on_batch_end(self, run: Run, loss: float) -> None:
        total = run.epochs * run.steps_per_epoch
        run.optimizer.learning_rate = self.schedule(min(run.step / total, 1.0))
