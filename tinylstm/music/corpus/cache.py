"""The cache of parsed music: what was read from a file is never read again.

One SQLite file holds it, in the folder that the environment variable TINYLSTM_CACHE names, else
where the system keeps caches. It is a cache: it can be deleted at any time, and a damaged one is
rebuilt. It contains the pieces, so it is as free or as protected as they are.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from ... import __version__
from ...files import FileError, cache_folder

READER = 1  # raise it when reading changes what it makes of the same file
_LAYOUT = 1  # raise it with the tables
_SCHEMA = """
CREATE TABLE IF NOT EXISTS files (path TEXT PRIMARY KEY, size INT, mtime INT, digest TEXT);
CREATE TABLE IF NOT EXISTS parsed (key TEXT PRIMARY KEY, facts TEXT, symbols BLOB, signature BLOB);
"""


def reader_version() -> str:
    """What a cached reading depends on, besides the file."""
    try:
        music21 = version("music21")
    except PackageNotFoundError:
        music21 = "none"
    return f"tinylstm {__version__}, reader {READER}, music21 {music21}"


@dataclass
class Parsed:
    """What one file gave: its symbols, or the reason why there are none."""

    symbols: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int32))  # (T,)
    signature: np.ndarray = field(default_factory=lambda: np.zeros(0, np.uint32))  # of its grams
    notes_in_file: int = 0
    notes_kept: int = 0
    length: float = 0.0  # quarter notes
    tempo: float = 0.0  # at the beginning, as are the next two
    time_signature: str = ""
    key: str | None = None
    rounding: float = 0.0  # quarter notes by which an onset is moved to the grid, on average
    skipped: str | None = None
    faults: list[str] = field(default_factory=list)
    limit: float | None = None  # seconds after which it was given up; only more are worth a try

    def facts(self) -> dict[str, Any]:
        """Everything but the arrays."""
        arrays = ("symbols", "signature")
        return {name: value for name, value in vars(self).items() if name not in arrays}


class Store:
    """Parsed files by content hash, tokenizer and version; file hashes by path, size and time."""

    def __init__(self, folder: Path | None = None) -> None:
        self.path = (folder or cache_folder()) / f"music.{_LAYOUT}.sqlite"
        self._version = reader_version()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._open()
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError:
                self.discard()
                self._open()
        except (sqlite3.OperationalError, OSError) as error:
            advice = "set TINYLSTM_CACHE to a folder that can be written"
            raise FileError(
                f"cannot keep parsed music in {self.path}: {error}: {advice}"
            ) from error

    def discard(self) -> None:
        """Throw everything away."""
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self.path}{suffix}").unlink(missing_ok=True)

    def _open(self) -> None:
        self._base = sqlite3.connect(self.path, timeout=60)
        with suppress(sqlite3.OperationalError):  # not every file system can
            self._base.execute("PRAGMA journal_mode=WAL")
        self._base.execute("PRAGMA synchronous=NORMAL")
        self._base.executescript(_SCHEMA)
        self._base.commit()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *exception: object) -> None:
        with suppress(sqlite3.DatabaseError):
            self._base.commit()
        self._base.close()

    def commit(self) -> None:
        """Make everything put so far survive a crash."""
        self._base.commit()

    def digests(self, paths: Iterable[Path]) -> Iterator[str]:
        """The SHA-256 of each file; read only if its size or time of change is new."""
        for path in paths:
            stat = path.stat()
            known = self._base.execute(
                "SELECT digest FROM files WHERE path=? AND size=? AND mtime=?",
                (os.path.abspath(path), stat.st_size, stat.st_mtime_ns),
            ).fetchone()
            if known:
                yield known[0]
                continue
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            self._base.execute(
                "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)",
                (os.path.abspath(path), stat.st_size, stat.st_mtime_ns, digest),
            )
            yield digest
        self.commit()

    def _key(self, digest: str, tokenizer: str) -> str:
        return f"{digest} {tokenizer} ({self._version})"

    def get(self, digest: str, tokenizer: str) -> Parsed | None:
        """What was parsed of a file, or None if it has to be parsed (again)."""
        row = self._base.execute(
            "SELECT facts, symbols, signature FROM parsed WHERE key=?",
            (self._key(digest, tokenizer),),
        ).fetchone()
        if row is None:
            return None
        try:
            symbols = np.frombuffer(zlib.decompress(row[1]), "<i4")
            signature = np.frombuffer(zlib.decompress(row[2]), "<u4")
            return Parsed(symbols, signature, **json.loads(row[0]))
        except (zlib.error, ValueError, TypeError):
            key = self._key(digest, tokenizer)
            self._base.execute("DELETE FROM parsed WHERE key=?", (key,))
            return None

    def has(self, digest: str, tokenizer: str, limit: float) -> bool:
        """Whether `get` would give something, and not only that a shorter limit was too short."""
        row = self._base.execute(
            "SELECT json_extract(facts, '$.limit') FROM parsed WHERE key=?",
            (self._key(digest, tokenizer),),
        ).fetchone()
        return row is not None and (row[0] is None or row[0] >= limit)

    def put(self, digest: str, tokenizer: str, parsed: Parsed) -> None:
        """Keep what was parsed of a file; `commit` makes it last."""
        symbols = zlib.compress(parsed.symbols.astype("<i4").tobytes(), 1)
        signature = zlib.compress(parsed.signature.astype("<u4").tobytes(), 1)
        self._base.execute(
            "INSERT OR REPLACE INTO parsed VALUES (?, ?, ?, ?)",
            (self._key(digest, tokenizer), json.dumps(parsed.facts()), symbols, signature),
        )
