"""Going on where a run stopped: what must be equal, what is kept, and how Ctrl-C waits.

A run that goes on ends in the same bits as one that was never stopped. Its arrays (weights,
optimizer slots, states) and its counters are kept; randomness and the order of the data follow from
the counters. The file itself is written in checkpoint.py; a run is a `Run` of training.py, which
uses this file and is not imported here. Next: backend.py.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from .layers import State
from .model import Arrays
from .ranks import Alone


@dataclass
class Progress:
    """Where a run stands: counters, and the arrays that the next step starts from.

    fingerprint: see below. epoch: epochs done; batch: batches done in the epoch after those;
    step: batches done in total. sums: of losses, tokens, norms and seconds in the unfinished epoch.
    weights, slots, states: the model's, the optimizer's, and those that the next batch starts from;
    a finished run keeps none of the three.
    """

    fingerprint: dict[str, Any] = field(default_factory=dict)
    epoch: int = 0
    batch: int = 0
    step: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    optimizer_steps: int = 0
    learning_rate: float = 0.0
    finished: bool = False
    weights: Arrays = field(default_factory=dict)
    slots: dict[str, Arrays] = field(default_factory=dict)
    states: list[State] | None = None

    def arrays(self) -> Arrays:
        """The arrays, under names such as run/weights/lstm_1.Wh and run/slots/m/lstm_1.Wh."""
        found = {f"run/weights/{path}": array for path, array in self.weights.items()}
        for slot, arrays in self.slots.items():
            found |= {f"run/slots/{slot}/{path}": array for path, array in arrays.items()}
        for i, state in enumerate(self.states or []):
            found |= {f"run/states/{i}/{j}": array for j, array in enumerate(state)}
        return found

    def description(self) -> dict[str, Any]:
        """Everything else, as plain data."""
        plain = {k: v for k, v in vars(self).items() if k not in ("weights", "slots", "states")}
        plain["recipe"] = plain.pop("fingerprint")  # its name in files since version 0.1
        return plain | {"layers": None if self.states is None else len(self.states)}

    @classmethod
    def restore(cls, description: dict[str, Any], arrays: Arrays) -> "Progress":
        """The inverse of `arrays` and `description`."""
        description = dict(description)
        layers, recipe = description.pop("layers"), description.pop("recipe")
        if "threads" in recipe:  # version 0.1 had one shard for each thread
            recipe = {**recipe, "shards": recipe["threads"]}
            del recipe["threads"]
        self = cls(fingerprint=recipe, **description)
        states: dict[int, list[Any]] = {i: [] for i in range(layers or 0)}
        for name, array in arrays.items():
            match name.split("/"):
                case ["run", "weights", path]:
                    self.weights[path] = array
                case ["run", "slots", slot, path]:
                    self.slots.setdefault(slot, {})[path] = array
                case ["run", "states", i, _]:
                    states[int(i)].append(array)
        self.states = None if layers is None else [tuple(states[i]) for i in range(layers)]
        return self


def fingerprint(run: Any, loss: Any, shards: int, data: Any) -> dict[str, Any]:
    """What must be equal for two runs to end in the same bits, as plain data."""
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
        "shards": shards,
        **({"accumulate": run.accumulate} if run.accumulate > 1 else {}),
        **({"metrics": [metric.name for metric in run.metrics]} if run.metrics else {}),
        **(describe() if describe else {}),
    }


def progress(run: Any) -> Progress:
    """All that is needed to go on from here. The arrays are the run's own: save them at once."""
    kept = Progress(
        fingerprint=run.fingerprint,
        epoch=len(run.history),
        batch=run.batch,
        step=run.step,
        sums=run.sums,
        optimizer_steps=run.optimizer.steps,
        learning_rate=run.optimizer.learning_rate,
        finished=run.finished,
    )
    if not run.finished:
        kept.weights, kept.slots = run.model.weights, run.optimizer.slots
        kept.states = run.states
    return kept


def go_on(run: Any, checkpoint: Any) -> None:
    """Put a run where the checkpoint's stood. Raises ValueError that lists what differs."""
    kept = checkpoint.progress
    if kept is None:
        raise ValueError("the checkpoint holds a network, but no run that could go on")
    mine, its = run.fingerprint, kept.fingerprint
    if names := [name for name in mine | its if mine.get(name) != its.get(name)]:
        differ = "; ".join(f"{n} was {its.get(n)}, now {mine.get(n)}" for n in names)
        raise ValueError(f"the checkpoint is of another run, which cannot go on: {differ}")
    run.model.set_weights(checkpoint.model.weights if kept.finished else kept.weights)
    run.optimizer.slots |= kept.slots
    run.optimizer.steps, run.optimizer.learning_rate = kept.optimizer_steps, kept.learning_rate
    run.step, run.batch, run.sums = kept.step, kept.batch, dict(kept.sums)
    run.states, run.finished = kept.states, kept.finished
    run.history, run.resumed = list(checkpoint.history), checkpoint


class Interrupt:
    """Whether Ctrl-C was pressed, on any of the ranks: `check` raises KeyboardInterrupt then."""

    def __init__(self, ranks: Alone):
        self.ranks, self.asked = ranks, False

    def check(self) -> None:
        """For places where no step is half done, and that all ranks reach."""
        if self.ranks.any(self.asked):
            raise KeyboardInterrupt


@contextmanager
def interruptible(ranks: Alone) -> Iterator[Interrupt]:
    """Ctrl-C is deferred to the next `check`, so that no half step is saved; a second one stops at
    once. Replaces Python's own handler only, and only in the main thread.
    """
    interrupt, before = Interrupt(ranks), signal.getsignal(signal.SIGINT)

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
