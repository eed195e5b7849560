"""The statistics against their definitions, and the search for copies against trying everything."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from music_strategies import notes as some_notes

from tinylstm.music import EventTokenizer, Note, load_corpus, write_midi
from tinylstm.music.evaluation import statistics as m
from tinylstm.music.evaluation.compare import Judge, excerpts, table
from tinylstm.music.evaluation.copies import Heard

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


def longest_by_trying(one, other, exactly):
    def steps(notes):
        notes = sorted(notes, key=lambda n: (n.onset, n.program, n.pitch, n.duration))
        return [
            (b.pitch - a.pitch, round(12 * b.onset) - round(12 * a.onset),
             *((a.pitch, round(12 * a.duration)) if exactly else ()))
            for a, b in pairwise(notes)
        ]  # fmt: skip

    a, b = steps(one), steps(other)
    best = 0
    for i in range(len(a)):
        for j in range(len(b)):
            length = 0
            while a[i + length : i + length + 1] == b[j + length : j + length + 1] != []:
                length += 1
            best = max(best, length)
    return best + 1


FEW = st.lists(
    st.builds(Note, st.integers(0, 12), st.sampled_from([1.0, 2.0]), st.integers(60, 62)),
    min_size=1,
    max_size=14,
)


@given(FEW, st.lists(FEW, min_size=1, max_size=3), st.booleans())
def test_the_longest_copied_passage(notes, pieces, exactly):
    heard = Heard((str(i), piece) for i, piece in enumerate(pieces))
    found = heard.longest(notes, exactly)
    lengths = [longest_by_trying(notes, piece, exactly) for piece in pieces]
    assert found.notes == max(lengths)
    if found.notes > 1:
        assert lengths[int(found.source)] == max(lengths)
        rest = heard.longest(notes, exactly, but=[found.source])
        assert rest.source != found.source
        assert rest.notes == max([1, *(n for i, n in enumerate(lengths) if str(i) != found.source)])


def test_a_planted_copy_is_found_with_its_source():
    rng = np.random.default_rng(0)

    def piece(pitches):
        return [Note(i / 2, 0.5, int(p)) for i, p in enumerate(pitches)]

    pieces = [piece(rng.integers(40, 80, 300)) for _ in range(3)]
    heard = Heard(zip("abc", pieces, strict=True))
    mine = piece(rng.integers(40, 80, 100))
    stolen = [n._replace(onset=n.onset - 50 + 20, pitch=n.pitch + 5) for n in pieces[1][100:130]]
    mine[40:70] = stolen
    found = heard.longest(mine)
    assert found.source == "b" and found.notes >= 30 and abs(found.at - 50) <= 1
    assert heard.longest(mine, exactly=True).notes < 10


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYLSTM_CACHE", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    (tmp_path / "songs").mkdir()
    for number in range(10):
        walk = 60 + np.cumsum(rng.integers(-2, 3, 90)) % 24
        melody = [Note(i / 2, 0.5, int(pitch)) for i, pitch in enumerate(walk)]
        write_midi(tmp_path / "songs" / f"{number}.mid", melody)
    return load_corpus(tmp_path / "songs", progress=False)


def test_judging_beside_human_pieces(corpus):
    judge = Judge(corpus, 40)
    assert len(judge.human) == 2 * len(corpus.validation_pieces)
    assert len(Judge(corpus, 40, everyone=True).human) == 20
    start, end = corpus.train.starts[0], corpus.train.ends[0]
    (stolen, _) = excerpts(corpus.tokenizer, "mine", corpus.train.ids[start:end], 40)
    found = judge.judge(stolen)
    assert found.source == corpus.train_pieces[0] and found.figures["copied_exactly"] == 40
    boring = [Note(i / 2, 0.5, 60) for i in range(60)]
    (ids,) = excerpts(corpus.tokenizer, "dull", EventTokenizer().encode(_piece(boring)), 60)
    dull = judge.judge(ids)
    assert dull.figures["cycle"] > 170 and judge.stuck_pieces([dull, found]) == ["dull"]
    summary = judge.summary([found, dull])
    assert summary["copied_exactly_longest"] == 40 > summary["copied_exactly_limit"]
    rows = {row["name"]: row for row in summary["figures"]}
    assert not rows["cycle"]["natural"] and rows["polyphony"]["natural"]
    assert "longest cycle" in table(judge.compare([dull])) and "higher" in table(
        judge.compare([dull])
    )
    with pytest.raises(ValueError, match="no held-out piece has 400 notes"):
        Judge(corpus, 400)


def _piece(notes):
    from tinylstm.music import Piece

    return Piece("p", tuple(notes))
