"""Near-duplicates: found in another key and at another speed, and not where there are none."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from music_strategies import notes

from tinylstm.music import DRUMS, EventTokenizer, Note, load_corpus, read_midi, write_midi
from tinylstm.music.corpus.duplicates import SIZE, grams, intervals, near_duplicates, signature

SONGS = Path(__file__).parent.parent / "midi_songs"


@pytest.fixture(scope="module")
def pieces():
    return [read_midi(path).notes for path in sorted(SONGS.glob("*.mid"))[::4]]


def share(one, other):
    """The share of grams in common, counted and not estimated."""
    a, b = set(grams(one).tolist()), set(grams(other).tolist())
    return len(a & b) / len(a | b)


@given(notes(), st.integers(-5, 5), st.sampled_from([0.5, 1.25, 3.0]))
def test_key_and_speed_change_nothing(written, semitones, speed):
    written = [n._replace(pitch=n.pitch % 110 + 8) for n in written]
    moved = [
        n._replace(
            pitch=n.pitch + (semitones if n.program != DRUMS else 0),
            onset=n.onset * speed,
            duration=n.duration * speed,
        )
        for n in written
    ]
    np.testing.assert_array_equal(intervals(moved), intervals(written))
    np.testing.assert_array_equal(grams(moved), grams(written))


def test_the_default_corpus_has_no_near_duplicates_and_a_planted_one_is_found(pieces):
    rng = np.random.default_rng(0)
    planted = [
        n._replace(
            pitch=n.pitch + 3,
            onset=max(0.0, 1.37 * n.onset + rng.normal(0, 0.005)),
            velocity=30,
        )
        for n in pieces[5]
    ]
    signatures = np.array([signature(piece) for piece in [*pieces, planted]])
    assert near_duplicates(signatures[:-1]) == []
    assert near_duplicates(signatures) == [[5, len(pieces)]]


def test_the_estimate_is_near_the_truth(pieces):
    for piece in pieces[:6]:
        for cut in (0.2, 0.5, 0.8):
            part = piece[: int(len(piece) * cut)]
            estimate = (signature(piece) == signature(part)).mean()
            assert abs(estimate - share(piece, part)) < 4 * (0.25 / SIZE) ** 0.5


def test_groups_are_joined_through_a_common_member():
    rng = np.random.default_rng(0)
    a, b, c, d = rng.integers(0, 2**32, (4, SIZE), np.uint32)
    b[:64], c[64:] = a[:64], b[64:]  # a is like b, and b like c
    assert near_duplicates(np.array([d, a, b, c])) == [[1, 2, 3]]
    assert near_duplicates(np.array([d, a, c])) == []


def test_what_says_little_is_left_out():
    tremolo = [Note(i, 1, 60 + i % 2) for i in range(200)]
    assert len(grams(tremolo)) == 0
    assert (signature(tremolo, "one") == signature([], "one")).all()  # says nothing of the notes
    assert (signature(tremolo, "one") == signature(tremolo, "other")).mean() < 0.05
    assert len(grams([])) == len(grams([Note(0, 1, 60)])) == 0


def test_a_corpus_keeps_them_on_one_side_and_names_them(tmp_path, own_cache, pieces):
    for number, piece in enumerate(pieces[:6]):
        write_midi(tmp_path / f"{number}.mid", piece[:300])
    third = [n._replace(pitch=n.pitch - 2, onset=n.onset * 2) for n in pieces[3][:300]]
    write_midi(tmp_path / "z.mid", third)
    (tmp_path / "0 again.mid").write_bytes((tmp_path / "0.mid").read_bytes())
    short = [Note(0, 1, 60), Note(1, 1, 62)]
    write_midi(tmp_path / "short.mid", short)
    write_midi(tmp_path / "short too.mid", short)
    corpus = load_corpus(tmp_path, EventTokenizer())
    groups = [["0 again.mid", "0.mid"], ["3.mid", "z.mid"], ["short too.mid", "short.mid"]]
    assert corpus.report.near_duplicates == groups
    assert corpus.validation_pieces == ["3.mid", "z.mid"]
    assert "near-duplicates: 3.mid, z.mid" in str(corpus.report)
