"""The 2017 tutorial's tokenizer: its strict form against the tutorial's few lines of music21."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from music21 import chord, converter, instrument, note
from music_strategies import notes, ticks

from tinylstm.music import (
    DRUMS,
    ArticleTokenizer,
    Note,
    Piece,
    UnknownTokenWarning,
    read_midi,
    write_midi,
)
from tinylstm.music.tokenizers.article import _on_grid, chords
from tinylstm.music.tokenizers.article_symbols import parse, spell

SONGS = Path(__file__).parent.parent / "midi_songs"


def the_article(file):
    """The article's loop, as its readers know it."""
    tokens = []
    midi = converter.parse(file, forceSource=True)
    try:
        notes_to_parse = instrument.partitionByInstrument(midi).parts[0].recurse()
    except Exception:
        notes_to_parse = midi.flatten().notes
    for element in notes_to_parse:
        if isinstance(element, note.Note):
            tokens.append(str(element.pitch))
        elif isinstance(element, chord.Chord):
            tokens.append(".".join(str(n) for n in element.normalOrder))
    return tokens


def names(tokenizer, piece):
    return [spell(symbol) for symbol in tokenizer.symbols(piece).tolist()]


def piece_of(*notes):
    return Piece("piece", tuple(sorted(notes)))


@pytest.mark.parametrize("name", ["BachJS-FrzSuite2_Menuett.mid", "Mayer_Etuede_Op340No15.mid"])
def test_strict_is_the_article_token_for_token(name):
    expected = the_article(SONGS / name)
    assert len(expected) > 100
    assert names(ArticleTokenizer(strict=True), read_midi(SONGS / name)) == expected


@settings(max_examples=15, deadline=None)
@given(notes(max_size=12))
def test_strict_is_the_article_on_generated_music(tmp_path_factory, written):
    path = write_midi(tmp_path_factory.mktemp("midi") / "a.mid", written)
    assert names(ArticleTokenizer(strict=True), read_midi(path)) == the_article(path)


# within one bar music21 cuts no note in two, and below four quarters its grid has no doubts
in_a_bar = notes(st.just(0), ticks(0, 1200), ticks(120, 700), max_size=8)


@settings(max_examples=60, deadline=None)
@given(in_a_bar)
def test_ordinary_is_music21s_reading_of_one_track(tmp_path_factory, written):
    assume(len({n.pitch for n in written} - {4, 11}) == len(written))  # one track, each pitch once
    path = write_midi(tmp_path_factory.mktemp("midi") / "a.mid", written)
    tokens = []
    for element in converter.parse(path, forceSource=True).flatten().notes:
        pitches = [p.midi for p in element.pitches]
        name = str(element.pitch) if isinstance(element, note.Note) else None
        tokens.append((name or ".".join(map(str, element.normalOrder)), len(pitches)))
    doubled = sum(count for _, count in tokens) - len(written)
    assume(doubled == 0)  # music21 may put one note into two chords; we never do
    assert sorted(names(ArticleTokenizer(), read_midi(path))) == sorted(n for n, _ in tokens)


def test_all_tracks_in_order_of_onset_without_drums():
    right = [Note(0, 1, 72, track=0), Note(1, 1, 74, track=0), Note(1, 1, 77, track=0)]
    left = [Note(0.5, 1, 48, track=1), Note(1, 1, 50, track=1)]
    drums = [Note(0, 1, 36, program=DRUMS, track=2)]
    assert names(ArticleTokenizer(), piece_of(*right, *left, *drums)) == [
        "C5",
        "C3",
        "2.5",
        "D3",
    ]


def test_onsets_are_compared_on_music21s_grid():
    # 0.26 and 0.24 are one sixteenth: then the order of the tracks decides, not the hair's breadth
    piece = piece_of(Note(0.26, 0.2, 60, track=0), Note(0.24, 0.2, 72, track=1))
    assert names(ArticleTokenizer(), piece) == ["C4", "C5"]


def test_a_unison_is_a_chord_of_one_class():
    assert names(ArticleTokenizer(), piece_of(Note(0, 1, 60), Note(0, 1, 72))) == ["0"]


SCALE = piece_of(*(Note(i, 1, 60 + i) for i in range(12)))


