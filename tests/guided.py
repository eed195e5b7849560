"""Damaged files by coverage: atheris (pip install atheris) mutates them where new code is reached.

    python tests/guided.py music 600             seconds; MIDI, MusicXML and ABC
    python tests/guided.py checkpoints 600

What must become of a file is in damaged_music.py and damaged_checkpoints.py. Ends at the first
file that crashes, takes over 30 seconds or 2 GB, or passes silently, and keeps it. Not a test: it
needs minutes.
"""

import signal
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["tinylstm", "music21.midi", "music21.abcFormat"]):
    import damaged_checkpoints
    import damaged_music

    import tinylstm as tl

FOLDER = Path(tempfile.mkdtemp())
SUFFIXES = (".mid", ".abc", ".musicxml")


def music(data: bytes) -> None:
    """The first byte chooses the format."""
    suffix = SUFFIXES[data[0] % 3] if data else ".mid"
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, 10)
        said = damaged_music.outcome(FOLDER / f"a{suffix}", data[1:])
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    except GaveUp:
        return
    assert said.startswith(("refused", "read", "harmless")), said


class GaveUp(BaseException):
    """music21 may take forever for a score; then its process is killed after the time limit."""


def give_up(number, frame):
    raise GaveUp


def checkpoints(data: bytes) -> None:
    """Refused by name, or equal to one of those that were written."""
    (FOLDER / "a.npz").write_bytes(data)
    try:
        found = damaged_checkpoints.fingerprint(tl.load_checkpoint(FOLDER / "a.npz"))
    except tl.FileError:
        return
    assert found in [right for _, right in damaged_checkpoints.WHOLE]


if __name__ == "__main__":
    kind, seconds = sys.argv[1:3]
    signal.signal(signal.SIGVTALRM, give_up)
    seeds = Path(tempfile.mkdtemp())
    cases = damaged_music if kind == "music" else damaged_checkpoints
    cases.prepare(FOLDER)
    for place, whole in enumerate(cases.WHOLE):
        if kind == "checkpoints":
            (seeds / str(place)).write_bytes(whole[0])
        elif whole[0] in SUFFIXES:
            (seeds / str(place)).write_bytes(bytes([SUFFIXES.index(whole[0])]) + whole[1][:8000])
    options = [f"-max_total_time={seconds}", "-timeout=30", "-rss_limit_mb=2048", "-max_len=40000"]
    atheris.Setup([sys.argv[0], *options, "-verbosity=1", str(seeds)], globals()[kind])
    atheris.Fuzz()
