"""The command line: train, compose, gradcheck, bench; exit codes and the JSON for programs."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import tinylstm as tl
from tinylstm.cli import main
from tinylstm.files import load_arrays, save_arrays
from tinylstm.music import Note, read_midi, write_midi
from tinylstm.music.files import read_music


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    songs = tmp_path_factory.mktemp("songs")
    rng = np.random.default_rng(0)
    for number in range(6):
        walk = 60 + np.cumsum(rng.integers(-2, 3, 80)) % 24
        melody = [Note(i / 2, 0.5, int(pitch)) for i, pitch in enumerate(walk)]
        write_midi(songs / f"{number}.mid", melody, tempo=100)
    return songs


@pytest.fixture(scope="module")
def small():
    """The quick preset, with a net of a few units: what is tested are the commands."""
    with pytest.MonkeyPatch.context() as patch:
        layers = lambda V: [tl.Embedding(V, 4), tl.LSTM(4, return_sequences=True), tl.Dense(V)]  # noqa: E731
        patch.setitem(tl.PRESETS, "quick", tl.presets.replace(tl.PRESETS["quick"], layers=layers))
        yield


@pytest.fixture(scope="module")
def trained(folder, small, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TINYLSTM_CACHE", str(out / "cache"))
        result = run("train", folder, "--preset", "quick", "--epochs", 2, "--out", out,
                     "--json", out / "train.json")  # fmt: skip
        assert result.exit_code == 0, result.output
        yield out, result.output


def test_train(trained, folder):
    out, said = trained
    assert "6 files kept" in said and f"tinylstm compose {out / 'model.npz'}" in said
    written = json.loads((out / "train.json").read_text())
    assert len(written["history"]) == 2 and written["checkpoint"] == str(out / "model.npz")
    again = run("train", folder, "--preset", "quick", "--epochs", 2, "--out", out, "--resume",
                "--json", out / "more.json")  # fmt: skip
    assert again.exit_code == 0, again.output
    more = json.loads((out / "more.json").read_text())["history"]
    assert [row["loss"] for row in more] == [row["loss"] for row in written["history"]]


def test_compose_writes_a_song_and_a_page_beside_the_checkpoint(trained):
    out, _ = trained
    result = run("compose", out / "model.npz", "--length", "30 notes", "--seed", 4)
    assert result.exit_code == 0, result.output
    piece = read_midi(out / "song-4.mid")
    assert len(piece.notes) == 30 and piece.tempo == pytest.approx(100, abs=0.01)
    assert "song-4.html" in result.output
    page = (out / "song-4.html").read_text(encoding="utf-8")
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.S)[1])
    assert len(data["takes"][0]["notes"]) == 30 and len(data["history"]) >= 2
    assert data["baselines"]["unigram"] > 0


def test_compose_takes_with_a_report_in_every_format(trained, folder, tmp_path):
    out, _ = trained
    files = [tmp_path / f"a.{kind}" for kind in ("mid", "musicxml", "png", "html")]
    outs = [word for file in files for word in ("--out", file)]
    result = run("compose", out / "model.npz", "--length", "60 notes", "--takes", 2,
                 "--temperature", 1.2, "--top-p", 0.9, "--midi", folder,
                 "--json", tmp_path / "a.json", *outs)  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "pitch-class entropy" in result.output and "longest passage in common" in result.output
    written = json.loads((tmp_path / "a.json").read_text())
    assert [take["seed"] for take in written["takes"]] == [0, 1]
    assert written["sampling"]["temperature"] == 1.2 and written["sampling"]["top_p"] == 0.9
    assert all(Path(file).exists() for file in written["files"]) and len(written["files"]) == 7
    assert 0 < written["judgements"][0]["figures"]["pitch_class_entropy"] < 4
    assert len(read_music(tmp_path / "a-1.musicxml").notes) >= 40  # a score rounds, and may merge


def test_compose_goes_on_from_a_primer(trained, folder, tmp_path):
    out, _ = trained
    arguments = ["compose", out / "model.npz", "--primer", folder / "0.mid", "--bars", 4,
                 "--length", "2 bars"]  # fmt: skip
    assert run(*arguments, "--out", tmp_path / "kept.mid").exit_code == 0
    assert run(*arguments, "--drop-primer", "--out", tmp_path / "new.mid").exit_code == 0
    kept, new = read_midi(tmp_path / "kept.mid").notes, read_midi(tmp_path / "new.mid").notes
    primer = read_midi(folder / "0.mid").notes
    assert [n.pitch for n in kept[:31]] == [n.pitch for n in primer[:31]]
    assert len(kept) == 32 + len(new)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["compose", "nowhere.npz"], 1, "nowhere.npz"),
        (["compose", "MODEL", "--temperature", "-1"], 1, "temperature is -1"),
        (["compose", "MODEL", "--length", "3 pages"], 1, "length is '3 pages'"),
        (["compose", "MODEL", "--bars", "4"], 2, "--bars shortens --primer"),
        (["compose", "MODEL", "--primer", "nowhere.mid"], 1, "nowhere.mid"),
        (["compose", "MODEL", "--length", "9 notes", "--out", "OUT/a.xyz"], 1, "suffix"),
        (["compose"], 2, "Missing argument"),
        (["train", "nowhere"], 1, "nowhere"),
        (["train", "SONGS", "--preset", "slow"], 2, "'slow' is not one of 'quick', 'default'"),
        (["train", "SONGS", "--epochs", "0"], 2, "epochs"),
        (["train", "SONGS", "--epochs", "-3"], 2, "epochs"),
        (["train", "SONGS", "--seed", "-1"], 2, "seed"),
        (["train", "SONGS", "--tokenizer", "article", "--instruments", "all"], 1, "instruments is"),
        (["train", "SONGS", "--preset", "article", "--instruments", "piano"], 1, "instruments is"),
        (["train", "SONGS", "--out", "MODEL"], 1, "cannot write"),
        (["inspect", "SONGS", "--limit", "0"], 1, "limit is 0"),
        (["inspect", "SONGS", "--tokenizer", "article", "--instruments", "all"], 1, "instruments"),
        (["compose", "MODEL", "--seed", "-1"], 2, "seed"),
        (["compose", "MODEL", "--takes", "0"], 2, "takes"),
        (["compose", "MODEL", "--top-p", "0"], 1, "top_p is 0"),
        (["compose", "MODEL", "--length", "0 notes"], 1, "length is '0 notes'"),
        (
            ["compose", "MODEL", "--length", "1000000000 notes"],
            1,
            "a piece has at most 100000 notes",
        ),
        (["compose", "MODEL", "--length", "9e9 bars"], 1, "length is '9e9 bars'"),
        (["compose", "MODEL", "--length", "90000 bars"], 1, "a piece has at most 12500 bars"),
        (["compose", "MODEL", "--length", "100000 notes", "--out", "OUT/a.xyz"], 1, "suffix"),
        (
            ["compose", "MODEL", "--length", "100000 notes", "--out", "MODEL/a.mid"],
            1,
            "cannot write",
        ),
        (["sing"], 2, "No such command"),
    ],
)
def test_what_cannot_be_done(trained, folder, tmp_path, arguments, code, said):
    model = trained[0] / "model.npz"
    places = {"MODEL": model, "SONGS": folder, "MODEL/a.mid": model / "a.mid"}
    before, began = model.read_bytes(), time.monotonic()
    result = run(*(places.get(a, a.replace("OUT", str(tmp_path))) for a in arguments))
    assert result.exit_code == code and said in result.output
    assert "Traceback" not in result.output and time.monotonic() - began < 20
    assert model.read_bytes() == before and not list(model.parent.glob("previous*"))


def test_inspect_counts_what_training_counts(trained, folder, tmp_path, own_cache):
    write_midi(folder / "band.mid", [Note(i, 1, 60 + i % 5, 80, 40 * (i % 2)) for i in range(60)])
    try:
        for choice in ([], ["--instruments", "all"], ["--tokenizer", "article"]):
            picture = ["--picture", tmp_path / "a.png"]
            one = run("inspect", folder, "--preset", "quick", *choice, *picture)
            other = run(
                "train", folder, "--preset", "quick", *choice, "--epochs", 1, "--out", tmp_path
            )
            assert one.exit_code == other.exit_code == 0, one.output + other.output
            counted = [line for line in one.output.splitlines() if " notes kept (" in line]
            assert counted and counted[0] in other.output
    finally:
        (folder / "band.mid").unlink()


def test_paths_with_blanks_are_quoted(trained, tmp_path):
    (tmp_path / "my music").mkdir()
    result = run("compose", trained[0] / "model.npz", "--length", "9 notes",
                 "--out", tmp_path / "my music" / "a.mid")  # fmt: skip
    assert f"wrote '{tmp_path / 'my music' / 'a.mid'}'" in result.output
    result = run("compose", tmp_path / "my music" / "none.npz")
    assert f"'{tmp_path / 'my music' / 'none.npz'}' does not exist" in result.output


@pytest.mark.parametrize(
    ("name", "wrong"),
    [("temperature", "hot"), ("tempo", -1), ("window", 0), ("primers", [[0], [10**6]])],
)
def test_settings_of_a_stranger_are_refused_before_composing(trained, tmp_path, name, wrong):
    arrays, description = load_arrays(trained[0] / "model.npz")
    description["settings"][name] = wrong
    save_arrays(tmp_path / "model.npz", arrays, description)
    result = run("compose", tmp_path / "model.npz", "--length", "9 notes")
    assert result.exit_code == 1 and f"the checkpoint's {name} is " in result.output


SLOWLY = """
import sys, time
class Slow:
    def find_spec(self, name, *rest):
        if name == {module!r}:
            print("ready", flush=True)
            time.sleep(60)
