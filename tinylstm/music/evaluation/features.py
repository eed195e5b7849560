"""The features of a piece by which classifier.py tells composed pieces from human ones.

They are all figures of statistics.py, form.py, rhythm.py and harmony.py, and plain distributions:
scale degrees, intervals, durations, chords, places in the beat, likeness of bars. What was copied
is left out: it says nothing about how a piece sounds. Next: classifier.py.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy import ndarray

from ..notes import Note
from .form import (
    bars_repeated,
    longest_pattern,
    melody,
    melody_repeated,
    patterns_again,
    phrase_endings,
    phrase_length,
)
from .harmony import dissonance, key_clarity, key_of, pitch_class_time, voice_crossing
from .rhythm import duration_entropy, long_notes, longest_silence, pauses
from .statistics import GRID, STATISTICS, Statistic, entropy, tones

IN_BARS = {  # these need to know how long a bar is
    "bars_repeated": Statistic(bars_repeated, "bars that come back, exactly", "share"),
    "bars_transposed": Statistic(
        partial(bars_repeated, transposed=True), "bars that come back, in any key", "share"
    ),
}
FORM = IN_BARS | {
    "longest_pattern": Statistic(longest_pattern, "longest melodic pattern that returns", "notes"),
    "patterns_again": Statistic(patterns_again, "six-interval patterns heard again", "share"),
    "melody_repeated": Statistic(melody_repeated, "melody notes repeated", "share"),
    "phrase_length": Statistic(phrase_length, "phrase length", "quarters"),
    "phrase_endings": Statistic(phrase_endings, "phrases that end on the tonic triad", "share"),
    "duration_entropy": Statistic(duration_entropy, "duration entropy", "bits"),
    "long_notes": Statistic(long_notes, "notes of a half or longer", "share"),
    "pauses": Statistic(pauses, "pauses", "per 100 onsets"),
    "longest_silence": Statistic(longest_silence, "longest silence", "quarters"),
    "key_clarity": Statistic(key_clarity, "key clarity", "correlation"),
    "dissonance": Statistic(dissonance, "dissonance", "share"),
    "voice_crossing": Statistic(voice_crossing, "voice crossing", "share"),
}
INTERVALS = (1, 2, 3, 5, 8, 12, 128)  # semitones at which a class of melodic intervals begins
TIMES = (1, 2, 3, 4, 6, 8, 12, 18, 24, 48)  # grid steps, likewise
LAGS = (1, 2, 4, 8)


def figures(notes: Sequence[Note], bar: float = 4.0) -> dict[str, float]:
    """All figures of a piece by name; bar: its length in quarter notes.

    >>> figures([Note(t, 1, 60 + t % 3) for t in range(12)])["bars_repeated"]
    0.0
    """
    found = {name: s.measure(notes) for name, s in STATISTICS.items()}
    for name, statistic in FORM.items():
        extra = (bar,) if name in IN_BARS else ()
        found[name] = statistic.measure(notes, *extra)
    return found


def features(notes: Sequence[Note], bar: float = 4.0) -> dict[str, float]:
    """The figures and the distributions, about 90 numbers by name.

    >>> found = features([Note(t, 1, 60 + t % 3) for t in range(12)])
    >>> found["melody step 1"], found["waits from 12"], round(found["bars alike, 1 apart"], 3)
    (0.7272727272727273, 1.0, 0.833)
    """
    notes = tones(notes)
    return (
        figures(notes, bar)
        | _pitches(notes)
        | _times(notes)
        | _chords(notes)
        | _bars(notes, bar)
        | _halves(notes)
    )


def shares(name: str, values: ndarray, edges: Sequence[int]) -> dict[str, float]:
    """The share of values in each class, from its edge to the next; those below count as first.

    >>> shares("a", np.array([1, 1, 5, 6]), [1, 2, 4])
    {'a 1': 0.5, 'a 2': 0.0, 'a 4': 0.5}
    """
    place = np.maximum(np.searchsorted(edges, values, "right") - 1, 0)
    counts = np.bincount(place, minlength=len(edges))
    return {
        f"{name} {edge}": count / max(len(values), 1)
        for edge, count in zip(edges, counts.tolist(), strict=True)
    }


def _pitches(notes: Sequence[Note]) -> dict[str, float]:
    """Scale degrees, register and melodic intervals."""
    key, time, top = key_of(notes), pitch_class_time(notes), melody(notes)[:, 1]
    degrees = np.roll(time, -key.tonic) / time.sum()  # (12,)
    pitches = np.array([note.pitch for note in notes])
    steps = np.diff(top) if len(top) > 1 else np.zeros(1, int)
    return (
        {f"degree {step}": float(share) for step, share in enumerate(degrees)}
        | {"minor": float(key.mode == "minor"), "mean pitch": float(pitches.mean())}
        | {"spread of pitch": float(pitches.std()), "mean melody": float(top.mean())}
        | {"spread of melody": float(top.std()), "upward": float((steps > 0).mean())}
        | {"turns": float((steps[1:] * steps[:-1] < 0).mean()) if len(steps) > 1 else 0.0}
        | shares("melody step", np.abs(steps[steps != 0]), INTERVALS)
    )


def _times(notes: Sequence[Note]) -> dict[str, float]:
    """Durations, waits from onset to onset, and places in the quarter note."""
    onsets = np.array([round(note.onset * GRID) for note in notes])
    durations = np.array([max(round(note.duration * GRID), 1) for note in notes])
    waits = np.diff(np.unique(onsets))
    line = np.zeros(onsets.max() - onsets.min() + 1)
    line[onsets - onsets.min()] = 1
    places = np.bincount(onsets % GRID, minlength=GRID) / len(onsets)  # (12,)
    return (
        shares("durations from", durations, TIMES)
        | shares("waits from", waits, TIMES)
        | {"wait entropy": entropy(np.bincount(waits)) if len(waits) else 0.0}
        | {"on the beat": float(places[0]), "on the half beat": float(places[6])}
        | {"on sixteenths": float(places[[3, 9]].sum()), "on triplets": float(places[[4, 8]].sum())}
        | {"legato": float(durations.sum() / max(waits.sum(), 1))}
        | {f"pulse at {lag}": _correlation(line, lag * GRID) for lag in LAGS}
    )


def _correlation(line: ndarray, lag: int) -> float:
    """How often an onset is followed by another one after exactly this time."""
    return float((line[lag:] * line[:-lag]).sum() / line.sum())


def _chords(notes: Sequence[Note]) -> dict[str, float]:
    """Notes that begin at once, the distance of the outer ones, and notes that sound at once."""
    chords: dict[int, list[int]] = {}
    changes: dict[int, int] = {}
    for note in notes:
        begin, end = round(note.onset * GRID), round((note.onset + note.duration) * GRID)
        chords.setdefault(begin, []).append(note.pitch)
        changes[begin] = changes.get(begin, 0) + 1
        changes[max(end, begin + 1)] = changes.get(max(end, begin + 1), 0) - 1
    times = np.array(sorted(changes))
    sounding = np.cumsum([changes[t] for t in times.tolist()])[:-1]
    lasting = np.diff(times)
    sizes = np.array([len(chord) for chord in chords.values()])
    voices = {
        f"time with {n} sounding": float(lasting[sounding == n].sum() / lasting.sum())
        for n in range(1, 5)
    }
    wide = float(np.mean([max(chord) - min(chord) for chord in chords.values()]))
    return shares("notes struck", sizes, (1, 2, 3, 4, 5)) | voices | {"width of chords": wide}


def _bars(notes: Sequence[Note], bar: float) -> dict[str, float]:
    """The likeness of bars some bars apart, by onsets and by pitch classes; pitch classes per bar.

    Likeness is the cosine of the counts: of the steps at which notes begin, and of pitch classes.
    """
    size = round(bar * GRID)
    onsets = np.array([round(note.onset * GRID) for note in notes])
    number = onsets // size - onsets.min() // size
    rhythm, chroma = np.zeros((number.max() + 1, size)), np.zeros((number.max() + 1, 12))
    rhythm[number, onsets % size] = 1
    np.add.at(chroma, (number, [note.pitch % 12 for note in notes]), 1)
    filled = rhythm.any(axis=1)
    found = {"pitch classes in a bar": float((chroma[filled] > 0).sum(axis=1).mean())}
    found["onsets in a bar, spread"] = float(rhythm[filled].sum(axis=1).std())
    for lag in LAGS:
        found[f"rhythms alike, {lag} apart"] = _likeness(rhythm, lag)
        found[f"bars alike, {lag} apart"] = _likeness(chroma, lag)
    return found


def _likeness(rows: ndarray, lag: int) -> float:
    """The mean cosine of rows `lag` apart; 0 if there are none."""
    unit = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return float((unit[lag:] * unit[:-lag]).sum(axis=1).mean()) if len(rows) > lag else 0.0


def _halves(notes: Sequence[Note]) -> dict[str, float]:
    """How much the second half, in notes, differs from the first."""
    ordered = sorted(notes, key=lambda note: note.onset)
    parts = ordered[: len(ordered) // 2] or ordered, ordered[len(ordered) // 2 :]
    classes = [pitch_class_time(part) / pitch_class_time(part).sum() for part in parts]
    spans = [max(part[-1].onset - part[0].onset, 1 / GRID) / len(part) for part in parts]
    return {
        "keys of the halves": float(np.abs(classes[0] - classes[1]).sum() / 2),
        "speeds of the halves": float(abs(np.log(spans[1] / spans[0]))),
    }
