"""The music files of a folder, also those that cannot be read, and the tunes of each book.

A folder may also be one of the corpus that music21 installs: "music21:bach".
"""

import hashlib
import os
import unicodedata
from collections.abc import Iterator
from importlib.util import find_spec
from os import PathLike
from pathlib import Path

from ...files import quoted
from ..files import MIDI_SUFFIXES, SCORE_SUFFIXES, UnreadableFileError
from ..files.midi import check_size
from ..files.scores import tunes_of
from . import cache
from .parse import File
from .report import EmptyCorpusError

MUSIC21 = "music21:"
_NOTES = "license.txt"  # what music21 calls its notes on licences


def folder_of(name: str | PathLike[str]) -> Path:
    """The folder that a name stands for: itself, or after "music21:" one of music21's corpus.

    Raises EmptyCorpusError, with all names, if music21 has no such folder.

    >>> folder_of("my_songs"), folder_of("music21:bach").parts[-3:]
    (PosixPath('my_songs'), ('music21', 'corpus', 'bach'))
    """
    if not str(name).startswith(MUSIC21):
        return Path(name)
    root = _music21_corpus()
    folder = (root / str(name).removeprefix(MUSIC21)).resolve()
    if not folder.is_dir() or root not in folder.parents:
        names = sorted(f"{path.name} ({n})" for path in root.iterdir() if (n := _count(path)))
        raise EmptyCorpusError(
            f"{quoted(Path(name))} is not a folder of music21's corpus; with their music files, "
            f"they are: {', '.join(names) or 'none (this music21 comes without its corpus)'}"
        )
    return folder


def licence_of(folder: Path) -> str:
    """The notes on licences that hold for a folder of music21's corpus; empty for any other.

    >>> licence_of(folder_of("music21:bach")).splitlines()[0]
    'The music21 creators assume no copyright or change in licensing'
    """
    root, folder = _music21_corpus(), folder.resolve()
    above = [path for path in [*reversed(folder.parents), folder] if path.is_relative_to(root)]
    notes = [path / _NOTES for path in above if (path / _NOTES).is_file()]
    text = "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in notes)
    lines = [line.strip("#- ").removeprefix("Purpose:").strip() for line in text.splitlines()]
    return "\n".join(line for line in lines if line and not line.startswith("Name:"))


def _music21_corpus() -> Path:
    found = find_spec("music21")  # without importing it
    assert found and found.origin
    return Path(found.origin).resolve().parent / "corpus"


def _count(folder: Path) -> int:
    """The music files in a folder and below."""
    return sum(path.suffix.lower() in SCORE_SUFFIXES for path in folder.rglob("*"))


def find_files(folder: str | PathLike[str]) -> list[File]:
    """The music files in a folder and below, in order of name on every system; no hidden ones.

    A file with several tunes (ABC) gives one entry for each, with the digest of its text. A name
    that is no text keeps its bytes, as surrogates. A folder that cannot be read is in the list too.
    Raises EmptyCorpusError if the list is empty.
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
                files += _tunes(File(name, path))
    if not files:
        raise EmptyCorpusError(f"no music in {quoted(root)}: want {' '.join(suffixes)}")
    return sorted(files)


def _tunes(file: File) -> Iterator[File]:
    """Each tune of a book of tunes, or the file itself."""
    tunes = []
    if file.path.suffix.lower() == ".abc":
        try:
            check_size(file.path)
            tunes = tunes_of(file.path.read_bytes())
        except (UnreadableFileError, OSError):  # said when it is read
            pass
    if len(tunes) < 2:
        yield file
        return
    for number, (title, text) in enumerate(tunes):
        name = f"{file.name}#{number + 1:04d} {title}".strip()
        yield File(name, file.path, hashlib.sha256(text).hexdigest(), tune=number)


def stamp(file: File) -> tuple[str, int, int, bool]:
    """What changes if the file does."""
    try:
        found = file.path.stat()
    except OSError:
        return file.name, -1, -1, False
    return file.name, found.st_size, found.st_mtime_ns, os.access(file.path, os.R_OK)


def with_digest(file: File) -> File:
    """The file with the digest of its content, or with the reason why it cannot be read."""
    if file.digest:
        return file
    try:
        check_size(file.path)
        return file._replace(digest=cache.file_digest(file.path))
    except UnreadableFileError as error:
        return file._replace(unreadable=error.reason)
    except OSError as error:
        return file._replace(unreadable=f"cannot be opened ({error.strerror})")
