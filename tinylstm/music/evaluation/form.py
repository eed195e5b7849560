"""Form: bars and melodic patterns that come back, phrases, and how a piece ends.

The melody is the skyline of a piece: the highest note at each onset (A. Uitdenbogerd and J. Zobel,
"Melodic matching techniques for large music databases", 1999). As in statistics.py, each figure is
one number, and times are rounded to the grid. Next: rhythm.py, harmony.py.
"""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy import ndarray

from ..notes import Note
from .harmony import key_of
from .statistics import GRID, tones

PATTERN = 6  # intervals


def melody(notes: Sequence[Note]) -> ndarray:
    """The skyline: onset in grid steps and pitch of the highest note at each onset, (M, 2).

    >>> melody([Note(0, 1, 48), Note(0, 1, 60), Note(1, 1, 62)]).tolist()
    [[0, 60], [12, 62]]
    """
    highest: dict[int, int] = {}
    for note in tones(notes):
        step = round(note.onset * GRID)
        highest[step] = max(note.pitch, highest.get(step, 0))
    return np.array(sorted(highest.items()))


def bars_repeated(notes: Sequence[Note], bar: float = 4.0, transposed: bool = False) -> float:
    """The share of bars that equal an earlier bar: the same pitches at the same times in the bar.

    bar: quarter notes. transposed: also equal if all pitches are shifted by one interval. Bars in
    which no note begins are not counted.

    >>> theme = [Note(0, 1, 60), Note(1, 1, 64), Note(4, 1, 62), Note(5, 1, 66)]
    >>> bars_repeated(theme), bars_repeated(theme, transposed=True)
    (0.0, 0.5)
    """
    contents: dict[int, set[tuple[int, int]]] = {}
    for note in notes:
        number, step = divmod(round(note.onset * GRID), round(bar * GRID))
        contents.setdefault(number, set()).add((step, note.pitch))
    if transposed:
        for number, bar_notes in contents.items():
            lowest = min(pitch for _, pitch in bar_notes)
            contents[number] = {(step, pitch - lowest) for step, pitch in bar_notes}
    return 1 - len({frozenset(c) for c in contents.values()}) / len(contents)


def longest_pattern(notes: Sequence[Note]) -> float:
    """Notes of the longest pattern of melodic intervals that comes back without overlapping itself.

    Rhythm and key do not matter. (The longest non-overlapping repeat; J.-L. Hsu et al.,
    "Discovering nontrivial repeating patterns in music data", 2001.)

    >>> tune = [60, 62, 64, 60, 67, 69, 71, 67]
    >>> longest_pattern([Note(t, 1, pitch) for t, pitch in enumerate(tune)])
    4.0
    """
    intervals = np.diff(melody(notes)[:, 1])  # (M - 1,)
    low, high = 0, len(intervals) // 2  # if a pattern comes back, so does each of its parts
    while low < high:
        size = (low + high + 1) // 2
        low, high = (size, high) if _comes_back(intervals, size) else (low, size - 1)
    return float(low + 1)


def _comes_back(intervals: ndarray, size: int) -> bool:
    """Whether a run of `size` intervals occurs twice without overlap."""
    first: dict[Hashable, int] = {}
    runs = np.lib.stride_tricks.sliding_window_view(intervals, size)
    return any(
        place - first.setdefault(run.tobytes(), place) >= size for place, run in enumerate(runs)
    )


def patterns_again(notes: Sequence[Note], size: int = PATTERN) -> float:
    """The share of the melody's runs of six intervals that were heard before, in any key.

    >>> tune = [60, 62, 64, 65, 67, 64, 60] * 2
    >>> patterns_again([Note(t, 1, pitch) for t, pitch in enumerate(tune)])
    0.125
    """
    intervals = np.diff(melody(notes)[:, 1])
    if len(intervals) < size:
        return 0.0
    runs = np.lib.stride_tricks.sliding_window_view(intervals, size)
    return 1 - len(np.unique(runs, axis=0)) / len(runs)


def melody_repeated(notes: Sequence[Note]) -> float:
    """The share of melody notes that repeat the pitch of the note before.

    >>> melody_repeated([Note(t, 1, pitch) for t, pitch in enumerate([60, 60, 62])])
    0.5
    """
    pitches = melody(notes)[:, 1]
    return float((np.diff(pitches) == 0).mean()) if len(pitches) > 1 else 0.0


def phrase_ends(notes: Sequence[Note]) -> ndarray:
    """The places in the melody of the notes that end a phrase.

    A phrase ends with a note that is followed by as long a wait as the waits on both sides of it
    together (strength 1/2 of rule 2b; B. Frankland and A. Cohen, "Parsing of melody: quantification
    and testing of the local grouping rules", 2004) and at least twice the melody's mean.

    >>> times = [0, 1, 2, 3, 6, 7, 8, 9, 12]
    >>> phrase_ends([Note(t, 1, 60) for t in times]).tolist()
    [3]
    """
    waits = np.diff(melody(notes)[:, 0])  # (M - 1,) from each onset to the next
    if len(waits) < 3:
        return np.zeros(0, int)
    inner = waits[1:-1]
    ends = (inner >= waits[:-2] + waits[2:]) & (inner >= 2 * waits.mean())
    return np.flatnonzero(ends) + 1


def phrase_length(notes: Sequence[Note]) -> float:
    """The median time from the beginning of a phrase to that of the next, in quarter notes.

    Without a phrase that ends: the whole time.

    >>> phrase_length([Note(t, 1, 60) for t in [0, 1, 2, 3, 6, 7, 8, 9, 12, 13, 14]])
    6.0
    """
    onsets, ends = melody(notes)[:, 0], phrase_ends(notes)
    begins = onsets[[0, *(ends + 1)]] if len(ends) else onsets[[0, -1]]
    return float(np.median(np.diff(begins))) / GRID


def phrase_endings(notes: Sequence[Note]) -> float:
    """The share of phrases that end on a note of the tonic triad; 0 if no phrase ends.

    >>> tune = [60, 62, 64, 67, 65, 62, 59, 60, 60]
    >>> phrase_endings([Note(t, 1, p) for t, p in zip([0, 1, 2, 3, 6, 7, 8, 9, 12], tune)])
    1.0
    """
    ends = melody(notes)[phrase_ends(notes), 1]
    return float(np.isin(ends % 12, key_of(notes).triad()).mean()) if len(ends) else 0.0


def ends_on_tonic(notes: Sequence[Note]) -> bool:
    """Whether the lowest note that sounds at the very end is the tonic.

    >>> scale = [60, 62, 64, 65, 67, 69, 71, 72]
    >>> ends_on_tonic([Note(t, 1, pitch) for t, pitch in enumerate(scale)])
    True
    """
    return min(note.pitch for note in _last(notes)) % 12 == key_of(notes).tonic


def ends_held(notes: Sequence[Note]) -> bool:
    """Whether a note that sounds at the very end lasts at least twice the mean duration.

    >>> ends_held([Note(0, 1, 60), Note(1, 1, 62), Note(2, 4, 60)])
    True
    """
    mean = sum(note.duration for note in tones(notes)) / len(tones(notes))
    return max(note.duration for note in _last(notes)) >= 2 * mean


def _last(notes: Sequence[Note]) -> list[Note]:
    """The notes that sound at the very end."""
    ends = [round((note.onset + note.duration) * GRID) for note in tones(notes)]
    return [note for note, end in zip(tones(notes), ends, strict=True) if end == max(ends)]
