"""Notes in quarter-note time, and a piece that holds them.

Files give pieces (files/midi.py), tokenizers turn them into ids (tokenizers/base.py); this file
knows neither. Next: files/midi.py.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from ..files import printable, quoted

DRUMS = 128  # the program of MIDI channel 10, where a pitch names a drum
SHORTEST = 1 / 32  # quarter notes: the duration of a note that a file starts and ends at once
LONGEST_NOTE = 512.0  # quarter notes: a longer one in a file is cut
LONGEST = 100_000.0  # quarter notes, about 14 hours: a later time in a file is an error

Instruments = Literal["piano", "all"]  # piano: programs 0 to 7, keyboards with strings


class UnreadableFileError(Exception):
    """A file without readable notes: which, why, and what to do about it.

    >>> from tinylstm.music import read_midi
    >>> try:
    ...     read_midi("missing.mid")
    ... except UnreadableFileError as error:
    ...     print(error)
    missing.mid: cannot be opened (No such file or directory)
    """

    def __init__(self, path: str | os.PathLike[str], reason: str, advice: str = "") -> None:
        super().__init__(str(path), reason, advice)
        self.path, self.reason, self.advice = Path(path), reason, advice

    def __str__(self) -> str:
        advice = f": {self.advice}" if self.advice else ""
        return printable(f"{quoted(self.path)}: {self.reason}{advice}")


class Note(NamedTuple):
    """A note.

    >>> Note(onset=1.5, duration=0.5, pitch=60)
    Note(onset=1.5, duration=0.5, pitch=60, velocity=64, program=0, track=0)
    """

    onset: float  # quarter notes since the beginning of the piece
    duration: float  # quarter notes, above zero
    pitch: int  # MIDI number, 0 to 127: 60 is middle C
    velocity: int = 64  # 1 to 127
    program: int = 0  # General MIDI, 0 to 127, or DRUMS
    track: int = 0


def quarters_in(metre: tuple[int, int]) -> float:
    """The quarter notes of a bar of this metre.

    >>> quarters_in((6, 8))
    3.0
    """
    beats, unit = metre
    return beats * 4 / unit


@dataclass(frozen=True)
class Piece:
    """The notes of a file, and what else it says about them.

    name: usually the path below the corpus folder. notes: in order of onset. notes_in_file:
    note-ons in the file, to report how many were lost. tempos, time_signatures, keys: (onset,
    value) of every change: quarter notes per minute, (4, 4), "E- major". path: of the file. faults:
    what was wrong with the file, in words; its sound part is in `notes`. bars: the onsets of the
    bars, if the file has them: after an upbeat the second comes early.

    >>> piece = Piece("scale", (Note(0, 1, 60), Note(1, 1, 62)), time_signatures=((0.0, (3, 4)),))
    >>> len(piece), piece.length, piece.tempo, piece.bar
    (2, 2, 120.0, 3.0)
    """

    name: str
    notes: tuple[Note, ...]
    notes_in_file: int = 0
    tempos: tuple[tuple[float, float], ...] = ()
    time_signatures: tuple[tuple[float, tuple[int, int]], ...] = ()
    keys: tuple[tuple[float, str], ...] = ()
    path: Path | None = None
    faults: tuple[str, ...] = ()
    bars: tuple[float, ...] = ()

    def __len__(self) -> int:
        return len(self.notes)

    @property
    def length(self) -> float:
        """Quarter notes from the beginning to the end of the note that ends last."""
        return max((note.onset + note.duration for note in self.notes), default=0.0)

    @property
    def tempo(self) -> float:
        """The first tempo; 120, MIDI's default, if the file has none."""
        return self.tempos[0][1] if self.tempos else 120.0

    @property
    def time_signature(self) -> tuple[int, int]:
        """The first time signature; 4/4, MIDI's default, if the file has none."""
        return self.time_signatures[0][1] if self.time_signatures else (4, 4)

    @property
    def bar(self) -> float:
        """The length of the first bar in quarter notes."""
        return quarters_in(self.time_signature)

    @property
    def key(self) -> str | None:
        """The first key, such as "E- major"; None if the file has none."""
        return self.keys[0][1] if self.keys else None


def chosen(notes: Iterable[Note], instruments: Instruments) -> list[Note]:
    """The notes of the chosen instruments.

    >>> band = [Note(0, 1, 60), Note(0, 1, 40, program=32), Note(0, 1, 36, program=DRUMS)]
    >>> len(chosen(band, "piano")), len(chosen(band, "all"))
    (1, 3)
    """
    return [note for note in notes if instruments == "all" or note.program < 8]


def within_limits(notes: Iterable[Note], faults: list[str]) -> tuple[Note, ...]:
    """A file's notes, in order of onset; what no piece could have is cut, and added to `faults`.

    >>> faults = []
    >>> within_limits([Note(0, 9999, 60), Note(1e6, 1, 60)], faults), faults[0]
    ((Note(onset=0, duration=512.0, pitch=60, velocity=64, program=0, track=0),), \
'1 notes outside 0 to 100000 quarter notes are left out')
    """
    every = sorted(notes, key=lambda note: note.onset)
    inside = [note for note in every if 0 <= note.onset <= LONGEST and note.duration > 0]
    if len(inside) < len(every):
        count = len(every) - len(inside)
        faults.append(f"{count} notes outside 0 to {LONGEST:.0f} quarter notes are left out")
    if count := sum(note.duration > LONGEST_NOTE for note in inside):
        faults.append(f"{count} notes longer than {LONGEST_NOTE:.0f} quarter notes are cut")
    return tuple(
        n._replace(duration=LONGEST_NOTE) if n.duration > LONGEST_NOTE else n for n in inside
    )
