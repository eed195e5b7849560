"""Drawing tokens, and generating with any token model."""

from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinylstm as tl
from tinylstm.generate import Cycles, Sampling
from tinylstm.music.evaluation.statistics import longest_cycle


def random_logits(seed, rows=4, classes=9):
    return np.random.default_rng(seed).normal(0, 3, (rows, classes))


@given(
    st.integers(0, 99), st.floats(0.1, 4), st.integers(0, 10), st.floats(0.05, 1), st.floats(0, 1)
)
def test_the_most_likely_tokens_are_kept(seed, temperature, top_k, top_p, min_p):
    logits = random_logits(seed)
    p = Sampling(temperature, top_k, top_p, min_p).probabilities(logits)
    full = Sampling(temperature).probabilities(logits)
    assert np.allclose(p.sum(axis=1), 1)
    for row, whole in zip(p, full, strict=True):
        kept = row > 0
        assert kept[whole.argmax()]
        assert whole[kept].min() >= whole[~kept].max(initial=0)
        assert np.allclose(row[kept] / row[kept].sum(), whole[kept] / whole[kept].sum())
        if top_k:
            assert kept.sum() <= top_k
            if top_p == 1 and min_p == 0:
                assert kept.sum() == min(top_k, len(row))
        assert whole[kept].min() >= min_p * whole.max() - 1e-12


def test_top_p_is_the_smallest_set_that_has_so_much():
    logits = np.log([[0.5, 0.3, 0.15, 0.05]])
    for top_p, kept in [(0.4, 1), (0.6, 2), (0.79, 2), (0.81, 3), (1.0, 4)]:
        assert (Sampling(top_p=top_p).probabilities(logits) > 0).sum() == kept


def test_draws_follow_the_probabilities():
    logits = np.repeat(random_logits(0, 1), 20_000, axis=0)
    sampling = Sampling(1.3, top_k=6)
    drawn = sampling.choose(logits, np.random.default_rng(0).random(len(logits)))
    found = np.bincount(drawn, minlength=9) / len(logits)
    assert np.abs(found - sampling.probabilities(logits[:1])[0]).max() < 0.01
    edge = sampling.choose(logits[:2], np.array([0.0, np.nextafter(1, 0)]))
    assert (sampling.probabilities(logits[:2])[[0, 1], edge] > 0).all()


def test_temperature_says_which_way_it_works():
    logits = random_logits(1)
    largest = [Sampling(t).probabilities(logits).max(axis=1) for t in (0.5, 1, 2)]
    assert (largest[0] > largest[1]).all() and (largest[1] > largest[2]).all()
    cold = Sampling(1e-3).choose(logits, np.full(4, 0.7))
    assert (cold == Sampling(0).choose(logits, np.zeros(4))).all()
    assert (cold == logits.argmax(axis=1)).all()


@pytest.mark.parametrize(
    "wrong",
    [{"temperature": -1}, {"temperature": np.nan}, {"top_p": 0}, {"top_p": 1.1}, {"min_p": -0.1},
     {"top_k": -1}, {"max_repeat": -1}],
)  # fmt: skip
def test_wrong_settings_are_named(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Sampling(**wrong)


@given(st.lists(st.integers(0, 2), min_size=1, max_size=60))
def test_cycles_are_those_that_the_report_finds(ids):
    cycles, most = Cycles(1), 0
    for place, token in enumerate(ids):
        before = longest_cycle(ids[:place]).length
        forbidden = cycles.forbidden(12, 3)[0]
        cycles.add(np.array([token]))
        after = longest_cycle(ids[: place + 1]).length
        if after > max(before, 16):  # beyond twice the longest cycle, both count alike
            assert forbidden[token]
        most = max(most, after)
    lengths = cycles.lengths[0]
    for period in range(1, 9):
        run = 0
        while run + period < len(ids) and ids[-1 - run] == ids[-1 - run - period]:
            run += 1
        assert lengths[period - 1] == run + period


def model(V=6, return_sequences=True):
    layers = [tl.Embedding(V, 4), tl.LSTM(8, return_sequences=return_sequences), tl.Dense(V)]
    return tl.Sequential(layers, seed=1)


def test_generating_is_the_most_likely_continuation_at_temperature_zero():
    net, primer = model(), np.array([1, 2, 3])
    new = tl.generate(net, primer, 12, Sampling(0))
    assert new.shape == (12,)
    ids = [*primer]
    for token in new:  # one pass over everything so far, instead of a carried state
        logits, _, _ = net.forward(np.array(ids)[:, None])
        assert logits[-1, 0].argmax() == token
        ids.append(token)


def test_the_seed_decides():
    net, primer = model(), np.array([0])
    first = tl.generate(net, primer, 20, seed=3)
    assert (tl.generate(net, primer, 20, seed=3) == first).all()
    assert any((tl.generate(net, primer, 20, seed=s) != first).any() for s in range(3))
    assert tl.generate(net, primer, 0).shape == (0,)


def test_a_model_that_answers_once_for_a_window():
    net = model(return_sequences=False)
    assert tl.generate(net, np.array([1, 2]), 5, Sampling(0)).shape == (5,)


def test_what_cannot_be_generated():
    with pytest.raises(ValueError, match="the primer is empty"):
        tl.generate(model(), np.zeros(0, int), 3)
    with pytest.raises(ValueError, match=r"integers in \[0, 6\), got 9"):
        tl.generate(model(), np.array([9]), 3)


@pytest.mark.parametrize("sampling", [Sampling(0), Sampling(1.2, top_k=3), Sampling(max_repeat=2)])
def test_a_stream_gives_what_generate_gives(sampling):
    net, primer = model(), np.array([1, 2])
    ids = list(islice(tl.stream(net, primer, sampling, seed=7), 15))
    assert ids == tl.generate(net, primer, 15, sampling, seed=7).tolist()
    assert all(type(token) is int for token in ids)


def test_a_model_may_be_trained_while_a_stream_waits():
    """Kernels keep packed weights while they are frozen: a stream must not freeze them."""
    nets = [model(), model()]
    waiting = tl.stream(nets[0], np.array([0]))
    next(waiting)
    for net in nets:
        data = tl.Streams(tl.Tokens(np.arange(60) % 6, [0]), 2, 5)
        tl.fit(net, data, 1, optimizer=tl.Adam(0.05), threads=1)
    assert all((nets[0].params[path] == p).all() for path, p in nets[1].params.items())
    assert 0 <= next(waiting) < 6


def test_what_cannot_be_streamed():
    with pytest.raises(ValueError, match="the primer is empty"):
        next(tl.stream(model(), np.zeros(0, int)))
