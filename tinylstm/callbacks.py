"""What watches a run: progress, checkpoints, early stopping, schedules, a log. Keras's names."""

import csv
import glob
import io
import math
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .checkpoint import save_checkpoint
from .files import FileError, replacing
from .model import Arrays
from .run import Callback, Run


class ProgressBar(Callback):
    """A bar for the whole run with the running loss and the time left, and a line for each epoch.

    baselines: names and cross-entropies in nats a token to print beside the losses, such as
    `tinylstm.baselines` counts. tokens_per_note: then all is in bits a note as well, which can be
    compared between alphabets.
    """

    def __init__(
        self, baselines: Mapping[str, float] | None = None, tokens_per_note: float | None = None
    ):
        self.baselines = dict(baselines or {})
        self.units = {"nats a token": (1.0, 3)}
        if tokens_per_note is not None:
            self.units["bits a note"] = (tokens_per_note / math.log(2), 2)
        self.bar: Any = None

    def on_train_begin(self, run: Run) -> None:
        from tqdm import tqdm

        form = "{percentage:3.0f}%|{bar:24}| {elapsed} so far, {remaining} left{postfix}"
        total = run.epochs * run.steps_per_epoch
        self.bar = tqdm(
            total=total, initial=run.step, bar_format=form, mininterval=0.2, disable=None
        )
        self.begin, self.first = time.monotonic(), run.step
        if run.step:
            self.bar.write(f"going on after {len(run.history)} epochs, at step {run.step}")
        names = ["train", "valid", *self.baselines]
        columns = "".join(f"{name:>8}" for name in names)
        wide = len(columns)
        self.bar.write(" " * 8 + "".join(f"{unit:>{wide}} " for unit in self.units))
        self.bar.write(f"{'epoch':>8}" + f"{columns} " * len(self.units) + "  tokens/s   left")

    def on_batch_end(self, run: Run, loss: float) -> None:
        self.bar.set_postfix_str(f"loss {loss:.3f}", refresh=False)
        self.bar.update()

    def on_epoch_end(self, run: Run) -> None:
        entry = run.history[-1]
        valid = entry.get("val_loss", math.nan)
        best = all(valid < e.get("val_loss", math.nan) for e in run.history[:-1])
        line = f"{len(run.history):>4}/{run.epochs:<3}"
        for scale, digits in self.units.values():
            numbers = [entry["loss"], valid, *self.baselines.values()]
            texts = [f"{scale * number:.{digits}f}" for number in numbers]
            texts[1] += "*" if best else " "  # the best so far
            line += "".join(f"{text:>8}" for text in texts) + " "
        pace = (time.monotonic() - self.begin) / max(run.step - self.first, 1)
        left = round(pace * (run.epochs * run.steps_per_epoch - run.step))
        rate = f"{entry['tokens_per_second']:>10,.0f}"
        self.bar.write(f"{line}{rate}{left // 60:>4}:{left % 60:02}")

    def on_train_end(self, run: Run) -> None:
        self.bar.close()


class ModelCheckpoint(Callback):
    """Keeps on disk the best weights so far, by `monitor`, and all that the run needs to go on.

    The file is written when an epoch was the best so far, `every` so many seconds, and at the end,
    also of an interrupted run, but not of one that has diverged: the last good one stays then.
    `fit(..., resume=path)` goes on from it. At the end the model gets the best weights back, and
    the file is left with these alone. A file that cannot be written is an error before training and
    at its end, and a warning in between. `extra` is what `save_checkpoint` takes.
    """

    def __init__(
        self, path: str | Path, monitor: str = "val_loss", every: float = 60.0, **extra: Any
    ):
        self.path = Path(path)
        self.monitor = monitor
        self.every = every
        self.extra = extra
        self.weights: Arrays = {}
        self.saved = False

    def on_train_begin(self, run: Run) -> None:
        self.weights, self.saved = {}, run.resumed is not None
        if run.resumed and run.history:
            self.weights = run.resumed.model.weights
        self.last = time.monotonic()
        try:  # a folder that cannot be written is told of now, not in an hour
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.path.parent):
                pass
        except OSError as error:
            raise FileError(f"cannot write {self.path}: {error.strerror or error}") from error
        unfinished = f".{glob.escape(self.path.name)}.*"
        for stale in self.path.parent.glob(unfinished):  # of a run that was killed
            stale.unlink(missing_ok=True)

    def on_batch_end(self, run: Run, loss: float) -> None:
        if time.monotonic() - self.last >= self.every:
            self.try_to_save(run)

    def on_epoch_end(self, run: Run) -> None:
        values = [entry.get(self.monitor, entry["loss"]) for entry in run.history]
        weights = run.weights
        if all(values[-1] < value for value in values[:-1]) and finite(weights):
            self.weights = {path: array.copy() for path, array in weights.items()}
            self.try_to_save(run)

    def on_train_end(self, run: Run) -> None:
        try:
            if run.whole and run.step:
                self.save(run)
            elif self.saved:
                print(f"{self.path} holds the last good network", file=sys.stderr)
        finally:
            if self.weights:
                run.model.set_weights(self.weights)

    def try_to_save(self, run: Run) -> None:
        """Save; a full disk is no reason to lose what is in memory, it may have room again."""
        try:
            self.save(run)
        except FileError as error:
            warnings.warn(f"{error}; training goes on", stacklevel=2)
            self.last = time.monotonic()

    def save(self, run: Run) -> None:
        """Write the checkpoint, unless the weights are no numbers: the next step will tell."""
        if not finite(run.model.weights):
            return
        save_checkpoint(
            self.path,
            run.model,
            history=run.history,
            weights=self.weights or None,
            progress=run.progress(),
            **self.extra,
        )
        self.saved, self.last = True, time.monotonic()


