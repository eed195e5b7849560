"""Arrays: batches, ragged sequences, masks, splitting, and what they refuse."""

import hashlib
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinylstm as tl
from tinylstm.arrays import Arrays, padded
from tinylstm.data import IGNORED

RAGGED = [np.full((n, 2), float(n)) for n in (3, 1, 4)]  # the numbers are the lengths


def only(data, epoch=0):
    (batch,) = data.epoch(epoch)
    return batch


def test_batches_are_time_major_and_cut_after_the_longest_sequence():
    data = Arrays(RAGGED, np.array([0, 1, 2]), batch_size=2, shuffle=False)
    first, second = data.epoch(0)
    assert len(data) == 2 and data.lengths().tolist() == [3, 1, 4]
    assert first.x.shape == (3, 2, 2) and first.x.flags.c_contiguous
    assert first.mask.T.tolist() == [[True, True, True], [True, False, False]]
    assert first.x[:, 1, 0].tolist() == [1, 0, 0] and first.mask.flags.c_contiguous
    assert second.x.shape == (4, 1, 2) and second.mask.all()
    assert first.targets.tolist() == [0, 1] and (first.tokens, second.tokens) == (2, 1)
    assert first.reset.tolist() == [True, True] and first.reset.dtype == bool
    assert first.x.dtype == np.float32


def test_three_ways_to_say_the_same():
    x = np.zeros((3, 5, 2))
    for i, row in enumerate(RAGGED):
        x[i, : len(row)] = row
    mask = np.arange(5) < np.array([3, 1, 4])[:, None]
    given = [
        Arrays(RAGGED, np.array([0, 1, 2])),
        Arrays(x, np.array([0, 1, 2]), lengths=[3, 1, 4]),
        Arrays(x, np.array([0, 1, 2]), mask=mask),
    ]
    for data in given[1:]:
        for ours, wanted in zip(only(data), only(given[0]), strict=True):
            assert np.array_equal(ours, wanted)
    assert only(Arrays(x, np.array([0, 1, 2]))).mask is None
    assert only(Arrays(x, np.zeros(3, int), lengths=[5, 5, 5])).mask is None


def test_a_target_for_every_step():
    x = [np.array([1, 2, 3]), np.array([4])]
    batch = only(Arrays(x, [np.array([2, 3, 0]), np.array([-1])], shuffle=False))
    assert batch.x.T.tolist() == [[1, 2, 3], [4, 0, 0]]
    assert batch.targets.T.tolist() == [[2, 3, 0], [-1, -1, -1]] and batch.tokens == 3
    classes = np.array([[2, 3, 0], [1, 5, 5]])
    batch = only(Arrays(np.ones((2, 3, 1)), classes, lengths=[3, 1], shuffle=False))
    assert batch.targets.T.tolist() == [[2, 3, 0], [1, IGNORED, IGNORED]] and batch.tokens == 4
    series = only(Arrays(np.ones((2, 3, 1)), np.ones((2, 3, 4)), lengths=[3, 1]))
    assert series.targets.shape == (3, 2, 4) and series.tokens == 4


def test_one_number_for_every_step_of_ragged_sequences():
    """Not taken for a vector per sequence, also where all lengths are equal."""
    for lengths in ((3, 2), (3, 3)):
        x = [np.ones((n, 1)) for n in lengths]
        y = [np.arange(n, dtype=float) for n in lengths]
        data = Arrays(x, y, shuffle=False)
        batch = only(data)
        assert batch.targets.shape == (3, 2, 1) and batch.tokens == sum(lengths)
        assert batch.targets[:, 0, 0].tolist() == [0, 1, 2]
        model = tl.Sequential([tl.LSTM(2, return_sequences=True), tl.Dense(1)], 1)
        assert np.isfinite(tl.measure(model, data, tl.MeanSquaredError())["loss"])


def test_ragged_targets_stand_where_the_steps_are():
    """Also where x is longer than every sequence, and where padding comes first."""
    y = [np.array([1, 2]), np.array([3])]
    batch = only(Arrays(np.ones((2, 4, 1)), y, lengths=[2, 1], shuffle=False))
    assert batch.targets[batch.mask].tolist() == [1, 3, 2]
    mask = np.array([[False, True, True], [True, False, False]])
    batch = only(Arrays(np.ones((2, 3, 1)), y, mask=mask, shuffle=False))
    assert batch.targets.T[batch.mask.T].tolist() == [1, 2, 3]
    assert batch.mask.T.tolist() == mask.tolist()


