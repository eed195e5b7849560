"""Atomic file writing: to a temporary file next to the target, then renamed.

Arrays and a JSON description share one .npz file, which is read without pickle, and of which
nothing is believed: its headers are compared with its size before an array is read.
"""

import glob
import json
import math
import os
import shlex
import tempfile
import unicodedata
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy import ndarray

DESCRIPTION = "description.json"  # the member that holds it
LARGEST_DESCRIPTION = 1 << 24  # bytes; its plain data takes some twenty times as much memory
UNPRINTED = ("Cc", "Cf", "Cs", "Zl", "Zp")  # categories of Unicode
READ_HEADER = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


class FileError(Exception):
    """A file cannot be read or written; the message says which, why, and what to do.

    >>> load_arrays("missing.npz")
    Traceback (most recent call last):
    tinylstm.files.FileError: missing.npz does not exist
    """


def printable(text: str) -> str:
    """Text without what a terminal would obey: control characters, and bytes that are no text.

    >>> printable("a\x1b[31mb.mid")
    'a�[31mb.mid'
    """
    return "".join("\ufffd" if unicodedata.category(c) in UNPRINTED else c for c in text)


def quoted(path: str | Path) -> str:
    """A path for a message, in quotes where a shell would need them.

    >>> quoted("out/model.npz"), quoted("my songs/model.npz")
    ('out/model.npz', "'my songs/model.npz'")
    """
    return shlex.quote(printable(str(path)))


def cache_folder() -> Path:
    """The folder for data that can be recomputed: $TINYLSTM_CACHE, or the system's cache folder."""
    if named := os.environ.get("TINYLSTM_CACHE"):
        return Path(named)
    from platformdirs import user_cache_path

    return user_cache_path("tinylstm", appauthor=False)


@contextmanager
def replacing(path: str | Path) -> Iterator[IO[bytes]]:
    """Open a binary file that replaces `path` if the block ends without an error.

    Raises FileError if it cannot be written; the old file is then unchanged. What a writer that was
    killed has left beside it is removed.
    """
    path = Path(path)
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep(path)
        file, temporary = beside(path)
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            os.chmod(temporary, 0o666 & ~current_umask())
            os.replace(temporary, path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)


def cannot_write(path: str | Path, error: OSError) -> FileError:
    """The error for a place that cannot be written."""
    return FileError(f"cannot write {quoted(path)}: {error.strerror or error}")


def beside(path: Path) -> tuple[IO[bytes], str]:
    """A new file in the same folder, locked while it is open, so that `sweep` leaves it alone."""
    while True:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        lock(descriptor, wait=True)
        if os.fstat(descriptor).st_nlink:  # else it was swept before it was locked
            return os.fdopen(descriptor, "wb"), name
        os.close(descriptor)


def sweep(path: Path) -> None:
    """Remove the temporary files of writers of `path` that were killed."""
    for stale in path.parent.glob(f".{glob.escape(path.name)}.*"):
        with suppress(OSError), open(stale, "rb") as file:
            if lock(file.fileno()):
                stale.unlink()


def lock(descriptor: int, wait: bool = False) -> bool:
    """Lock an open file or folder until it is closed, or its process ends in whatever way; False
    if another process has the lock. Where there is no `flock`, as on Windows, nothing is locked.
    """
    try:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except (ImportError, OSError):
        pass
    return True


@contextmanager
def alone_with(path: Path) -> Iterator[None]:
    """A block that one process at a time can enter for a file to be written, and for its folder.

    The lock is the system's, on the folder itself: no file is left behind, also by a process that
    is killed. Raises FileError that names the process that is there already.
    """
    check_writable(path)
    folder = path.parent
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows opens no folders
        yield
        return
    try:
        if not lock(descriptor):
            who = holder(os.fstat(descriptor)) or "another process"
            raise FileError(
                f"{quoted(folder)} is in use by {who}, which trains there: wait until it has "
                "ended, or choose another folder"
            )
        yield
    finally:
        os.close(descriptor)


def holder(found: os.stat_result) -> str:
    """The process that has locked a file or folder, as Linux tells; empty if it does not."""
    place = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    with suppress(OSError):
        for line in Path("/proc/locks").read_text().splitlines():
            parts = line.split()
            if place in parts and parts[1] == "FLOCK" and int(parts[4]) > 0:
                return f"process {parts[4]}"
    return ""


