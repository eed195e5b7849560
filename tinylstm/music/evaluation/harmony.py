"""Harmony: the key, how clear it is, dissonance and voices that cross. Next: form.py."""

from collections.abc import Sequence

import numpy as np
from numpy import ndarray

from ..composing.control import Key, best_key
from ..notes import Note
from .statistics import GRID, tones

DISSONANT = np.isin(np.arange(12), (1, 2, 6, 10, 11))  # seconds, sevenths and the tritone


def pitch_class_time(notes: Sequence[Note]) -> ndarray:
    """How long each pitch class sounds, in quarter notes, (12,)."""
    heard = tones(notes)
    return np.bincount([n.pitch % 12 for n in heard], [n.duration for n in heard], minlength=12)


def key_of(notes: Sequence[Note]) -> Key:
    """The key that fits best how long each pitch class sounds.

    >>> key_of([Note(t, 1, 62 + p) for t, p in enumerate([0, 2, 4, 5, 7, 9, 11, 0, 4, 7])])
    Key(tonic=2, mode='major')
    """
    return best_key(pitch_class_time(notes))[0]


def key_clarity(notes: Sequence[Note]) -> float:
    """How well that key fits: the correlation with its profile. (C. Krumhansl, 1990.)

    >>> from tinylstm.music.composing.control import PROFILES
    >>> round(key_clarity([Note(t, p, 60 + t) for t, p in enumerate(PROFILES["major"])]), 6)
    1.0
    """
    return best_key(pitch_class_time(notes))[1]


def dissonance(notes: Sequence[Note]) -> float:
    """The share of seconds, sevenths and tritones, with their compounds, in all pairs of notes that
    sound together, weighted with time; 0 if no two notes do.

    These are the classes of intervals of negative consonance (D. Huron, "Interval-class content in
    equally tempered pitch-class sets", 1994).

    >>> dissonance([Note(0, 4, 60), Note(0, 1, 61), Note(1, 3, 67)])
    0.25
    """
    begin, end, pitch = _sounding(notes)
    total = harsh = 0
    for i in range(len(begin)):
        j = slice(i + 1, int(np.searchsorted(begin, end[i])))  # begin while i sounds
        together = np.minimum(end[j], end[i]) - begin[j]
        total += together.sum()
        harsh += together[DISSONANT[np.abs(pitch[j] - pitch[i]) % 12]].sum()
    return float(harsh / total) if total else 0.0


def voice_crossing(notes: Sequence[Note]) -> float:
    """The share of chord changes in which a voice must have crossed a held note.

    A change is an onset at which as many notes sound before as after, some held and some new. With
    the voices unlabelled, a crossing is certain if the number of notes above a held one changes.
    (The rule against it: D. Huron, "Tone and voice", 2001.)

    >>> voice_crossing([Note(0, 2, 60), Note(0, 1, 64), Note(1, 1, 57)])
    1.0
    """
    begin, end, pitch = _sounding(notes)
    changes = crossings = 0
    for now in np.unique(begin):
        near = slice(0, int(np.searchsorted(begin, now, "right")))
        before = (begin[near] < now) & (end[near] >= now)
        held, after = before & (end[near] > now), end[near] > now
        pitches = pitch[near]
        if 0 < held.sum() < after.sum() == before.sum():
            changes += 1
            above = [
                (pitches[chord] > pitches[held][:, None]).sum(axis=1) for chord in (before, after)
            ]
            crossings += bool((above[0] != above[1]).any())
    return crossings / changes if changes else 0.0


def _sounding(notes: Sequence[Note]) -> tuple[ndarray, ndarray, ndarray]:
    """Begin and end in grid steps, and pitch, (N,) each, in order of onset; drums are left out."""
    rows = sorted(
        (round(n.onset * GRID), round((n.onset + n.duration) * GRID), n.pitch) for n in tones(notes)
    )
    begin, end, pitch = np.array(rows).T
    return begin, np.maximum(end, begin + 1), pitch
