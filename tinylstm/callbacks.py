"""What watches a run: progress, checkpoints, early stopping, schedules, a log. Keras's names."""

import csv
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .checkpoint import save_checkpoint
from .training import Callback, Run


class ProgressBar(Callback):
    """A bar for the whole run with the running loss and the time left, and a line for each epoch.

    baselines: names and cross-entropies in nats to print beside the losses, "unigram" for one.
    """

    def __init__(self, baselines: Mapping[str, float] | None = None):
        self.baselines = dict(baselines or {})
        self.bar: Any = None

    def on_train_begin(self, run: Run) -> None:
        from tqdm import tqdm

        form = "{percentage:3.0f}%|{bar:24}| {elapsed} so far, {remaining} left{postfix}"
        self.bar = tqdm(total=run.epochs * run.steps_per_epoch, bar_format=form, mininterval=0.2)

    def on_batch_end(self, run: Run, loss: float) -> None:
        self.bar.set_postfix_str(f"loss {loss:.3f}", refresh=False)
        self.bar.update()

    def on_epoch_end(self, run: Run) -> None:
        entry = run.history[-1]
        best = min((e.get("val_loss", math.inf) for e in run.history[:-1]), default=math.inf)
        line = f"epoch {entry['epoch']:3.0f}/{run.epochs}  loss {entry['loss']:.3f}"
        if "val_loss" in entry:
            line += (
                f"  validation {entry['val_loss']:.3f}{'*' if entry['val_loss'] < best else ' '}"
            )
        line += "".join(f"  {name} {nats:.3f}" for name, nats in self.baselines.items())
        self.bar.write(f"{line}  {entry['tokens_per_second']:,.0f} tokens/s")

    def on_train_end(self, run: Run) -> None:
        self.bar.close()


class ModelCheckpoint(Callback):
    """Keeps the best weights on disk, by `monitor`, with all that is needed to use them.

    At the end the model gets the best weights back. A run interrupted before the end of its first
    epoch leaves the weights it has. `extra` is what `save_checkpoint` takes besides the model.
    """

    def __init__(self, path: str | Path, monitor: str = "val_loss", **extra: Any):
        self.path = Path(path)
        self.monitor = monitor
        self.extra = extra
        self.best = math.inf
        self.weights: dict[str, Any] = {}
        self.saved = False

    def on_train_begin(self, run: Run) -> None:
        self.best, self.weights, self.saved = math.inf, {}, False

    def on_epoch_end(self, run: Run) -> None:
        value = run.history[-1].get(self.monitor, run.history[-1]["loss"])
        if value < self.best:
            self.best = value
            self.weights = {path: array.copy() for path, array in run.model.params.items()}
            self.save(run)

    def on_train_end(self, run: Run) -> None:
        if self.weights:
            run.model.set_params(self.weights)
        if self.weights or run.step:
            self.save(run)

    def save(self, run: Run) -> None:
        """Write the checkpoint."""
        save_checkpoint(self.path, run.model, history=run.history, **self.extra)
        self.saved = True


class EarlyStopping(Callback):
    """Ends the run when `monitor` has not improved for `patience` epochs."""

    def __init__(self, monitor: str = "val_loss", patience: int = 5):
        self.monitor = monitor
        self.patience = patience

    def on_epoch_end(self, run: Run) -> None:
        values = [entry[self.monitor] for entry in run.history]
        run.stop = len(values) - 1 - values.index(min(values)) >= self.patience


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


class CSVLogger(Callback):
    """One line an epoch in a .csv file, written as it happens."""

    def __init__(self, path: str | Path):
        self.path = Path(path)

    def on_train_begin(self, run: Run) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text("")

    def on_epoch_end(self, run: Run) -> None:
        with self.path.open("a", newline="") as file:
            writer = csv.DictWriter(file, run.history[-1])
            if len(run.history) == 1:
                writer.writeheader()
            writer.writerow(run.history[-1])


class TimeLimit(Callback):
    """Ends the run after the epoch in which `seconds` have passed."""

    def __init__(self, seconds: float):
        self.seconds = seconds

    def on_train_begin(self, run: Run) -> None:
        self.begin = time.monotonic()

    def on_epoch_end(self, run: Run) -> None:
        run.stop = run.stop or time.monotonic() - self.begin >= self.seconds
