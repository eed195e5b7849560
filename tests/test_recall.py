"""A piece recalls its own intervals."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tinylstm.music.composing.recall import NEAREST, Recall

EVEN = np.full(128, 1 / 128)


def heard(pitches):
    recall = Recall()
    for pitch in pitches:
        recall.add(pitch)
    return recall


@given(st.lists(st.integers(60, 63), min_size=1, max_size=40))
def test_runs_are_the_common_ends_of_the_intervals(pitches):
    steps = np.diff(pitches).tolist()
    for note, run in enumerate(heard(pitches).runs[:-1]):
        same = 0
        while same < note and steps[note - 1 - same] == steps[-1 - same]:
            same += 1
        assert run == same


@given(st.lists(st.integers(40, 80), max_size=40), st.integers(0, 9), st.floats(0, 1))
def test_probabilities_stay_probabilities(pitches, seed, strength):
    p = np.random.default_rng(seed).dirichlet(np.ones(128))
    mixed = heard(pitches).mixed(p, strength)
    assert mixed.min() >= 0 and abs(mixed.sum() - 1) < 1e-12
    assert strength or (mixed == p).all()


def each_interval_once(theme):
    """Else a theme recalls itself at several places."""
    return len({b - a for a, b in pairwise(theme)}) == len(theme) - 1


THEMES = st.lists(st.integers(51, 69), min_size=6, max_size=8, unique=True)


@given(THEMES.filter(each_interval_once), st.integers(-9, 9))
def test_the_more_of_a_theme_returns_the_likelier_is_the_rest(theme, moved):
    """In another key, too; and a theme is recalled no matter what the net says of other keys."""
    recall, chances = heard([*theme, 90, 30, 95]), []
    for now, following in pairwise(theme):
        recall.add(now + moved)
        chances.append(recall.mixed(EVEN)[following + moved])
    assert chances[-1] > chances[2] > chances[0] == EVEN[0]
    assert chances[4] > 0.5


def test_a_note_is_not_recalled_at_once():
    """Else a repeated note would recall itself for ever."""
    assert (heard([60] * (NEAREST + 1)).mixed(EVEN) == EVEN).all()
