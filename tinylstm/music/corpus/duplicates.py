"""Pieces that are nearly the same: a split by piece must not put them on both sides.

Two arrangements of a piece differ in key and speed, so a piece is taken as the intervals between
successive notes, and compared by the runs of 16 intervals (*grams*) that it shares with another.
MinHash (A. Broder, 1997) estimates that share from 128 numbers a piece, whatever its length, and
sorting these numbers finds the pairs without comparing every piece with every other: a hundred
thousand pieces need 51 MB.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ..notes import DRUMS, Note

GRAM = 16  # intervals
SIZE = 128  # numbers in a signature
THRESHOLD = 0.125  # share of grams in common, of all grams that either piece has, that makes a pair
_DISTINCT = 4  # a gram of fewer different intervals (a tremolo, a scale) says little
_LEAST = 8  # grams: a piece with fewer is compared with none


def intervals(notes: Iterable[Note]) -> np.ndarray:
    """Semitones (N - 1,) from each note to the next, by onset and then from the lowest.

    Notes that start nearly together are one chord, as strummed and written chords should agree;
    "nearly" is an eighth of the mean distance, so that a change of speed changes nothing.

    >>> intervals([Note(0, 1, 60), Note(1, 1, 64), Note(1, 1, 62)]).tolist()
    [2, 2]
    """
    pitched = [(note.onset, note.pitch) for note in notes if note.program != DRUMS]
    if len(pitched) < 2:
        return np.zeros(0, np.int64)
    onsets, pitches = np.array(sorted(pitched)).T  # (N,), (N,)
    gaps = np.diff(onsets)  # (N - 1,)
    apart = gaps > max(gaps.mean() / 8, 1e-9)
    chord = np.concatenate([[0], np.cumsum(apart)])  # (N,)
    return np.diff(pitches[np.lexsort((pitches, chord))]).astype(np.int64)


def grams(notes: Iterable[Note]) -> np.ndarray:
    """The distinct runs of 16 intervals as hashes (n,), less those that any piece could have."""
    steps = intervals(notes)
    if len(steps) < GRAM:
        return np.zeros(0, np.uint64)
    runs = np.lib.stride_tricks.sliding_window_view(steps, GRAM)  # (n, 16)
    ordered = np.sort(runs, axis=1)
    telling = (np.diff(ordered, axis=1) > 0).sum(axis=1) + 1 >= _DISTINCT
    hashes = np.zeros(telling.sum(), np.uint64)
    for column in runs[telling].T:
        hashes = _mix(hashes ^ column.astype(np.uint64))
    return np.unique(hashes)


def _mix(x: np.ndarray) -> np.ndarray:
    """splitmix64: a hash of 64 bits in 64 bits, without collisions (S. Vigna)."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


_SEEDS = _mix(np.arange(1, SIZE + 1, dtype=np.uint64))  # (SIZE,)


def signature(notes: Iterable[Note]) -> np.ndarray:
    """The smallest of a piece's grams under each of 128 hash functions, (128,); none if too short.

    The share of places in which two signatures agree estimates the share of grams in common.
    """
    found = grams(notes)
    if len(found) < _LEAST:
        return np.zeros(0, np.uint32)
    smallest = [_mix(found ^ seed).min() for seed in _SEEDS]
    return (np.array(smallest) >> np.uint64(32)).astype(np.uint32)


def near_duplicates(signatures: np.ndarray, threshold: float = THRESHOLD) -> list[list[int]]:
    """Groups of pieces, by row of `signatures` (pieces, 128), each with two members at least."""
    leader = np.arange(len(signatures))

    def find(piece: int) -> int:
        while leader[piece] != piece:
            leader[piece] = leader[leader[piece]]
            piece = leader[piece]
        return piece

    for column in signatures.T:  # alike pieces have the same number in some columns
        order = np.argsort(column, kind="stable")
        for place in np.flatnonzero(np.diff(column[order].astype(np.int64)) == 0):
            one, other = find(order[place]), find(order[place + 1])
            alike = (signatures[order[place]] == signatures[order[place + 1]]).mean()
            if one != other and alike >= threshold:
                leader[max(one, other)] = min(one, other)
    groups: dict[int, list[int]] = {}
    for piece in range(len(signatures)):
        groups.setdefault(find(piece), []).append(piece)
    return [members for members in groups.values() if len(members) > 1]
