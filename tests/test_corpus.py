"""A folder becomes tokens: cached, split by piece, and every file accounted for."""

import os
import shutil

import numpy as np
import pytest
from music_strategies import midi_file, track

from tinylstm.data import IGNORED
from tinylstm.files import save_arrays
from tinylstm.music import ArticleTokenizer, EmptyCorpusError, Note, load_corpus, write_midi
from tinylstm.music.corpus import cache
from tinylstm.music.corpus import corpus as corpus_module
from tinylstm.music.corpus.corpus import find_files

pytestmark = pytest.mark.usefixtures("own_cache")


def scale(start, count=20):
    return [Note(i, 1, start + i % 12) for i in range(count)]


@pytest.fixture
def songs(tmp_path):
    folder = tmp_path / "songs"
    folder.mkdir()
    for number in range(12):
        write_midi(folder / f"{number:02}.mid", scale(40 + number))
    return folder


@pytest.fixture
def parsed(monkeypatch):
    """The names of the files that are parsed from now on."""
    names = []

    def spy(files, *rest):
        names.extend(file.name for file in files)
        return parse_files(files, *rest)

    parse_files = corpus_module.parse_files
    monkeypatch.setattr(corpus_module, "parse_files", spy)
    return names


def pieces(tokens):
    return np.split(np.asarray(tokens.ids), tokens.starts[1:])


def test_pieces_are_split_whole_and_the_vocabulary_is_of_training(songs):
    write_midi(songs / "03.mid", scale(100))
    corpus = load_corpus(songs, ArticleTokenizer())
    assert corpus.validation_pieces == ["03.mid"]
    assert corpus.train_pieces == [f"{n:02}.mid" for n in range(12) if n != 3]
    assert [len(piece) for piece in pieces(corpus.train)] == [20] * 11
    assert (corpus.validation.targets == IGNORED).all()  # none of it is in the training pieces
    similar = [corpus.tokenizer.vocabulary[i] for i in corpus.validation.ids[:2]]
    assert similar == ["E3", "F3"] and corpus.report.substitutes["E7"] == "E3"
    assert [n.pitch for n in corpus.tokenizer.decode(pieces(corpus.train)[0])] == [
        n.pitch for n in scale(40)
    ]


def test_the_second_time_nothing_is_parsed(songs, parsed):
    first = load_corpus(songs, ArticleTokenizer())
    assert len(parsed) == 12
    again = load_corpus(songs, ArticleTokenizer())
    assert len(parsed) == 12
    np.testing.assert_array_equal(first.train.ids, again.train.ids)
    assert first.report == again.report
    assert first.tokenizer.to_config() == again.tokenizer.to_config()


def test_only_what_changed_is_parsed(songs, parsed):
    load_corpus(songs, ArticleTokenizer())
    parsed.clear()
    write_midi(songs / "05.mid", scale(70))
    os.utime(songs / "06.mid")  # touched, but the same
    (songs / "07.mid").rename(songs / "below.mid")  # moved, but the same
    corpus = load_corpus(songs, ArticleTokenizer())
    assert parsed == ["05.mid"]
    assert "below.mid" in corpus.train_pieces + corpus.validation_pieces


def test_a_file_of_the_same_size_but_another_time_is_noticed(songs, parsed):
    load_corpus(songs, ArticleTokenizer())
    size = (songs / "05.mid").stat().st_size
    write_midi(songs / "05.mid", scale(75))
    os.utime(songs / "05.mid", (1, 1))
    assert (songs / "05.mid").stat().st_size == size
    parsed.clear()
    load_corpus(songs, ArticleTokenizer())
    assert parsed == ["05.mid"]


def test_equal_files_are_parsed_once(songs, parsed):
    (songs / "again.mid").write_bytes((songs / "00.mid").read_bytes())
    report = load_corpus(songs, ArticleTokenizer()).report
    assert len(parsed) == 12 and [file.name for file in report.files][-1] == "again.mid"
    assert report.near_duplicates == [["00.mid", "again.mid"]]


def test_another_reading_is_cached_apart(songs, parsed):
    load_corpus(songs, ArticleTokenizer())
    load_corpus(songs, ArticleTokenizer(strict=True))
    assert len(parsed) == 24