def test_every_epoch_has_its_own_order_and_the_same_one_when_asked_again():
    data = Arrays(np.arange(20).reshape(20, 1), np.arange(20), batch_size=7)
    orders = [np.concatenate([b.targets for b in data.epoch(e)]).tolist() for e in (0, 1, 0)]
    assert orders[0] == orders[2] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(20))
    again = Arrays(np.arange(20).reshape(20, 1), np.arange(20), batch_size=7, seed=1)
    assert np.concatenate([b.targets for b in again.epoch(0)]).tolist() != orders[0]
    assert all((b.x[0] == b.targets).all() for b in data.epoch(0))  # they stay together


def test_splitting_keeps_everything_in_place():
    x = [np.full(n, n) for n in (3, 1, 4, 2, 5)]
    y = np.linspace(0, 1, 5)[:, None]
    train, held_out = Arrays(x, y, batch_size=4, seed=3, dtype=np.float64).split(0.4)
    assert train.lengths().tolist() == [3, 1, 4] and held_out.lengths().tolist() == [2, 5]
    assert held_out.y.tolist() == y[3:].tolist()  # ids are integers, their targets are not
    assert train.y.dtype == np.float64 and train.shuffle and held_out.shuffle is False
    assert (train.batch_size, train.seed) == (4, 3)
    one = Arrays([np.array([1, 2]), np.array([3])], np.zeros(2, int)).split(0.5)
    assert [part.mask is None for part in one] == [True, False]


def test_what_a_run_is_known_by():
    base = Arrays(RAGGED, np.array([0, 1, 2])).describe()
    assert base == Arrays(RAGGED, np.array([0, 1, 2])).describe()
    mask = np.arange(4) < np.array([3, 1, 4])[:, None]
    changed = [
        Arrays(RAGGED, np.array([0, 1, 1])),
        Arrays([*RAGGED[:2], RAGGED[2] + 1], np.array([0, 1, 2])),
        Arrays(RAGGED, np.array([0, 1, 2]), seed=1),
        Arrays(RAGGED, np.array([0, 1, 2]), batch_size=2),
        Arrays(RAGGED, np.array([0, 1, 2]), shuffle=False),
        Arrays(padded("x", RAGGED, None, None, float)[0], np.array([0, 1, 2]), mask=mask[::-1]),
    ]
    assert all(data.describe() != base for data in changed)


def test_a_run_is_known_by_the_same_words_and_hashes_as_ever():
    """Checkpoints hold them: if one changed, no old run could go on."""
    ids, y = np.array([[1, 2], [3, 0]]), np.array([0, 1])
    for lengths, last in ((None, np.array([2, 2])), ([2, 1], np.array([[1, 1], [1, 0]]) > 0)):
        data = Arrays(ids, y, lengths=lengths, seed=3)
        parts = [f"{a.dtype} {a.shape}".encode() + a.tobytes() for a in (ids, y, last)]
        wanted = hashlib.blake2b(b"".join(parts), digest_size=8).hexdigest()
        assert data.describe() == {
            "data": "Arrays", "arrays": wanted, "batch_size": 32, "shuffle": True, "data_seed": 3
        }  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numbers_get_the_dtype_that_is_asked_for(dtype):
    """In x and in targets, in one array or a list, and in both parts of a split."""
    ragged = [np.full((n, 1), 1 / 3) for n in (3, 1, 4)]
    square = np.full((3, 2, 1), 1 / 3)
    for x, y in (
        *((ragged, ragged), (ragged, square[:, 0])),
        *((square, square), (square, list(square)), (square, square[:, 0])),
    ):
        data = Arrays(x, y, dtype=dtype)
        for part in (data, *data.split(0.5)):
            for array in (part.x, part.y):
                assert array.dtype == dtype and array.max() == dtype(1 / 3)


def test_arrays_of_the_right_dtype_are_not_copied():
    for x in (np.ones((2, 3, 1), np.float32), np.ones((2, 3), np.int64)):
        assert np.shares_memory(Arrays(x, [0, 1]).x, x)


def test_numbers_below_zero_are_targets_as_good_as_any():
    assert only(Arrays(np.ones((2, 3, 1)), np.array([-1.0, 2.0]))).tokens == 2
    assert only(Arrays(np.ones((2, 3, 1)), np.array([-1, 2]))).tokens == 1  # a class to ignore


