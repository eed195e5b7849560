"""Save and load: one .npz file for a trained model, and for a run that is to go on.

Plain arrays and one JSON text; reading it runs no code. Arrays whose name has no slash are the
weights to use, the best so far; those below `run/` belong to the unfinished run. Next: resume.py.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .files import FileError, load_arrays
from .model import Arrays, Sequential
from .resume import Progress


@dataclass
class Checkpoint:
    """What `save_checkpoint` wrote, read again.

    >>> from tinylstm.layers import LSTM
    >>> Checkpoint(Sequential([LSTM(4)], input_size=2), settings={"temperature": 0.9}).history
    []
    """

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
    """Write a checkpoint; a crash leaves the old file or the new one.

    weights: those to keep, if not the model's own. progress: so that a run can go on from here.
    tokenizer, history, settings: plain data, returned by `load_checkpoint`.

    >>> import tempfile
    >>> from tinylstm.layers import LSTM
    >>> path = Path(tempfile.mkdtemp()) / "model.npz"
    >>> save_checkpoint(path, Sequential([LSTM(4)], input_size=2), settings={"temperature": 0.9})
    >>> load_checkpoint(path).settings
    {'temperature': 0.9}
    """
    run = {} if progress is None else {"run": progress.description()}
    arrays = (model.weights if weights is None else weights) | (progress or Progress()).arrays()
    plain = {"tokenizer": tokenizer, "history": history or [], "settings": settings or {}}
    model.save(path, arrays, **plain, **run)


def load_checkpoint(path: str | Path) -> Checkpoint:
    """Read a checkpoint. Raises FileError that names the file and says what is wrong or differs.

    >>> load_checkpoint("missing.npz")
    Traceback (most recent call last):
    tinylstm.files.FileError: missing.npz does not exist
    """
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
