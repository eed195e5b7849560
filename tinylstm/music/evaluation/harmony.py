"""Harmony: the key, how clear it is, dissonance and voices that cross. Next: form.py."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy import ndarray

from ..notes import Note
from .statistics import GRID, tones

# How well each pitch class fits C major and C minor (C. Krumhansl and E. Kessler, "Tracing the
# dynamic changes in perceived tonal organization", 1982).
PROFILES = np.array(
    [
        [6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88],
        [6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17],
    ]
)
DISSONANT = np.isin(np.arange(12), (1, 2, 6, 10, 11))  # seconds, sevenths and the tritone


class Key(NamedTuple):
    """A key, and how well a piece fits it."""

    tonic: int  # a pitch class: 0 is C
    minor: bool
    clarity: float  # the correlation with the key's profile, at most 1


def pitch_class_time(notes: Sequence[Note]) -> ndarray:
    """How long each pitch class sounds, in quarter notes, (12,)."""
    heard = tones(notes)
    return np.bincount([n.pitch % 12 for n in heard], [n.duration for n in heard], minlength=12)


def key_of(notes: Sequence[Note]) -> Key:
    """The key whose profile correlates best with how long each pitch class sounds.

    (C. Krumhansl, "Cognitive foundations of musical pitch", 1990, chapter 4.)

    >>> key = key_of([Note(t, 1, 62 + p) for t, p in enumerate([0, 2, 4, 5, 7, 9, 11, 0, 4, 7])])
    >>> key.tonic, key.minor
    (2, False)
    """
    time = pitch_class_time(notes)
    time = time - time.mean()
    profiles = PROFILES - PROFILES.mean(axis=1, keepdims=True)  # (2, 12)
    keys = np.stack([np.roll(profiles, tonic, axis=1) for tonic in range(12)])  # (12, 2, 12)
    size = np.linalg.norm(keys, axis=2) * np.linalg.norm(time)  # (12, 2)
    r = (keys @ time) / np.maximum(size, 1e-12)
    tonic, minor = np.unravel_index(r.argmax(), r.shape)
    return Key(int(tonic), bool(minor), float(r.max()))


def tonic_triad(key: Key) -> list[int]:
    """The pitch classes of the tonic triad.

    >>> tonic_triad(Key(9, True, 1.0))
    [9, 0, 4]
    """
    return [(key.tonic + step) % 12 for step in (0, 3 if key.minor else 4, 7)]


def key_clarity(notes: Sequence[Note]) -> float:
    """The correlation of the pitch classes with the profile of the best-fitting key.

    0 if all twelve sound equally long. (Krumhansl, 1990.)

    >>> round(key_clarity([Note(t, p, 60 + t) for t, p in enumerate(PROFILES[0])]), 6)
    1.0
    """
    return key_of(notes).clarity


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
