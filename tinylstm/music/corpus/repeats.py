"""The longest passage that occurs twice in a corpus."""

from typing import NamedTuple

import numpy as np
from numpy import ndarray

from ...data import Tokens


class Repeat(NamedTuple):
    """A repeated passage: its length, and where it begins, in tokens from the corpus's start."""

    length: int  # tokens
    first: int
    second: int


def longest_repeat(tokens: Tokens) -> Repeat | None:
    """The longest run of ids that occurs twice, within pieces and without overlap; None if none.

    Prefix doubling (R. Karp, R. Miller and A. Rosenberg, 1972): two runs of n ids that lie end to
    end, or overlap, make a longer one, and its rank is the rank of their pair of ranks. So runs
    are compared as single numbers, exactly, in about 2 log2(length) sorts.

    >>> longest_repeat(Tokens(np.array([1, 2, 3, 9, 1, 2, 3, 3]), np.array([0])))
    Repeat(length=3, first=0, second=4)
    """
    ids = np.asarray(tokens.ids)
    room = np.repeat(tokens.ends, tokens.ends - tokens.starts) - np.arange(len(ids))  # (N,)
    rank = np.unique(ids, return_inverse=True)[1].astype(np.int64)  # (N,) of runs of n ids
    n, best, doubled = 1, _find(rank, room, 1), rank
    while longer := best and _find(doubled := _pair(rank, room, n, n), room, 2 * n):
        n, best, rank = 2 * n, longer, doubled
    low, high = n, 2 * n  # a run of n ids is repeated, none of 2 n is
    while best and high - low > 1:
        middle = (low + high) // 2
        longer = _find(_pair(rank, room, n, middle - n), room, middle)
        low, high, best = (middle, high, longer) if longer else (low, middle, best)
    return best


def _pair(rank: ndarray, room: ndarray, n: int, offset: int) -> ndarray:
    """Ranks (N,) of the runs of n + offset ids, from those of n ids; -1 where a piece ends."""
    places = np.flatnonzero(room >= n + offset)
    keys = rank[places] * (rank.max() + 1) + rank[places + offset]
    paired = np.full(len(rank), -1)
    paired[places] = np.unique(keys, return_inverse=True)[1]
    return paired


def _find(rank: ndarray, room: ndarray, length: int) -> Repeat | None:
    """Two runs of equal rank that do not overlap, or None."""
    places = np.flatnonzero(room >= length)
    if not len(places):
        return None
    ordered = places[np.argsort(rank[places], kind="stable")]  # by rank, then by place
    begins = np.flatnonzero(np.diff(rank[ordered], prepend=-2))  # each rank's first
    first, last = ordered[begins], ordered[np.append(begins[1:], len(ordered)) - 1]
    far = np.flatnonzero(last - first >= length)
    return Repeat(length, int(first[far[0]]), int(last[far[0]])) if len(far) else None
