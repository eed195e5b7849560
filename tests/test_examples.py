"""The examples run as a person runs them, on little data."""

import hashlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import tinylstm as tl

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "examples" / "data"
SIX = ("char_model", "forecast", "classify", "custom_layer", "custom_loop", "look_inside")


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


def number(pattern, out):
    """The number in what an example printed."""
    found = re.search(pattern, out)
    assert found, out
    return float(found[1])


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


def test_a_melody_is_harmonised(songs, tmp_path):
    arguments = ["--midi", songs, "--out", tmp_path, "--epochs", 1]
    out = run("train_bach.py", *arguments, "--melody", "G4 | G4 A4 B4:2")
    assert "epoch" in out and "bits per note" in out
    names = {path.name for path in tmp_path.iterdir()}
    assert {"model.npz", "harmony.mid", "harmony.musicxml", "harmony.png"} <= names
    again = run("train_bach.py", *arguments, "--melody", songs / "BachJS-FrzSuite2_Menuett.mid")
    assert "epoch" not in again and "harmony.mid" in again


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


def chorales(path, highest=72, **parts):
    """A file of rolls: nine short pieces, unless a part is given."""
    rng = random.Random(0)
    pieces = [[[rng.randint(48, 60), highest] for _ in range(4 + 9 * i)] for i in range(9)]
    parts = {"train": pieces[:5], "valid": pieces[5:7], "test": [[[60]], *pieces[7:]]} | parts
    path.write_text(json.dumps(parts))
    return path


def test_chorales_choose_their_settings(tmp_path):
    path = chorales(tmp_path / "rolls.json")
    few = ("--minutes", 5, "--epochs", 2, "--seeds", 0, 1, "--threads", 1)
    out = run("jsb_chorales.py", "--data", path, *few, "--set", "units=6", "steps=8")
    assert "test: 2 pieces of 67 to 76 frames; 1 too short" in out
    assert "cell=LSTM " in out and "cell=GRU " in out and "steps=8 " in out
    assert number(r"mean of 2 seeds: valid ([\d.]+)", out) < 10  # untrained: 88 log 2 = 61
    chosen = re.search(r"chosen: --set (.*)", out)[1].split()
    again = run("jsb_chorales.py", "--data", path, *few, "--set", *chosen)
    assert "settings, " not in again and out.splitlines()[-3:] == again.splitlines()[-3:]


def test_rolls(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    from rolls import FrameLoss, Rolls

    rolls = Rolls(chorales(tmp_path / "a.json"))
    assert (rolls.lowest, rolls.keys) == (21, 88)
    assert Rolls(chorales(tmp_path / "b.json", highest=109)).keys == 128
    data = rolls.batches("test", 2, 50)
    first = next(data.epoch(0))
    assert first.x.shape == (50, 2, 108) and first.targets.shape == (50, 2, 88)
    assert (first.x[1:, :, :88] == first.targets[:-1]).all()
    assert (first.x[:, :, 88] == 1).all()  # 72 is a C; 88 + 12 and the next are the places
    assert first.x[:6, 0, 100:104].argmax(axis=1).tolist() == [0, 1, 2, 3, 0, 1]
    loss, _ = FrameLoss(88).forward(np.zeros((3, 88), np.float32), np.ones((3, 88)))
    assert loss == pytest.approx(88 * np.log(2))  # nats per frame
    moved = rolls.batches("train", 5, 100, shift=3)
    lowest = {b.targets.any(axis=(0, 1)).argmax() for e in range(4) for b in moved.epoch(e)}
    assert len(lowest) > 1
    for b in moved.epoch(1):
        same = b.x[1:, :, :88] == b.targets[:-1]
        assert (same | ~b.mask[1:, :, None]).all()


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("no list", 'has no list "valid"'),
        ([], '"valid" has no piece of two frames with a note'),
        ([[[60], [128]]], "valid, piece 0, frame 1 is [128]: want a list of MIDI pitches"),
        ([[[60], ["C4"]]], "frame 1 is ['C4']"),
        ([7], "piece 0, frame 0 is 7"),
    ],
)
def test_a_bad_file_of_rolls_ends_with_one_line(tmp_path, monkeypatch, part, message):
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    from rolls import Rolls

    with pytest.raises(SystemExit) as error:
        Rolls(chorales(tmp_path / "rolls.json", valid=part))
    assert message in str(error.value) and str(error.value).startswith("error: ")


def test_two_puzzles(tmp_path):
    few = ("--epochs", 2, "--count", 1000)
    out = run("adding_problem.py", "--steps", 8, *few, "--out", tmp_path / "a.png")
    assert "guessing 0.1667" in out and (tmp_path / "a.png").exists()
    out = run("copy_memory.py", "--silence", 2, *few, "--out", tmp_path / "b.png")
    right = number(r"([\d.]+)% of the letters are right", out)
    assert right > 14 and (tmp_path / "b.png").exists()  # guessing: 12.5


def test_a_planted_bug_is_found_by_the_check_and_trained_by_fit():
    out = run("break_the_backward.py", 3)
    assert "The check found it." in out and "SlowerWarning: functional.lstm_backward" in out
    whole, broken = [
        line.split() for line in out.splitlines() if line[:2] == "1." or line[:2] == "0."
    ]
    assert len(whole) == len(broken) == 6 and whole[0] != broken[0] and whole[-1] != broken[-1]
    assert "df = dc * c_prev" in run("break_the_backward.py")


