"""Durations and silence against pieces whose values are known by hand."""

import pytest

from tinylstm.music import Note
from tinylstm.music.evaluation import rhythm


def test_durations():
    four = [Note(i, duration, 60) for i, duration in enumerate([0.5, 1, 2, 4])]
    assert rhythm.duration_entropy(four) == 2 and rhythm.long_notes(four) == 0.5
    assert rhythm.duration_entropy(four[:1] * 9) == 0 and rhythm.long_notes(four[:2]) == 0
    grace = [Note(0, 1 / 96, 60), Note(1, 1 / 12, 60)]  # both round to one step
    assert rhythm.duration_entropy(grace) == 0


def test_silence_is_where_nothing_sounds():
    notes = [Note(0, 1, 60), Note(0, 3, 48), Note(2, 0.5, 60), Note(3.5, 1, 60), Note(8.5, 1, 60)]
    assert rhythm.silences(notes).tolist() == [0.5, 4]
    assert rhythm.longest_silence(notes) == 4
    assert rhythm.pauses(notes) == pytest.approx(100 / 4)  # the half quarter is none
    held = [*notes, Note(0, 9, 36)]
    assert rhythm.longest_silence(held) == 0 and rhythm.pauses(held) == 0
    assert rhythm.longest_silence(notes[:1]) == 0
