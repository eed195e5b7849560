"""Parsed files on disk: whole and of the same reader, or parsed again."""

import numpy as np
import pytest

from tinylstm.files import FileError, save_arrays
from tinylstm.music import ArticleTokenizer, EventTokenizer
from tinylstm.music.corpus import cache
from tinylstm.music.corpus.cache import ParsedFiles
from tinylstm.music.corpus.parse import Parsed
from tinylstm.music.corpus.report import FileReport


@pytest.fixture(autouse=True)
def folder(own_cache):
    return own_cache


def parsed(**facts):
    report = FileReport("a.mid", "digest", 9, 8, 7, 92.5, faults=["one", "two"], **facts)
    return Parsed(report, np.arange(7, dtype=np.int32), np.arange(128, dtype=np.uint32))


def test_what_is_put_is_got_by_the_same_tokenizer_and_reader(monkeypatch):
    store = ParsedFiles(EventTokenizer())
    store.put(parsed())
    found = ParsedFiles(EventTokenizer()).get("digest")
    assert found.report == parsed().report
    np.testing.assert_array_equal(found.symbols, parsed().symbols)
    np.testing.assert_array_equal(found.signature, parsed().signature)
    for other in (EventTokenizer(grid=24), ArticleTokenizer()):
        assert not ParsedFiles(other).has("digest", 60)
    monkeypatch.setattr(cache, "READER", cache.READER + 1)
    assert not ParsedFiles(EventTokenizer()).has("digest", 60)


def test_a_file_that_was_given_up_is_tried_again_for_longer_only():
    store = ParsedFiles(EventTokenizer())
    store.put(parsed(skipped="gave up after 3 seconds", tried=3.0))
    assert store.has("digest", 1) and store.has("digest", 3) and not store.has("digest", 4)
    store.put(parsed(skipped="not a MIDI file"))
    assert store.has("digest", 1e9)


def test_any_flipped_byte_of_the_arrays_is_noticed():
    store = ParsedFiles(EventTokenizer())
    store.put(parsed())
    path = store.path("digest")
    data = path.read_bytes()
    for array in (parsed().symbols, parsed().signature):
        damaged = bytearray(data)
        damaged[data.index(array.tobytes()) + 3] ^= 1
        path.write_bytes(damaged)
        assert not store.has("digest", 60)
        with pytest.raises(FileError, match="is damaged"):
            store.get("digest")
    path.write_bytes(data)
    assert store.has("digest", 60)


def test_an_archive_of_something_else_is_not_taken():
    store = ParsedFiles(EventTokenizer())
    save_arrays(store.path("digest"), {"a": np.arange(3)}, {"format": "another"})
    with pytest.raises(FileError, match="is not a parsed file"):
        store.get("digest")


def test_nothing_is_left_of_a_write_that_fails(folder):
    folder.mkdir()
    (folder / "parsed").write_bytes(b"a file where a folder should be")
    with pytest.raises(FileError, match=r"cannot write .*: set TINYLSTM_CACHE to a folder"):
        ParsedFiles(EventTokenizer()).put(parsed())
    assert [path.name for path in folder.iterdir()] == ["parsed"]