@pytest.fixture(scope="module")
def plays(tmp_path_factory):
    """A part of the default text, and a character model that was trained on it for a moment."""
    folder = tmp_path_factory.mktemp("plays")
    text = (DATA / "two_plays.txt").read_text("utf-8")[:30_000]
    (folder / "text.txt").write_text(text, "utf-8")
    arguments = ["--text", folder / "text.txt", "--units", 48, "--epochs", 6, "--rate", 0.02]
    return folder, text, run("char_model.py", *arguments, "--out", folder / "model.npz")


def test_a_character_model_learns_to_spell(plays):
    folder, text, out = plays
    assert "30,000 characters" in out and number(r"5-gram ([\d.]+) bits", out) < 3.5
    bits = [float(found) for found in re.findall(r"held out ([\d.]+)", out)]
    assert len(bits) == 6 and bits[-1] < 4 < np.log2(len(set(text)))  # below the unigram's 4.7
    saved = tl.load_checkpoint(folder / "model.npz")
    assert saved.settings["letters"] == "".join(sorted(set(text))) and len(saved.history) == 6
    sample = out[out.index("\n\n", out.rindex("held out")) :]
    assert len(sample) > 600 and sample.count(" ") > 40


def test_a_look_inside(plays):
    folder, text, _ = plays
    arguments = ["--model", folder / "model.npz", "--text", folder / "text.txt"]
    out = run("look_inside.py", *arguments, "--out", folder / "look.html")
    page = re.sub("<[^>]+>", "", (folder / "look.html").read_text("utf-8"))
    assert page.count(text[-1500:]) == 4 and (folder / "look.png").stat().st_size > 10_000
    assert abs(number(r"a name in capitals: .* correlation (\S+)", out)) > 0.4
    lstm, simple = (
        number(rf"untrained {name}: .* is (\S+),", out) for name in ("LSTM", "SimpleRNN")
    )
    assert 0 < simple < lstm < 1


def test_a_forecast_beats_the_naive_ones(tmp_path):
    arguments = ["--epochs", 40, "--seeds", 0, "--out", tmp_path / "f.png"]
    out = run("forecast.py", *arguments)
    last, period, net = (number(rf"{name} +([\d.]+)", out) for name in ("value", "ago", "seed 0"))
    assert 10 < net < 0.75 * min(last, period) and (tmp_path / "f.png").exists()
    (tmp_path / "wave.csv").write_text("\n".join(str(np.sin(t / 3)) for t in range(150)))
    arguments = ["--series", tmp_path / "wave.csv", "--test", 20, "--epochs", 1, "--seeds", 0]
    assert (
        number(
            r"linear, 9 lags +([\d.]+)", run("forecast.py", *arguments, "--out", tmp_path / "w.png")
        )
        < 1e-3
    )


def test_words_are_classified_better_than_by_a_bag_of_letters(tmp_path):
    arguments = ["--epochs", 5, "--words", "Gerechtigkeit", "--out", tmp_path / "c.png"]
    out = run("classify.py", *arguments)
    most, bag, net = (number(rf"{name}: ([\d.]+)%", out) for name in ("words", "letters", "LSTM"))
    assert most < 15 < 30 < bag < net and (tmp_path / "c.png").exists()
    assert "Gerechtigkeit: German" in out


def test_a_layer_of_ones_own(tmp_path):
    out = run("custom_layer.py", "--decays", 0.9, 0.4, "--out", tmp_path / "layer.npz")
    assert "all within 1e-12" in out and "equal: True" in out
    found = re.search(r"learnt: \[(\S+) +(\S+)\]", out)
    assert abs(float(found[1]) - 0.9) < 0.01 and abs(float(found[2]) - 0.4) < 0.01


def test_a_loop_of_ones_own_trains_what_fit_trains():
    out = run("custom_loop.py", "--letters", 12_000, "--units", 24, "--epochs", 2)
    assert number(r"difference between the two networks' weights: (\S+)", out) < 1e-6
    lines = {line.split(":")[0]: line.split()[-2:] for line in out.splitlines() if ": " in line}
    assert lines["fit"] == lines["by hand"]


@pytest.mark.parametrize("name", SIX)
def test_each_is_short_and_says_how_to_run_it(name):
    path = ROOT / "examples" / f"{name}.py"
    assert len(path.read_text("utf-8").splitlines()) < 80
    assert f"python examples/{name}.py" in run(path.name, "--help")


def test_the_data_are_those_of_the_note():
    lines = (DATA / "README.md").read_text("utf-8").splitlines()
    sums = dict(line.split()[::-1] for line in lines if re.match("    [0-9a-f]{64} ", line))
    assert set(sums) == {p.name for p in DATA.iterdir()} - {"README.md", "LICENSES.txt"}
    for name, wanted in sums.items():
        assert hashlib.sha256((DATA / name).read_bytes()).hexdigest() == wanted, name
    words = re.sub(r"\w+:", "", (DATA / "words.txt").read_text("utf-8")).split()
    assert len(words) == len(set(words)) == 3905
