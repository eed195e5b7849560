"""Windows: every one of them, once per epoch, in an order that the seed gives."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_data import corpora

import tinylstm as tl


@given(corpora(), st.integers(1, 4), st.integers(0, 2), st.booleans(), st.integers(0, 2))
def test_windows_are_all_there(tokens, T, seed, shuffle, epoch):
    wanted = [
        (*tokens.ids[i - T : i], tokens.targets[i])
        for i in range(T, len(tokens))
        if tokens.targets[i] >= 0
    ]
    if not wanted:
        with pytest.raises(ValueError, match="windows need"):
            tl.Windows(tokens, 3, T)
        return
    data = tl.Windows(tokens, 3, T, seed, shuffle)
    if shuffle:
        wanted = np.random.default_rng([seed, epoch]).permutation(wanted)
    batches = list(data.epoch(epoch))
    rows = [(*row,) for b in batches for row in zip(*b.x, b.targets, strict=True)]
    assert rows == [(*row,) for row in wanted]
    sizes = [min(3, len(wanted) - i) for i in range(0, len(wanted), 3)]
    assert [(len(b.reset), b.tokens) for b in batches] == [(n, n) for n in sizes]
    assert all(b.reset.all() and b.reset.dtype == bool for b in batches)
    assert len(data) == len(sizes)


def test_windows_without_room_say_how_much_there_is():
    message = "corpus has 4 tokens, its longest piece 3, but windows need 5: add files or lower "
    with pytest.raises(ValueError, match=f"^{message}steps$"):
        tl.Windows(tl.Tokens(np.arange(4), [0, 1]), steps=4)


def test_what_a_run_with_windows_is_known_by():
    tokens = tl.Tokens(np.arange(12) % 6, [0, 5])
    assert tl.Windows(tokens, 2, 3, 7, False).describe() == {
        "data": "Windows", "tokens": tokens.digest(), "batch": 2, "steps": 3, "shuffle": False,
        "windows": 9, "data_seed": 7,
    }  # fmt: skip
    plain = tl.Windows(tl.Tokens(np.arange(200), [0])).describe()
    assert (plain["batch"], plain["steps"], plain["data_seed"]) == (64, 100, 0)
    assert plain["shuffle"]
