"""Seconds to read a folder of MIDI files: cold, warm, and with a plain music21 loop.

    python benchmarks/parse.py [DIR]

Each runs in a new process, so imports count. The cold run starts with an empty cache.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

OURS = """
import sys, time
from tinylstm.music import EventTokenizer, load_corpus
if __name__ == "__main__":
    start = time.perf_counter()
    corpus = load_corpus(sys.argv[1], EventTokenizer(instruments="all"), workers=2, progress=False)
    seconds = time.perf_counter() - start
    report = corpus.report
    print(f"{len(report.kept)} files, {report.notes_kept} notes, {seconds:.3f} s after imports")
"""

MUSIC21 = """
import pathlib, sys, warnings
from music21 import chord, converter, instrument, note
warnings.simplefilter("ignore")
files = pitches = 0
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.mid*")):
    score = converter.parse(path, forceSource=True)
    try:
        elements = instrument.partitionByInstrument(score).parts[0].recurse()
    except (AttributeError, IndexError):
        elements = score.flatten().notes
    files += 1
    for element in elements:
        if isinstance(element, (note.Note, chord.Chord)):
            pitches += len(element.pitches)
print(f"{files} files, {pitches} pitches")
"""


def timed(name: str, code: str, folder: Path, cache: Path) -> float:
    """Seconds for `code` in a new Python; run from a file, because spawned processes import it."""
    script = cache / "script.py"
    script.write_text(code)
    environment = {**os.environ, "TINYLSTM_CACHE": str(cache), "PYTHONPATH": str(ROOT)}
    start = time.perf_counter()
    command = [sys.executable, str(script), str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - start
    print(f"{name:36} {seconds:7.2f} s   {done.stdout.strip()}", flush=True)
    return seconds


def main() -> None:
    """Run all three and print how they compare."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "midi_songs"
    with tempfile.TemporaryDirectory() as cache:
        cold = timed("tinylstm, cold, two processes", OURS, folder, Path(cache))
        warm = min(timed("tinylstm, warm", OURS, folder, Path(cache)) for _ in range(3))
        loop = timed("music21's loop, one process", MUSIC21, folder, Path(cache))
    print(f"cold is {loop / cold:.1f} times as fast as music21's loop; warm takes {warm:.2f} s")


if __name__ == "__main__":
    main()
