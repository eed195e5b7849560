"""N-grams: compared with a slow version with dictionaries, and on data of known entropy."""

from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinylstm as tl
from tinylstm.ngram import ngram_nats, pair_counts


def pieces_of(tokens, classes, order):
    """Each target with its context, padded before the start of a piece."""
    for a, b in zip(tokens.starts, tokens.ends, strict=True):
        ids = [classes] * (order - 1) + list(tokens.ids[a:b])
        for i in range(a + 1, b):
            if tokens.targets[i] >= 0:
                place = i - a + order - 1
                yield (*ids[place - order + 1 : place], int(tokens.targets[i]))


def kneser_ney(train, validation, classes, order):
    """The recursion of the paper, one n-gram at a time."""
    counts = {order: Counter(pieces_of(train, classes, order))}
    for n in range(order - 1, 0, -1):
        counts[n] = Counter(gram[1:] for gram in counts[n + 1])

    def p(gram):
        if not gram:
            return 1 / classes
        known = counts[len(gram)]
        once, twice = (sum(c == k for c in known.values()) for k in (1, 2))
        discount = max(once, 1) / max(once + 2 * twice, 2)
        following = {g: c for g, c in known.items() if g[:-1] == gram[:-1]}
        total = sum(following.values())
        if not total:
            return p(gram[1:])
        kept = max(known[gram] - discount, 0)
        return (kept + discount * len(following) * p(gram[1:])) / total

    return np.mean([-np.log(p(gram)) for gram in pieces_of(validation, classes, order)])


@st.composite
def corpora(draw):
    V = draw(st.integers(1, 5))
    lengths = draw(st.lists(st.integers(2, 12), min_size=1, max_size=4))
    N = sum(lengths)
    ids = np.array(draw(st.lists(st.integers(0, V - 1), min_size=N, max_size=N)))
    ignored = np.array(draw(st.lists(st.booleans(), min_size=N, max_size=N)))
    starts = np.cumsum([0, *lengths])[:-1]
    tokens = tl.Tokens(ids, starts, np.where(ignored, -1, ids))
    if not any(len(targets) for _, targets in tokens.pairs()):
        tokens = tl.Tokens(np.zeros(3, int), [0])
    return tokens, V


@given(corpora(), st.integers(1, 5), st.integers(1, 7))
def test_an_ngram_agrees_with_its_slow_twin(corpus, order, chunk):
    tokens, V = corpus
    fast = ngram_nats(tokens, tokens, V, order, chunk=chunk)
    assert fast == pytest.approx(kneser_ney(tokens, tokens, V, order), rel=1e-9, abs=1e-9)


def test_an_ngram_of_a_large_alphabet_agrees_too():
    """Its keys fill 62 of 64 bits: no floating-point number may come between."""
    ids = np.random.default_rng(0).integers(4_990, 5_000, 60)
    tokens = tl.Tokens(ids, [0, 9])
    for order in (2, 5):
        assert ngram_nats(tokens, tokens, 5_000, order) == pytest.approx(
            kneser_ney(tokens, tokens, 5_000, order), rel=1e-9
        )


def test_probabilities_of_all_continuations_add_up_to_one():
    rng = np.random.default_rng(0)
    train = tl.Tokens(rng.integers(0, 4, 60), [0, 20])
    context = [1, 2, 3]
    p = [
        np.exp(-ngram_nats(train, tl.Tokens(ids, [0], targets), 4, order=4))
        for w in range(4)
        for ids in [np.array([*context, w])]
        for targets in [np.array([-1, -1, -1, w])]
    ]
    assert sum(p) == pytest.approx(1)


def test_a_chain_of_order_two_needs_a_trigram():
    rng, ids = np.random.default_rng(1), [0, 1]
    for _ in range(20_000):  # xor of the last two, wrong in one case out of ten
        ids.append((ids[-1] ^ ids[-2]) ^ int(rng.random() < 0.1))
    train, held_out = tl.Tokens(np.array(ids[:16_000]), [0]), tl.Tokens(np.array(ids[16_000:]), [0])
    entropy = -0.9 * np.log(0.9) - 0.1 * np.log(0.1)
    for name, nats in tl.baselines(train, held_out, 2).items():
        if name == "5-gram":
            assert nats == pytest.approx(entropy, abs=0.02)
        else:
            assert nats > 0.6


