"""Rhythm: durations, pauses and silence. Next: form.py."""

from collections.abc import Sequence

import numpy as np
from numpy import ndarray

from ..notes import Note
from .statistics import GRID, entropy

LONG = 2.0  # quarter notes
PAUSE = 1.0  # quarter notes


def duration_entropy(notes: Sequence[Note]) -> float:
    """Bits: the entropy of the durations, rounded to the grid. (MusPy's idea for pitches.)

    >>> duration_entropy([Note(0, 1, 60), Note(1, 1, 62), Note(2, 0.5, 64), Note(3, 0.5, 65)])
    1.0
    """
    steps = [max(round(note.duration * GRID), 1) for note in notes]
    return entropy(np.bincount(steps))


def long_notes(notes: Sequence[Note]) -> float:
    """The share of notes that last a half note or longer.

    >>> long_notes([Note(0, 2, 60), Note(2, 1, 62)])
    0.5
    """
    return sum(note.duration >= LONG for note in notes) / len(notes)


def silences(notes: Sequence[Note]) -> ndarray:
    """The gaps between the end of all sound and the next onset, in quarter notes.

    >>> silences([Note(0, 1, 60), Note(0, 2, 48), Note(5, 1, 60)]).tolist()
    [3.0]
    """
    rows = sorted((round(n.onset * GRID), round((n.onset + n.duration) * GRID)) for n in notes)
    begin, end = np.array(rows).T
    gaps = begin[1:] - np.maximum.accumulate(end)[:-1]
    return gaps[gaps > 0] / GRID


def longest_silence(notes: Sequence[Note]) -> float:
    """The longest silence within the piece, in quarter notes.

    >>> longest_silence([Note(0, 1, 60), Note(5, 1, 60), Note(8, 1, 60)])
    4.0
    """
    return float(silences(notes).max(initial=0))


def pauses(notes: Sequence[Note]) -> float:
    """Silences of a quarter note or longer for every 100 onsets.

    >>> pauses([Note(0, 1, 60), Note(2, 1, 60), Note(3, 1, 60), Note(3, 1, 64), Note(4.5, 1, 60)])
    25.0
    """
    onsets = {round(note.onset * GRID) for note in notes}
    return float(100 * (silences(notes) >= PAUSE).sum() / len(onsets))
