"""Damaged MIDI files: none crashes, hangs, or passes with nothing in it; each is accounted for.

The ordinary run damages 150 files; this does more:

    TINYLSTM_FUZZ=2000 python -m pytest tests/test_fuzz.py
"""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from music_strategies import midi_file, off, on, track

from tinylstm.music import EventTokenizer, UnreadableFileError, load_corpus, read_midi

COUNT = int(os.environ.get("TINYLSTM_FUZZ", "150"))
SONGS = Path(__file__).parent.parent / "midi_songs"
LIMIT = 20  # seconds a file


def sound_files():
    """Small real files, and one of everything that MIDI can say."""
    smallest = sorted(SONGS.glob("*.mid"), key=lambda path: path.stat().st_size)[:6]
    everything = midi_file(
        track((0, b"\xff\x51\x03\x07\xa1\x20"), (0, b"\xff\x58\x04\x03\x03\x18\x08")),
        track(
            (0, b"\xff\x03\x04name"),
            (0, b"\xc0\x28"),
            (0, b"\xb0\x40\x7f"),
            (0, on(60)),
            (10, b"\xe0\x00\x40"),
            (0, b"\xf0\x05\x01\x02\x03\x04\xf7"),
            (470, off(60)),
            (0, on(36, channel=9)),
            (240, bytes([36, 0])),
        ),
    )
    return [everything, *(path.read_bytes() for path in smallest)]


def damage(data, rng):
    """One of the ways in which files go wrong."""
    data = bytearray(data)
    kind = rng.integers(7)
    place = int(rng.integers(len(data)))
    if kind == 0:  # cut short
        return data[:place]
    if kind == 1:  # bits flipped
        for where in rng.integers(0, len(data), rng.integers(1, 60)):
            data[where] ^= 1 << int(rng.integers(8))
    elif kind == 2:  # flipped in the header, where it hurts
        for where in rng.integers(0, min(30, len(data)), rng.integers(1, 6)):
            data[where] ^= 1 << int(rng.integers(8))
    elif kind == 3:  # a piece lost
        del data[place : place + int(rng.integers(1, 200))]
    elif kind == 4:  # a piece twice
        data[place:place] = data[place : place + int(rng.integers(1, 200))]
    elif kind == 5:  # noise written over it
        length = min(int(rng.integers(1, 100)), len(data) - place)
        data[place : place + length] = rng.bytes(length)
    else:  # nothing but a header and noise
        data = data[:14] + b"MTrk\x00\x00\x01\x00" + rng.bytes(int(rng.integers(300)))
    return data


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
