"""The events tokenizer: what goes in comes out, and the grammar allows just what makes sense.

Real files are those of midi_songs/, and of one folder more if TINYLSTM_MIDI names it.
"""

import doctest
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from music_strategies import notes

from tinylstm.music import (
    DRUMS,
    BarTokenizer,
    EventTokenizer,
    Note,
    Piece,
    read_midi,
    tokenizer_from_config,
    write_midi,
)
from tinylstm.music.notes import SHORTEST
from tinylstm.music.tokenizers.grammar import Kind

SONGS = Path(__file__).parent.parent / "midi_songs"
FOLDERS = [SONGS, Path(os.environ.get("TINYLSTM_MIDI", "no other"))]
FILES = [path for folder in FOLDERS for path in sorted(folder.glob("*.mid"))]

tokenizers = st.sampled_from(
    [
        EventTokenizer(),
        EventTokenizer(grid=4, velocities=8),
        EventTokenizer(instruments="all"),
        EventTokenizer(grid=24, velocities=127, instruments="all"),
        BarTokenizer(),
        BarTokenizer(grid=4, velocities=8, instruments="all"),
    ]
)
PLAIN, BAND = EventTokenizer(), EventTokenizer(velocities=16, instruments="all")


def piece_of(written):
    return Piece("piece", tuple(sorted(written)))


def names(tokenizer, ids):
    return " ".join(tokenizer.vocabulary[i] for i in ids)


@given(notes(), tokenizers)
def test_decoding_gives_the_notes_on_the_grid(written, tokenizer):
    ids = tokenizer.encode(piece_of(written))
    assert tokenizer.decode(ids) == tokenizer.on_grid(written)
    assert len(tokenizer.decode(ids)) == tokenizer.notes_kept(piece_of(written), ids)


@given(notes(onsets=st.integers(0, 40).map(lambda n: n / 12)), tokenizers)
def test_what_is_decoded_and_encoded_again_does_not_change(written, tokenizer):
    ids = tokenizer.encode(piece_of(written))
    np.testing.assert_array_equal(tokenizer.encode(piece_of(tokenizer.decode(ids))), ids)


@given(notes(), tokenizers)
def test_round_trip_through_a_file(tmp_path_factory, written, tokenizer):
    if not (decoded := tokenizer.decode(tokenizer.encode(piece_of(written)))):
        return  # no piano in it
    path = write_midi(tmp_path_factory.mktemp("midi") / "a.mid", decoded)
    again = tokenizer.decode(tokenizer.encode(read_midi(path)))
    assert again == decoded


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem[:20])
def test_round_trip_of_real_files(path, tmp_path):
    piece = read_midi(path)
    for tokenizer in (PLAIN, BAND):
        decoded = tokenizer.decode(tokenizer.encode(piece))
        assert decoded == tokenizer.on_grid(piece.notes)
    assert len(decoded) == len(piece) == piece.notes_in_file
    again = read_midi(write_midi(tmp_path / "a.mid", decoded))
    assert BAND.decode(BAND.encode(again)) == decoded


@pytest.mark.parametrize(
    "written",
    [
        pytest.param([Note(0, 4, 60), Note(1, 1, 60), Note(1, 5, 60)], id="overlapping"),
        pytest.param([Note(0, 1, 60), Note(0, 1, 60)], id="equal"),
        pytest.param([Note(0, 1 / 12, 0), Note(0, 1 / 12, 127)], id="extreme pitches"),
        pytest.param([Note(3, 1, 60), Note(7_003.25, 1, 60)], id="empty bars"),
        pytest.param([Note(0, 500, 60)], id="longer than any token"),
        pytest.param([Note(i / 12, 1, 40 + i % 50) for i in range(5_000)], id="thousands"),
    ],
)
def test_music_that_is_on_the_grid_comes_back_as_it_was(written, tmp_path):
    heard = [n[:3] for n in PLAIN.decode(PLAIN.encode(piece_of(written)))]
    assert heard == [n[:3] for n in written]
    piece = read_midi(write_midi(tmp_path / "a.mid", written))
    assert [n[:3] for n in PLAIN.decode(PLAIN.encode(piece))] == heard


