"""One file for all that a trained model needs, and for all that an unfinished run needs to go on.

An .npz archive of plain arrays and one JSON text; reading it runs no code from it. Arrays whose
name has no slash are the weights to use, the best so far; those below `run/` belong to the run.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .files import FileError, load_arrays, save_arrays
from .layers import State
from .model import Arrays, Sequential


@dataclass
class Progress:
    """Where a run stands. Randomness and the order of the data follow from the counters.

    recipe: what must be the same for the run to go on. epoch: epochs done; batch: batches done in
    the epoch after those; step: batches in all. sums: of the losses, tokens, norms and seconds in
    that epoch. weights, slots, states: the network's, the optimizer's, and those that the next
    batch begins with. A finished run keeps none of the three.
    """

    recipe: dict[str, Any] = field(default_factory=dict)
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
        """The last three, by names such as run/weights/lstm_1.Wh, run/slots/m/lstm_1.Wh."""
        found = {f"run/weights/{path}": array for path, array in self.weights.items()}
        for slot, arrays in self.slots.items():
            found |= {f"run/slots/{slot}/{path}": array for path, array in arrays.items()}
        for i, state in enumerate(self.states or []):
            found |= {f"run/states/{i}/{j}": array for j, array in enumerate(state)}
        return found

    def description(self) -> dict[str, Any]:
        """The rest, as plain data."""
        plain = {k: v for k, v in vars(self).items() if k not in ("weights", "slots", "states")}
        return plain | {"layers": None if self.states is None else len(self.states)}

    @classmethod
    def restore(cls, description: dict[str, Any], arrays: Arrays) -> "Progress":
        """The inverse of `arrays` and `description`."""
        description = dict(description)
        layers = description.pop("layers")
        self = cls(**description)
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


@dataclass
class Checkpoint:
    """What `save_checkpoint` wrote, read again."""

    model: Sequential
    tokenizer: dict[str, Any] | None = None  # its to_config(); music rebuilds it
    history: list[dict[str, float]] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    progress: Progress | None = None


def save_checkpoint(
    path: str | Path,
    model: Sequential,
    tokenizer: dict[str, Any] | None = None,
    history: list[dict[str, float]] | None = None,
    settings: dict[str, Any] | None = None,
    weights: Arrays | None = None,
    progress: Progress | None = None,
) -> None:
    """Write a checkpoint beside `path`, then rename it: a crash leaves the old file or the new one.

    weights: those to keep, if not the model's own. progress: so that a run can go on from here.

    >>> import tempfile
    >>> from tinylstm.layers import LSTM
    >>> path = Path(tempfile.mkdtemp()) / "model.npz"
    >>> save_checkpoint(path, Sequential([LSTM(4)], input_size=2), settings={"temperature": 0.9})
    >>> load_checkpoint(path).settings
    {'temperature': 0.9}
    """
    arrays = dict(model.weights if weights is None else weights)
    description: dict[str, Any] = {
        "format": "tinylstm 1",
        "model": model.config(),
        "tokenizer": tokenizer,
        "history": history or [],
        "settings": settings or {},
    }
    if progress is not None:
        arrays |= progress.arrays()
        description["run"] = progress.description()
    save_arrays(path, arrays, description)


def load_checkpoint(path: str | Path) -> Checkpoint:
    """Read a checkpoint. Raises FileError that names the file and says what is wrong or differs."""
    arrays, description = load_arrays(path)
    found = description.get("format") if isinstance(description, dict) else None
    if found != "tinylstm 1":
        raise FileError(f"{path} has format {found!r}, but this version reads 'tinylstm 1'")
    model = Sequential.from_saved(arrays, description, path)
    try:
        run = description.get("run")
        progress = None if run is None else Progress.restore(run, arrays)
    except (KeyError, TypeError, ValueError) as error:
        raise FileError(f"{path} holds no run that can go on: {error}") from error
    history, settings = description.get("history", []), description.get("settings", {})
    return Checkpoint(model, description.get("tokenizer"), history, settings, progress)
