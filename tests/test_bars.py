"""The bars tokenizer: where bar lines are taken from, and what its grammar forbids.

That notes come back is tested with the other tokenizers, in test_events.py.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from music_strategies import notes

import tinylstm as tl
from tinylstm.music import BarTokenizer, Note, Piece, compose_takes
from tinylstm.music.corpus.find import folder_of
from tinylstm.music.files import read_music
from tinylstm.music.tokenizers.bars import bar_lines

BARS = BarTokenizer()


def names(ids):
    return " ".join(BARS.vocabulary[i] for i in ids)


def test_a_chorale_with_an_upbeat():
    piece = read_music(folder_of("music21:bach") / "bwv66.6.mxl")
    assert piece.bars[:3] == (0, 1, 5) and piece.time_signature == (4, 4)
    spelled = names(BARS.encode(piece))
    assert spelled.startswith("BOS Bar_12 Pitch_57 Duration_6 Pitch_57")
    assert "ToBar_6 Pitch_56 Duration_6" in spelled.split(" Bar_48 ")[0]
    assert spelled.count(" Bar_48") == 9 and spelled.count(" Bar_12") == 1


def test_changes_of_metre_rests_of_many_bars_and_odd_bars():
    three = Piece("a", (Note(2, 1, 60), Note(10.5, 1, 62)), time_signatures=((0, (3, 4)),))
    assert names(BARS.encode(three)) == (
        "BOS Bar_36 ToBar_12 Pitch_60 Duration_12 Bar_36 Bar_36 Bar_36 ToBar_18 Pitch_62 "
        "Duration_12 EOS"
    )
    cut = Piece("a", (Note(0, 1, 60), Note(6, 1, 62)), bars=(0, 4, 5.5, 9.5))
    assert names(BARS.encode(cut)) == (
        "BOS Bar_48 Pitch_60 Duration_12 Bar_18 Bar_48 ToBar_42 Pitch_62 Duration_12 EOS"
    )


def test_a_bar_that_is_too_long_for_a_token_becomes_several():
    long = Piece("a", (Note(0, 1, 60), Note(11, 1, 62)), bars=(0, 11.5, 23))
    assert names(BARS.encode(long)) == (
        "BOS Bar_48 Pitch_60 Duration_12 Bar_90 ToBar_6 Pitch_62 Duration_12 EOS"
    )


@given(st.lists(st.integers(0, 500), max_size=30), st.integers(0, 600))
def test_bar_lines_begin_at_0_rise_and_go_beyond_the_last_note(places, last):
    piece = Piece("a", (), bars=tuple(place / 7 for place in sorted(places)))
    lines = BARS.lines(piece, last)
    assert lines[0] == 0 and lines[-1] > last
    assert np.diff(lines).min() >= 1 and np.diff(lines).max() <= 96


@given(notes(), st.lists(st.integers(1, 20), max_size=9))
def test_bars_never_change_the_notes(written, lengths):
    piece = Piece("a", tuple(sorted(written)), bars=tuple(np.cumsum([0, *lengths]) / 4))
    assert BARS.decode(BARS.encode(piece)) == BARS.on_grid(piece.notes)


def test_a_plain_grid_without_a_metre():
    assert bar_lines(Piece("a", (Note(9, 2, 60),))) == [0, 4, 8, 12]


@pytest.mark.parametrize(
    "spelled",
    [
        "BOS Pitch_60",  # no bar
        "BOS Bar_12 ToBar_12",  # where it is already
        "BOS Bar_48 ToBar_12 Pitch_60 Duration_12 ToBar_24",  # backwards
        "BOS Bar_24 ToBar_30",  # before the bar
        "BOS Bar_48 ToBar_12 Bar_48",  # a place without a note
        "BOS Bar_48 EOS",
    ],
)
def test_what_the_grammar_forbids(spelled):
    ids = [BARS.vocabulary.index(name) for name in spelled.split()]
    BARS.grammar.state_after(ids[:-1], BARS.grammar.start)
    with pytest.raises(ValueError, match="cannot stand at place"):
        BARS.grammar.state_after(ids, BARS.grammar.start)


@pytest.mark.parametrize(("length", "quarters"), [("4 bars", 16), ("9 notes", 200)])
def test_an_untrained_net_keeps_to_the_grammar_and_the_length(length, quarters):
    layers = [tl.Embedding(len(BARS), 4), tl.LSTM(4, return_sequences=True), tl.Dense(len(BARS))]
    checkpoint = tl.Checkpoint(tl.Sequential(layers), BARS.to_config())
    for take in compose_takes(checkpoint, range(3), length):
        assert BARS.grammar.state_after(take.ids, BARS.grammar.start) == BARS.grammar.start
        assert take.notes and max(n.onset + n.duration for n in take.notes) <= quarters
        assert len(take.notes) == 9 or length != "9 notes"
