"""The statistics of a piece against their definitions."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from music_strategies import notes as some_notes

from tinylstm.music import Note
from tinylstm.music.evaluation import statistics as m

PIANO = some_notes(
    programs=st.just(0), onsets=st.integers(0, 200).map(lambda n: n / 12),
    durations=st.integers(1, 30).map(lambda n: n / 12),
)  # fmt: skip


def scale(count=32, step=0.5):
    return [Note(i * step, step, 60 + (0, 2, 4, 5, 7, 9, 11)[i % 7]) for i in range(count)]


@given(PIANO)
def test_the_statistics_by_their_definitions(notes):
    classes = [sum(n.pitch % 12 == c for n in notes) / len(notes) for c in range(12)]
    entropy = -sum(p * math.log2(p) for p in classes if p)
    assert m.pitch_class_entropy(notes) == pytest.approx(entropy)
    steps = range(round(12 * max(n.onset + n.duration for n in notes)))
    sounding = [
        sum(round(12 * n.onset) <= t < round(12 * (n.onset + n.duration)) for n in notes)
        for t in steps
    ]
    assert m.polyphony(notes) == pytest.approx(sum(sounding) / sum(count > 0 for count in sounding))
    bars = [
        {round(12 * n.onset) % 48 for n in notes if round(12 * n.onset) // 48 == bar}
        for bar in range(round(12 * max(n.onset for n in notes)) // 48 + 1)
    ]
    differ = [len(a ^ b) / 48 for a, b in pairwise(bars)]
    assert m.groove_consistency(notes) == pytest.approx(1 - np.mean(differ) if differ else 1)
    assert m.pitch_range(notes) == max(n.pitch for n in notes) - min(n.pitch for n in notes)
    minor = [0, 2, 3, 5, 7, 8, 10]  # each minor scale has the notes of a major one
    shares = [sum((n.pitch - root) % 12 in minor for n in notes) / len(notes) for root in range(12)]
    assert m.scale_consistency(notes) == pytest.approx(max(shares))


@given(PIANO, st.integers(-12, 12), st.integers(0, 40))
def test_what_a_statistic_does_not_hear(notes, semitones, bars):
    """Another key changes nothing; neither does a beginning some bars later, but for time."""
    moved = [n._replace(pitch=min(max(n.pitch, 12), 115) + semitones) for n in notes]
    inside = [n._replace(pitch=min(max(n.pitch, 12), 115)) for n in notes]
    later = [n._replace(onset=n.onset + 4 * bars) for n in inside]
    for name, statistic in m.STATISTICS.items():
        found = statistic.measure(inside)
        assert statistic.measure(moved) == pytest.approx(found), name
        if name != "groove_consistency":
            assert statistic.measure(later) == pytest.approx(found), name


def test_a_run_at_either_end_is_whole():
    for pitches, longest in (([60, 60, 64], 2), ([64, 60, 60], 2), ([60] * 3, 3), ([60, 62], 1)):
        notes = [Note(i, 1, pitch) for i, pitch in enumerate(pitches)]
        assert m.STATISTICS["longest_run"].measure(notes) == longest


def test_extremes():
    assert m.pitch_class_entropy([Note(0, 1, 60)] * 9) == 0
    assert m.pitch_class_entropy([Note(i, 1, 60 + i) for i in range(12)]) == pytest.approx(
        3.585, 1e-3
    )
    assert m.scale_consistency(scale()) == 1
    assert m.longest_run([Note(i, 1, 60) for i in range(50)]) == 50
    assert m.distinct_ngrams([Note(i, 1, 60) for i in range(54)]) == pytest.approx(1 / 50)
    assert m.note_density(scale()) == 2


@given(st.lists(st.integers(0, 2), max_size=40))
def test_the_longest_cycle(ids):
    def filled(period):
        best = 0
        for start in range(len(ids)):
            end = start + period
            while end < len(ids) and ids[end] == ids[end - period]:
                end += 1
            if end - start >= 2 * period and end <= len(ids):
                best = max(best, end - start)
        return best

    lengths = [filled(period) for period in range(1, 9)]
    assert m.longest_cycle(ids).length == max(lengths)
    if max(lengths):
        assert lengths[m.longest_cycle(ids).period - 1] == max(lengths)
