"""Statistics of a piece that papers on generated music use.

Each takes notes and gives one number; `STATISTICS` lists them with labels and units. They do not
say whether music is good, only whether it resembles other music. Next: copies.py, compare.py.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from ...generate import LONGEST_CYCLE
from ..composing.control import MAJOR, MINOR
from ..notes import DRUMS, Note

GRID = 12  # steps per quarter note


def pitch_class_entropy(notes: Sequence[Note]) -> float:
    """Bits: 0 for a single pitch class, log2(12) = 3.58 if all twelve are equally common.

    H = -sum p log2 p over the twelve pitch classes (S. Wu and Y. Yang, "The Jazz Transformer on the
    Front Line", 2020; MusPy's definition, over the whole piece).

    >>> pitch_class_entropy([Note(0, 1, 60), Note(1, 1, 72), Note(2, 1, 67), Note(3, 1, 55)])
    1.0
    """
    return entropy(np.bincount(_pitches(notes) % 12))


def scale_consistency(notes: Sequence[Note]) -> float:
    """The share of notes in the best-fitting major or natural minor scale.

    (O. Mogren, "C-RNN-GAN", 2016; MusPy.)

    >>> scale_consistency([Note(i, 1, 60 + p) for i, p in enumerate([0, 2, 4, 6])])
    1.0
    """
    counts = np.bincount(_pitches(notes) % 12, minlength=12)  # (12,)
    shares = [
        np.roll(counts, -root)[list(scale)].sum() for root in range(12) for scale in (MAJOR, MINOR)
    ]
    return float(max(shares) / counts.sum())


def groove_consistency(notes: Sequence[Note], quarters: float = 4.0) -> float:
    """Rhythmic similarity of neighbouring bars: 1 - the mean share of steps at which just one of
    the two has an onset. (S. Wu and Y. Yang, 2020, with `quarters` quarter notes per bar.)

    >>> groove_consistency([Note(0, 1, 60), Note(4, 1, 62), Note(8, 1, 64)])
    1.0
    """
    size = round(quarters * GRID)
    steps = np.round(np.array([note.onset for note in notes]) * GRID).astype(int)  # (N,)
    bars = np.zeros((steps.max() // size + 1, size), bool)  # (bars, steps)
    bars[steps // size, steps % size] = True
    return float(1 - (bars[1:] != bars[:-1]).mean()) if len(bars) > 1 else 1.0


def polyphony(notes: Sequence[Note]) -> float:
    """Notes sounding at once, averaged over the time in which any note sounds. (MusPy.)

    >>> polyphony([Note(0, 2, 60), Note(0, 1, 64), Note(10, 1, 60)])
    1.3333333333333333
    """
    start = np.round(np.array([note.onset for note in notes]) * GRID).astype(int)  # (N,)
    end = np.round(np.array([note.onset + note.duration for note in notes]) * GRID).astype(int)
    end = np.maximum(end, start + 1)
    changes = np.bincount(start, minlength=end.max() + 1) - np.bincount(end)  # (steps,)
    sounding = changes.cumsum()
    return float(sounding[sounding > 0].mean())


def note_density(notes: Sequence[Note]) -> float:
    """Notes per quarter note, from the first onset to the last end.

    >>> note_density([Note(i / 2, 0.5, 60) for i in range(8)])
    2.0
    """
    begin = min(note.onset for note in notes)
    return len(notes) / (max(note.onset + note.duration for note in notes) - begin)


def pitch_range(notes: Sequence[Note]) -> float:
    """Semitones from the lowest to the highest note. (L. Yang and A. Lerch, "On the evaluation of
    generative models in music", 2020.)

    >>> pitch_range([Note(0, 1, 48), Note(1, 1, 72)])
    24.0
    """
    return float(np.ptp(_pitches(notes)))


def distinct_ngrams(notes: Sequence[Note], n: int = 4) -> float:
    """The share of all runs of n melodic steps (interval, time to the next note) that are distinct:
    distinct-n (J. Li et al., 2016) in transposition-invariant form.

    >>> distinct_ngrams([Note(i, 1, 60 + i) for i in range(10)])
    0.16666666666666666
    """
    steps = _steps(notes)  # (N - 1, 2)
    if len(steps) < n:
        return 1.0
    runs = np.concatenate([steps[i : len(steps) - n + 1 + i] for i in range(n)], axis=1)
    return len(np.unique(runs, axis=0)) / len(runs)


def longest_run(notes: Sequence[Note]) -> float:
    """The longest run of notes of one pitch, in order of onset.

    >>> longest_run([Note(0, 1, 60), Note(1, 1, 60), Note(2, 1, 64)])
    2.0
    """
    pitches = [note.pitch for note in sorted(notes, key=lambda note: (note.onset, note.pitch))]
    change = np.flatnonzero(np.diff(pitches))
    return float(np.diff(np.concatenate([[-1], change, [len(pitches) - 1]])).max())


class Cycle(NamedTuple):
    """A passage that repeats itself."""

    length: int  # in tokens
    period: int  # tokens until it repeats


def longest_cycle(ids: Sequence[int] | np.ndarray, most: int = LONGEST_CYCLE) -> Cycle:
    """The longest passage that repeats a cycle of up to `most` tokens, at least twice.

    >>> longest_cycle([7, 1, 2, 1, 2, 1, 2, 9])
    Cycle(length=6, period=2)
    """
    ids = np.asarray(ids)
    best = Cycle(0, 0)
    for period in range(1, min(most, len(ids) - 1) + 1):
        apart = np.flatnonzero(ids[period:] != ids[:-period])
        run = int(np.diff(np.concatenate([[-1], apart, [len(ids) - period]])).max()) - 1
        if run >= period and run + period > best.length:
            best = Cycle(run + period, period)
    return best


def tones(notes: Sequence[Note]) -> Sequence[Note]:
    """All notes but drums; the drums if there is nothing else."""
    return [note for note in notes if note.program != DRUMS] or notes


def entropy(counts: np.ndarray) -> float:
    """The entropy of what was counted, in bits."""
    p = counts[counts > 0] / counts.sum()
    return float(-(p * np.log2(p)).sum())


def _pitches(notes: Sequence[Note]) -> np.ndarray:
    """The pitches (N,) of all notes but drums."""
    return np.array([note.pitch for note in tones(notes)])


def _steps(notes: Sequence[Note]) -> np.ndarray:
    """From each note to the next, (N - 1, 2): semitones and steps of time."""
    ordered = sorted((round(note.onset * GRID), note.pitch) for note in notes)
    return np.diff(np.array(ordered), axis=0)[:, ::-1]


class Statistic(NamedTuple):
    """A measure of a piece, its label and its unit."""

    measure: Callable[[Sequence[Note]], float]
    label: str
    unit: str


STATISTICS = {
    "pitch_class_entropy": Statistic(pitch_class_entropy, "pitch-class entropy", "bits"),
    "scale_consistency": Statistic(scale_consistency, "scale consistency", "share"),
    "groove_consistency": Statistic(groove_consistency, "groove consistency", "share"),
    "polyphony": Statistic(polyphony, "polyphony", "notes at once"),
    "note_density": Statistic(note_density, "note density", "notes per quarter"),
    "pitch_range": Statistic(pitch_range, "range", "semitones"),
    "distinct_ngrams": Statistic(distinct_ngrams, "distinct 4-grams", "share"),
    "longest_run": Statistic(longest_run, "longest run of one pitch", "notes"),
}
