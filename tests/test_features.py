"""The features of a piece: always the same names, always numbers."""

import numpy as np
import pytest
from hypothesis import given
from music_strategies import notes as some_notes

from tinylstm.music import Note
from tinylstm.music.evaluation.features import FORM, features, figures
from tinylstm.music.evaluation.statistics import STATISTICS

SCALE = [Note(i / 2, 0.5, 60 + (0, 2, 4, 5, 7, 9, 11)[i % 7]) for i in range(64)]
NAMES = list(features(SCALE))


@given(some_notes())
def test_every_piece_has_all_features(notes):
    found = features(sorted(notes), 3.0)
    assert list(found) == NAMES
    assert np.isfinite(list(found.values())).all()


def test_figures_come_first_and_know_the_bar():
    assert NAMES[: len(STATISTICS)] == list(STATISTICS)
    assert set(figures(SCALE)) == {*STATISTICS, *FORM}
    waltz = [Note(i, 1, 60 + 4 * (i % 3)) for i in range(24)]
    assert figures(waltz, 3.0)["bars_repeated"] == 7 / 8
    assert figures(waltz, 4.0)["bars_repeated"] == 3 / 6


def test_known_distributions():
    found = features(SCALE)
    assert found["waits from 6"] == found["durations from 6"] == found["notes struck 1"] == 1
    assert found["on the beat"] == found["on the half beat"] == 0.5
    assert sum(found[f"degree {step}"] for step in range(12)) == pytest.approx(1)
    assert found["degree 1"] == 0 and found["legato"] == pytest.approx(64 / 63)
    assert found["melody step 2"] == pytest.approx(45 / 63)
    assert found["rhythms alike, 1 apart"] == pytest.approx(1) and found["pulse at 1"] == 62 / 64
    assert found["speeds of the halves"] == 0
