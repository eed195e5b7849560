"""Form against pieces whose repetitions, phrases and endings are known by hand."""

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinylstm.music import DRUMS, Note
from tinylstm.music.evaluation import form

THEME = [60, 64, 67, 65, 62, 59, 60, 72]


def line(pitches, step=1.0, start=0.0):
    return [Note(start + i * step, step, pitch) for i, pitch in enumerate(pitches)]


def test_the_melody_is_the_highest_note_at_each_onset():
    chord = [Note(0, 1, 60), Note(0, 1, 72), Note(0.5, 1, 40), Note(0.5, 1, 90, program=DRUMS)]
    assert form.melody(chord).tolist() == [[0, 72], [6, 40]]


def test_bars_that_come_back():
    once = line(THEME, 0.5)  # a bar of eighths
    twice = once + line(THEME, 0.5, 4)
    higher = once + line([pitch + 3 for pitch in THEME], 0.5, 4)
    assert form.bars_repeated(once) == 0 and form.bars_repeated(twice) == 0.5
    assert form.bars_repeated(higher) == 0
    assert form.bars_repeated(higher, transposed=True) == 0.5
    assert form.bars_repeated(twice + line(THEME, 0.5, 40)) == pytest.approx(2 / 3)  # empty bars
    waltz = line([60, 64, 67, 60, 64, 67])
    assert form.bars_repeated(waltz, bar=3.0) == 0.5 and form.bars_repeated(waltz) == 0
    late = once + line(THEME, 0.5, 4.5)  # not at the same place in the bar
    assert form.bars_repeated(late) == 0


def test_patterns_that_come_back():
    moved = [pitch + 5 for pitch in THEME]
    again = line([*THEME, 30, *moved], 0.5)
    assert form.longest_pattern(again) == 8
    assert form.patterns_again(again) == pytest.approx(2 / 11)  # of 11 runs of six intervals
    rising = line(range(40, 56))  # 15 equal intervals: seven of them, then seven again
    assert form.longest_pattern(rising) == 8
    woven = line(accumulate([1, 2, 1, 2, 1, -1, -2, 3], initial=60))  # 1, 2, 1 overlaps itself
    assert form.longest_pattern(woven) == 3
    assert form.longest_pattern(line([60])) == form.longest_pattern(line([60, 61])) == 1
    assert form.patterns_again(line(THEME[:6])) == 0


@given(st.lists(st.integers(-2, 2), max_size=24))
def test_the_longest_pattern_by_its_definition(steps):
    def occurs(size):
        places = range(len(steps) - size + 1)
        return any(
            steps[a : a + size] == steps[b : b + size] for a in places for b in places[a + size :]
        )

    want = max((n for n in range(1, len(steps)) if occurs(n)), default=0)
    assert form.longest_pattern(line(accumulate(steps, initial=60))) == want + 1


def test_repeated_notes():
    assert form.melody_repeated(line([60, 60, 60, 62, 62])) == 0.75
    assert form.melody_repeated(line([60])) == 0


def phrase(pitches, start):
    """Three quarters and a dotted half, six quarters in all."""
    return [Note(start + i, 3 if i == 3 else 1, pitch) for i, pitch in enumerate(pitches)]


def test_phrases():
    tune = phrase([60, 62, 64, 67], 0) + phrase([65, 64, 62, 62], 6) + phrase([60, 62, 59, 60], 12)
    tune += [Note(18, 1, 60), Note(19, 1, 60)]
    assert form.phrase_ends(tune).tolist() == [3, 7, 11]
    assert form.phrase_length(tune) == 6
    assert form.phrase_endings(tune) == pytest.approx(2 / 3)  # G and C, not D, in C major
    even = line(range(60, 70))
    assert len(form.phrase_ends(even)) == 0
    assert form.phrase_length(even) == 9 and form.phrase_endings(even) == 0
    assert form.phrase_length(line([60])) == 0
    dactyl = [Note(2 * i + at, 0.5, 60) for i in range(6) for at in (0, 1, 1.5)]
    assert len(form.phrase_ends(dactyl)) == 0  # long, but not twice the mean


def test_how_a_piece_ends():
    scale = line([60, 62, 64, 65, 67, 69, 71, 60])
    cadence = [*scale, Note(8, 4, 48), Note(8, 4, 64), Note(8, 4, 72)]
    assert form.ends_on_tonic(cadence) and form.ends_held(cadence)
    broken_off = [*scale, Note(8, 1, 55), Note(8, 1, 64)]
    assert not form.ends_on_tonic(broken_off) and not form.ends_held(broken_off)
