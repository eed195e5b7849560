"""One file for all that a trained model needs: weights, configuration, vocabulary, history.

An .npz archive of plain arrays and one JSON text; reading it runs no code from it.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .files import FileError, load_arrays
from .model import Sequential


@dataclass
class Checkpoint:
    """What `save_checkpoint` wrote, read again."""

    model: Sequential
    tokenizer: dict[str, Any] | None = None  # its to_config(); music rebuilds it
    history: list[dict[str, float]] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)


def save_checkpoint(
    path: str | Path,
    model: Sequential,
    tokenizer: dict[str, Any] | None = None,
    history: list[dict[str, float]] | None = None,
    settings: dict[str, Any] | None = None,
) -> None:
    """Write a checkpoint beside `path`, then rename it: a crash leaves the old file or the new one.

    >>> import tempfile
    >>> from tinylstm.layers import LSTM
    >>> path = Path(tempfile.mkdtemp()) / "model.npz"
    >>> save_checkpoint(path, Sequential([LSTM(4)], input_size=2), settings={"temperature": 0.9})
    >>> load_checkpoint(path).settings
    {'temperature': 0.9}
    """
    model.save(path, tokenizer=tokenizer, history=history or [], settings=settings or {})


def load_checkpoint(path: str | Path) -> Checkpoint:
    """Read a checkpoint. Raises FileError that names the file and says what is wrong or differs."""
    arrays, description = load_arrays(path)
    if description.get("format") != "tinylstm 1":
        raise FileError(
            f"{path} has format {description.get('format')!r}, but this version reads 'tinylstm 1'"
        )
    return Checkpoint(
        Sequential.from_saved(arrays, description, path),
        description.get("tokenizer"),
        description.get("history", []),
        description.get("settings", {}),
    )
