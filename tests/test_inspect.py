"""`tinylstm inspect`: the report, the numbers as JSON, and the picture."""

import json
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

from tinylstm.cli import main
from tinylstm.music import Note, write_midi


@pytest.fixture
def folder(tmp_path, own_cache):
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
    assert found["tokens"] == sum([60 * 3 - 1 + 2] * 5) and found["classes"] == 240
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
