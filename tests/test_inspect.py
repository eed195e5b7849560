"""`tinylstm inspect`: the report, the numbers as JSON, the picture, and the repeated passage."""

import json
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from tinylstm.cli import main
from tinylstm.data import Tokens
from tinylstm.music import Note, write_midi
from tinylstm.music.corpus.repeats import longest_repeat


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYLSTM_CACHE", str(tmp_path / "cache"))
    songs = tmp_path / "songs"
    (songs / "below").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(4):
        pitches = rng.integers(40, 80, 60)
        melody = [Note(i / 4, 0.25, int(pitch)) for i, pitch in enumerate(pitches)]
        write_midi(songs / f"{number}.mid", melody)
    moved = [n._replace(onset=2 * n.onset, pitch=n.pitch + 1) for n in melody]
    write_midi(songs / "below" / "copy.midi", moved)
    (songs / "bad.mid").write_bytes(b"MThd")
    return songs


def test_inspect(folder, tmp_path):
    paths = ["--json", str(tmp_path / "a.json"), "--picture", str(tmp_path / "a.png")]
    result = CliRunner().invoke(main, ["inspect", str(folder), *paths])
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "a.json").read_text())
    assert list(found) == [
        "files",
        "near_duplicates",
        "tokens",
        "classes",
        "unigram_nats",
        "bigram_nats",
    ]
    rows = {row["name"]: row for row in found["files"]}
    assert list(rows) == ["0.mid", "1.mid", "2.mid", "3.mid", "bad.mid", "below/copy.midi"]
    assert rows["0.mid"] == {
        "name": "0.mid",
        "notes_in_file": 60,
        "notes_kept": 60,
        "skipped": None,
    }
    assert "not a MIDI file" in rows["bad.mid"]["skipped"]
    assert found["near_duplicates"] == [["3.mid", "below/copy.midi"]]
    assert found["tokens"] == sum([60 * 3 - 1 + 2] * 5) and found["classes"] == 384
    assert 0 < found["bigram_nats"] <= found["unigram_nats"]
    for text in ("5 files kept, 1 skipped", "300 of 300 notes", "longest piece", "unigram"):
        assert text in result.output
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_inspect_names_every_file_of_a_folder_that_is_all_bad(folder, tmp_path):
    for path in folder.rglob("*.mid*"):
        path.write_bytes(b"x")
    result = CliRunner().invoke(main, ["inspect", str(folder), "--json", str(tmp_path / "a.json")])
    assert result.exit_code == 1 and "none of the 6 files" in result.output
    assert result.output.count("skipped: not a MIDI file") == 6
    found = json.loads((tmp_path / "a.json").read_text())
    assert len(found["files"]) == 6 and found["tokens"] == 0 and found["unigram_nats"] is None


def test_inspect_as_the_article_reads(folder, tmp_path):
    arguments = ["--tokenizer", "article", "--picture", str(tmp_path / "a.svg")]
    result = CliRunner().invoke(main, ["inspect", str(folder), *arguments])
    assert result.exit_code == 0 and "<svg" in (tmp_path / "a.svg").read_text()


def test_a_wrong_folder_and_a_wrong_place_for_the_picture(folder, tmp_path):
    result = CliRunner().invoke(main, ["inspect", str(tmp_path / "nowhere")])
    assert result.exit_code == 1 and "not a folder" in result.output
    blocked = folder / "0.mid" / "a.png"
    result = CliRunner().invoke(main, ["inspect", str(folder), "--picture", str(blocked)])
    assert result.exit_code == 1 and "cannot write" in result.output


def test_python_m_is_the_same_command():
    done = subprocess.run(
        [sys.executable, "-m", "tinylstm", "--help"], capture_output=True, text=True
    )
    assert done.returncode == 0 and "inspect" in done.stdout and "Usage: tinylstm" in done.stdout


def longest_by_trying(ids, starts):
    ends = [*starts[1:], len(ids)]
    places = [(i, end) for start, end in zip(starts, ends, strict=True) for i in range(start, end)]
    best = 0
    for one, end in places:
        for other, other_end in places:
            length = 0
            while (
                one + length < min(end, other)
                and other + length < other_end
                and ids[one + length] == ids[other + length]
            ):
                length += 1
            best = max(best, length)
    return best


@given(st.lists(st.integers(0, 2), min_size=1, max_size=30), st.sets(st.integers(1, 29)))
def test_the_longest_repeated_passage(ids, cuts):
    starts = [0, *sorted(cut for cut in cuts if cut < len(ids))]
    found = longest_repeat(Tokens(np.array(ids), np.array(starts)))
    assert (found.length if found else 0) == longest_by_trying(ids, starts)
    if found:
        one, other = (ids[place : place + found.length] for place in found[1:])
        assert one == other and found.second >= found.first + found.length
