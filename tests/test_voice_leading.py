"""Faults of four-part writing, in progressions that everybody knows to be wrong."""

import pytest

from tinylstm.music import Note
from tinylstm.music.corpus.find import folder_of
from tinylstm.music.evaluation.voice_leading import Faults, chords, faults
from tinylstm.music.files import read_music

GOOD = [(72, 67, 64, 48), (71, 67, 62, 55), (72, 67, 64, 48)]


def test_a_cadence_is_without_fault():
    assert faults(GOOD) == Faults(chords=3)


@pytest.mark.parametrize(
    ("progression", "kind"),
    [
        ([(72, 67, 64, 48), (74, 69, 65, 50)], {"fifths": 1, "octaves": 1}),  # all go up
        ([(75, 68, 60, 56), (73, 66, 58, 54)], {"fifths": 2, "octaves": 1}),  # in flats
        ([(72, 67, 64, 60), (74, 69, 64, 55)], {}),
        ([(67, 62, 59, 43), (72, 60, 55, 48)], {"octaves": 1}),  # G to C in the outer voices
        ([(72, 64, 60, 53), (69, 64, 60, 57)], {}),  # contrary motion out of a fifth
        ([(72, 67, 64, 48), (72, 67, 64, 48)], {}),  # repeated
        ([(84, 67, 64, 48)], {"ranges": 1, "spacing": 1}),
        ([(72, 67, 48, 48)], {"spacing": 1}),
        ([(72, 60, 64, 48)], {"crossing": 1}),
        ([(None, None, 64, 48), (72, 67, 64, 48)], {}),
    ],
)
def test_each_kind_of_fault(progression, kind):
    found = faults(progression)
    assert found == Faults(chords=len(progression), **kind)


def test_chords_hold_what_is_still_sounding_and_rests():
    notes = [Note(0, 2, 72), Note(0, 1, 67, track=1), Note(0, 3, 48, track=3), Note(2, 1, 71)]
    assert chords(notes) == [(72, 67, None, 48), (71, None, None, 48)]


def test_bach_has_few_faults():
    piece = read_music(folder_of("music21:bach") / "bwv66.6.mxl")
    found = faults(chords(piece.notes))
    assert found.chords > 50 and found.fifths <= 1 and found.octaves == 0 and found.ranges <= 2


def test_faults_add_up():
    total = faults(GOOD).plus(faults([(84, 67, 64, 48)]))
    assert total.chords == 4 and total.per_hundred()["out of range"] == 25