def test_interrupted_it_goes_on_where_it_stopped(songs, parsed, monkeypatch):
    def stop_after_five(files, *rest):
        for count, result in enumerate(parse_files(files, *rest)):
            if count == 5:
                raise KeyboardInterrupt
            yield result

    parse_files = corpus_module.parse_files
    with monkeypatch.context() as patch:
        patch.setattr(corpus_module, "parse_files", stop_after_five)
        with pytest.raises(KeyboardInterrupt):
            load_corpus(songs, ArticleTokenizer())
    parsed.clear()
    load_corpus(songs, ArticleTokenizer())
    assert len(parsed) == 12 - 5


def test_bad_files_are_named_and_skipped(songs):
    (songs / "empty.mid").write_bytes(b"")
    (songs / "page.mid").write_bytes(b"<html>")
    (songs / "silent.mid").write_bytes(midi_file(track()))
    report = load_corpus(songs, ArticleTokenizer()).report
    assert {row.name for row in report.skipped} == {"empty.mid", "page.mid", "silent.mid"}
    assert "not a MIDI file" in report.skipped[0].skipped
    assert "no notes" in report.skipped[2].skipped
    assert (len(report.kept), report.notes_in_files, report.notes_kept) == (12, 240, 240)
    assert "3 skipped" in str(report) and "skipped silent.mid: no notes" in str(report)
    assert "100.00" in report.table()


def test_a_folder_without_music_is_an_error(tmp_path):
    with pytest.raises(EmptyCorpusError, match="not a folder"):
        load_corpus(tmp_path / "nowhere", ArticleTokenizer())
    with pytest.raises(EmptyCorpusError, match=r"no music.*\.mid"):
        load_corpus(tmp_path, ArticleTokenizer())
    (tmp_path / "bad.mid").write_bytes(b"x")
    with pytest.raises(EmptyCorpusError, match=r"none of the 1 files .*bad\.mid: not a MIDI file"):
        load_corpus(tmp_path, ArticleTokenizer())


def test_files_are_found_below_and_sorted_by_name(songs):
    (songs / "a" / "b").mkdir(parents=True)
    (songs / ".hidden").mkdir()
    for name in ("a/b/Z.MID", "a/z.midi", "Z.mid", "._00.mid", ".hidden/x.mid", "readme.txt"):
        write_midi(songs / name, scale(50))
    names = [file.name for file in find_files(songs)]
    assert names == [f"{n:02}.mid" for n in range(12)] + ["Z.mid", "a/b/Z.MID", "a/z.midi"]


