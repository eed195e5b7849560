"""Symbols, their names, their likeness and their transposition, with music21 as the judge."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from music21 import chord, pitch

from tinylstm.music.tokenizers.article_symbols import (
    CHORDS,
    SYMBOLS,
    chord_symbol,
    most_similar,
    normal_order,
    note_symbol,
    parse,
    pitch_classes,
    spell,
    transposition,
)

some_symbols = st.one_of(st.integers(0, 127).map(note_symbol), st.integers(CHORDS + 1, SYMBOLS - 1))


@given(st.lists(st.integers(0, 127), min_size=1, max_size=10))
def test_normal_order_is_music21s(pitches):
    assert normal_order(pitch_classes(chord_symbol(pitches))) == chord.Chord(pitches).normalOrder


def test_pitch_names_are_music21s():
    assert [spell(n) for n in range(128)] == [str(pitch.Pitch(midi=n)) for n in range(128)]


def test_every_name_is_unique_and_read_back():
    assert spell(4) == spell(27) and spell(11) == spell(34)  # music21's spelling is ambiguous
    assert [pitch.Pitch(spell(n)).midi for n in (4, 11)] == [27, 34]  # and this is how it reads it
    assert {note_symbol(n) for n in range(128)} == set(range(128)) - {4, 11}
    symbols = [n for n in (*range(128), *range(CHORDS + 1, SYMBOLS)) if n not in (4, 11)]
    names = [spell(symbol) for symbol in symbols]
    assert len(set(names)) == len(names)
    assert [parse(name) for name in names] == symbols


@pytest.mark.parametrize("name", ["", "H4", "c4", "Db4", "C10", "4.12", "9.4", "4.4", "4.", "²"])
def test_other_names_are_refused(name):
    with pytest.raises(ValueError, match="no note or chord"):
        parse(name)


@given(some_symbols, st.integers(-30, 30))
def test_transposition_moves_every_pitch_class(symbol, semitones):
    moved = int(transposition(semitones)[symbol])
    if symbol < CHORDS:
        inside = symbol + semitones in {note_symbol(n) for n in range(128)}
        assert moved == (symbol + semitones if inside else -1)
    else:
        expected = {(n + semitones) % 12 for n in pitch_classes(symbol)}
        assert set(pitch_classes(moved)) == expected
        assert transposition(-semitones)[moved] == symbol


def test_likeness():
    def similar(name, *known):
        return spell(most_similar(parse(name), [parse(other) for other in known]))

    assert similar("C7", "C#7", "C2", "C5") == "C5"  # pitch class before nearness
    assert similar("C4", "C3", "C5") == "C3"  # a tie goes down
    assert similar("C4", "D4", "0.4") == "0.4"  # a chord that holds it before another note
    assert similar("C4", "D4", "F#4", "2.6") == "D4"
    assert similar("0.4.7", "0.4", "4.7.10.0", "E4") == "4.7.10.0"  # most shared
    assert similar("0.4.7", "4.7.9.11.0", "4.7.10.0") == "4.7.10.0"  # then fewest added
    assert similar("0.4.7", "2.6", "E6", "G4") == "G4"  # a note of the chord


@given(some_symbols, st.lists(some_symbols, min_size=1, max_size=20, unique=True), st.randoms())
def test_likeness_knows_no_order_and_finds_what_is_there(symbol, known, random):
    shuffled = known.copy()
    random.shuffle(shuffled)
    assert most_similar(symbol, known) == most_similar(symbol, shuffled)
    assert most_similar(symbol, [*known, symbol]) == symbol


def test_tables_cannot_be_spoilt():
    with pytest.raises(ValueError, match="read-only"):
        transposition(1)[0] = np.int32(0)