def check_writable(path: str | Path) -> None:
    """Raise FileError unless a file could be written at `path`; makes its folder if missing."""
    folder = Path(path).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise cannot_write(path, error) from error
    if Path(path).is_dir():
        raise FileError(f"cannot write {quoted(path)}: it is a folder")


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
    try:
        text = json.dumps(description, allow_nan=False).encode()
    except ValueError as error:  # other programs cannot read NaN, and neither does `opened`
        raise FileError(
            f"cannot write {quoted(path)}: its description holds NaN: {error}"
        ) from error
    with replacing(path) as file:
        np.savez(file, **{DESCRIPTION: np.frombuffer(text, np.uint8)}, **arrays)  # type: ignore[arg-type]


def load_arrays(path: str | Path) -> tuple[dict[str, ndarray], dict[str, Any]]:
    """Read a file of `save_arrays`. Raises FileError for any other file; runs no code from it."""
    with opened(path) as file:
        return {name: file.read(name) for name in file.headers}, file.description


class Header(NamedTuple):
    """What a file says about an array before its numbers are read."""

    shape: tuple[int, ...]
    dtype: np.dtype


class SavedArrays:
    """An open file of `save_arrays`. Its description and all headers have been read and compared
    with the file's size; an array is read when `read` is called.
    """

    def __init__(self, archive: zipfile.ZipFile):
        self.archive = archive
        self.headers: dict[str, Header] = {}
        for info in archive.infolist():
            name = info.filename.removesuffix(".npy")
            if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
                raise ValueError(f"{name} is compressed, which tinylstm never writes")
            if name in self.headers:
                raise ValueError(f"it holds {name} twice")
            with archive.open(info) as member:
                self.headers[name] = header(member, name, info.file_size)
        if DESCRIPTION not in self.headers:
            raise ValueError("it has no description")
        found = self.headers.pop(DESCRIPTION)
        if found.dtype != np.uint8 or math.prod(found.shape) > LARGEST_DESCRIPTION:
            raise ValueError(f"its description is {found.dtype} {found.shape}, not text")
        text = self.read(DESCRIPTION).tobytes()
        self.description = json.loads(text, parse_constant=refused)

    def read(self, name: str) -> ndarray:
        """The array. Raises ValueError if it holds NaN or infinity."""
        with self.archive.open(f"{name}.npy") as member:
            array = np.lib.format.read_array(member, allow_pickle=False)
        if array.dtype.kind in "fc" and not np.isfinite(array).all():
            raise ValueError(f"{name} holds NaN or infinity")
        return array


def header(member: IO[bytes], name: str, size: int) -> Header:
    """Read the header of an array that takes `size` bytes of a file in all."""
    version = np.lib.format.read_magic(member)
    if version not in READ_HEADER:
        raise ValueError(f"{name} has an array format {version}, which tinylstm never writes")
    shape, _, dtype = READ_HEADER[version](member)
    if dtype.kind not in "biufc" or min(shape, default=0) < 0:
        raise ValueError(f"{name} holds {dtype} {shape}, not numbers")
    if member.tell() + math.prod(shape) * dtype.itemsize != size:
        raise ValueError(f"{name} says it is {dtype} {shape}, but has another size")
    return Header(shape, dtype)


def refused(constant: str) -> None:
    """For JSON's NaN and infinity."""
    raise ValueError(f"its description holds {constant}")


@contextmanager
def opened(path: str | Path) -> Iterator[SavedArrays]:
    """Open a file of `save_arrays`. Whatever goes wrong in the block is a FileError that names it:
    a file from a stranger makes zipfile, the parsers and NumPy raise errors of every kind.
    """
    try:
        if os.path.isdir(path):
            raise FileError(f"{quoted(path)} is a folder, not a checkpoint file")
        if not os.path.isfile(path) and os.path.exists(path):
            raise FileError(f"{quoted(path)} is not a file on disk")
        with zipfile.ZipFile(path) as archive:
            yield SavedArrays(archive)
    except FileError:
        raise
    except FileNotFoundError as error:
        raise FileError(f"{quoted(path)} does not exist") from error
    except Exception as error:
        why = str(error) or type(error).__name__
        raise FileError(
            f"{quoted(path)} is damaged, or was not written by tinylstm: {why}"
        ) from error
