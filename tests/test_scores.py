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
from tinylstm.music.corpus.find import find_files, folder_of, licence_of
from tinylstm.music.corpus.report import EmptyCorpusError
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


def test_the_bars_of_a_tune_with_an_upbeat(tmp_path):
    (tmp_path / "a.abc").write_text("X:1\nM:3/4\nL:1/4\nK:G\nD | G A B | c d2 |]\n")
    piece = read_music(tmp_path / "a.abc")
    assert piece.bars == (0, 1, 4) and piece.notes[0].pitch == 62


def test_each_tune_of_a_book_is_a_piece_and_a_damaged_one_is_skipped_alone(tmp_path, own_cache):
    songs = tmp_path / "songs"
    songs.mkdir()
    tunes = [ABC.replace("X:1", f"X:{n}").replace("A scale", f"Tune {n}") for n in range(1, 5)]
    tunes[1] = tunes[1].replace("G A B-", "C E c").replace("B c d", "c E C")
    tunes[2] = "X:3\nT:Nothing\nK:G\n"
    (songs / "book.abc").write_text("% a comment\n" + "\n".join(tunes))
    corpus = load_corpus(songs, EventTokenizer(), validation=0.5, progress=False)
    one, two, _, four = (f"book.abc#000{n} Tune {n}" for n in range(1, 5))
    assert [file.name for file in corpus.report.kept] == [one, two, four]
    (skipped,) = corpus.report.skipped
    assert skipped.name == "book.abc#0003 Nothing" and "no notes" in skipped.skipped
    decoded = corpus.tokenizer.decode(corpus.train.ids[: corpus.train.ends[0]])
    assert [note.pitch for note in decoded] == [67, 69, 71, 72, 74]  # and it ends there
    assert len(corpus.train_pieces) + len(corpus.validation_pieces) == 3


def test_the_same_tune_in_two_books_stays_on_one_side(tmp_path, own_cache):
    songs = tmp_path / "songs"
    songs.mkdir()
    melody = "GABc dgfe dcBA GFED EFGA BcdB cAFD GBdg fdcA G4 Bgec dBGE"
    same = "X:1\nM:4/4\nL:1/8\nK:G\n" + melody
    others = [f"X:{n}\nM:4/4\nL:1/8\nK:G\n{'ceg' * n}" for n in range(2, 12)]
    (songs / "a.abc").write_text("\n\n".join([same, *others]))
    (songs / "b.abc").write_text("\n\n".join([*others, same.replace("L:1/8", "L:1/4")]))
    corpus = load_corpus(songs, EventTokenizer(), validation=0.3, progress=False)
    sides = [set(corpus.train_pieces), set(corpus.validation_pieces)]
    assert all(sum(name in side for name in ("a.abc#0001", "b.abc#0011")) != 1 for side in sides)
    for n in range(2, 12):  # the copies with the same text
        pair = {f"a.abc#{n:04d}", f"b.abc#{n - 1:04d}"}
        assert any(pair <= side for side in sides)


def test_a_folder_of_music21s_corpus(own_cache):
    files = find_files(folder_of("music21:bach"))
    assert len(files) >= 400 and files[0].name == "bwv1.6.mxl"
    assert len(find_files(folder_of("music21:oneills1850"))) > 1850  # tunes, in 39 files
    assert "Some encodings included in the corpus may not be used for" in licence_of(
        folder_of("music21:bach")
    )
    assert "non-commercial" in licence_of(folder_of("music21:essenFolksong"))
    assert licence_of(folder_of("songs")) == ""
    corpus = load_corpus("music21:webern", EventTokenizer(instruments="all"), progress=False)
    assert len(corpus.report.kept) == 1 and "restrictions on commercial use" in str(corpus.report)


@pytest.mark.parametrize("name", ["music21:", "music21:nobody", "music21:../corpus", "music21:/"])
def test_a_name_that_music21s_corpus_lacks_lists_those_it_has(name):
    with pytest.raises(EmptyCorpusError, match=r"bach \(4\d\d\), .*oneills1850"):
        folder_of(name)


def test_ties_that_only_one_of_the_two_notes_marks_and_chords_tied_in_part(tmp_path):
    part = music21.stream.Part()
    first, second = music21.chord.Chord(["C4", "E4"]), music21.chord.Chord(["C4", "F4"])
    first.notes[0].tie = music21.tie.Tie("start")
    third, fourth = music21.note.Note("G4"), music21.note.Note("A4")
    third.tie, fourth.tie = music21.tie.Tie("start"), music21.tie.Tie("stop")
    part.append([first, second, third, fourth])
    part.write("musicxml", tmp_path / "a.musicxml")
    heard = times(read_music(tmp_path / "a.musicxml"))
    assert heard == [(0, 1, 64), (0, 2, 60), (1, 1, 65), (2, 1, 67), (3, 1, 69)]


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