def test_a_note_of_no_length_gets_the_shortest_there_is(tmp_path):
    grace = [Note(0, SHORTEST, 62), Note(0, 1, 60)]
    assert [n[:3] for n in PLAIN.decode(PLAIN.encode(piece_of(grace)))] == [
        (0, 1, 60),
        (0, 1 / 12, 62),
    ]


def test_the_spelling_of_times():
    written = [Note(4, 4, 60), Note(4, 1 / 12, 61), Note(70.5, 40.25, 62)]
    assert names(PLAIN, PLAIN.encode(piece_of(written))) == (
        "BOS TimeShift_48 Pitch_60 Duration_48 Pitch_61 Duration_1 "
        "TimeShift_384 TimeShift_384 TimeShift_30 Pitch_62 Duration_384 Duration_96 Duration_3 EOS"
    )


def test_instruments_are_named_when_they_change_and_drums_apart():
    written = [
        Note(0, 1, 36, program=DRUMS),
        Note(0, 1, 60),
        Note(0, 1, 40, 100, program=33),
        Note(1, 1, 41, 1, program=38),
        Note(2, 1, 61),
    ]
    band = EventTokenizer(instruments="all")
    assert names(band, band.encode(piece_of(written))) == (
        "BOS Pitch_60 Duration_12 Family_Bass Pitch_40 Duration_12 Drum_36 Duration_12 "
        "TimeShift_12 Pitch_41 Duration_12 TimeShift_12 Family_Piano Pitch_61 Duration_12 EOS"
    )
    assert {n.program for n in band.decode(band.encode(piece_of(written)))} == {0, 32, DRUMS}
    assert [n.pitch for n in PLAIN.decode(PLAIN.encode(piece_of(written)))] == [60, 61]


def test_a_piece_without_the_chosen_instrument_has_no_tokens():
    assert len(PLAIN.encode(piece_of([Note(0, 1, 36, program=DRUMS)]))) == 0


