"""Reading MIDI: nothing lost, nothing invented, and every fault named."""

import os
import subprocess
import sys
import time

import pytest
from music21.midi import MidiTrack
from music_strategies import midi_file, off, on, track, variable_length

from tinylstm.music import DRUMS, EventTokenizer, UnreadableFileError, read_midi
from tinylstm.music.files.midi import LARGEST
from tinylstm.music.files.track import track_events
from tinylstm.music.notes import LONGEST_NOTE, SHORTEST


@pytest.fixture
def read(tmp_path):
    def read_bytes(data):
        path = tmp_path / "song.mid"
        path.write_bytes(data)
        return read_midi(path)

    return read_bytes


def times(piece):
    return [(n.onset, n.duration, n.pitch) for n in piece.notes]


def test_running_status_and_silent_note_on(read):
    # the second and third events repeat the status byte of the first
    piece = read(midi_file(track((0, on(60)), (480, bytes([60, 0])), (0, bytes([62, 80])))))
    assert times(piece) == [(0, 1, 60), (1, SHORTEST, 62)]


def test_running_status_keeps_the_channel(read):
    violin = bytes([0xC3, 40])
    music = [(0, violin), (0, on(60, channel=3)), (0, bytes([64, 80])), (480, bytes([60, 0]))]
    piece = read(midi_file(track(*music)))
    assert {note.pitch: note.program for note in piece.notes} == {60: 40, 64: 40}


def test_overlapping_notes_of_a_pitch_end_first_in_first_out(read):
    events = [(0, on(60)), (240, on(60)), (240, off(60)), (480, off(60))]
    assert times(read(midi_file(track(*events)))) == [(0, 1, 60), (0.5, 1.5, 60)]


def test_channels_are_paired_apart(read):
    events = [(0, on(60)), (0, on(60, channel=1)), (480, off(60, channel=1)), (480, off(60))]
    assert times(read(midi_file(track(*events)))) == [(0, 2, 60), (0, 1, 60)]


def test_a_note_never_closed_ends_at_the_next_or_with_the_track(read):
    events = [(0, on(60)), (0, on(64)), (480, on(60)), (960, off(62))]
    data = midi_file(track(*events, (480, b"\xff\x01\x01x")))
    # the note-off missing: first 60 ends where the second begins, all else with the track
    assert times(read(data)) == [(0, 1, 60), (0, 4, 64), (1, 3, 60)]


def test_a_note_of_no_length_is_kept(read):
    assert times(read(midi_file(track((0, on(60)), (0, off(60)))))) == [(0, SHORTEST, 60)]


def test_programs_are_set_per_channel_and_by_other_tracks(read):
    conductor = track((0, bytes([0xC0, 40])), (960, bytes([0xC0, 41])))
    music = track(
        (0, on(60)), (480, off(60)), (480, on(62)), (480, off(62)), (0, on(36, channel=9))
    )
    own = track((0, bytes([0xC0, 7])), (0, on(50)), (480, off(50)))
    piece = read(midi_file(conductor, music, own))
    assert {n.pitch: n.program for n in piece.notes} == {60: 40, 62: 41, 36: DRUMS, 50: 7}
    assert {n.pitch: n.track for n in piece.notes} == {60: 1, 62: 1, 36: 1, 50: 2}


def test_signatures_in_any_track(read):
    first = track((0, on(60)), (480, off(60)))
    other = track(
        (0, b"\xff\x51\x03\x07\xa1\x20"),  # 500,000 microseconds a quarter note
        (0, b"\xff\x58\x04\x03\x03\x18\x08"),  # 3/8
        (0, b"\xff\x59\x02\xfd\x01"),  # three flats, minor
        (960, b"\xff\x51\x03\x0f\x42\x40"),
    )
    piece = read(midi_file(first, other))
    assert piece.tempos == ((0, 120), (2, 60))
    assert (piece.time_signature, piece.key) == ((3, 8), "C minor")


def test_seconds_instead_of_quarter_notes(read):
    division = (256 - 25) << 8 | 40  # 25 frames of 40 ticks: a tick is a millisecond
    piece = read(midi_file(track((0, on(60)), (1000, off(60))), division=division))
    assert times(piece) == [(0, 2, 60)]


def test_other_chunks_and_wrappers_are_passed_over(read):
    music = track((0, on(60)), (480, off(60)))
    data = midi_file(music)
    header, body = data[:14], data[14:]
    assert times(read(header + b"XFIH\x00\x00\x00\x02ab" + body)) == [(0, 1, 60)]
    assert times(read(b"RIFF\x00\x00\x00\x00RMIDdata\x00\x00\x00\x00" + data)) == [(0, 1, 60)]


def test_events_are_music21s_and_long_ones_are_whole(read):
    text = b"\xff\x01" + variable_length(500) + b"x" * 500
    music = [(0, text), (0, on(60)), (480, off(60)), (0, text), (0, on(62)), (480, off(62))]
    chunk = track(*music)[8:]
    judge = MidiTrack(0)
    judge.processDataToEvents(chunk)
    ours = list(track_events(chunk, "track 1", 480, []))
    assert [e.getBytes() for _, e in ours] == [e.getBytes() for e in judge.events[1::2]]
    assert times(read(midi_file(track(*music)))) == [(0, 1, 60), (1, 1, 62)]


