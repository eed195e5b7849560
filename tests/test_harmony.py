"""Keys, dissonance and crossing voices against music whose values are known by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinylstm.music import Note
from tinylstm.music.evaluation import harmony

SCALES = {False: [0, 2, 4, 5, 7, 9, 11, 0, 4, 7, 0], True: [0, 2, 3, 5, 7, 8, 10, 0, 3, 7, 0]}


@pytest.mark.parametrize("minor", [False, True])
@pytest.mark.parametrize("tonic", range(12))
def test_every_key_is_found(tonic, minor):
    key = harmony.key_of([Note(t, 1, 60 + tonic + p) for t, p in enumerate(SCALES[minor])])
    assert (key.tonic, key.mode) == (tonic, "minor" if minor else "major")
    third = 3 if minor else 4
    assert key.triad() == tuple((tonic + step) % 12 for step in (0, third, 7))


def test_clarity():
    even = [Note(t, 1, 60 + t) for t in range(12)]
    assert harmony.key_clarity(even) == pytest.approx(0, abs=1e-9)
    ours = harmony.key_clarity([Note(t, 1, 60 + p) for t, p in enumerate(SCALES[False])])
    assert 0.8 < ours < 1
    doubled = [Note(t, 1, 60 + p) for t, p in enumerate([*SCALES[False], 1, 6])]
    assert ours > harmony.key_clarity(doubled)


@pytest.mark.parametrize(
    ("interval", "harsh"),
    [(0, 0), (1, 1), (2, 1), (3, 0), (4, 0), (5, 0), (6, 1), (7, 0), (8, 0), (9, 0), (10, 1),
     (11, 1), (12, 0), (13, 1), (18, 1), (19, 0)],
)  # fmt: skip
def test_which_intervals_are_dissonant(interval, harsh):
    assert harmony.dissonance([Note(0, 1, 48), Note(0, 1, 48 + interval)]) == harsh


def test_dissonance_is_weighted_with_time():
    notes = [
        Note(0, 3, 60),
        Note(1, 1, 61),
        Note(2, 3, 67),
    ]  # a quarter of a second, one of a fifth
    assert harmony.dissonance(notes) == 0.5
    assert harmony.dissonance([Note(0, 1, 60), Note(1, 1, 61)]) == 0


def test_voices_that_cross_a_held_note():
    held = Note(0, 4, 60)
    above = [held, Note(0, 1, 64), Note(1, 1, 67), Note(2, 1, 62)]
    assert harmony.voice_crossing(above) == 0
    below = [held, Note(0, 1, 64), Note(1, 1, 57), Note(2, 1, 55), Note(3, 1, 62)]
    assert harmony.voice_crossing(below) == pytest.approx(2 / 3)  # down and up again, of 3 changes
    grows = [held, Note(1, 1, 57)]  # another voice enters: nothing crossed
    assert harmony.voice_crossing(grows) == 0
    chords = [Note(t, 1, p) for t, chord in enumerate([(60, 64), (67, 55)]) for p in chord]
    assert harmony.voice_crossing(chords) == 0  # nothing is held: nobody can know


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 20), st.integers(40, 70)), min_size=1))
def test_dissonance_step_by_step(rows):
    notes = [Note(onset / 12, duration / 12, pitch) for onset, duration, pitch in rows]
    total = harsh = 0
    for step in range(61):
        on = [p for onset, duration, p in rows if onset <= step < onset + duration]
        pairs = [abs(a - b) % 12 for i, a in enumerate(on) for b in on[i + 1 :]]
        total += len(pairs)
        harsh += sum(apart in (1, 2, 6, 10, 11) for apart in pairs)
    assert harmony.dissonance(notes) == pytest.approx(harsh / total if total else 0)
