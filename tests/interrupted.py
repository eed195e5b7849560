"""Ctrl-C and kill at any moment of training and composing, from the command line:

    python tests/interrupted.py 100

As many SIGINTs, then as many SIGKILLs, at random moments of a small training run that goes on until
it ends, and of composing. Every Ctrl-C must give one line and exit code 130. After all of them, and
after all the kills, the network must be that of an undisturbed run, and no file may be left over.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

import tinylstm as tl
from tinylstm.music import Note, write_midi

ROOT = Path(__file__).parents[1]
TRAIN = """
import sys, signal; sys.path.insert(0, {root!r})
def small(*arguments):
    import tinylstm as tl
    layers = lambda V: [tl.Embedding(V, 24), tl.LSTM(24, return_sequences=True), tl.Dense(V)]
    tl.PRESETS["quick"] = tl.presets.replace(tl.PRESETS["quick"], layers=layers, epochs=4)
    return run(*arguments)
import tinylstm_main as start
usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
if usual: signal.signal(signal.SIGINT, start.stop)
print("ready", flush=True)
import tinylstm.commands.shared
run, tinylstm.commands.shared.run = tinylstm.commands.shared.run, small
start.main()
"""


def songs(folder: Path) -> Path:
    """Enough music that reading, training and composing take a second each."""
    rng = np.random.default_rng(0)
    for number in range(8):
        walk = 60 + np.cumsum(rng.integers(-2, 3, 150)) % 24
        write_midi(folder / f"{number}.mid", [Note(i / 2, 0.5, int(p)) for i, p in enumerate(walk)])
    return folder


class Commands:
    """The commands of one trial, in a folder of its own."""

    def __init__(self, folder: Path, music: Path, backend: str = "numpy"):
        self.folder, self.music, self.backend = folder, music, backend
        self.out = folder / "out"

    def start(self, *arguments: object) -> subprocess.Popen:
        environment = os.environ | {"TINYLSTM_CACHE": str(self.folder / "cache")}
        environment["TINYLSTM_BACKEND"] = self.backend
        code = TRAIN.format(root=str(ROOT))
        return subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True,  # Ctrl-C in a terminal goes to the workers too
        )  # fmt: skip

    def train(self) -> subprocess.Popen:
        options = ["--preset", "quick", "--out", self.out, "--resume"]
        return self.start("train", self.music, *options)

    def compose(self) -> subprocess.Popen:
        options = ["--length", "200 notes", "--midi", self.music]
        return self.start("compose", self.out / "model.npz", *options)

    def left_over(self) -> list[str]:
        """The files that should not be there."""
        wanted = {"model.npz", "song-0.mid", "song-0.html"}
        return [p.name for p in self.out.glob("*") if p.name not in wanted]

    def network(self) -> str:
        weights = tl.load_checkpoint(self.out / "model.npz").model.weights
        return "".join(array.tobytes().hex() for _, array in sorted(weights.items()))


def disturbed(commands: Commands, number: int, how: signal.Signals, rng, seconds) -> Counter:
    """Send a signal so often, at random moments; then let the commands end by themselves."""
    found: Counter = Counter()
    while found["sent"] < number:
        model = commands.out / "model.npz"
        done = model.exists() and tl.load_checkpoint(model).progress.finished
        if done and rng.random() < 0.5:
            shutil.rmtree(commands.folder)  # and the cache: from the beginning
        which = rng.choice(["train", "train", "compose"]) if model.exists() else "train"
        process = getattr(commands, which)()
        process.stdout.readline()  # ready: Python itself has started
        time.sleep(rng.uniform(0, seconds[which]))
        if process.poll() is None:
            os.killpg(process.pid, how)
            found["sent"] += 1
        out, err = process.communicate(timeout=120)
        wanted = (130, 0) if how is signal.SIGINT else (-9, 0)
        problem = process.returncode not in wanted or "Traceback" in out + err
        lines = [line for line in err.splitlines() if line.strip()]
        if process.returncode == 130:
            problem |= len(lines) != 1 or not lines[0].startswith("interrupted")
        found[f"{which} {process.returncode}"] += 1
        if problem:
            found["wrong"] += 1
            print(f"{which} ended with {process.returncode}:\n{out[-300:]}\n{err[-3000:]}\n----")
    return found


def main(number: int, seed: int = 0) -> int:
    rng, wrong = random.Random(seed), 0
    with tempfile.TemporaryDirectory() as folder:
        music = songs(Path(folder) / "songs")
        whole, seconds = Commands(Path(folder) / "whole", music), {}
        for command in ("train", "compose"):
            began = time.monotonic()
            _, err = getattr(whole, command)().communicate()
            seconds[command] = time.monotonic() - began
            assert "Error" not in err and "Traceback" not in err, err
        compiling = Commands(Path(folder) / "compiling", music, "auto")
        found = disturbed(compiling, number // 10, signal.SIGINT, rng, {"train": 30, "compose": 20})
        print(f"SIGINT while kernels are compiled: {dict(found)}")
        wrong += found["wrong"]
        for how in (signal.SIGINT, signal.SIGKILL):
            commands = Commands(Path(folder) / how.name, music)
            found = disturbed(commands, number, how, rng, seconds)
            for command in ("train", "compose"):
                process = getattr(commands, command)()
                process.communicate()
                found["wrong"] += process.returncode != 0
            same = commands.network() == whole.network()
            songs_same = all(
                (commands.out / name).read_bytes() == (whole.out / name).read_bytes()
                for name in ("song-0.mid",)
            )
            left = commands.left_over()
            print(f"{how.name}: {dict(found)}; same network {same}, same song {songs_same}, "
                  f"left over {left}")  # fmt: skip
            wrong += found["wrong"] + (not same) + (not songs_same) + len(left)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