def test_an_unknown_event_is_passed_over_and_named(read):
    piece = read(midi_file(track((0, on(60)), (480, off(60)), (0, b"\xf4"), (0, on(62)))))
    assert times(piece)[0] == (0, 1, 60) and "unknown event at tick 480" in piece.faults[0]


@pytest.mark.parametrize(
    "broken",
    [
        b"\xff\x01\x83\x60" + b"a text of some length, said to be longer",
        b"\xff\x7f\xff\xff\xff\x7f",
        b"\xf0\x8f\xff\x7f\x01\x02\xf7",
    ],
)
def test_notes_behind_an_event_longer_than_its_track_are_read(read, broken):
    before, behind = [(0, on(60)), (480, off(60))], [(960, on(62)), (480, off(62))]
    piece = read(midi_file(track(*before, (0, broken), *behind)))
    assert times(piece) == [(0, 1, 60), (3, 1, 62)]
    assert piece.faults == (
        f"track 1 has an event longer than itself: {len(broken)} bytes are lost",
    )


def test_what_cannot_be_read_behind_such_an_event_is_said(read):
    chunk = track((0, on(60)), (480, off(60)), (0, b"\xff\x01\x70abc"), (0, on(62)), end=False)
    piece = read(midi_file(chunk))
    assert times(piece) == [(0, 1, 60)]
    assert piece.faults == ("track 1 has an event longer than itself: 10 bytes are lost",)


def test_a_note_cut_off_by_the_end_of_its_track_is_a_fault(read):
    piece = read(midi_file(track((0, on(60)), (480, off(60)), (0, b"\x90\x40"), end=False)))
    assert times(piece) == [(0, 1, 60)] and "longer than itself: 2 bytes" in piece.faults[0]


def test_padding_behind_the_end_of_a_track_is_no_fault(read):
    padded = track((0, on(60)), (480, off(60)), (0, b"\xff\x2f\x00"), (0, b"\x00"), end=False)
    assert read(midi_file(padded)).faults == ()


def test_notes_without_end_are_cut_and_said(read):
    """A few bytes may not become millions of tokens."""
    events = [(0, on(60)), (0, on(61)), (480 * 90_000, off(60)), (0, off(61))]
    piece = read(midi_file(track(*events)))
    assert times(piece) == [(0, LONGEST_NOTE, 60), (0, LONGEST_NOTE, 61)]
    assert piece.faults == ("2 notes longer than 512 quarter notes are cut",)
    assert len(EventTokenizer().symbols(piece)) == 2 + 2 * 17


def test_a_number_of_many_bytes_is_damage(read):
    data = track((0, on(60)), (480, off(60)), end=False)[8:] + b"\xff" * 100_000
    piece = read(midi_file(b"MTrk" + len(data).to_bytes(4) + data))
    assert times(piece) == [(0, 1, 60)] and "more than four bytes" in piece.faults[0]


def test_files_too_large_and_pipes_are_refused(tmp_path):
    path = tmp_path / "a.mid"
    path.write_bytes(b"")
    os.truncate(path, LARGEST + 1)
    with pytest.raises(UnreadableFileError, match=r"a\.mid: has 32 MB, more than 32"):
        read_midi(path)
    os.mkfifo(tmp_path / "b.mid")
    with pytest.raises(UnreadableFileError, match="not a file on disk"):
        read_midi(tmp_path / "b.mid")


def test_a_large_file_takes_seconds(read):
    events = [event for n in range(30_000) for event in ((9, on(n % 88)), (9, off(n % 88)))]
    started = time.monotonic()
    assert len(read(midi_file(track(*events)))) == 30_000
    assert time.monotonic() - started < 10


def test_a_truncated_file_gives_what_it_has_and_says_so(read):
    data = midi_file(track((0, on(60)), (480, off(60)), (0, on(62)), (480, off(62))))
    piece = read(data[:-9])
    assert (0, 1, 60) in times(piece)
    assert any("cut short" in fault for fault in piece.faults)


def test_impossible_values_are_faults_not_notes(read):
    piece = read(midi_file(track((0, on(60)), (480, on(200)), (0, off(60)))))
    assert times(piece) == [(0, 1, 60)] and "impossible note" in piece.faults[0]
    far = track((0, on(60)), (480, off(60)), (0x0FFFFFFF, on(62)), (480, off(62)))
    piece = read(midi_file(far))
    assert times(piece) == [(0, 1, 60)] and "jumps" in piece.faults[0]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not a MIDI file"),
        (b"MThd", "not a MIDI file"),
        (b"<html>not found</html>", "not a MIDI file"),
        (midi_file(), "no notes"),
        (midi_file(track()), "no notes"),
        (midi_file(track((0, on(60))), division=0), "header"),
        (midi_file(track((0, on(60))), kind=7), "header"),
        (midi_file(b"MTrk\x00\x00\xff\xff"), "no notes.*cut short"),
    ],
)
def test_a_file_without_music_is_named(read, data, reason):
    with pytest.raises(UnreadableFileError, match=reason) as raised:
        read(data)
    assert raised.value.path.name == "song.mid" and "song.mid" in str(raised.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UnreadableFileError, match=r"nowhere\.mid"):
        read_midi(tmp_path / "nowhere.mid")


def test_importing_the_package_does_not_load_music21():
    code = (
        "import sys, tinylstm.music; sys.exit('music21' in sys.modules or 'numba' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
