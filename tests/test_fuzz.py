"""Damaged music files: none crashes, hangs, or passes with nothing in it; each is accounted for.

The ordinary run damages 150 files; this does more:

    TINYLSTM_FUZZ=2000 python -m pytest tests/test_fuzz.py
    python tests/damaged.py music 5000
"""

import os

import damaged
import numpy as np
import pytest
from damaged_music import damage, sound_files
from hypothesis import given
from hypothesis import strategies as st
from music_strategies import midi_file

from tinylstm.music import EventTokenizer, UnreadableFileError, load_corpus, read_midi

COUNT = int(os.environ.get("TINYLSTM_FUZZ", "150"))
LIMIT = 20  # seconds a file


def test_damaged_files_are_all_accounted_for(tmp_path, own_cache):
    folder = tmp_path / "songs"
    folder.mkdir()
    rng, sound = np.random.default_rng(0), sound_files()
    for number in range(COUNT):
        damaged = damage(sound[number % len(sound)], rng)
        (folder / f"{number:05}.mid").write_bytes(damaged)
    report = load_corpus(folder, EventTokenizer(instruments="all"), limit=LIMIT).report
    assert [file.name for file in report.files] == [f"{n:05}.mid" for n in range(COUNT)]
    for file in report.files:
        if file.skipped is None:
            assert file.notes_kept > 0 and file.tokens >= 4, file
            assert file.notes_kept == file.notes_in_file, file
        else:
            assert file.notes_kept == file.tokens == 0 and len(file.skipped) > 10, file
            assert f"skipped {file.name}: {file.skipped}" in str(report)
            assert "Error" not in file.skipped, file  # every fault has words of its own
    assert len(report.kept) > COUNT / 4 and len(report.skipped) > COUNT / 20  # both are tested


def test_damaged_midi_musicxml_and_abc_files():
    found = damaged.hunt("music", 120)
    assert sum(found.values()) == 120 and set(found) <= set(damaged.FINE), found
    assert found["read"] > 20 and found["refused"] > 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("midi")


@given(st.binary(max_size=400), st.sampled_from([b"", b"MThd\0\0\0\6\0\1\0\1\1\xe0", "track"]))
def test_any_bytes_are_music_or_named(folder, data, before):
    path = folder / "a.mid"
    path.write_bytes(
        midi_file(b"MTrk" + len(data).to_bytes(4) + data) if before == "track" else before + data
    )
    try:
        piece = read_midi(path)
    except UnreadableFileError as error:
        assert error.path == path and error.reason  # noqa: PT017 - either way is right
    else:
        assert len(piece) > 0
        assert all(n.duration > 0 and n.onset >= 0 and 0 <= n.pitch < 128 for n in piece.notes)
