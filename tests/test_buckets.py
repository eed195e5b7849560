"""Buckets: every step once, batches of bounded size, the state carried exactly, refusals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinylstm as tl
from tinylstm.data import IGNORED

lengths = st.lists(st.integers(1, 60), min_size=1, max_size=12)


def sequences(lengths):
    """x[i][t] is (i, t), y[i][t] is i + 100 t: each step can be recognised."""
    x = [np.array([(i, t) for t in range(n)], np.uint16) for i, n in enumerate(lengths)]
    y = [np.array([i + 100 * t for t in range(n)]) for i, n in enumerate(lengths)]
    return x, y


@given(lengths, st.integers(1, 5), st.integers(1, 20), st.booleans())
def test_each_step_once_in_order_and_no_batch_larger_than_asked(lengths, batch, steps, shuffle):
    data = tl.Buckets(*sequences(lengths), batch, steps, shuffle)
    for epoch in range(3):
        seen = [[] for _ in lengths]
        batches = list(data.epoch(epoch))
        assert len(batches) == len(data)
        for b in batches:
            T, B, _ = b.x.shape
            mask = np.ones((T, B), bool) if b.mask is None else b.mask
            assert steps >= T and batch >= B and mask.any(axis=1).all()
            assert b.tokens == mask.sum() and (b.targets[~mask] == IGNORED).all()
            assert b.x.dtype == np.float32 and (b.x[~mask] == 0).all()
            for x, targets, on, reset in zip(
                b.x.swapaxes(0, 1), b.targets.T, mask.T, b.reset, strict=True
            ):
                for (i, t), target in zip(x[on].astype(int), targets[on], strict=True):
                    assert target == i + 100 * t and t == len(seen[i])
                    assert reset == (t < steps)  # zero state in a sequence's first chunk only
                    seen[i].append(t)
        assert [len(steps) for steps in seen] == lengths


def test_lengths_in_a_batch_are_similar_and_epochs_differ():
    lengths = np.random.default_rng(0).integers(1, 200, 400).tolist()
    data = tl.Buckets(*sequences(lengths), batch_size=8, steps=100)
    first, again, second = (list(data.epoch(e)) for e in (0, 0, 1))
    padded = sum(b.x.shape[0] * b.x.shape[1] for b in first)
    assert sum(b.tokens for b in first) == sum(lengths) > 0.85 * padded
    assert all((a.x == b.x).all() for a, b in zip(first, again, strict=True))
    assert any(
        a.x.shape != b.x.shape or (a.x != b.x).any() for a, b in zip(first, second, strict=True)
    )


def test_the_state_is_carried_so_that_chunks_have_the_loss_of_whole_sequences():
    rng = np.random.default_rng(0)
    x = [rng.standard_normal((n, 3)) for n in (5, 70, 33, 41, 12)]
    y = [rng.integers(0, 4, len(row)) for row in x]
    for cell in (tl.LSTM, tl.GRU):
        model = tl.Sequential([cell(6, return_sequences=True), tl.Dense(4)], 3, dtype="float64")
        whole = tl.evaluate(model, tl.Arrays(x, y, dtype="float64"))
        data = tl.Buckets(x, y, 2, 7, dtype="float64")
        assert tl.evaluate(model, data) == pytest.approx(whole, rel=1e-12)


def test_fit_learns_from_what_vary_returns_the_same_in_every_run():
    x, y = sequences([9, 4, 30])

    def shifted(x, y, rng):
        return x, (y + rng.integers(0, 3)) % 5

    data = tl.Buckets(x, y, 2, 8, vary=shifted)
    targets = [np.concatenate([b.targets.ravel() for b in data.epoch(e)]) for e in (0, 0, 1)]
    assert (targets[0] == targets[1]).all() and (targets[0] != targets[2]).any()
    model = tl.Sequential([tl.LSTM(4, return_sequences=True), tl.Dense(5)], 2)
    assert len(tl.fit(model, data, 2)) == 2
    assert data.describe() != tl.Buckets(x, y, 2, 8).describe()
    assert tl.Buckets(x, y, 2, 8).describe() == tl.Buckets(x, y, 2, 8).describe()


@pytest.mark.parametrize(
    ("x", "y", "options", "message"),
    [
        ([], [], {}, "x is empty: give at least one sequence"),
        ([np.ones((2, 1))], [], {}, "y is empty"),
        ([np.ones((2, 1))] * 2, [np.ones((2, 1))], {}, "x has 2 sequences, y 1"),
        ([np.ones((2, 1))], [np.ones((3, 1))], {}, "sequence 0: 2 steps of x, 3 of y"),
        ([np.ones((2, 1)), np.ones((2, 3))], [np.ones(2, int)] * 2, {}, "want (T, D) with one D"),
        ([np.ones((0, 1))], [np.ones((0, 1))], {}, "x[0] is float64 (0, 1)"),
        ([np.ones(3)], [np.ones(3, int)], {}, "or (T,) integers"),
        ([np.full((2, 1), np.nan)], [np.ones(2, int)], {}, "x[0] holds NaN"),
        ([np.ones((2, 1))], [np.ones(2, int)], {"steps": 0}, "batch_size=32, steps=0: use"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(x, y, options, message):
    with pytest.raises(ValueError) as error:
        tl.Buckets(x, y, **options)
    assert message in str(error.value)
