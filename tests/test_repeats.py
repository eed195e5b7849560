"""The longest repeated passage, against a search that tries every pair of places."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tinylstm.data import Tokens
from tinylstm.music.corpus.repeats import longest_repeat


def longest_by_trying(ids, starts):
    ends = [*starts[1:], len(ids)]
    places = [(i, end) for start, end in zip(starts, ends, strict=True) for i in range(start, end)]
    best = 0
    for one, end in places:
        for other, other_end in places:
            length = 0
            while (
                one + length < min(end, other)
                and other + length < other_end
                and ids[one + length] == ids[other + length]
            ):
                length += 1
            best = max(best, length)
    return best


@given(st.lists(st.integers(0, 2), min_size=1, max_size=30), st.sets(st.integers(1, 29)))
def test_the_longest_repeated_passage(ids, cuts):
    starts = [0, *sorted(cut for cut in cuts if cut < len(ids))]
    found = longest_repeat(Tokens(np.array(ids), np.array(starts)))
    assert (found.length if found else 0) == longest_by_trying(ids, starts)
    if found:
        one, other = (ids[place : place + found.length] for place in found[1:])
        assert one == other and found.second >= found.first + found.length