def test_counting_does_not_copy_the_corpus():
    ids = np.zeros(50_000, np.int16)
    ids[25_000:] = 1
    tokens = tl.Tokens(ids, [0])
    first = ngram_nats(tokens, tl.Tokens(ids[:100], [0]), 2, largest=1000)
    assert first < 0.01  # only the zeros were counted


def test_what_cannot_be_counted_is_refused():
    tokens = tl.Tokens(np.array([0, 1]), [0])
    with pytest.raises(ValueError, match="order is 0"):
        ngram_nats(tokens, tokens, 2, order=0)
    with pytest.raises(ValueError, match="order 8 is too high for 300 classes"):
        ngram_nats(tokens, tokens, 300, order=8)
    one = tl.Tokens(np.zeros(70, int), [0])
    with pytest.raises(ValueError, match="order 64 is too high for 1 classes"):
        ngram_nats(one, one, 1, order=64)
    assert ngram_nats(one, one, 1, order=63) == 0


@given(corpora())
def test_pair_counts(corpus):
    tokens, V = corpus
    wanted = defaultdict(int)
    for a, b in zip(tokens.starts, tokens.ends, strict=True):
        for i in range(a + 1, b):
            if tokens.targets[i] >= 0:
                wanted[tokens.ids[i - 1], tokens.targets[i]] += 1
    got = pair_counts(tokens, V)
    assert {tuple(k): got[tuple(k)] for k in np.argwhere(got)} == dict(wanted)


def test_pairs_are_counted_in_a_corpus_of_any_size():
    counts = pair_counts(tl.Tokens(np.arange((1 << 20) + 9) % 2, [0]), 2)  # more than one chunk
    assert counts.tolist() == [[0, (1 << 19) + 4], [(1 << 19) + 4, 0]]


def by_hand(train, held_out, V):
    """The nats of the unigram, and those of the bigram for each of its smoothings."""
    pairs, counts = np.zeros((V, V)), np.ones(V)
    for a, b in pieces_of(train, V, 2):
        pairs[a, b] += 1
        counts[b] += 1
    p, judged = counts / counts.sum(), list(pieces_of(held_out, V, 2))
    unigram = -np.mean([np.log(p[b]) for _, b in judged])
    return unigram, [
        -np.mean([np.log((pairs[a, b] + k * p[b]) / (pairs[a].sum() + k)) for a, b in judged])
        for k in 2.0 ** np.arange(-3, 16)
    ]


@given(corpora(), st.randoms(use_true_random=False))
def test_the_bigram_has_the_smoothing_that_the_held_out_tokens_like_best(corpus, random):
    """By hand, for every k: the baseline may not be made weak."""
    (train, V), ids = corpus, corpus[0].ids.tolist()
    random.shuffle(ids)
    held_out = tl.Tokens(np.array(ids), [0])
    unigram, bigrams = by_hand(train, held_out, V)
    found = tl.baselines(train, held_out, V)
    assert list(found) == ["unigram", "bigram", "5-gram"]
    fivegram = kneser_ney(train, held_out, V, 5)
    assert [*found.values()] == pytest.approx([unigram, min(bigrams), fivegram], abs=1e-12)
    assert ngram_nats(train, held_out, V) == found["5-gram"]


def test_the_smoothing_may_be_as_weak_and_as_strong_as_its_limits():
    for ids, held, best in (([0, 1] * 99, [0, 1] * 9, 0), ([0, 1] * 9999, [0, 0, 1, 1] * 9, -1)):
        train, held_out = tl.Tokens(np.array(ids), [0]), tl.Tokens(np.array(held), [0])
        _, bigrams = by_hand(train, held_out, 2)
        assert tl.bigram_nats(train, held_out, 2) == pytest.approx(bigrams[best], rel=1e-12)
        assert np.argmin(bigrams) == best % 19
