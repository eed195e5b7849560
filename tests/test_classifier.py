"""The classifier that tells composed pieces from human ones."""

import numpy as np
import pytest

from tinylstm.music import Note
from tinylstm.music.evaluation import classifier as d
from tinylstm.music.evaluation.features import features

pytest.importorskip("sklearn", reason="the extra `judge`")


@pytest.fixture
def few(monkeypatch):
    """Fewer trees and repeats: a quick classifier."""
    monkeypatch.setattr(d, "REPEATS", 1)
    monkeypatch.setattr(d, "TREES", 20)


def walk(rng, step=2):
    pitches = 60 + np.cumsum(rng.integers(-step, step + 1, 60)) % 24
    return [Note(i / 2, 0.5, int(pitch)) for i, pitch in enumerate(pitches)]


def test_what_is_alike_cannot_be_told_apart(few):
    rng, found = np.random.default_rng(0), []
    pieces = [features(walk(rng)) for _ in range(120)]
    for seed in range(6):
        rows = [pieces[i] for i in rng.permutation(120)[:80]]
        found.append(d.distinguish(rows[:40], rows[40:], np.arange(40) // 2, seed).auc)
    assert 0.42 < np.mean(found) < 0.58, found


def test_what_differs_can_and_we_are_told_how(few):
    rng = np.random.default_rng(0)
    wild, calm = ([features(walk(rng, step)) for _ in range(20)] for step in (6, 1))
    found = d.distinguish(wild, calm, range(20))
    assert found.auc > 0.95 and found.features[0].auc == 1
    alone = {feature.name: feature for feature in found.features}
    assert alone["melody step 1"].ours < 0.5 < alone["melody step 1"].human
    assert alone["note_density"].auc == 0.5  # the same in both
    assert (found.ours, found.human, found.human_pieces) == (20, 20, 20)
    assert "AUC 1.000" in str(found) or "AUC 0.9" in str(found)
    assert found.plain()["features"][0]["auc"] == 1


def test_excerpts_of_one_piece_stay_together():
    group = np.repeat(np.arange(30), 4)
    y, x = (group < 15).astype(int), np.random.default_rng(0).standard_normal((120, 3))
    for train, test in d._folds(x, y, group, 0):
        assert not set(group[train]) & set(group[test]) and set(y[test]) == {0, 1}


def test_a_piece_is_no_witness_for_itself(few):
    """Excerpts that say of which piece they are, on both sides: still at the level of chance."""
    rng, found = np.random.default_rng(1), []
    for seed in range(6):
        which = np.repeat(rng.permutation(16), 8)
        rows = [{"piece": w + 0.01 * rng.standard_normal(), "noise": rng.random()} for w in which]
        told = d.distinguish(rows[:64], rows[64:], which[64:], seed, which[:64])
        assert (told.ours, told.human, told.human_pieces) == (64, 64, 8)
        found.append(told.auc)
    assert np.mean(found) < 0.6, found
    alone = d.distinguish(rows[:64], rows[64:], range(64), seed)  # if they were not kept together
    assert alone.auc > 0.8


def test_the_same_seed_gives_the_same_number(few):
    rng = np.random.default_rng(0)
    rows = [{"a": a, "b": b} for a, b in rng.standard_normal((30, 2))]
    found = [d.distinguish(rows[:15], rows[15:], range(15), seed=1) for _ in range(2)]
    assert found[0] == found[1]


def test_too_few_pieces():
    rows = [{"a": float(i)} for i in range(20)]
    with pytest.raises(ValueError, match="3 composed and 20 human pieces"):
        d.distinguish(rows[:3], rows, range(20))
    with pytest.raises(ValueError, match="20 composed and 2 human pieces"):
        d.distinguish(rows, rows, np.arange(20) % 2)


def test_ties_are_halves():
    assert d._auc(np.array([0, 1, 1]), np.array([1.0, 1.0, 1.0])) == 0.5