def test_unknown_tokens_become_similar_ones_and_are_told_once():
    tokenizer = ArticleTokenizer().train([SCALE])
    strange = piece_of(Note(0, 1, 84), Note(1, 1, 86), Note(2, 1, 61), Note(3, 1, 84))
    with pytest.warns(UnknownTokenWarning, match="3 unknown tokens.*C6 by C4, D6 by D4") as told:
        ids = tokenizer.encode(strange)
    assert len(told) == 1
    assert [tokenizer.vocabulary[i] for i in ids] == ["C4", "D4", "C#4", "C4"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert tokenizer.encode(strange, unknown="mark").tolist() == [-1, -1, ids[2], -1]
        tokenizer.encode(SCALE)


def test_decoding_puts_tokens_half_a_quarter_apart():
    tokenizer = ArticleTokenizer(vocabulary=["7.11.2", "F#2"])
    assert tokenizer.decode([1, 0]) == [
        Note(0, 0.5, 42),
        *(Note(0.5, 0.5, pitch) for pitch in (62, 67, 71)),
    ]
    music21s = chord.Chord([note.Note(n) for n in (7, 11, 2)])
    decoded = [n.pitch for n in tokenizer.decode([0])]
    assert decoded == sorted(p.midi for p in music21s.pitches)


def test_the_strict_form_holds_notes_as_long_as_the_tutorial():
    assert ArticleTokenizer(True, ["C4"]).decode([0])[0].duration == note.Note("C4").quarterLength


def test_configuration_round_trip(tmp_path):
    tokenizer = ArticleTokenizer(strict=True, vocabulary=["0.4.7", "B--1", "C4"])
    again = ArticleTokenizer.from_config(json.loads(json.dumps(tokenizer.to_config())))
    assert again.to_config() == tokenizer.to_config()
    tokenizer.save(tmp_path / "t.json")
    assert ArticleTokenizer.load(tmp_path / "t.json").to_config() == tokenizer.to_config()


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({}, "^tokenizer is None: want 'article'$"),
        ({"name": "events"}, "^tokenizer is 'events': want 'article'$"),
        ({"name": "article", "strict": False}, "configuration lacks instruments and vocabulary$"),
        (
            {"name": "article", "strict": False, "instruments": "all", "vocabulary": "C4"},
            "^the tokenizer's vocabulary is not a list",
        ),
        *(
            (
                {"name": "article", "strict": False, "instruments": "all", "vocabulary": wrong},
                "list",
            )
            for wrong in (None, 5, {"C4": 0}, ["C4", 5], [["C4"]])
        ),
        (
            {"name": "article", "strict": False, "instruments": "all", "vocabulary": ["X4"]},
            "'X4' is no note",
        ),
        (
            {"name": "article", "strict": False, "instruments": "all", "vocabulary": ["D4", "C4"]},
            "^the vocabulary is not sorted",
        ),
        (
            {"name": "article", "strict": False, "instruments": "all", "vocabulary": ["C4", "C4"]},
            "twice",
        ),
        (
            {"name": "article", "strict": 1, "instruments": "all", "vocabulary": ["C4"]},
            "strict is 1",
        ),
    ],
)
def test_a_wrong_configuration_is_explained(config, reason):
    with pytest.raises(ValueError, match=reason):
        ArticleTokenizer.from_config(config)


def test_untrained_and_empty_are_explained():
    with pytest.raises(ValueError, match=r"^the tokenizer has no vocabulary yet: call train"):
        ArticleTokenizer().encode(SCALE)
    with pytest.raises(ValueError, match=r"^no tokens to train"):
        ArticleTokenizer().train([Piece("empty", ())])
    with pytest.raises(ValueError, match="has no path"):
        ArticleTokenizer(strict=True).encode(SCALE)


@given(notes(st.just(0)), st.integers(-12, 12))
def test_transposed_ids_are_the_transposed_piece(music, semitones):
    piece = Piece("a", tuple(sorted(music)))
    assume(all(24 <= n.pitch <= 115 for n in piece.notes))  # 4 and 11 have no name of their own
    tokenizer = ArticleTokenizer().train([piece], transpositions=range(-12, 13))
    ids = tokenizer.encode(piece)
    moved = Piece("b", tuple(n._replace(pitch=n.pitch + semitones) for n in piece.notes))
    transposed = tokenizer.transposition(semitones)[ids]
    np.testing.assert_array_equal(transposed, tokenizer.encode(moved))


def test_what_leaves_the_vocabulary_is_marked():
    key = piece_of(Note(0, 1, 107))
    tokenizer = ArticleTokenizer().train([key], transpositions=range(-3, 4))
    ids = tokenizer.encode(key)
    assert (tokenizer.transposition(-4)[ids] == -1).all()
    assert tokenizer.transposition(3)[ids] == tokenizer.vocabulary.index("D8")


def test_the_piano_can_be_taken_out_of_a_band():
    band = piece_of(Note(0, 1, 60), Note(0, 2, 40, program=32, track=1))
    assert names(ArticleTokenizer(), band) == ["C4", "E2"]
    assert names(ArticleTokenizer(instruments="piano"), band) == ["C4"]
    with pytest.raises(ValueError, match="want 'piano' or 'all'"):
        ArticleTokenizer(instruments="drums")


