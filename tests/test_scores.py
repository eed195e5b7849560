"""Notation in the formats that music21 reads: MusicXML, Humdrum, ABC."""

import zipfile

import music21
import pytest

from tinylstm.music import (
    DRUMS,
    EventTokenizer,
    Note,
    UnreadableFileError,
    load_corpus,
    write_midi,
)
from tinylstm.music.files import read_music

ABC = """X:1
T:A scale
M:3/4
L:1/4
K:G
|: "G"G A B- | B c d :|
"""
TWO_TUNES = ABC + "\n" + ABC.replace("X:1", "X:2")
HUMDRUM = """**kern\t**kern
*M4/4\t*M4/4
*k[f#]\t*k[f#]
=1\t=1
4G\t2dd 2bb
4A\t.
[2B\t2r
=2\t=2
2B]\t4b
2r\t4r
*-\t*-
"""


def times(piece):
    return sorted((n.onset, n.duration, n.pitch) for n in piece.notes)


def test_abc_with_a_tie_over_the_bar_and_a_chord_symbol(tmp_path):
    path = tmp_path / "a.abc"
    path.write_text(ABC)
    piece = read_music(path)
    assert times(piece) == [(0, 1, 67), (1, 1, 69), (2, 2, 71), (4, 1, 72), (5, 1, 74)]
    assert piece.notes_in_file == len(piece) == 5
    assert piece.time_signature == (3, 4) and piece.key == "G major"


def test_a_book_of_tunes_is_read_one_after_the_other(tmp_path):
    (tmp_path / "a.abc").write_text(TWO_TUNES)
    piece = read_music(tmp_path / "a.abc")
    assert [n.onset for n in piece.notes] == [0, 1, 2, 4, 5, 6, 7, 8, 10, 11]


def test_humdrum(tmp_path):
    (tmp_path / "a.krn").write_text(HUMDRUM)
    piece = read_music(tmp_path / "a.krn")
    assert times(piece) == [
        (0, 1, 55),
        (0, 2, 74),
        (0, 2, 83),
        (1, 1, 57),
        (2, 4, 59),
        (4, 1, 71),
    ]
    assert piece.notes_in_file == 6


@pytest.mark.parametrize("suffix", ["musicxml", "mxl"])
def test_musicxml_with_instruments_grace_notes_and_drums(tmp_path, suffix):
    flute, drums = music21.stream.Part(), music21.stream.Part()
    flute.append(music21.instrument.Flute())
    flute.append(music21.tempo.MetronomeMark(number=90))
    flute.append(music21.note.Note("D5").getGrace())
    flute.append(music21.note.Note("C5", quarterLength=6))  # tied over the bar
    flute.append(music21.chord.Chord(["C4", "E4"], quarterLength=2))
    drums.append(music21.instrument.UnpitchedPercussion())
    drums.append(music21.note.Unpitched(displayName="F4", quarterLength=1))
    path = tmp_path / f"a.{suffix}"
    music21.stream.Score([flute, drums]).write(suffix, path)
    piece = read_music(path)
    heard = sorted((n.onset, n.duration, n.pitch) for n in piece.notes if n.program == 73)
    assert heard == [(0, 1 / 32, 74), (0, 6, 72), (6, 2, 60), (6, 2, 64)]
    assert [(n.onset, n.duration) for n in piece.notes if n.program == DRUMS] == [(0, 1)]
    assert piece.tempo == 90 and piece.notes_in_file == 5


def test_impossible_times_in_a_score_are_faults(tmp_path):
    path = tmp_path / "a.abc"
    path.write_text(ABC.replace("G A B-", "G1000 A999999 B999999"))
    piece = read_music(path)
    assert piece.notes[0].duration == 512 and max(n.onset for n in piece.notes) <= 100_000
    assert len(piece.faults) == 2 and piece.notes_in_file == len(piece.notes) + 4


def test_an_archive_that_would_fill_the_memory_is_refused(tmp_path):
    path = tmp_path / "a.mxl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("score.xml", b"<a/>" + bytes(40 << 20))
    assert path.stat().st_size < 100_000
    with pytest.raises(UnreadableFileError, match="holds more than 32 MB"):
        read_music(path)


@pytest.mark.filterwarnings("ignore:Exception ignored in")  # music21 leaves the file open
@pytest.mark.parametrize("suffix", ["musicxml", "mxl", "krn", "abc"])
@pytest.mark.parametrize("content", [b"", b"<html>", b"\xff\xfe\x00", b"PK\x03\x04broken"])
def test_what_is_no_score_is_named(tmp_path, suffix, content):
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(content)
    with pytest.raises(UnreadableFileError, match=f"a.{suffix}"):
        read_music(path)


def test_a_folder_of_all_formats(tmp_path, own_cache):
    songs = tmp_path / "songs"
    (songs / "old" / "er").mkdir(parents=True)
    (songs / "a.abc").write_text(ABC)
    (songs / "old" / "b.krn").write_text(HUMDRUM)
    score = music21.converter.parse(ABC, format="abc")
    score.write("mxl", songs / "old" / "er" / "c.mxl")
    score.write("musicxml", songs / "d.musicxml")
    write_midi(songs / "e.midi", [Note(0, 1, 60)])
    (songs / "bad.abc").write_text("")
    report = load_corpus(songs, EventTokenizer(), limit=60).report
    assert {file.name: file.notes_kept for file in report.kept} == {
        "a.abc": 5,
        "d.musicxml": 5,
        "e.midi": 1,
        "old/b.krn": 6,
        "old/er/c.mxl": 5,
    }
    assert [file.name for file in report.skipped] == ["bad.abc"]
