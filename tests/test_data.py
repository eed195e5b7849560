"""Streams: every token once per epoch, states reset at the start of a piece, reproducible."""

import hashlib
from itertools import chain

import numpy as np
import pytest
from hypothesis import example, given
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


def slow_lanes(tokens, B, T, whole, order):
    """What each stream reads: for each chunk, its piece, its first token, the one after it."""
    chunks = [
        [(p, i, min(i + T, b - 1)) for i in range(a, b - 1, T)]
        for p, (a, b) in enumerate(zip(tokens.starts, tokens.ends, strict=True))
    ]
    if whole:
        lanes = [[] for _ in range(min(B, sum(map(bool, chunks))))]
        for p in sorted(order, key=lambda p: -len(chunks[p])):
            min(lanes, key=len).extend(chunks[p])
        return lanes
    row = [chunk for p in order for chunk in chunks[p]]
    n = min(B, len(row))
    return [row[len(row) * b // n : len(row) * (b + 1) // n] for b in range(n)]


def slow_epoch(tokens, B, T, seed, shuffle, whole, variants, epoch):
    """The batches of `Streams`, token after token: yields x, targets and reset of each."""
    P = len(tokens.starts)
    order = np.random.default_rng([seed, epoch]).permutation(P) if shuffle else range(P)
    rng, keys = np.random.default_rng([seed, epoch, 1]), []
    for a, b in zip(tokens.starts, tokens.ends, strict=True):
        fit = [s for s, key in enumerate(variants) if all(key[tokens.ids[a:b]] >= 0)]
        keys.append(variants[rng.choice(fit)])
    lanes = slow_lanes(tokens, B, T, whole, order)
    for step in range(max(map(len, lanes))):
        x, targets = np.zeros((T, len(lanes)), int), np.full((T, len(lanes)), -1)
        reset = np.ones(len(lanes), bool)
        for b, lane in enumerate(lanes):
            if step < len(lane):
                piece, first, end = lane[step]
                reset[b] = step == 0 or first == tokens.starts[piece]
                for t in range(end - first):
                    x[t, b] = keys[piece][tokens.ids[first + t]]
                    target = tokens.targets[first + t + 1]
                    targets[t, b] = -1 if target < 0 else keys[piece][target]
        yield x, targets, reset


KEYS = np.array([np.arange(6), np.arange(6)[::-1], [1, 2, 3, 4, 5, -1]])
MANY = tl.Tokens(np.arange(90) % 6, np.arange(30) * 3)  # enough for a sort that is not stable
STREAMS = (
    *(st.integers(1, 9), st.integers(1, 9), st.integers(0, 3)),  # streams, steps, seed
    *(st.booleans(), st.booleans(), st.sampled_from([None, KEYS])),  # shuffle, whole_pieces
)


@given(corpora(), st.tuples(*STREAMS), st.integers(0, 2))
@example(MANY, (4, 2, 1, True, True, KEYS), 1)
@example(tl.Tokens(np.arange(5), [0, 1, 4]), (9, 2, 0, False, True, None), 0)  # two have no pair
def test_streams_agree_with_their_slow_twin(tokens, options, epoch):
    data, variants = tl.Streams(tokens, *options), KEYS[:1] if options[5] is None else KEYS
    wanted = list(slow_epoch(tokens, *options[:5], variants, epoch))
    assert len(data) == len(wanted)
    for batch, slow in zip(data.epoch(epoch), wanted, strict=True):
        for ours, theirs in zip(batch[:3], slow, strict=True):
            np.testing.assert_array_equal(ours, theirs)
            assert ours.dtype == theirs.dtype
        assert batch.tokens == (batch.targets >= 0).sum() and batch.mask is None


@given(corpora(), st.integers(1, 30))
def test_pairs_are_the_same_in_chunks_of_any_size(tokens, chunk):
    found = [[*zip(*pair, strict=True)] for pair in tokens.pairs(chunk)]
    inside = np.isin(np.arange(len(tokens)), tokens.starts, invert=True)
    at = np.flatnonzero(inside & (tokens.targets >= 0))
    assert [*chain(*found)] == [*zip(tokens.ids[at - 1], tokens.targets[at], strict=True)]
    assert len(found) == -(-(len(tokens) - 1) // chunk)


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
    with pytest.raises(ValueError, match=r"^the first of the variants must be the identity"):
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


def test_a_run_is_known_by_the_same_words_and_hashes_as_ever():
    """Checkpoints hold them: if one changed, no old run could go on."""
    tokens = tl.Tokens(np.arange(12) % 6, [0, 5])
    for dtype in (np.int64, np.int8):
        tokens = tl.Tokens(tokens.ids.astype(dtype), tokens.starts.astype(dtype))
        assert tl.Streams(tokens, 2, 3, 7, True, True, KEYS.astype(dtype)).describe() == {
            "data": "Streams", "tokens": "c9b4a48592bb777f", "variants": "117821aab1932fe8",
            "streams": 2, "steps": 3, "shuffle": True, "whole_pieces": True, "data_seed": 7,
        }  # fmt: skip
    assert tl.Streams(tokens, 2, 3).describe()["variants"] is None
    long = tl.Tokens(np.arange((2 << 20) + 5, dtype=np.int32), [0, 9])  # hashed in three blocks
    parts = (long.starts, long.ids.astype(np.int64), long.ids.astype(np.int64))
    whole = hashlib.blake2b(b"".join(part.tobytes() for part in parts), digest_size=8)
    assert long.digest() == whole.hexdigest()
    plain = tl.Streams(long).describe()
    assert (plain["streams"], plain["steps"], plain["data_seed"]) == (32, 100, 0)
    assert plain["shuffle"] and not plain["whole_pieces"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0, 1], [1]), "^starts must begin with 0"),
        (([0, 1], [0, 0]), "^starts must begin with 0"),
        (([0, 1], [0], [0]), "1 targets for 2 ids"),
    ],
)
def test_what_is_no_corpus(arguments, message):
    with pytest.raises(ValueError, match=message):
        tl.Tokens(*map(np.array, arguments))


def test_nothing_to_predict():
    with pytest.raises(ValueError, match=r"^no piece has two tokens"):
        tl.Streams(tl.Tokens(np.array([0, 1]), [0, 1]))
    with pytest.raises(ValueError, match="streams=0"):
        tl.Streams(tl.Tokens(np.array([0, 1]), [0]), streams=0)
