"""Windows: every one of them, once per epoch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_data import corpora

import tinylstm as tl


@given(corpora(), st.integers(1, 4))
def test_windows_are_all_there(tokens, T):
    wanted = [
        (*tokens.ids[i - T : i], tokens.targets[i])
        for i in range(T, len(tokens))
        if tokens.targets[i] >= 0
    ]
    if not wanted:
        with pytest.raises(ValueError, match="windows need"):
            tl.Windows(tokens, 3, T)
        return
    data = tl.Windows(tokens, 3, T)
    batches = [(*batch.x, batch.targets) for batch in data.epoch(1)]
    assert sorted(row for batch in batches for row in zip(*batch, strict=True)) == sorted(wanted)


def test_windows_without_room_say_how_much_there_is():
    with pytest.raises(ValueError, match="corpus has 4 tokens, its longest piece 4, but windows"):
        tl.Windows(tl.Tokens(np.arange(4), [0]), steps=4)
