"""From files to symbols, in parallel processes that can be stopped.

A file that hangs, crashes its process or is no music costs its time limit at most, and comes back
as a reason instead of symbols.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..files import (
    MIDI_SUFFIXES,
    SCORE_SUFFIXES,
    UnreadableFileError,
    read_music,
)
from ..tokenizers.base import Tokenizer
from .cache import Parsed
from .duplicates import signature

if TYPE_CHECKING:
    from pebble import ProcessFuture

SUFFIXES = (*MIDI_SUFFIXES, *SCORE_SUFFIXES)
_SMALL = 200_000  # bytes of MIDI: less is parsed sooner than a second process starts
_AHEAD = 32  # files for each process that may wait for an earlier one to be done


class File(NamedTuple):
    """A file of a folder, and its name in reports: its path below that folder."""

    name: str
    path: Path


def parse_file(file: File, tokenizer: Tokenizer) -> Parsed:
    """Read one file and make symbols of it; never raises for what is in the file."""
    try:
        piece = read_music(file.path, file.name)
        symbols = tokenizer.symbols(piece)
    except UnreadableFileError as error:
        return Parsed(skipped=error.reason)
    except (Exception, RecursionError) as error:
        return Parsed(skipped=f"{type(error).__name__}: {error}", limit=0.0)  # tried again
    moved = abs(tokenizer.rounding(piece))
    beats, unit = piece.time_signature
    return Parsed(
        symbols=symbols,
        signature=signature(piece.notes),
        notes_in_file=piece.notes_in_file,
        notes_kept=tokenizer.notes_kept(piece, symbols),
        length=round(piece.length, 3),
        tempo=piece.tempo,
        time_signature=f"{beats}/{unit}",
        key=piece.key,
        rounding=float(moved.mean()) if len(moved) else 0.0,
        skipped=None if len(symbols) else _why_nothing(tokenizer),
        faults=list(piece.faults),
    )


def _why_nothing(tokenizer: Tokenizer) -> str:
    if getattr(tokenizer, "instruments", None) == "piano":
        return "no piano in it (instruments='all' would take the rest)"
    return "its notes give no tokens"


def parse_files(
    files: Sequence[File], tokenizer: Tokenizer, workers: int | None = None, limit: float = 60.0
) -> Iterator[tuple[File, Parsed]]:
    """Every file and what became of it, in order; `limit` is in seconds for each file.

    One that takes longer is given up, and its process killed.
    """
    if _is_small(files):
        for file in files:
            yield file, parse_file(file, tokenizer)
        return
    from joblib import cpu_count  # those we may use: affinity and container limits count
    from joblib.externals.loky.backend import get_context
    from pebble import ProcessPool

    workers = min(workers or cpu_count(), len(files))
    context = get_context("loky")  # new processes that do not run the caller's script again
    waiting: deque[tuple[File, ProcessFuture]] = deque()
    with ProcessPool(workers, max_tasks=1000, context=context) as pool:
        try:
            for file in files:
                waiting.append((file, pool.schedule(parse_file, (file, tokenizer), timeout=limit)))
                if len(waiting) >= _AHEAD * workers:
                    yield _result(*waiting.popleft(), limit)
            while waiting:
                yield _result(*waiting.popleft(), limit)
        except BaseException:
            pool.stop()
            raise


def _is_small(files: Sequence[File]) -> bool:
    """Whether all is done in a moment: notation can take any time, and MIDI only by its size."""
    midi = all(file.path.suffix.lower() in MIDI_SUFFIXES for file in files)
    return midi and sum(file.path.stat().st_size for file in files) < _SMALL


def _result(file: File, future: ProcessFuture, limit: float) -> tuple[File, Parsed]:
    from pebble import ProcessExpired

    try:
        return file, future.result()
    except TimeoutError:
        return file, Parsed(skipped=f"gave up after {limit:g} seconds", limit=limit)
    except (ProcessExpired, MemoryError) as error:
        return file, Parsed(skipped=f"its process died ({error})", limit=limit)