sys.meta_path.insert(0, Slow())
"""


@pytest.mark.parametrize(
    ("module", "way"),
    [("tinylstm", ["-m", "tinylstm_main"]), ("tinylstm.arrays", ["-m", "tinylstm"])],
)
def test_ctrl_c_while_the_package_is_imported(module, way, tmp_path):
    """Of the command; and of `python -m tinylstm`, which imports the package first."""
    (tmp_path / "sitecustomize.py").write_text(SLOWLY.format(module=module))
    path = os.pathsep.join([str(tmp_path), str(Path(tl.__file__).parents[1])])
    environment, pipe = {**os.environ, "PYTHONPATH": path}, subprocess.PIPE
    command = [sys.executable, *way, "--version"]
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=120)
    assert process.returncode == 130 and err == "interrupted\n"


def test_every_command_explains_itself():
    for command in ("train", "compose", "inspect"):
        said = run(command, "--help").output
        assert f"tinylstm {command} " in said and "--json" in said
    assert "_TINYLSTM_COMPLETE" in run("--help").output
    assert run("--version").output.strip().endswith(tl.__version__)


def test_gradcheck_has_its_own_exit_code():
    done = subprocess.run(
        [sys.executable, "-m", "tinylstm", "gradcheck", "dense", "units=2"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0 and "W" in done.stdout
    assert run("gradcheck", "nothing").exit_code == 2


def test_bench_says_where_it_is(monkeypatch, tmp_path):
    assert "peers" in run("bench", "--help").output
    monkeypatch.setattr("tinylstm.cli.__file__", str(tmp_path / "tinylstm" / "cli.py"))
    result = run("bench")
    assert result.exit_code == 1 and "checkout" in result.output


def test_completion():
    done = subprocess.run(
        [sys.executable, "-c", "from tinylstm.cli import main; main(prog_name='tinylstm')"],
        capture_output=True, text=True,
        env={"_TINYLSTM_COMPLETE": "bash_complete", "COMP_WORDS": "tinylstm com", "COMP_CWORD": "1",
             "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert "compose" in done.stdout
