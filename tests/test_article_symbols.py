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


few_symbols = st.one_of(  # that share some pitch classes, but not all
    st.integers(48, 72),
    st.sets(st.integers(0, 11), min_size=1, max_size=3).map(lambda n: chord_symbol([*n])),
)


def slow_most_similar(symbol, known):
    """As the docstring says it, one wish after the other."""
    wanted = set(pitch_classes(symbol))
    middle = symbol if symbol < CHORDS else 60

    def shared(other):
        return len(wanted & {*pitch_classes(other)})

    def nearest(notes):
        return min(notes, key=lambda n: (abs(n - middle), n), default=None)

    def closest(chords):
        return min(chords, default=None, key=lambda other: (
            -shared(other), len(pitch_classes(other)) - shared(other), other))  # fmt: skip

    notes, chords = [n for n in known if n < CHORDS], [n for n in known if n >= CHORDS]
    like = [nearest(filter(shared, notes)), closest(filter(shared, chords))]
    like = like[::-1] if symbol >= CHORDS else like
    return next(s for s in (*like, nearest(notes), closest(chords)) if s is not None)


@given(few_symbols, st.lists(few_symbols, min_size=1, max_size=6, unique=True))
def test_likeness_agrees_with_its_slow_twin_and_finds_what_is_there(symbol, known):
    assert most_similar(symbol, known) == slow_most_similar(symbol, known)
    assert most_similar(symbol, known[::-1]) == most_similar(symbol, known)
    assert most_similar(symbol, [*known, symbol]) == symbol


def test_transpositions_end_where_the_pitches_end():
    up, down = transposition(1), transposition(-1)
    assert (up[126], up[127], down[1], down[0]) == (127, -1, 0, -1)
    assert down[CHORDS + 1] == CHORDS + 0b1000_0000_0000  # C becomes B
    assert up.dtype == np.int32 and len(up) == SYMBOLS


def test_tables_cannot_be_spoilt():
    with pytest.raises(ValueError, match="read-only"):
        transposition(1)[0] = np.int32(0)
