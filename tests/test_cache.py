"""Parsed files on disk: whole and of the same reader, or parsed again."""

import numpy as np
import pytest

from tinylstm.files import FileError, load_arrays, save_arrays
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


def test_what_is_put_is_got_by_the_same_tokenizer_and_reader(folder, monkeypatch):
    store = ParsedFiles(EventTokenizer(), folder)
    store.put(parsed())
    found = ParsedFiles(EventTokenizer(), folder).get("digest")
    assert found.report == parsed().report
    np.testing.assert_array_equal(found.symbols, parsed().symbols)
    np.testing.assert_array_equal(found.signature, parsed().signature)
    for other in (EventTokenizer(grid=24), ArticleTokenizer()):
        assert not ParsedFiles(other, folder).has("digest", 60)
    monkeypatch.setattr(cache, "READER", cache.READER + 1)
    assert not ParsedFiles(EventTokenizer(), folder).has("digest", 60)


def test_a_file_that_was_given_up_is_tried_again_for_longer_only(folder):
    store = ParsedFiles(EventTokenizer(), folder)
    store.put(parsed(skipped="gave up after 3 seconds", tried=3.0))
    assert store.has("digest", 1) and store.has("digest", 3) and not store.has("digest", 4)
    store.put(parsed(skipped="not a MIDI file"))
    assert store.has("digest", 1e9)


def test_any_flipped_byte_of_the_arrays_is_noticed(folder):
    store = ParsedFiles(EventTokenizer(), folder)
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


def test_an_archive_of_something_else_is_not_taken(folder):
    store = ParsedFiles(EventTokenizer(), folder)
    save_arrays(store.path("digest"), {"a": np.arange(3)}, {"format": "another"})
    with pytest.raises(FileError, match="is damaged"):
        store.get("digest")
    assert not store.has("digest", 60) and store.damaged == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda a, d: a.update(symbols=a["symbols"][::-1].copy()),
        lambda a, d: a.update(signature=a["signature"].astype(np.int64)),
        lambda a, d: d["report"].update(tempo=93.0),
        lambda a, d: d["report"].update(digest="another"),
        lambda a, d: d.update(digest="1234"),
    ],
)
def test_whole_files_that_were_not_written_there_are_not_taken(folder, change):
    store = ParsedFiles(EventTokenizer(), folder)
    store.put(parsed())
    arrays, description = load_arrays(store.path("digest"))
    change(arrays, description)
    save_arrays(store.path("digest"), arrays, description)
    with pytest.raises(FileError, match=r"is not what was written there|is damaged"):
        store.get("digest")
    assert not store.has("digest", 60)


def test_a_cache_that_cannot_be_written_is_replaced_and_said_once(folder):
    folder.write_bytes(b"a file where a folder should be")
    with pytest.warns(UserWarning, match=r"cannot write the cache .*: set TINYLSTM_CACHE|.*; set"):
        instead = cache.writable(folder)
    assert instead.is_dir() and cache.writable(folder) == instead  # a warning would be an error
    store = ParsedFiles(EventTokenizer(), instead)
    store.put(parsed())
    assert store.has("digest", 60) and folder.read_bytes().startswith(b"a file")
