"""What music is here: notes in quarter-note time, and a piece that holds them.

Everything to the left of this module reads files (:mod:`tinylstm.music.files`), everything to the
right turns notes into tokens (:mod:`tinylstm.music.tokenizers.article`). Nothing here knows either.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

DRUMS = 128
"""The program of everything on MIDI channel 10, where a pitch names a drum and not a tone."""

SHORTEST = 1 / 32
"""Quarter notes: the duration given to a note that a file starts and ends at the same moment."""

LONGEST = 100_000.0
"""Quarter notes, about 14 hours: beyond it, a time in a file is a fault and no music."""

Instruments = Literal["piano", "all"]
"""Whose notes to take: of the pianos (programs 0 to 7: keyboards with strings), or all."""

NOTE_DTYPE = np.dtype(
    [
        ("onset", "<f8"),
        ("duration", "<f8"),
        ("pitch", "u1"),
        ("velocity", "u1"),
        ("program", "u1"),
        ("track", "<u2"),
    ]
)


class Note(NamedTuple):
    """One note: when, how long, which key, how hard, on what, and in which track of its file.

    >>> Note(onset=1.5, duration=0.5, pitch=60)
    Note(onset=1.5, duration=0.5, pitch=60, velocity=64, program=0, track=0)
    """

    onset: float  # quarter notes since the beginning of the piece
    duration: float  # quarter notes, above zero
    pitch: int  # MIDI number: 60 is the middle C, 0..127
    velocity: int = 64  # 1..127
    program: int = 0  # General MIDI, 0..127, or DRUMS
    track: int = 0


@dataclass(frozen=True)
class Piece:
    """The notes of one file, in order of onset, and what else the file says about them.

    Arguments:
        name: what reports call it, usually the path below the corpus folder.
        notes: in order of onset; among equal onsets, in the order of the file.
        notes_in_file: note-ons counted in the file, so that a report can say what was lost.
        tempos, time_signatures, keys: ``(onset, value)`` of every change: beats per minute,
            ``(4, 4)``, ``"E- major"``.
        path, digest: where it came from, and the SHA-256 of that file.
        faults: what was wrong with the file, in words; its sound part is in ``notes``.

    >>> piece = Piece("scale", (Note(0, 1, 60), Note(1, 1, 62)), time_signatures=((0.0, (3, 4)),))
    >>> len(piece), piece.length, piece.tempo, piece.time_signature
    (2, 2, 120.0, (3, 4))
    """

    name: str
    notes: tuple[Note, ...]
    notes_in_file: int = 0
    tempos: tuple[tuple[float, float], ...] = ()
    time_signatures: tuple[tuple[float, tuple[int, int]], ...] = ()
    keys: tuple[tuple[float, str], ...] = ()
    path: Path | None = None
    digest: str = ""
    faults: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.notes)

    @property
    def length(self) -> float:
        """Quarter notes from the beginning to the end of the note that ends last."""
        return max((note.onset + note.duration for note in self.notes), default=0.0)

    @property
    def tempo(self) -> float:
        """Beats per minute at the beginning; 120, as MIDI has it, where the file is silent."""
        return self.tempos[0][1] if self.tempos else 120.0

    @property
    def time_signature(self) -> tuple[int, int]:
        """At the beginning; 4/4, as MIDI has it, where the file is silent."""
        return self.time_signatures[0][1] if self.time_signatures else (4, 4)

    @property
    def key(self) -> str | None:
        """At the beginning, such as ``"E- major"``; None where the file is silent."""
        return self.keys[0][1] if self.keys else None


def chosen(notes: Iterable[Note], instruments: Instruments) -> list[Note]:
    """The notes of the chosen instruments.

    >>> band = [Note(0, 1, 60), Note(0, 1, 40, program=32), Note(0, 1, 36, program=DRUMS)]
    >>> len(chosen(band, "piano")), len(chosen(band, "all"))
    (1, 3)
    """
    return [note for note in notes if instruments == "all" or note.program < 8]


def pack(notes: Iterable[Note]) -> np.ndarray:
    """Notes as one structured array (N,), 21 bytes a note: what caches and processes exchange.

    >>> pack([Note(0, 1, 60), Note(1, 1, 62)])["pitch"].tolist()
    [60, 62]
    """
    return np.array([tuple(note) for note in notes], dtype=NOTE_DTYPE)


def unpack(array: np.ndarray) -> tuple[Note, ...]:
    """The inverse of :func:`pack`.

    >>> unpack(pack([Note(0.5, 1.0, 60)]))
    (Note(onset=0.5, duration=1.0, pitch=60, velocity=64, program=0, track=0),)
    """
    return tuple(Note(*row) for row in array.tolist())
