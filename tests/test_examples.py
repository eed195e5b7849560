"""The examples run as a person runs them, on little data."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import tinylstm as tl

ROOT = Path(__file__).resolve().parent.parent


def start(script, *arguments):
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, ROOT / "examples" / script, *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=env, stdout=pipe, stderr=subprocess.STDOUT, text=True)


def run(script, *arguments):
    process = start(script, *arguments)
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0, out
    return out


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    """A few short pieces."""
    folder = tmp_path_factory.mktemp("songs")
    for name in ("BachJS-FrzSuite2_Menuett.mid", "BachJS-FrzSuite2_Air.mid"):
        (folder / name).write_bytes((ROOT / "midi_songs" / name).read_bytes())
    return folder


@pytest.mark.parametrize("tokenizer", ["events", "article"])
def test_the_default_training_run(songs, tmp_path, tokenizer):
    arguments = ["--midi", songs, "--out", tmp_path, "--preset", "quick", "--epochs", 1]
    out = run("train_ff.py", *arguments, "--tokenizer", tokenizer, "--notes", 20)
    assert "5-gram" in out and "bits per note" in out
    assert {p.name for p in tmp_path.iterdir()} == {"model.npz", "song.mid", "song.png", "loss.png"}
    again = run("generate_ff.py", tmp_path / "model.npz", "--notes", 20, "--seed", 1)
    assert ".mid" in again


def test_ctrl_c_leaves_a_network_and_says_how_to_go_on(songs, tmp_path):
    arguments = ["--midi", songs, "--out", tmp_path, "--preset", "quick", "--notes", 20]
    process = start("train_ff.py", *arguments, "--epochs", 500)
    path = tmp_path / "model.npz"
    while not path.exists() and process.poll() is None:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert f"generate_ff.py {path}" in out and "--resume" in out
    assert tl.load_checkpoint(path).progress.step > 0


def test_what_cannot_be_used_ends_with_one_line(tmp_path):
    process = start("train_ff.py", "--midi", tmp_path)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 1 and out.startswith("error: no music in")


def test_chorales(tmp_path):
    rng = random.Random(0)
    pieces = [[[rng.randint(48, 60), 72] for _ in range(12)] for _ in range(9)]
    path = tmp_path / "rolls.json"
    path.write_text(json.dumps({"train": pieces[:5], "valid": pieces[5:7], "test": pieces[7:]}))
    out = run("jsb_chorales.py", "--data", path, "--epochs", 2, "--seeds", 0, 1, "--transpose")
    assert "test: mean of 2 seeds" in out and "21,256" in out


def test_two_puzzles(tmp_path):
    out = run("adding_problem.py", "--steps", 8, "--epochs", 1, "--out", tmp_path / "a.png")
    assert "guessing 0.1667" in out and (tmp_path / "a.png").exists()
    out = run("copy_memory.py", "--silence", 2, "--epochs", 1, "--out", tmp_path / "b.png")
    assert "letters are right" in out and (tmp_path / "b.png").exists()


def test_a_planted_bug_is_found_by_the_check_and_trained_by_fit():
    out = run("break_the_backward.py", 3)
    assert "The check found it." in out and "SlowerWarning: functional.lstm_backward" in out
    whole, broken = [
        line.split() for line in out.splitlines() if line[:2] == "1." or line[:2] == "0."
    ]
    assert len(whole) == len(broken) == 6 and whole[0] != broken[0] and whole[-1] != broken[-1]
    assert "df = dc * c_prev" in run("break_the_backward.py")
