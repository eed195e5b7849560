"""Written MIDI files give the same notes back, and a failed write leaves the old file."""

import pytest
from hypothesis import given
from music_strategies import TICKS, notes

from tinylstm.music import Note, read_midi, write_midi


def heard(notes):
    """Notes in no order, without the tracks they are in."""
    return sorted(note._replace(track=0) for note in notes)


@given(notes())
def test_what_is_written_is_read_again(tmp_path_factory, written):
    path = tmp_path_factory.mktemp("midi") / "a.mid"
    piece = read_midi(write_midi(path, written))
    assert heard(piece.notes) == heard(written)
    assert piece.notes_in_file == len(written)
    assert not piece.faults


def test_more_programs_than_channels(tmp_path):
    written = [Note(0, 1, 60, 80, program) for program in range(129)]
    assert heard(read_midi(write_midi(tmp_path / "a.mid", written)).notes) == heard(written)


def test_tempo_and_metre_are_written(tmp_path):
    piece = read_midi(write_midi(tmp_path / "a.mid", [Note(0, 1, 60)], 92.5, (6, 8)))
    assert piece.tempo == pytest.approx(92.5, abs=0.01)
    assert piece.time_signature == (6, 8)


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.mid"
    write_midi(path, [Note(0, 1, 60)])
    before = path.read_bytes()
    for bad in ([], [Note(0, 1, 128)], [Note(-1, 1, 60)], [Note(0, 0, 60)]):
        with pytest.raises(ValueError):
            write_midi(path, bad)
    assert path.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["a.mid"]


def test_unequal_pitches_share_a_track_and_overlapping_equal_ones_do_not(tmp_path):
    chord = [Note(0, 2, pitch) for pitch in (60, 64, 67)]
    assert {n.track for n in read_midi(write_midi(tmp_path / "a.mid", chord)).notes} == {1}
    clash = [Note(0, 2, 60), Note(1, 2, 60), Note(2, 1, 60)]
    assert [n.track for n in read_midi(write_midi(tmp_path / "b.mid", clash)).notes] == [1, 2, 1]
    assert TICKS % 12 == TICKS % 16 == 0


def test_a_repeated_note_ends_before_it_begins_again(tmp_path):
    """At one tick the note-off stands first; else players silence what they have just begun."""
    from music21.midi import MidiFile

    write_midi(tmp_path / "a.mid", [Note(0, 1, 60), Note(1, 1, 60)])
    file = MidiFile()
    file.open(tmp_path / "a.mid")
    file.read()
    file.close()
    kinds = [e.type.name for e in file.tracks[1].events if e.isNoteOn() or e.isNoteOff()]
    assert kinds == ["NOTE_ON", "NOTE_OFF", "NOTE_ON", "NOTE_OFF"]
