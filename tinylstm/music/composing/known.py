"""Known: passages of the training pieces, as numbers, so that a piece copies no long one.

A passage is SPAN notes: in any key, the intervals and the times from note to note. Each is one
32-bit number; a checkpoint holds them as text, about 5 bytes for each note of the training pieces.
Where two passages have the same number, a pitch is avoided that need not be: 1 case in 70,000 for
60,000 notes. Next: shape.py.
"""

from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence

import numpy as np
from numpy import ndarray

from ..notes import Note

SPAN = 6  # notes: people share as many with other pieces now and then (docs/hundred.md)
LONGEST = 4095  # steps: a longer time counts as this one
FACTOR = np.uint64(0x9E3779B97F4A7C15)  # odd, its bits look random (D. Knuth, volume 3, 6.4)


def steps_code(intervals: ndarray, times: ndarray) -> ndarray:
    """The steps from note to note as numbers (N,): semitones up, and steps of time."""
    return ((intervals + 128) * (LONGEST + 1) + np.minimum(times, LONGEST)).astype(np.uint64)


def passages(codes: ndarray) -> ndarray:
    """A number (N - SPAN + 2,) of 32 bits for each SPAN - 1 steps in a row of (N,)."""
    n = max(len(codes) - SPAN + 2, 0)
    found = np.zeros(n, np.uint64)
    for i in range(SPAN - 1):
        found = with_step(found, codes[i : i + n])
    return found >> np.uint64(32)


def with_step(found: ndarray, codes: ndarray) -> ndarray:
    """64 bits (N,) of all steps so far, and the next one."""
    found = (found ^ codes) * FACTOR
    return found ^ (found >> np.uint64(29))


def known_passages(pieces: Iterable[Sequence[Note]], grid: int) -> str:
    """All passages of some pieces as text, for a checkpoint.

    >>> tune = [Note(i, 1, pitch) for i, pitch in enumerate([60, 64, 67, 65, 62, 59, 60])]
    >>> text = known_passages([tune], grid=12)
    >>> len(read_passages(text))
    2
    """
    found = [np.zeros(0, np.uint64)]
    for notes in pieces:
        rows = np.array([(note.pitch, round(note.onset * grid)) for note in notes])  # (N, 2)
        if len(rows):
            pitch, onset = rows.T
            found.append(passages(steps_code(np.diff(pitch), np.diff(onset))))
    every = np.unique(np.concatenate(found)).astype("<u4")  # ascending
    return b64encode(every.tobytes()).decode()


def read_passages(text: str) -> ndarray:
    """The inverse of `known_passages`: numbers in ascending order."""
    return np.frombuffer(b64decode(text, validate=True), "<u4")


class Copied:
    """How many of the last notes of one piece are, in a row, in known passages.

    known: numbers in ascending order. A run may cross from one known piece into another: then it is
    counted longer than it is in either, never shorter.
    """

    def __init__(self, known: ndarray):
        self.known = known
        self.codes: list[int] = []  # of the last SPAN - 2 steps
        self.notes = 1  # in a row

    def after(self, intervals: ndarray, time: int) -> ndarray:
        """For each interval (n,) of the next note: whether a known passage ends with it."""
        if len(self.codes) < SPAN - 2 or not len(self.known):
            return np.zeros(len(intervals), bool)
        found = np.zeros(1, np.uint64)
        for code in self.codes:
            found = with_step(found, np.array([code], np.uint64))
        numbers = with_step(found, steps_code(intervals, np.array(time))) >> np.uint64(32)  # (n,)
        places = np.searchsorted(self.known, numbers)  # (n,)
        return self.known[np.minimum(places, len(self.known) - 1)] == numbers

    def add(self, interval: int, time: int) -> None:
        """Append a note."""
        inside = bool(self.after(np.array([interval]), time)[0])
        self.notes = max(self.notes + 1, SPAN) if inside else SPAN - 1
        code = int(steps_code(np.array([interval]), np.array([time]))[0])
        self.codes = [*self.codes, code][-(SPAN - 2) :]
