"""The longest passage that occurs twice in a corpus."""

from typing import NamedTuple

import numpy as np

from ...data import Tokens


class Repeat(NamedTuple):
    """A repeated passage: its length, and where it begins, in tokens from the corpus's start."""

    length: int  # tokens
    first: int
    second: int


def longest_repeat(tokens: Tokens) -> Repeat | None:
    """The longest run of ids that occurs twice, within pieces and without overlap; None if none.

    Prefix doubling (R. Karp, R. Miller and A. Rosenberg, 1972): the rank of a run of 2n ids is the
    rank of a pair, the ranks of its two halves. So runs are compared as single numbers, exactly, in
    log2(length) sorts.

    >>> longest_repeat(Tokens(np.array([1, 2, 3, 9, 1, 2, 3, 3]), np.array([0])))
    Repeat(length=3, first=0, second=4)
    """
    ids = np.asarray(tokens.ids)
    room = np.repeat(tokens.ends, tokens.ends - tokens.starts) - np.arange(len(ids))  # (N,)
    ranks = [np.unique(ids, return_inverse=True)[1].astype(np.int64)]  # of runs of 1, 2, 4, ...
    best = _find(ranks[0], room, 1)
    if best is None:
        return None
    while True:
        doubled = _pair(ranks[-1], ranks[-1], room, best.length, 2 * best.length)
        if (longer := _find(doubled, room, 2 * best.length)) is None:
            break
        ranks.append(doubled)
        best = longer
    rank = ranks[-1]
    for k in reversed(range(len(ranks) - 1)):  # 2**k more, if that still repeats
        length = best.length + 2**k
        extended = _pair(rank, ranks[k], room, best.length, length)
        if longer := _find(extended, room, length):
            best, rank = longer, extended
    return best


def _pair(
    front: np.ndarray, back: np.ndarray, room: np.ndarray, offset: int, length: int
) -> np.ndarray:
    """Ranks (N,) of runs made of a front run and the back run `offset` further on; -1 for none."""
    places = np.flatnonzero(room >= length)
    keys = front[places] * (back.max() + 1) + back[places + offset]
    rank = np.full(len(front), -1)
    rank[places] = np.unique(keys, return_inverse=True)[1]
    return rank


def _find(rank: np.ndarray, room: np.ndarray, length: int) -> Repeat | None:
    """Two runs of equal rank that do not overlap, or None."""
    places = np.flatnonzero(room >= length)
    if not len(places):
        return None
    ordered = places[np.argsort(rank[places], kind="stable")]  # by rank, then by place
    begins = np.flatnonzero(np.diff(rank[ordered], prepend=-2))  # each rank's first
    first, last = ordered[begins], ordered[np.append(begins[1:], len(ordered)) - 1]
    far = np.flatnonzero(last - first >= length)
    return Repeat(length, int(first[far[0]]), int(last[far[0]])) if len(far) else None
