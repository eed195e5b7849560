"""Save and load: one .npz file for a trained model, and for a run that is to go on.

Plain arrays and one JSON text; reading it runs no code. Arrays whose name has no slash are the
weights to use, the best so far; those below `run/` belong to the unfinished run. Next: resume.py.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .files import FileError, opened, quoted
from .fits import finite_number
from .model import NamedArrays, Sequential
from .resume import Progress

KINDS = {"tokenizer": dict, "history": list, "settings": dict, "run": dict}  # may be missing


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
    weights: NamedArrays | None = None,
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
    with opened(path) as file:
        description = file.description
        found = description.get("format") if isinstance(description, dict) else None
        if found != "tinylstm 1":
            raise FileError(
                f"{quoted(path)} has format {found!r}, but this version reads 'tinylstm 1'"
            )
        plain = {name: description.get(name) or kind() for name, kind in KINDS.items()}
        check_plain(plain, path)
        model = Sequential.from_saved(file, path)
        try:
            run, history = description.get("run"), plain["history"]
            if run is None and (odd := [name for name in file.headers if "/" in name]):
                raise ValueError(f"unknown {odd[0]}")
            progress = None if run is None else Progress.restore(file, model, len(history))
        except (KeyError, TypeError, ValueError) as error:
            raise FileError(f"{quoted(path)} holds no run that can go on: {error}") from error
    return Checkpoint(model, description.get("tokenizer"), history, plain["settings"], progress)


def check_plain(plain: dict[str, Any], path: str | Path) -> None:
    """Raise FileError unless each part of the description has its type, and history numbers."""
    odd = [name for name, kind in KINDS.items() if type(plain[name]) is not kind]
    if not odd and not all(
        isinstance(entry, dict) and "loss" in entry and all(map(finite_number, entry.values()))
        for entry in plain["history"]
    ):
        odd = ["history"]
    for name in odd:
        raise FileError(f"{quoted(path)} is damaged: its {name} is {plain[name]!r:.60}")