def test_velocity_levels_keep_their_middle():
    for levels in (1, 2, 8, 32, 100, 127):
        tokenizer = EventTokenizer(velocities=levels)
        written = [Note(n, 1, 60, n) for n in range(1, 128)]
        first = tokenizer.decode(tokenizer.encode(piece_of(written)))
        assert tokenizer.decode(tokenizer.encode(piece_of(first))) == first
        assert max(abs(n.velocity - n.onset) for n in first) <= -(-127 // levels) / 2


@given(notes())
def test_rounding_is_reported(written):
    moved = PLAIN.rounding(piece_of(written))
    piano = sorted(n.onset for n in written if n.program < 8)
    assert len(moved) == len(piano) and (np.abs(moved) <= 1 / 24 + 1e-9).all()
    on_grid = sorted(n.onset for n in PLAIN.on_grid(written))
    np.testing.assert_allclose(np.sort(piano + moved), on_grid, atol=1e-9)


def test_sixteenths_and_triplets_are_exact():
    written = [Note(i / 4, 0.25, 60) for i in range(16)] + [
        Note(i / 3, 1 / 3, 62) for i in range(12)
    ]
    assert np.abs(PLAIN.rounding(piece_of(written))).max() < 1e-9


# the grammar


@given(notes(), tokenizers)
def test_the_grammar_allows_what_is_encoded(written, tokenizer):
    ids = tokenizer.encode(piece_of(written))
    state = tokenizer.grammar.start
    for token in ids:
        assert tokenizer.grammar.allowed(state)[token]
        state = tokenizer.grammar.step(state, token)
    assert not len(ids) or state == tokenizer.grammar.start


@given(st.data(), tokenizers)
def test_whatever_the_grammar_allows_is_music(data, tokenizer):
    grammar = tokenizer.grammar
    state, ids = grammar.start, []
    while len(ids) < 60:
        allowed = np.flatnonzero(grammar.allowed(state))
        if len(allowed) > 1:  # so that long times and EOS are not lost among the pitches
            kinds = [tokenizer.vocabulary[i].split("_")[0] for i in allowed]
            kind = data.draw(st.sampled_from(sorted(set(kinds))))
            allowed = [i for i, k in zip(allowed, kinds, strict=True) if k == kind]
        ids.append(int(data.draw(st.sampled_from(list(allowed)))))
        state = grammar.step(state, ids[-1])
        if ids[-1] == tokenizer.eos:
            break
    decoded = tokenizer.decode(ids)
    begun = sum(tokenizer.vocabulary[i].startswith(("Pitch", "Drum")) for i in ids)
    assert len(decoded) in (begun, begun - 1)  # all but one that is cut off
    assert all(note.duration > 0 for note in decoded)
    if ids[-1] == tokenizer.eos:
        assert sorted(decoded) == sorted(tokenizer.on_grid(decoded))  # and on the grid


def test_what_may_not_be():
    def allowed(*tokens, tokenizer=BAND):
        state = tokenizer.grammar.start
        for token in tokens:
            state = tokenizer.grammar.step(state, tokenizer.vocabulary.index(token))
        mask = tokenizer.grammar.allowed(state)
        return {name for name, may in zip(tokenizer.vocabulary, mask, strict=True) if may}

    kinds = {name.split("_")[0] for name in allowed("BOS")}
    assert kinds == {"TimeShift", "Pitch", "Drum", "Family"}
    assert "Family_Piano" not in allowed("BOS")  # it plays already
    assert "Family_Piano" in allowed("BOS", "Family_Brass", "Pitch_0", "Velocity_1", "Duration_1")
    assert {n.split("_")[0] for n in allowed("BOS", "Family_Brass")} == {"Pitch"}
    assert {n.split("_")[0] for n in allowed("BOS", "Pitch_60")} == {"Velocity"}
    assert {n.split("_")[0] for n in allowed("BOS", "Drum_60", "Velocity_0")} == {"Duration"}
    short = allowed("BOS", "TimeShift_1")
    assert not any(n.startswith(("TimeShift", "EOS")) for n in short)
    bar = allowed("BOS", "TimeShift_48")
    assert "TimeShift_47" in bar and "TimeShift_48" not in bar
    assert "TimeShift_96" in allowed("BOS", "TimeShift_384")
    assert allowed("BOS", "Pitch_1", "Velocity_0", "Duration_1", "EOS") == {"BOS"}


def test_states_and_masks_come_in_batches():
    grammar = PLAIN.grammar
    ids = PLAIN.encode(piece_of([Note(0, 1, 60), Note(1, 1, 62)]))
    states = np.array([grammar.start, grammar.state_after(ids[:3])])
    assert grammar.allowed(states).shape == (2, len(PLAIN))
    stepped = grammar.step(states, np.array([PLAIN.bos, PLAIN.eos]))
    assert stepped[1] == grammar.start and stepped[0] == grammar.state_after(ids[:1], grammar.start)
    assert grammar.step(grammar.start, PLAIN.eos) == -1
    with pytest.raises(ValueError, match="place 1"):
        grammar.state_after([PLAIN.bos, PLAIN.eos])


def test_decoding_takes_parts_and_refuses_nonsense():
    ids = PLAIN.encode(piece_of([Note(1, 1, 60), Note(2, 1, 62)]))
    assert len(PLAIN.decode(ids[:-3])) == 1  # the last note has no duration any more
    assert [n[:3] for n in PLAIN.decode(ids[4:])] == [(1, 1, 62)]
    with pytest.raises(ValueError, match="Pitch_60 cannot stand at place 3"):
        PLAIN.decode(ids[[0, 1, 2, 2]])


# transposition


@given(notes(), st.integers(-12, 12), tokenizers)
def test_transposed_ids_are_the_transposed_piece(written, semitones, tokenizer):
    written = [n._replace(pitch=n.pitch % 100 + 14) for n in written]
    moved = [n if n.program == DRUMS else n._replace(pitch=n.pitch + semitones) for n in written]
    ids = tokenizer.encode(piece_of(written))
    transposed = tokenizer.transposition(semitones)[ids]
    assert tokenizer.decode(transposed) == tokenizer.on_grid(moved)
    np.testing.assert_array_equal(tokenizer.transposition(-semitones)[transposed], ids)


@given(st.integers(-130, 130), tokenizers)
def test_a_table_moves_every_pitch_and_nothing_else(semitones, tokenizer):
    wanted = []
    for name in tokenizer.vocabulary:
        if name.startswith("Pitch_"):
            name = f"Pitch_{int(name.removeprefix('Pitch_')) + semitones}"
        wanted.append(tokenizer.vocabulary.index(name) if name in tokenizer.vocabulary else -1)
    table = tokenizer.transposition(semitones)
    assert table.tolist() == wanted and table.dtype == np.int32
    tables = tokenizer.transpositions([-1, 0, semitones])
    each = [0, -1, *([semitones] if semitones else [])]
    np.testing.assert_array_equal(tables, [tokenizer.transposition(s) for s in each])


def test_what_leaves_the_pitches_of_midi_is_marked_and_drums_stay():
    low = PLAIN.encode(piece_of([Note(0, 1, 3), Note(0, 1, 60)]))
    assert (PLAIN.transposition(-4)[low] == -1).tolist() == [False, True, *[False] * 4]
    drums = BAND.encode(piece_of([Note(0, 1, 127, program=DRUMS)]))
    np.testing.assert_array_equal(BAND.transposition(12)[drums], drums)


# the definition


@given(tokenizers)
def test_only_the_definition_is_stored(tokenizer):
    config = tokenizer.to_config()
    assert set(config) == {"name", "grid", "velocities", "instruments"}
    again = tokenizer_from_config(config)
    assert again.vocabulary == tokenizer.vocabulary and again.symbol_key == tokenizer.symbol_key
    assert len(set(tokenizer.vocabulary)) == len(tokenizer)


def test_the_size_of_the_alphabet():
    sizes = [
        len(EventTokenizer()),
        len(EventTokenizer(velocities=32)),
        len(EventTokenizer(12, 0, "all")),
    ]
    assert sizes == [240, 272, 384]  # docs/tokenizers.md says so
    spelled = {n.split("_")[0] for n in [*BAND.vocabulary, *BarTokenizer().vocabulary]}
    assert {kind.value for kind in Kind} == spelled


def test_the_examples_of_the_docs():
    page = Path(__file__).parent.parent / "docs" / "tokenizers.md"
    failed, tried = doctest.testfile(str(page), module_relative=False)
    assert tried >= 8 and not failed


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"name": "words"}, "^tokenizer is 'words': want one of article, bars, events$"),
        ({"name": ["events"]}, r"^tokenizer is \['events'\]: want one of"),
        ({"name": "events", "grid": 12}, "lacks velocities and instruments"),
        ({"name": "events", "grid": 0, "velocities": 0, "instruments": "all"}, "grid is 0"),
        ({"name": "events", "grid": "x", "velocities": 0, "instruments": "all"}, "whole numbers"),
        ({"name": "events", "grid": 4, "velocities": 200, "instruments": "all"}, "velocities"),
        ({"name": "events", "grid": 97, "velocities": 0, "instruments": "all"}, "grid is 97"),
        (
            {"name": "events", "grid": 4, "velocities": 128, "instruments": "all"},
            "velocities is 128",
        ),
        ({"name": "events", "grid": 4, "velocities": -1, "instruments": "all"}, "velocities is -1"),
        ({"name": "events", "grid": 4, "velocities": 1.5, "instruments": "all"}, "whole numbers"),
        ({"name": "events", "grid": 4, "velocities": 2, "instruments": []}, "instruments"),
    ],
)
def test_a_wrong_configuration_is_explained(config, reason):
    with pytest.raises(ValueError, match=reason):
        tokenizer_from_config(config)


