"""From files to symbols, in parallel processes that can be stopped.

A file that hangs, crashes its process or is no music costs its time limit at most, and comes back
as a reason instead of symbols.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from tinylstm.music.notes import Piece
from tinylstm.music.store import Parsed

SUFFIXES = (".mid", ".midi")
_SMALL = 200_000  # bytes: less is parsed sooner than a second process starts


class Symbolizer(Protocol):
    """The half of a tokenizer that needs no vocabulary."""

    def symbols(self, piece: Piece) -> np.ndarray:
        """The piece as integers (T,)."""

    def notes_kept(self, piece: Piece, symbols: np.ndarray) -> int:
        """How many of the piece's notes the symbols stand for."""


class File(NamedTuple):
    """A file of a folder, and its name in reports: its path below that folder."""

    name: str
    path: Path


def parse_file(file: File, tokenizer: Symbolizer) -> Parsed:
    """Read one file and make symbols of it; never raises for what is in the file."""
    from tinylstm.music.midi import UnreadableFileError, read_midi

    try:
        piece = read_midi(file.path, file.name)
        symbols = tokenizer.symbols(piece)
    except UnreadableFileError as error:
        return Parsed(skipped=error.reason)
    except (Exception, RecursionError) as error:
        return Parsed(skipped=f"{type(error).__name__}: {error}")
    return Parsed(
        symbols=symbols,
        notes_in_file=piece.notes_in_file,
        notes_kept=tokenizer.notes_kept(piece, symbols),
        length=piece.length,
        skipped=None if len(symbols) else "its notes give no tokens",
        faults=list(piece.faults),
    )


def parse_files(
    files: Sequence[File], tokenizer: Symbolizer, workers: int | None = None, limit: float = 60.0
) -> Iterator[tuple[File, Parsed]]:
    """Every file and what became of it, as they are done; `limit` is in seconds for each file."""
    workers = workers or os.cpu_count() or 1
    if sum(file.path.stat().st_size for file in files) < _SMALL:
        for file in files:
            yield file, parse_file(file, tokenizer)
        return
    from pebble import ProcessExpired, ProcessPool

    context = multiprocessing.get_context(
        "spawn"
    )  # the same on every system, and safe with threads
    with ProcessPool(max_workers=min(workers, len(files)), context=context) as pool:
        futures = [pool.schedule(parse_file, (file, tokenizer), timeout=limit) for file in files]
        try:
            for file, future in zip(files, futures, strict=True):
                try:
                    yield file, future.result()
                except TimeoutError:
                    reason = f"gave up after {limit:g} seconds"
                    yield file, Parsed(skipped=reason, limit=limit)
                except ProcessExpired as error:
                    yield file, Parsed(skipped=f"its process died ({error})", limit=limit)
        except BaseException:
            pool.stop()
            raise
