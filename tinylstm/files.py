"""Atomic file writing: to a temporary file next to the target, then renamed.

Arrays and a JSON description share one .npz file, which is read without pickle.
"""

import json
import os
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy import ndarray


class FileError(Exception):
    """A file cannot be read or written; the message says which, why, and what to do.

    >>> load_arrays("missing.npz")
    Traceback (most recent call last):
    tinylstm.files.FileError: missing.npz does not exist
    """


def cache_folder() -> Path:
    """The folder for data that can be recomputed: $TINYLSTM_CACHE, or the system's cache folder."""
    if named := os.environ.get("TINYLSTM_CACHE"):
        return Path(named)
    from platformdirs import user_cache_path

    return user_cache_path("tinylstm", appauthor=False)


@contextmanager
def replacing(path: str | Path) -> Iterator[IO[bytes]]:
    """Open a binary file that replaces `path` if the block ends without an error.

    Raises FileError if it cannot be written; the old file is then unchanged.
    """
    path = Path(path)
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~current_umask())
        os.replace(temporary, path)
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)


def current_umask() -> int:
    """The permission bits that new files must not have."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def save_arrays(path: str | Path, arrays: dict[str, ndarray], description: dict[str, Any]) -> None:
    """Write arrays and a description that JSON can hold to one .npz file. Raises FileError.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.npz"
    >>> save_arrays(path, {"w": np.arange(3)}, {"kind": "example"})
    >>> load_arrays(path)
    ({'w': array([0, 1, 2])}, {'kind': 'example'})
    """
    text = np.frombuffer(json.dumps(description).encode(), np.uint8)
    with replacing(path) as file:
        np.savez(file, **{"description.json": text}, **arrays)  # type: ignore[arg-type]


def load_arrays(path: str | Path) -> tuple[dict[str, ndarray], dict[str, Any]]:
    """Read a file of `save_arrays`. Raises FileError for any other file; runs no code from it."""
    try:
        with open(path, "rb") as stream:
            if not zipfile.is_zipfile(stream):
                raise zipfile.BadZipFile("not a complete .npz archive")
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        description = json.loads(arrays.pop("description.json").tobytes())
    except FileNotFoundError as error:
        raise FileError(f"{path} does not exist") from error
    except IsADirectoryError as error:
        raise FileError(f"{path} is a folder, not a checkpoint file") from error
    except (
        OSError, ValueError, KeyError, AttributeError, TypeError, EOFError, zipfile.BadZipFile,
    ) as error:  # fmt: skip
        raise FileError(f"{path} is damaged, or was not written by tinylstm: {error}") from error
    return arrays, description
