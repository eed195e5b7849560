"""Streams: every token once per epoch, states reset at the start of a piece, reproducible."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinylstm as tl
from tinylstm.data import playable


@st.composite
def corpora(draw, V=6):
    lengths = draw(st.lists(st.integers(1, 25), min_size=1, max_size=6))
    lengths[0] += 1  # at least one piece with something to predict
    N = sum(lengths)
    ids = np.array(draw(st.lists(st.integers(0, V - 1), min_size=N, max_size=N)), np.int16)
    ignored = np.array(draw(st.lists(st.booleans(), min_size=N, max_size=N)))
    ignored[1] = False
    return tl.Tokens(ids, np.cumsum([0, *lengths])[:-1], np.where(ignored, -1, ids))


def read(data, epoch=0):
    """What each stream reads: for each, a list of (token, target, whether the state is zero)."""
    lanes = [[] for _ in range(data.streams)]
    for batch in data.epoch(epoch):
        for b, lane in enumerate(lanes):
            for t in range(len(batch.x)):
                lane.append((batch.x[t, b], batch.targets[t, b], batch.reset[b] and t == 0))
    return lanes


@given(corpora(), st.integers(1, 5), st.integers(1, 9), st.booleans(), st.integers(0, 3))
def test_every_target_is_seen_once_behind_its_predecessor(tokens, B, T, whole, epoch):
    data = tl.Streams(tokens, B, T, whole_pieces=whole)
    seen = sorted((x, y) for lane in read(data, epoch) for x, y, _ in lane if y >= 0)
    inside = np.isin(np.arange(len(tokens)), tokens.starts, invert=True)
    at = np.flatnonzero(inside & (tokens.targets >= 0))
    assert seen == sorted(zip(tokens.ids[at - 1], tokens.targets[at], strict=True))
    batches = list(data.epoch(epoch))
    assert [batch.tokens for batch in batches] == [(b.targets >= 0).sum() for b in batches]
    if whole:
        assert len(batches) <= len(data) or data.shuffle


@given(corpora(), st.integers(1, 4), st.integers(1, 9))
def test_whole_pieces_are_read_from_zero_to_their_end(tokens, B, T):
    for lane in read(tl.Streams(tokens, B, T, whole_pieces=True)):
        pieces, now = [], []
        for x, y, reset in lane:
            if reset and now:
                pieces.append(now)
                now = []
            now.append((x, y))
        wanted = {
            tuple(tokens.ids[a : b - 1]) for a, b in zip(tokens.starts, tokens.ends, strict=True)
        }
        for piece in [*pieces, now]:
            x = tuple(x for x, _ in piece)
            assert any(x[: len(w)] == w for w in wanted if len(w)) or not any(x)


@given(corpora(), st.integers(1, 5), st.integers(1, 9), st.integers(0, 2))
def test_an_epoch_is_the_same_whenever_it_is_asked_for(tokens, B, T, epoch):
    one, two = (tl.Streams(tokens, B, T, seed=4) for _ in range(2))
    list(one.epoch(epoch + 1))
    for a, b in zip(one.epoch(epoch), two.epoch(epoch), strict=True):
        for left, right in zip(a, b, strict=True):
            np.testing.assert_array_equal(left, right)


def test_pieces_are_heard_in_keys_that_know_all_their_tokens():
    keys = np.array([[0, 1, 2, 3], [1, 2, 3, -1]])  # up by one: 3 leaves the vocabulary
    tokens = tl.Tokens(np.array([0, 1, 2, 0, 3, 0]), [0, 3])
    assert playable(tokens, keys).tolist() == [[True, True], [True, False]]
    heard = set()
    for epoch in range(20):
        data = tl.Streams(tokens, 1, 5, variants=keys)
        (lane,) = read(data, epoch)
        heard |= {(int(x), int(y)) for x, y, _ in lane if y >= 0}
    assert heard == {(0, 1), (1, 2), (2, 3), (0, 3), (3, 0)}


def test_the_first_key_is_the_piece_own():
    with pytest.raises(ValueError, match="must be the identity"):
        tl.Streams(tl.Tokens(np.array([0, 1]), [0]), variants=np.array([[1, 0]]))


def test_what_a_run_depends_on_is_described():
    ids = np.arange(8) % 4
    one = tl.Streams(tl.Tokens(ids, [0]), 2, 3).describe()
    assert one == tl.Streams(tl.Tokens(ids.astype(np.int16), [0]), 2, 3).describe()
    for other in (
        tl.Streams(tl.Tokens(ids[::-1].copy(), [0]), 2, 3),
        tl.Streams(tl.Tokens(ids, [0, 4]), 2, 3),
        tl.Streams(tl.Tokens(ids, [0]), 2, 3, variants=np.arange(4)[None]),
        tl.Streams(tl.Tokens(ids, [0]), 2, 3, seed=1),
    ):
        assert other.describe() != one
    assert tl.Windows(tl.Tokens(ids, [0]), 2, 3).describe()["windows"] == 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0, 1], [1]), "starts must begin with 0"),
        (([0, 1], [0, 0]), "starts must begin with 0"),
        (([0, 1], [0], [0]), "1 targets for 2 ids"),
    ],
)
def test_what_is_no_corpus(arguments, message):
    with pytest.raises(ValueError, match=message):
        tl.Tokens(*map(np.array, arguments))


def test_nothing_to_predict():
    with pytest.raises(ValueError, match="no piece has two tokens"):
        tl.Streams(tl.Tokens(np.array([0, 1]), [0, 1]))
    with pytest.raises(ValueError, match="streams=0"):
        tl.Streams(tl.Tokens(np.array([0, 1]), [0]), streams=0)