DAMAGE = {
    "ids": lambda data: b"\0",
    "targets": lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    "corpus.json": lambda data: b'{"files": ',
    "corpus.json ": lambda data: data.replace(b'"tokens": 20', b'"tokens": 21', 1),
    "corpus.json  ": lambda data: b"[1]",
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_corpus_is_built_again_and_said_once(songs, own_cache, parsed, name):
    before = load_corpus(songs, ArticleTokenizer())
    ids, targets = np.array(before.train.ids), np.array(before.validation.targets)
    path = next(own_cache.glob(f"corpora/*/{name.strip()}"))
    damaged = DAMAGE[name](path.read_bytes())
    path.unlink()  # the maps of `before` stay whole
    path.write_bytes(damaged)
    parsed.clear()
    with pytest.warns(UserWarning, match="is damaged .*: the corpus is built again"):
        after = load_corpus(songs, ArticleTokenizer())
    np.testing.assert_array_equal(ids, after.train.ids)
    np.testing.assert_array_equal(targets, after.validation.targets)
    assert before.report == after.report and parsed == []
    load_corpus(songs, ArticleTokenizer())  # whole again: a warning would be an error


def test_a_damaged_parsed_file_is_parsed_again(songs, own_cache, parsed):
    before = load_corpus(songs, ArticleTokenizer())
    for path in own_cache.glob("corpora/*/*"):
        path.unlink()
    first, second, third, *_ = sorted(own_cache.glob("parsed/*/*.npz"))
    data = bytearray(first.read_bytes())
    data[len(data) // 2] ^= 4
    first.write_bytes(data)
    second.write_bytes(b"no archive")
    third.unlink()
    parsed.clear()
    with pytest.warns(UserWarning, match="2 of its parsed files are not what was written") as said:
        after = load_corpus(songs, ArticleTokenizer())
    assert len(said) == 1
    np.testing.assert_array_equal(before.train.ids, after.train.ids)
    assert before.report == after.report and len(parsed) == 3


def test_a_cache_that_cannot_be_written_is_replaced(songs, own_cache, parsed):
    own_cache.write_bytes(b"a file where a folder should be")
    with pytest.warns(UserWarning, match="cannot write the cache .*set TINYLSTM_CACHE to a folder"):
        first = load_corpus(songs, ArticleTokenizer())
    again = load_corpus(songs, ArticleTokenizer())  # said once: a warning would be an error
    np.testing.assert_array_equal(first.train.ids, again.train.ids)


def test_a_file_that_cannot_be_read_is_a_row_in_the_report(songs, monkeypatch):
    os.mkfifo(songs / "pipe.mid")
    (songs / "gone.mid").symlink_to(songs / "nowhere.mid")
    write_midi(songs / "locked.mid", scale(50))
    (songs / "huge.mid").write_bytes(b"")
    os.truncate(songs / "huge.mid", 33 << 20)
    read = cache.file_digest

    def digest(path):
        if path.name == "locked.mid":
            raise PermissionError(13, "Permission denied")
        return read(path)

    monkeypatch.setattr(cache, "file_digest", digest)
    report = load_corpus(songs, ArticleTokenizer()).report
    assert {file.name: file.skipped for file in report.skipped} == {
        "gone.mid": "cannot be opened (No such file or directory)",
        "huge.mid": "has 33 MB, more than 32",
        "locked.mid": "cannot be opened (Permission denied)",
        "pipe.mid": "not a file on disk",
    }
    assert len(report.kept) == 12


def test_names_that_are_no_text(songs):
    """Bytes that are not UTF-8, a line break and a terminal's escape: read, told apart, printed."""
    for name in (b"caf\xe9.mid", b"caf\xea.mid", b"a\nb.mid", b"\x1b[2Jc.mid"):
        with open(os.path.join(os.fsencode(songs), name), "wb") as file:
            file.write(b"no music")
    corpus = load_corpus(songs, ArticleTokenizer())
    again = load_corpus(songs, ArticleTokenizer())
    assert again.report == corpus.report and len(corpus.report.skipped) == 4
    assert len({file.name for file in corpus.report.skipped}) == 4
    for said in (corpus.report.table(), str(corpus.report)):
        assert said.encode() and "\x1b" not in said and "caf\ufffd.mid" in said
    assert str(corpus.report).count("\n") == len(str(corpus.report).splitlines()) - 1


@pytest.mark.parametrize("wrong", [{"validation": 1}, {"workers": 0}, {"limit": 0}])
def test_arguments_are_checked_first(songs, parsed, wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} is "):
        load_corpus(songs, ArticleTokenizer(), **wrong)
    assert not parsed


def test_many_files_are_parsed_in_parallel_with_the_same_result(songs, monkeypatch):
    alone = load_corpus(songs, ArticleTokenizer())
    monkeypatch.setattr("tinylstm.music.corpus.parse._SMALL", 0)
    monkeypatch.setenv("TINYLSTM_CACHE", str(songs.parent / "other"))
    together = load_corpus(songs, ArticleTokenizer(), workers=2)
    np.testing.assert_array_equal(alone.train.ids, together.train.ids)
    assert alone.report == together.report


def test_one_piece_is_for_training(tmp_path):
    write_midi(tmp_path / "only.mid", scale(60))
    corpus = load_corpus(tmp_path, ArticleTokenizer())
    assert corpus.train_pieces == ["only.mid"] and corpus.validation is None


def test_a_parsed_file_of_another_version_is_parsed_again(songs, parsed):
    load_corpus(songs)
    before = len(parsed)
    for path in (songs.parent / "cache" / "parsed").rglob("*.npz"):
        save_arrays(path, {"symbols": np.zeros(3, np.int32)}, {"unheard_of": 1})
    shutil.rmtree(songs.parent / "cache" / "corpora")
    with pytest.warns(UserWarning, match="12 of its parsed files are not what was written"):
        assert len(load_corpus(songs).train_pieces) and len(parsed) == 2 * before