def finite(weights: Arrays) -> bool:
    """Whether all weights are numbers."""
    return all(bool(np.isfinite(array).all()) for array in weights.values())


class EarlyStopping(Callback):
    """Ends the run when `monitor` has not improved for `patience` epochs.

    restore_best_weights: give the model back, at the end, those of its best epoch. They are kept in
    memory alone: a run that is to go on after a crash has its best weights from `ModelCheckpoint`.
    """

    def __init__(
        self, monitor: str = "val_loss", patience: int = 5, restore_best_weights: bool = False
    ):
        self.monitor = monitor
        self.patience = patience
        self.restore_best_weights = restore_best_weights
        self.weights: Arrays = {}

    def on_train_begin(self, run: Run) -> None:
        if run.history:  # killed between the epoch that was the last and the end of the run
            self.on_epoch_end(run)

    def on_epoch_end(self, run: Run) -> None:
        values = [entry.get(self.monitor, entry["loss"]) for entry in run.history]
        since = len(values) - 1 - values.index(min(values))
        run.stop = run.stop or since >= self.patience
        if self.restore_best_weights and since == 0:
            self.weights = {path: array.copy() for path, array in run.weights.items()}

    def on_train_end(self, run: Run) -> None:
        if self.weights:
            run.model.set_weights(self.weights)


class LearningRateScheduler(Callback):
    """Sets the learning rate before every batch: `schedule` maps the share done to it."""

    def __init__(self, schedule: Callable[[float], float]):
        self.schedule = schedule

    def on_train_begin(self, run: Run) -> None:
        self.on_batch_end(run, math.nan)

    def on_batch_end(self, run: Run, loss: float) -> None:
        total = run.epochs * run.steps_per_epoch
        run.optimizer.learning_rate = self.schedule(min(run.step / total, 1.0))


def cosine(peak: float, warmup: float = 0.02, floor: float = 0.02) -> Callable[[float], float]:
    """A schedule: up in a line over the share `warmup`, then down half a cosine to floor * peak.

    >>> rate = cosine(1.0, warmup=0.1, floor=0.0)
    >>> [round(rate(share), 3) for share in (0.05, 0.1, 0.55, 1.0)]
    [0.5, 1.0, 0.5, 0.0]
    """

    def rate(share: float) -> float:
        if share < warmup:
            return peak * max(share, 1e-3) / warmup
        through = (share - warmup) / (1 - warmup)
        return peak * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * through)))

    return rate


def steps(
    rate: float, at: tuple[float, ...] = (0.5, 0.75), by: float = 0.1
) -> Callable[[float], float]:
    """A schedule: the rate is multiplied by `by` at each of these shares of the run.

    >>> [round(steps(1.0)(share), 3) for share in (0.0, 0.5, 0.9)]
    [1.0, 0.1, 0.01]
    """
    return lambda share: rate * by ** sum(share >= cut for cut in at)


class CSVLogger(Callback):
    """One line an epoch in a .csv file, which is whole at any time."""

    def __init__(self, path: str | Path):
        self.path = Path(path)

    def on_epoch_end(self, run: Run) -> None:
        text = io.StringIO()
        writer = csv.DictWriter(text, run.history[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(run.history)
        with replacing(self.path) as file:
            file.write(text.getvalue().encode())


class TimeLimit(Callback):
    """Ends the run after the epoch in which it has trained for `seconds`."""

    def __init__(self, seconds: float):
        self.seconds = seconds

    def on_train_begin(self, run: Run) -> None:
        self.on_epoch_end(run)

    def on_epoch_end(self, run: Run) -> None:
        run.stop = run.stop or sum(entry["seconds"] for entry in run.history) >= self.seconds
