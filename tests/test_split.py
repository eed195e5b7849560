"""Whole pieces are held out: so many as was asked for, and near-duplicates together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinylstm.music.corpus.split import split_pieces


def test_split_sizes():
    for count in range(2, 200):
        train, validation = split_pieces(count)
        assert sorted(train + validation) == list(range(count))
        assert 1 <= len(validation) <= max(1, round(count / 10) + 1)
    assert split_pieces(50, 0)[1] == []
    with pytest.raises(ValueError, match="validation is 1"):
        split_pieces(10, 1)


@given(st.integers(2, 60), st.data())
def test_a_split_parts_no_group(count, data):
    numbers = data.draw(st.permutations(range(count)))
    cuts = sorted(data.draw(st.sets(st.integers(1, count - 1), max_size=count // 2)))
    parts = [sorted(numbers[a:b]) for a, b in zip([0, *cuts], [*cuts, count], strict=True)]
    groups = sorted(part for part in parts if len(part) > 1)
    train, validation = split_pieces(count, 0.2, groups)
    assert sorted(train + validation) == list(range(count)) and train
    assert all(set(g) <= set(train) or set(g) <= set(validation) for g in groups)
