"""Near-duplicates: pieces so alike that a split must not put them on both sides.

Two arrangements of a piece differ in key and speed. So a piece is compared by its *grams*, the runs
of 16 intervals between successive notes. MinHash (A. Broder, 1997) estimates the share of grams
that two pieces have in common from 128 numbers per piece, and sorting these numbers finds the pairs
without comparing every piece with every other: a hundred thousand pieces need 51 MB.
"""

from collections.abc import Iterable
from hashlib import shake_256

import numpy as np
from numpy import ndarray

from ..notes import DRUMS, Note

GRAM = 16  # intervals
SIZE = 128  # numbers in a signature
THRESHOLD = 0.125  # of the grams of two pieces, the share in common from which they are alike
_DISTINCT = 4  # a gram with fewer different intervals (a tremolo, a scale) says little
_LEAST = 8  # grams: a piece with fewer is compared with none


def intervals(notes: Iterable[Note]) -> ndarray:
    """Semitones (N - 1,) from each note to the next, by onset and then from the lowest pitch.

    Notes that start nearly together count as a chord, so that strummed and written chords agree.
    "Nearly" is an eighth of the mean distance: it changes with the speed.

    >>> intervals([Note(0, 1, 60), Note(1, 1, 64), Note(1, 1, 62)]).tolist()
    [2, 2]
    """
    pitched = [(note.onset, note.pitch) for note in notes if note.program != DRUMS]
    if len(pitched) < 2:
        return np.zeros(0, np.int64)
    onsets, pitches = np.array(sorted(pitched)).T  # (N,) each
    gaps = np.diff(onsets)  # (N - 1,)
    chord = np.append(0, np.cumsum(gaps > max(gaps.mean() / 8, 1e-9)))  # (N,)
    return np.diff(pitches[np.lexsort((pitches, chord))]).astype(np.int64)


def grams(notes: Iterable[Note]) -> ndarray:
    """Hashes (n,) of the distinct grams, without those that any piece could have."""
    steps = intervals(notes)
    if len(steps) < GRAM:
        return np.zeros(0, np.uint64)
    runs = np.lib.stride_tricks.sliding_window_view(steps, GRAM)  # (n, 16)
    telling = (np.diff(np.sort(runs, axis=1), axis=1) > 0).sum(axis=1) + 1 >= _DISTINCT  # (n,)
    hashes = np.zeros(telling.sum(), np.uint64)
    for column in runs[telling].T:
        hashes = _mix(hashes ^ column.astype(np.uint64))
    return np.unique(hashes)


def _mix(x: ndarray) -> ndarray:
    """splitmix64: a hash from 64 bits to 64 bits without collisions (S. Vigna)."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


_SEEDS = _mix(np.arange(1, SIZE + 1, dtype=np.uint64))  # (128,)


def signature(notes: Iterable[Note], digest: str = "") -> ndarray:
    """The smallest of a piece's grams under each of 128 hash functions, (128,).

    The share of places where two signatures agree estimates the share of grams in common. A piece
    too short to compare gets random numbers, which only a piece with the same digest shares.
    """
    found = grams(notes)
    if len(found) < _LEAST:
        return np.frombuffer(shake_256(digest.encode()).digest(4 * SIZE), np.uint32)
    smallest = np.array([_mix(found ^ seed).min() for seed in _SEEDS])
    return (smallest >> np.uint64(32)).astype(np.uint32)


def near_duplicates(signatures: ndarray, threshold: float = THRESHOLD) -> list[list[int]]:
    """The groups of two and more pieces that are alike, as rows of `signatures` (pieces, 128)."""
    group = np.arange(len(signatures))  # (pieces,) the first piece of each one's group
    for column in signatures.T:  # alike pieces have the same number in some columns
        order = np.argsort(column, kind="stable")
        for place in np.flatnonzero(column[order[1:]] == column[order[:-1]]):
            one, other = order[place : place + 2]
            alike = (signatures[one] == signatures[other]).mean() >= threshold
            if alike and group[one] != group[other]:
                first, second = sorted((group[one], group[other]))
                group[group == second] = first
    firsts, sizes = np.unique(group, return_counts=True)
    return [np.flatnonzero(group == first).tolist() for first in firsts[sizes > 1]]