@given(st.lists(st.integers(1, 5), min_size=1, max_size=7), st.integers(1, 4), st.booleans())
def test_every_step_of_every_sequence_comes_once(lengths, batch_size, ids):
    rows, first = [], 1
    for n in lengths:
        rows.append(np.arange(first, first + n) if ids else np.arange(first, first + n)[:, None])
        first += n
    rows = rows if ids else [row.astype(float) for row in rows]
    data = Arrays(rows, [row.ravel().astype(int) for row in rows], batch_size)
    seen, found = [], 0
    for batch in data.epoch(0):
        mask = np.ones(batch.x.shape[:2], bool) if batch.mask is None else batch.mask
        assert mask.any(axis=1).all()  # no step is padding alone
        assert np.array_equal(batch.x.reshape(mask.shape)[mask], batch.targets[mask])
        seen += batch.targets[mask].tolist()
        found += batch.tokens
    assert sorted(seen) == list(range(1, first)) and found == first - 1


X = np.ones((2, 3, 1))
REFUSED = [
    (lambda: Arrays(X, [0, 1], batch_size=0), "batch_size is 0: use at least 1"),
    (lambda: Arrays(X, np.zeros(3)), "x has 2 sequences, but y has 3 targets: one for each"),
    (lambda: Arrays([], []), "x is empty: give at least one sequence"),
    (
        lambda: Arrays(X[..., 0], np.zeros(2)),
        "x is float32 (2, 3), want (N, T, D) numbers, or (N, T) token ids: "
        "use x[..., None] for one number a step",
    ),
    (
        lambda: Arrays(X[0, 0], np.zeros(1)),
        "x is float32 (1,), want (N, T, D) numbers, or (N, T) token ids",
    ),
    (
        lambda: Arrays([np.ones((3, 1)), np.ones((2, 2))], [0, 1]),
        "x has shapes [(2, 2), (3, 1)]: want (T, D) with one D, or (T,)",
    ),
    (
        lambda: Arrays([np.ones(3, int), np.ones(2, int)], [np.ones(3), np.ones(1)]),
        "sequence 1: 2 steps of x, 1 of y",
    ),
    (
        lambda: Arrays(X, np.ones((2, 4, 1))),
        "x has 3 steps, but y has 4: one target for each",
    ),
    (
        lambda: Arrays([np.ones(3, int)], [0], lengths=[3]),
        "x is a list, whose arrays have their own lengths: pass none",
    ),
    (
        lambda: Arrays(X, [0, 1], lengths=[3, 3], mask=np.ones((2, 3), bool)),
        "lengths and a mask are given: pass one of them",
    ),
    (lambda: Arrays(X, [0, 1], lengths=[3]), "lengths are int64 (1,): want integers (2,)"),
    (lambda: Arrays(X, [0, 1], lengths=[1.0, 2]), "lengths are float64 (2,): want integers (2,)"),
    (lambda: Arrays(X, [0, 1], lengths=[3, 4]), "a sequence has length 4: want 1 to 3"),
    (lambda: Arrays(X, [0, 1], lengths=[1, 4]), "a sequence has length 4: want 1 to 3"),
    (lambda: Arrays(X, [0, 1], lengths=[0, 3]), "a sequence has length 0: want 1 to 3"),
    (
        lambda: Arrays(X, [0, 1], mask=np.ones((3, 2), bool)),
        "the mask is bool (3, 2): want bool (2, 3)",
    ),
    (
        lambda: Arrays(X, [0, 1], mask=np.ones((2, 3))),
        "the mask is float64 (2, 3): want bool (2, 3)",
    ),
    (
        lambda: Arrays(X, [0, 1], mask=np.array([[True] * 3, [False] * 3])),
        "sequence 1 has no step: leave it out",
    ),
    (
        lambda: Arrays(np.array([[[0.0], [np.nan]]]), [0]),
        "x holds nan at (0, 1, 0): clean the data",
    ),
    (lambda: Arrays(X, np.array([0.0, np.inf])), "y holds inf at (1,): clean the data"),
    (lambda: Arrays(X, ["a", "b"]), "y is <U1 (2,): give numbers, and at least one"),
    (
        lambda: Arrays(X, [np.ones(3), ["a"] * 3]),
        "y[1] is <U1 (3,): give numbers, and at least one",
    ),
    (
        lambda: Arrays([np.ones((n, n)) for n in range(1, 6)], range(5)),
        "x has shapes [(1, 1), (2, 2), (3, 3), (4, 4)]: want (T, D) with one D, or (T,)",
    ),
    (
        lambda: Arrays(X, [0, 1]).split(0.2),
        "validation_split is 0.2, of 2 sequences: one part is empty",
    ),
    (
        lambda: Arrays(X, [0, 1]).split(1),
        "validation_split is 1, of 2 sequences: one part is empty",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), REFUSED)
def test_what_does_not_fit_is_named(call, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        call()