def test_a_new_piece_begins_with_the_piano():
    guitar = BAND.encode(piece_of([Note(0, 1, 60, program=24)]))
    piano = BAND.encode(piece_of([Note(0, 1, 64)]))
    heard = BAND.decode(np.concatenate([guitar, piano]))
    assert [note.program for note in heard] == [24, 0]


@given(notes(), tokenizers, st.data())
def test_a_piece_is_continued_from_its_notes_on(written, tokenizer, data):
    """Of the second part alone, and as if it began now."""
    piece = piece_of(written)
    ids = tokenizer.encode(piece)
    if not len(ids):
        assert tokenizer.continuation(ids, 0) == []
        return
    np.testing.assert_array_equal(tokenizer.primer(piece), ids[:-1])
    np.testing.assert_array_equal(tokenizer.beginning(), ids[:1])
    whole, primed = tokenizer.decode(ids), data.draw(st.integers(0, len(ids)))
    known = len(tokenizer.decode(ids[:primed]))
    later = whole[known:]
    begin = min((note.onset for note in later), default=0)
    found = tokenizer.continuation(ids, primed)
    assert found == [note._replace(onset=note.onset - begin) for note in later]
    assert not later or min(note.onset for note in found) == 0


@given(notes(), tokenizers)
def test_notes_on_the_grid_by_hand(written, tokenizer):
    """Each in the words of the docstring: nearest step, one step at least, first of its family."""
    wanted = []
    for note in written:
        if tokenizer.instruments == "piano" and note.program >= 8:
            continue
        n = tokenizer.velocities
        level = next(i for i in range(n or 1) if not n or (note.velocity - 1) * n < 127 * (i + 1))
        like = [v for v in range(1, 128) if n and (v - 1) * n // 127 == level]
        wanted.append(
            Note(
                int(note.onset * tokenizer.grid + 0.5) / tokenizer.grid,
                max(1, int(note.duration * tokenizer.grid + 0.5)) / tokenizer.grid,
                note.pitch,
                like[(len(like) - 1) // 2] if n else 80,
                DRUMS if note.program == DRUMS else note.program - note.program % 8,
            )
        )
    wanted.sort(key=lambda n: (n.onset, n.program, n.pitch, n.duration, n.velocity))
    assert tokenizer.on_grid(written) == wanted


def test_the_values_of_kinds():
    values = BAND.grammar.values(Kind.PITCH, Kind.DRUM, other=-1)
    for name, value in zip(BAND.vocabulary, values.tolist(), strict=True):
        kind, _, number = name.partition("_")
        assert value == (int(number) if kind in ("Pitch", "Drum") else -1)
    assert BAND.grammar.values(Kind.BOS).tolist() == [0] * len(BAND)


def test_what_is_stored_and_what_it_is_called(tmp_path):
    """Files and caches depend on the letter."""
    path = tmp_path / "tokenizer.json"
    tokenizer = EventTokenizer(4, 8, "all")
    tokenizer.save(path)
    text = '{\n "name": "events",\n "grid": 4,\n "velocities": 8,\n "instruments": "all"\n}'
    assert path.read_text() == text
    assert EventTokenizer.load(path).to_config() == tokenizer.to_config()
    assert tokenizer.symbol_key == "events grid=4 velocities=8 all"
    assert repr(tokenizer) == (
        f"EventTokenizer(grid=4, velocities=8, instruments='all'; {len(tokenizer)} classes)"
    )
    assert EventTokenizer().to_config() == {
        "name": "events", "grid": 12, "velocities": 0, "instruments": "piano"
    }  # fmt: skip
    assert tokenizer.encode(piece_of([Note(0, 1, 60)])).dtype == np.int32
