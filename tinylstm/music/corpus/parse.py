"""From files to symbols, in worker processes that can be killed.

A file that hangs, crashes its process or is not music costs at most its time limit and comes back
with the reason instead of symbols.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy import ndarray

from ..files import MIDI_SUFFIXES, UnreadableFileError, read_music
from ..tokenizers.base import Tokenizer
from .duplicates import signature
from .report import FileReport

if TYPE_CHECKING:
    from pebble import ProcessFuture

_SMALL = 200_000  # bytes of MIDI that are parsed sooner than a second process starts
_AHEAD = 32  # files per process that are scheduled before the results of earlier ones are taken


class File(NamedTuple):
    """A music file. Reports call it by `name`, its path below the corpus folder."""

    name: str
    path: Path
    digest: str = ""  # SHA-256 of its content


class Parsed(NamedTuple):
    """What one file gave: its report, its symbols (T,), and the signature (128,) of its notes."""

    report: FileReport
    symbols: ndarray
    signature: ndarray


def parse_file(file: File, tokenizer: Tokenizer) -> Parsed:
    """Read a file and turn its notes into symbols. Never raises for what the file contains."""
    try:
        piece = read_music(file.path, file.name)
        symbols = tokenizer.symbols(piece)
    except UnreadableFileError as error:
        return _skipped(file, error.reason)
    except Exception as error:  # our own fault, perhaps: so it is tried again
        return _skipped(file, f"{type(error).__name__}: {error}", tried=0.0)
    moved = abs(tokenizer.rounding(piece))  # (N,)
    nothing = "its notes give no tokens"
    if getattr(tokenizer, "instruments", None) == "piano":
        nothing = "no piano in it (instruments='all' would take the rest)"
    report = FileReport(
        name=file.name,
        digest=file.digest,
        notes_in_file=piece.notes_in_file,
        notes_kept=tokenizer.notes_kept(piece, symbols),
        tokens=len(symbols),
        tempo=piece.tempo,
        rounding=float(moved.mean()) if len(moved) else 0.0,
        skipped=None if len(symbols) else nothing,
        faults=list(piece.faults),
    )
    return Parsed(report, symbols, signature(piece.notes, file.digest))


def _skipped(file: File, why: str, tried: float | None = None) -> Parsed:
    report = FileReport(file.name, file.digest, skipped=why, tried=tried)
    return Parsed(report, np.zeros(0, np.int32), signature([], file.digest))


def parse_files(
    files: Sequence[File], tokenizer: Tokenizer, workers: int | None = None, limit: float = 60.0
) -> Iterator[tuple[File, Parsed]]:
    """Yield each file with its result, in the order given.

    workers: processes, by default one per core. limit: seconds per file, after which its process
    is killed. A few small MIDI files are parsed right here, without processes or a limit.
    """
    midi = all(file.path.suffix.lower() in MIDI_SUFFIXES for file in files)  # scores can be slow
    if midi and sum(file.path.stat().st_size for file in files) < _SMALL:
        yield from ((file, parse_file(file, tokenizer)) for file in files)
        return
    from joblib import cpu_count  # respects CPU affinity and container limits
    from joblib.externals.loky.backend import get_context
    from pebble import ProcessPool

    workers = min(workers or cpu_count(), len(files))
    context = get_context("loky")  # its processes do not run the caller's script again
    with ProcessPool(workers, max_tasks=1000, context=context) as pool:
        task = (pool.schedule(parse_file, (file, tokenizer), timeout=limit) for file in files)
        scheduled = zip(files, task, strict=True)
        waiting = deque(islice(scheduled, _AHEAD * workers))
        try:
            while waiting:
                yield _result(*waiting.popleft(), limit)
                waiting.extend(islice(scheduled, 1))
        except BaseException:
            pool.stop()
            raise


def _result(file: File, future: "ProcessFuture", limit: float) -> tuple[File, Parsed]:
    from pebble import ProcessExpired

    try:
        return file, future.result()
    except TimeoutError:
        return file, _skipped(file, f"gave up after {limit:g} seconds", limit)
    except (ProcessExpired, MemoryError) as error:
        return file, _skipped(file, f"its process died ({error})", limit)
