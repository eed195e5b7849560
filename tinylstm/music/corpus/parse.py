"""From files to symbols, in worker processes that can be killed.

A file that hangs, crashes its process or is not music costs at most its time limit and comes back
with the reason instead of symbols.
"""

import signal
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy import ndarray

from ..files import MIDI_SUFFIXES, UnreadableFileError, read_music
from ..tokenizers.base import Tokenizer
from .duplicates import signature
from .report import FileReport

if TYPE_CHECKING:
    from pebble import ProcessFuture

MOST_TOKENS = 2_000_000  # of a file: a day of music
MEMORY = 1 << 30  # bytes a worker may take for a file
_SMALL = 200_000  # bytes of MIDI that are parsed sooner than a second process starts
_AHEAD = 32  # files per process that are scheduled before the results of earlier ones are taken


class File(NamedTuple):
    """A music file, or a tune of one. `name` is its path below the corpus folder, for reports."""

    name: str
    path: Path
    digest: str = ""  # SHA-256 of its content
    unreadable: str = ""  # why it has none
    tune: int | None = None  # which one, if the file is a book of tunes


class Parsed(NamedTuple):
    """What one file gave: its report, its symbols (T,), and the signature (128,) of its notes."""

    report: FileReport
    symbols: ndarray
    signature: ndarray


def parse_file(file: File, tokenizer: Tokenizer) -> Parsed:
    """Read a file and turn its notes into symbols. Never raises for what the file contains."""
    try:
        piece = read_music(file.path, file.name, file.tune)
        symbols = tokenizer.symbols(piece)
        if len(symbols) > MOST_TOKENS:
            return skipped(file, f"gives {len(symbols)} tokens, more than {MOST_TOKENS}: cut it")
    except UnreadableFileError as error:
        return skipped(file, error.reason)
    except MemoryError:
        return skipped(file, f"needs more than {MEMORY >> 30} GB of memory")
    except Exception as error:  # our own fault, perhaps: so it is tried again
        return skipped(file, f"{type(error).__name__}: {error}", tried=0.0)
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
        bar=piece.bar,
        rounding=float(moved.mean()) if len(moved) else 0.0,
        skipped=None if len(symbols) else nothing,
        faults=list(piece.faults),
    )
    return Parsed(report, symbols, signature(piece.notes, symbols.tobytes().hex()))


def skipped(file: File, why: str, tried: float | None = None) -> Parsed:
    """What a file gave that could not be used. tried: after how many seconds it was given up."""
    report = FileReport(file.name, file.digest, skipped=why, tried=tried)
    return Parsed(report, np.zeros(0, np.int32), signature([], file.digest))


def parse_files(
    files: Sequence[File], tokenizer: Tokenizer, workers: int | None = None, limit: float = 60.0
) -> Iterator[tuple[File, Parsed]]:
    """Yield each file with its result, in the order given.

    workers: processes, by default one per core, each with a limit on its memory. limit: seconds
    per file, after which its process is killed. A few small MIDI files are parsed right here.
    """
    midi = all(file.path.suffix.lower() in MIDI_SUFFIXES for file in files)  # scores can be slow
    small = midi and sum(_size(file) for file in files) < _SMALL
    if small and _alarm_is_free():
        yield from ((file, _parse_here(file, tokenizer, limit)) for file in files)
        return
    from joblib import cpu_count  # respects CPU affinity and container limits
    from joblib.externals.loky.backend import get_context
    from pebble import ProcessPool

    workers = min(workers or cpu_count(), len(files))
    context = get_context("loky")  # its processes do not run the caller's script again
    start = {"initializer": prepare_worker, "context": context}
    with ProcessPool(workers, max_tasks=1000, **start) as pool:
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


def prepare_worker() -> None:
    """For a new process: leave Ctrl-C to the parent, and take no more memory than MEMORY."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[5])  # data that are there already
        most = pages * resource.getpagesize() + MEMORY
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    except (ImportError, OSError, ValueError):  # not Linux
        pass


class _TimeUp(BaseException):
    """No Exception, so that no handler on the way takes it for an error of its own."""


def _parse_here(file: File, tokenizer: Tokenizer, limit: float) -> Parsed:
    """Parse a file in this process, for at most `limit` seconds."""

    def stop(number: int, frame: Any) -> None:
        raise _TimeUp

    before = signal.signal(signal.SIGALRM, stop)
    try:
        signal.setitimer(signal.ITIMER_REAL, limit)
        parsed = parse_file(file, tokenizer)
        signal.setitimer(signal.ITIMER_REAL, 0)
        return parsed
    except _TimeUp:
        return _gave_up(file, limit)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _alarm_is_free() -> bool:
    """Whether this thread may set an alarm, and nobody else has set one."""
    main = threading.current_thread() is threading.main_thread()
    return main and hasattr(signal, "setitimer") and not any(signal.getitimer(signal.ITIMER_REAL))


def _gave_up(file: File, limit: float) -> Parsed:
    return skipped(file, f"gave up after {limit:g} seconds", limit)


def _size(file: File) -> int:
    """Bytes; 0 for a file that has gone, which is said when it is read."""
    try:
        return file.path.stat().st_size
    except OSError:
        return 0


def _result(file: File, future: "ProcessFuture", limit: float) -> tuple[File, Parsed]:
    from pebble import ProcessExpired

    try:
        return file, future.result()
    except TimeoutError:
        return file, _gave_up(file, limit)
    except (ProcessExpired, MemoryError) as error:
        return file, skipped(file, f"its process died ({error})", limit)
