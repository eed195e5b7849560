"""Files of every kind, and what is said where one cannot be written."""

import shutil
import stat
import wave
from xml.etree import ElementTree

import numpy as np
import pytest

from tinylstm.music import Note, Piece, read_midi
from tinylstm.music.files import read_music
from tinylstm.music.files.export import (
    WRITERS,
    NoSynthesizerError,
    normalise,
    soundfont,
    write_piece,
)

TUNE = Piece(
    "tune",
    (Note(0, 1, 60, 50), Note(0, 2, 64, 90, 40), Note(1, 1 / 3, 62), Note(4 / 3, 2 / 3, 65)),
    tempos=((0.0, 90.0),),
    time_signatures=((0.0, (3, 4)),),
)


def test_midi_keeps_tempo_metre_instruments_durations_and_velocities(tmp_path):
    back = read_midi(write_piece(tmp_path / "new" / "tune.mid", TUNE))
    assert back.tempo == pytest.approx(90, abs=1e-3) and back.time_signature == (3, 4)
    keep = [(n.onset, n.duration, n.pitch, n.velocity, n.program) for n in TUNE.notes]
    found = [(n.onset, n.duration, n.pitch, n.velocity, n.program) for n in back.notes]
    assert np.allclose(sorted(found), sorted(keep))


def test_a_score_has_the_notes_and_the_metre(tmp_path):
    long = (*TUNE.notes, Note(3, 500, 70), Note(700, 77, 40))
    piece = Piece("long", long, tempos=TUNE.tempos, time_signatures=TUNE.time_signatures)
    back = read_music(write_piece(tmp_path / "tune.musicxml", piece))
    assert sorted(n.pitch for n in back.notes) == sorted(n.pitch for n in long)
    assert back.time_signature == (3, 4) and back.tempo == pytest.approx(90)
    text = (tmp_path / "tune.musicxml").read_text()
    assert "score-partwise" in text and "<time-modification>" in text  # the triplet


def test_a_keyboard_has_two_staves_and_all_parts_equally_many_bars(tmp_path):
    flute = [Note(i, 1, 72, program=73) for i in range(3)]
    piano = [Note(i, 1, 48 if i < 9 else 64, program=0) for i in range(20)]
    piece = Piece("two hands", (*piano, *flute), tempos=((0.0, 100.0),))
    path = write_piece(tmp_path / "hands.musicxml", piece)
    tree = ElementTree.parse(path)
    parts = tree.findall("part")
    assert [len(part.findall("measure")) for part in parts] == [5, 5]
    assert [part.findtext("measure/attributes/staves") for part in parts] == ["2", None]
    assert len(tree.findall(".//sound[@tempo]")) == 1 and "score-partwise" in path.read_text()
    assert len(tree.findall("part/measure[5]/barline")) == len(tree.findall(".//barline")) > 0
    assert len(read_music(path).notes) == 23


@pytest.mark.parametrize("loudest", [300, 32767])
def test_sound_is_as_loud_as_it_can_be_without_clipping(tmp_path, loudest):
    wave_form = (np.sin(np.arange(4000) / 9) * loudest).astype("<i2")
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((2, 2, 44_100, 0, "NONE", ""))
        file.writeframes(wave_form.tobytes())
    normalise(tmp_path / "a.wav")
    with wave.open(str(tmp_path / "a.wav")) as file:
        found = np.frombuffer(file.readframes(4000), "<i2")
    assert np.abs(found).max() == round(0.9 * 32767)
    assert np.corrcoef(found, wave_form)[0, 1] > 0.9999


@pytest.mark.skipif(not shutil.which("fluidsynth"), reason="no fluidsynth: no .wav is made")
def test_sound(tmp_path):
    try:
        soundfont()
    except NoSynthesizerError as error:
        pytest.skip(str(error))
    with wave.open(str(write_piece(tmp_path / "tune.wav", TUNE))) as sound:
        assert sound.getframerate() == 44_100
        assert sound.getnframes() / 44_100 > 2 * 60 / 90
        data = np.frombuffer(sound.readframes(44_100), np.int16)
    assert np.abs(data).max() > 300


def test_a_clear_word_where_there_is_no_fluidsynth(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoSynthesizerError, match="fluidsynth is missing; install"):
        write_piece(tmp_path / "tune.wav", TUNE)
    fake = tmp_path / "fluidsynth"
    fake.write_text("#!/bin/sh\nexit 1\n")
    fake.chmod(fake.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setenv("TINYLSTM_SOUNDFONT", str(tmp_path / "no.sf2"))
    with pytest.raises(NoSynthesizerError, match="which is not a file"):
        write_piece(tmp_path / "tune.wav", TUNE)
    monkeypatch.delenv("TINYLSTM_SOUNDFONT")
    monkeypatch.setattr("tinylstm.music.files.export.SOUNDFONTS", (str(tmp_path),))
    with pytest.raises(NoSynthesizerError, match="has no sounds"):
        write_piece(tmp_path / "tune.wav", TUNE)
    (tmp_path / "x.sf2").write_bytes(b"")
    with pytest.raises(NoSynthesizerError, match="fluidsynth says"):
        write_piece(tmp_path / "tune.wav", TUNE)
    assert not (tmp_path / "tune.wav").exists()


def test_a_kind_that_there_is_not(tmp_path):
    with pytest.raises(ValueError, match="the suffix must be one of"):
        write_piece(tmp_path / "tune.mp3", TUNE)


@pytest.mark.parametrize("kind", WRITERS)
def test_nothing_is_written_of_a_piece_without_notes(kind, tmp_path):
    with pytest.raises(ValueError, match="no notes to write to"):
        write_piece(tmp_path / f"none{kind}", Piece("none", ()))
    assert not list(tmp_path.iterdir())
