"""The music files of a folder, also those that cannot be read."""

import os
import unicodedata
from os import PathLike
from pathlib import Path

from ...files import quoted
from ..files import MIDI_SUFFIXES, SCORE_SUFFIXES, UnreadableFileError
from ..files.midi import check_size
from . import cache
from .parse import File
from .report import EmptyCorpusError


def find_files(folder: str | PathLike[str]) -> list[File]:
    """The music files in a folder and below, in order of name on every system; no hidden ones.

    A name that is no text keeps its bytes, as surrogates. A folder that cannot be read is in the
    list too. Raises EmptyCorpusError if the list is empty.
    """
    root, suffixes = Path(folder), (*MIDI_SUFFIXES, *SCORE_SUFFIXES)
    if not root.is_dir():
        raise EmptyCorpusError(f"{quoted(root)} is not a folder: name one that holds MIDI files")
    files = []

    def note(error: OSError) -> None:
        path = Path(error.filename)
        files.append(File(f"{path.relative_to(root).as_posix()}/", path))

    for base, folders, names in os.walk(root, onerror=note):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for path in (Path(base, name) for name in names if not name.startswith(".")):
            if path.suffix.lower() in suffixes:
                name = unicodedata.normalize("NFC", path.relative_to(root).as_posix())
                files.append(File(name, path))
    if not files:
        raise EmptyCorpusError(f"no music in {quoted(root)}: want {' '.join(suffixes)}")
    return sorted(files)


def stamp(file: File) -> tuple[str, int, int, bool]:
    """What changes if the file does."""
    try:
        found = file.path.stat()
    except OSError:
        return file.name, -1, -1, False
    return file.name, found.st_size, found.st_mtime_ns, os.access(file.path, os.R_OK)


def with_digest(file: File) -> File:
    """The file with the digest of its content, or with the reason why it cannot be read."""
    try:
        check_size(file.path)
        return file._replace(digest=cache.file_digest(file.path))
    except UnreadableFileError as error:
        return file._replace(unreadable=error.reason)
    except OSError as error:
        return file._replace(unreadable=f"cannot be opened ({error.strerror})")