@pytest.mark.parametrize(
    ("onset", "wanted"),
    [
        *((0, 0), (0.125, 0), (0.125 + 1e-10, 0), (0.126, 1 / 4), (0.29, 1 / 4), (0.3, 1 / 3)),
        *((0.375, 1 / 3), (0.41, 1 / 3), (0.42, 1 / 2), (0.59, 2 / 3), (0.7, 2 / 3), (0.72, 3 / 4)),
        *((0.875, 3 / 4), (0.876, 1), (7.375, 7 + 1 / 3)),
    ],
)
def test_the_grid_of_sixteenths_and_triplets(onset, wanted):
    """The nearer of the two; halfway goes down, and to the sixteenth."""
    assert _on_grid(onset) == wanted


@given(in_a_bar)
def test_chords_by_hand(written):
    """Every note is in one chord, which takes what begins and ends with its first note."""
    notes = sorted(written)
    found = chords(notes)
    assert sorted(sum(map(tuple, found), ())) == notes
    left = list(range(len(notes)))
    for group in found:
        first = notes[left[0]]
        ticks = [  # whole numbers, of which 120 are a sixteenth
            (round(480 * (n.onset - first.onset)),
             round(480 * (n.onset + n.duration - first.onset - first.duration))) for n in notes
        ]  # fmt: skip
        taken = [i for i in left if ticks[i][0] < 120 and abs(ticks[i][1]) <= 120]
        assert group == [notes[i] for i in taken]
        left = [i for i in left if i not in taken]


def test_one_track_with_two_instruments_makes_no_chord_of_both():
    both = piece_of(Note(0, 1, 60), Note(0, 1, 64, program=40), Note(0, 1, 67))
    assert names(ArticleTokenizer(), both) == ["E4", "7.0"]


def test_the_vocabulary_comes_from_symbols_as_from_pieces():
    low = piece_of(Note(0, 1, 0), Note(1, 1, 127), Note(2, 1, 60), Note(2, 1, 64))
    tokenizer = ArticleTokenizer()
    wanted = ArticleTokenizer().train([low, SCALE], [0, -1, 1]).vocabulary
    assert tokenizer.train(map(tokenizer.symbols, [low, SCALE]), [0, -1, 1]) is tokenizer
    assert tokenizer.vocabulary == wanted
    assert {"C-1", "C#-1", "F#9", "G9", "11.3", "0.4", "1.5"} < set(wanted)
    table = tokenizer.transposition(-1)
    assert table[wanted.index("C#-1")] == wanted.index("C-1") and table.dtype == np.int32
    assert table[wanted.index("C-1")] == table[wanted.index("11.3")] == -1
    assert tokenizer.encode(low).dtype == np.int32


def test_the_words_of_the_warning():
    tokenizer = ArticleTokenizer().train([piece_of(Note(0, 1, 60), Note(1, 1, 62))])
    strange = piece_of(*(Note(i, 1, 72 + i) for i in range(6)), Note(9, 1, 62))
    with pytest.warns(UnknownTokenWarning) as told:
        tokenizer.encode(strange)
    assert str(told[0].message) == (
        "piece: 6 unknown tokens replaced (C5 by C4, C#5 by D4, D5 by D4, E-5 by D4, E5 by D4, ...)"
    )
    with pytest.warns(UnknownTokenWarning, match=r"piece: 5 .*, E5 by D4\)$"):
        tokenizer.encode(piece_of(*strange.notes[:5]))
    assert tokenizer.substitutes(tokenizer.symbols(SCALE))["E-4"] == "D4"


def test_a_piece_is_continued_from_its_last_hundred_tokens():
    tokenizer = ArticleTokenizer().train([SCALE])
    song = piece_of(*(Note(i, 1, 60 + i % 12) for i in range(130)))
    np.testing.assert_array_equal(tokenizer.primer(song), tokenizer.encode(song)[30:])
    assert tokenizer.beginning().tolist() == [] and tokenizer.beginning().dtype.kind == "i"
    found = tokenizer.continuation(tokenizer.encode(song), 128)
    assert [note[:3] for note in found] == [(0, 0.5, 68), (0.5, 0.5, 69)]
    assert tokenizer.rounding(song).shape == (0,)


def test_how_many_notes_are_kept():
    band = piece_of(Note(0, 1, 60), Note(0, 1, 72), Note(1, 1, 40, program=32))
    for instruments, count in (("all", 3), ("piano", 2)):
        tokenizer = ArticleTokenizer(instruments=instruments)
        assert tokenizer.notes_kept(band, tokenizer.symbols(band)) == count
        assert tokenizer.symbol_key == f"article {instruments}"
    strict = ArticleTokenizer(True)
    assert strict.notes_kept(band, np.array([parse("0.4.7"), parse("C4")])) == 4
    assert strict.symbol_key == "article strict"
    assert repr(strict) == "ArticleTokenizer(strict=True, 0 classes)"
    assert ArticleTokenizer().to_config() == {
        "name": "article", "strict": False, "instruments": "all", "vocabulary": []
    }  # fmt: skip
