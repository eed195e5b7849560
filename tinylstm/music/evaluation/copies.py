"""Copies: the longest passage that a piece shares with other music.

Two passages are equal in any key if they have the same intervals and the same times from note to
note; exactly equal, if also the same pitches and durations. Both are counted in notes.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from ..notes import Note
from .statistics import GRID

_NOWHERE = -1  # between two pieces; equal to no step


class Passage(NamedTuple):
    """A passage that two pieces share."""

    notes: int
    source: str  # the piece that it was found in; "" if none
    at: float  # where it begins there, in quarter notes
    place: int  # where it begins in the piece asked about, in notes


class KnownPieces:
    """Pieces in which passages of other music are looked up.

    >>> tune = [Note(i, 1, pitch) for i, pitch in enumerate([60, 64, 67, 65, 62, 59, 60])]
    >>> known = KnownPieces([("tune", tune)])
    >>> higher = [note._replace(pitch=note.pitch + 2) for note in tune[2:6]]
    >>> known.longest(higher)
    Passage(notes=4, source='tune', at=2.0, place=0)
    >>> known.longest(higher, exactly=True).notes
    1
    """

    def __init__(self, pieces: Iterable[tuple[str, Sequence[Note]]]) -> None:
        self.names, self._pieces, rows = list[str](), list[list[Note]](), list[np.ndarray]()
        for name, notes in pieces:
            self.names.append(name)
            self._pieces.append(_ordered(notes))
            steps = np.stack([_steps(notes), _steps(notes, exactly=True)])  # (2, notes - 1)
            rows.append(np.pad(steps, ((0, 0), (0, 1)), constant_values=_NOWHERE))
        self._steps = np.concatenate(rows, axis=1)  # (2, N): in any key, exactly
        sizes = [row.shape[1] for row in rows]
        self._starts = np.cumsum([0, *sizes[:-1]])  # (pieces,)
        self._owner = np.repeat(np.arange(len(rows)), sizes)  # (N,) the piece of each step

    def longest(
        self, notes: Sequence[Note], exactly: bool = False, but: Iterable[str] = ()
    ) -> Passage:
        """The longest passage of `notes` that one of the pieces has, except those named in `but`.

        Keeps, for each step of the known pieces, the length of the common run that ends there, and
        updates it for each step of `notes`: exact, in the product of the two lengths.
        """
        corpus, but = self._steps[int(exactly)], set(but)
        if but:
            out = np.array([name in but for name in self.names])  # (pieces,)
            corpus = np.where(out[self._owner], _NOWHERE, corpus)
        runs = np.zeros(len(corpus) + 1, np.int32)  # of the run that ends there
        best, end, place = 0, 0, 0
        for i, step in enumerate(_steps(notes, exactly)):
            runs[1:] = np.where(corpus == step, runs[:-1] + 1, 0)
            if (longest := int(runs.max())) > best:
                best, end, place = longest, int(runs.argmax()), i + 1 - longest
        if not best:
            return Passage(min(len(notes), 1), "", 0.0, 0)
        piece = int(self._owner[end - 1])
        first = self._pieces[piece][end - best - self._starts[piece]]
        return Passage(best + 1, self.names[piece], float(first.onset), place)


def _ordered(notes: Sequence[Note]) -> list[Note]:
    return sorted(notes, key=lambda note: (note.onset, note.program, note.pitch, note.duration))


def _steps(notes: Sequence[Note], exactly: bool = False) -> np.ndarray:
    """From each note to the next, as one number (N - 1,): interval and time; pitch and duration."""
    rows = np.array([(n.pitch, n.onset * GRID, n.duration * GRID) for n in _ordered(notes)])
    if len(rows) < 2:
        return np.zeros(0, np.int64)
    pitch, onset, duration = np.round(rows).astype(np.int64).T  # (N,) each
    step = (np.diff(pitch) + 128) * 4096 + np.minimum(np.diff(onset), 4095)  # (N - 1,)
    return (step * 4096 + np.minimum(duration[:-1], 4095)) * 128 + pitch[:-1] if exactly else step
