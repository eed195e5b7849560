"""Where the seconds of the default training run go, from cold: nothing cached, nothing compiled.

    python benchmarks/cold.py                 the run
    python benchmarks/cold.py --install       also the set-up into a new virtual environment
    python benchmarks/cold.py --epochs 3      a shorter run: only `train` gets shorter

Compiling happens while the first steps are computed; it is counted apart, and not in `train`.
Install needs the package index or pip's cache, so its seconds are those of the network.
"""

import argparse
import functools
import os
import runpy
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PHASES = {
    "load_corpus": "read the music",
    "fit_preset": "train",
    "compose_notes": "compose",
    "write_midi": "write song.mid",
    "plot_roll": "draw song.png",
    "plot_history": "draw loss.png",
}


def timed(function: Callable[..., Any], seconds: dict[str, float], phase: str) -> Any:
    @functools.wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        begin = time.perf_counter()
        result = function(*arguments, **options)
        seconds[phase] = seconds.get(phase, 0.0) + time.perf_counter() - begin
        return result

    return call


def install(folder: Path) -> float:
    """Seconds for a virtual environment with the package."""
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    subprocess.run([folder / "bin" / "pip", "install", "-q", ROOT], check=True)
    return time.perf_counter() - begin


def run(epochs: int | None) -> dict[str, float]:
    """Seconds of each phase of the default run in this process, which has imported nothing yet."""
    seconds: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TINYLSTM_CACHE"] = f"{folder}/cache"
        start = time.perf_counter()
        sys.path.insert(0, str(ROOT))
        from numba.core import event

        import tinylstm as tl
        from tinylstm import music

        seconds["import"] = time.perf_counter() - start
        for name, phase in PHASES.items():
            room = music if hasattr(music, name) else tl
            setattr(room, name, timed(getattr(room, name), seconds, phase))
        recorder = event.TimingListener()
        event.register("numba:compile", recorder)
        sys.argv = ["train_ff.py", "--out", f"{folder}/out"]
        sys.argv += [] if epochs is None else ["--epochs", str(epochs)]
        runpy.run_path(str(ROOT / "examples" / "train_ff.py"), run_name="__main__")
        seconds["in all"] = time.perf_counter() - start
    seconds["compile"] = recorder.duration if recorder.done else 0.0
    seconds["train"] -= seconds["compile"]
    return seconds


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--install", action="store_true", help="also time the installation")
    parser.add_argument("--epochs", type=int, help="default: the preset's")
    args = parser.parse_args()
    seconds = run(args.epochs)
    if args.install:
        with tempfile.TemporaryDirectory() as folder:
            seconds = {"install": install(Path(folder))} | seconds
    for phase, value in seconds.items():
        print(f"{phase:<16} {value:7.1f} s")


if __name__ == "__main__":
    main()
