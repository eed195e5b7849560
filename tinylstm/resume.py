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

from .alone import Alone
from .files import Header, SavedArrays
from .fits import differences, finite_number
from .layers import State
from .model import NamedArrays, Sequential

MOST_SHARDS = 4096  # that a checkpoint may ask for


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
    weights: NamedArrays = field(default_factory=dict)
    slots: dict[str, NamedArrays] = field(default_factory=dict)
    states: list[State] | None = None

    def arrays(self) -> NamedArrays:
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
    def restore(cls, file: SavedArrays, model: Sequential, epochs: int) -> "Progress":
        """The inverse of `arrays` and `description`, from an open file. Raises ValueError unless
        all of it fits the model, the number of epochs in the history, and itself.
        """
        description = dict(file.description["run"])
        layers, recipe = description.pop("layers"), description.pop("recipe")
        if "threads" in recipe:  # version 0.1 had one shard for each thread
            recipe = {**recipe, "shards": recipe["threads"]}
            del recipe["threads"]
        self = cls(fingerprint=recipe, **description)
        self.check(epochs)
        found = {name: h for name, h in file.headers.items() if name.startswith("run/")}
        slots = {name.split("/")[2] for name in found if name.startswith("run/slots/")}
        wanted: dict[str, Any] = {}
        if not self.finished:
            if self.optimizer_steps and not slots:
                raise ValueError("no slots of the optimizer")
            wanted = {f"run/weights/{path}": array for path, array in model.weights.items()}
            for slot in slots:
                wanted |= {f"run/slots/{slot}/{path}": a for path, a in model.params.items()}
            if layers is not None:
                wanted |= states_wanted(model, layers, found, recipe)
        if wrong := differences(found, wanted, dtypes=True):
            raise ValueError("; ".join(wrong))
        arrays = {name: file.read(name) for name in wanted}
        states: list[list[Any]] = [[] for _ in range(layers or 0)]
        for name, array in arrays.items():
            match name.split("/"):
                case ["run", "weights", path]:
                    self.weights[path] = array
                case ["run", "slots", slot, path]:
                    self.slots.setdefault(slot, {})[path] = array
                case ["run", "states", i, _]:
                    states[int(i)].append(array)
        self.states = None if layers is None else [tuple(state) for state in states]
        return self

    def check(self, epochs: int) -> None:
        """Raise ValueError for a counter or a number that no run could have."""
        counters = ("epoch", "batch", "step", "optimizer_steps")
        for name, value in vars(self).items():
            if name in counters and (type(value) is not int or value < 0):
                raise ValueError(f"{name} is {value!r}: want a whole number")
        whole = "" if self.step == 0 else "first"
        whole += " loss tokens norm seconds" if self.batch else ""
        if not isinstance(self.sums, dict) or not all(map(finite_number, self.sums.values())):
            raise ValueError(f"sums is {self.sums!r}: want numbers")
        if missing := set(whole.split()) - set(self.sums):
            raise ValueError(f"sums lacks {' and '.join(sorted(missing))}")
        if not finite_number(self.learning_rate) or self.learning_rate < 0:
            raise ValueError(f"learning_rate is {self.learning_rate!r}: want a number from 0")
        if type(self.finished) is not bool or not isinstance(self.fingerprint, dict):
            raise ValueError("finished is no truth value, or the recipe no table")
        if self.epoch != epochs:
            raise ValueError(f"{self.epoch} epochs are done, but the history has {epochs}")
        updates = self.epoch + bool(self.batch)  # at least; a step may take several batches
        if self.step < updates or self.optimizer_steps < self.step:
            raise ValueError(f"step is {self.step}, which does not agree with the other counters")
        shards = self.fingerprint.get("shards", 1)  # "threads" in version 0.1
        if type(shards) is not int or not 1 <= shards <= MOST_SHARDS:
            raise ValueError(f"shards is {shards!r}: want 1 to {MOST_SHARDS}")


def states_wanted(
    model: Sequential, layers: Any, found: dict[str, Any], recipe: dict[str, Any]
) -> dict[str, Header]:
    """The states that a file must hold, by name: for each layer those of `initial_state`."""
    if layers != len(model.layers):
        raise ValueError(f"states of {layers!r} layers, not {len(model.layers)}")
    B = next((h.shape[0] for n, h in found.items() if n.startswith("run/states/") and h.shape), 0)
    if recipe.get("data") == "Streams" and B not in (0, recipe.get("streams")):
        raise ValueError(f"states of {B} streams, not {recipe.get('streams')}")
    one = model.initial_states(1)
    return {
        f"run/states/{i}/{j}": Header((B, *array.shape[1:]), array.dtype)
        for i, state in enumerate(one)
        for j, array in enumerate(state)
    }


def check_numbers(epochs: int, clip: float, seed: int) -> None:
    """Raise ValueError for a number with which no run can begin."""
    if epochs < 1:
        raise ValueError(f"epochs is {epochs}: use at least 1")
    if not clip > 0:
        raise ValueError(f"clip is {clip}: use a positive number, or infinity for no clipping")
    if seed < 0:
        raise ValueError(f"seed is {seed}: use 0 or more")


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
    if kept.slots and (odd := kept.slots.keys() ^ run.optimizer.slots.keys()):
        raise ValueError(f"the checkpoint and the optimizer differ in slots {sorted(odd)}")
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
