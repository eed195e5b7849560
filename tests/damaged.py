"""Damaged files by the thousand: none may crash, hang, take over 2 GB, or pass silently.

    python tests/damaged.py checkpoints 2000
    python tests/damaged.py music 5000

A child process reads the files, so that a crash is seen as one; each file has a time limit. The
ordinary tests run a few hundred of these cases. How a file is damaged, and what must become of it,
is in damaged_checkpoints.py and damaged_music.py.
"""

import contextlib
import importlib
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

LIMIT = 30  # seconds a file
MOST = 2 << 30  # bytes
FINE = ("refused", "harmless", "another", "read")  # all else is a fault


def hunt(kind: str, count: int, seed: int = 0) -> Counter:
    """How many of `count` damaged files ended in which way; prints those that ended badly."""
    outcomes, first, worst = Counter(), 0, [0.0, 0]
    while first < count:
        command = [sys.executable, __file__, "--child", kind, str(first), str(count), str(seed)]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")
        for line in done.stdout.splitlines():
            if line.startswith("case "):
                _, number, seconds, memory, said = line.split(" ", 4)
                first = int(number) + 1
                worst = [max(worst[0], float(seconds)), max(worst[1], int(memory))]
                outcomes[said.split(":")[0]] += 1
                if not said.startswith(FINE):
                    print(line)
        if done.returncode:
            print(f"case {first} crashed with {done.returncode}: {done.stderr[-2000:]}")
            outcomes["crashed"] += 1
            first += 1
    print(f"the slowest took {worst[0]:.1f} s, the largest {worst[1]} MB")
    return outcomes


def child(kind: str, first: int, last: int, seed: int) -> None:
    """Damage and read the files first to last, and print what became of each."""
    sys.path.insert(0, str(Path(__file__).parent))
    cases = importlib.import_module(f"damaged_{kind}")
    signal.signal(signal.SIGALRM, hung)
    with tempfile.TemporaryDirectory() as folder:
        cases.prepare(Path(folder))
        for number in range(first, last):
            forget_peak()
            began = time.monotonic()
            signal.alarm(LIMIT)
            try:
                said = cases.case(Path(folder), number, seed)
            except Exception:
                said = "error: " + traceback.format_exc().replace("\n", " | ")
            signal.alarm(0)
            said = f"fat: {said}" if peak() > MOST else said
            numbers = f"{number} {time.monotonic() - began:.2f} {peak() >> 20}"
            print("case", numbers, said.replace("\n", " "), flush=True)


def hung(number, frame):
    raise RuntimeError(f"still busy after {LIMIT} seconds")


def forget_peak() -> None:
    """Let Linux measure the highest memory from now on."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak() -> int:
    """The highest memory of this process in bytes; 0 where Linux does not tell."""
    with contextlib.suppress(OSError, IndexError):
        text = Path("/proc/self/status").read_text()
        return int(text.split("VmHWM:")[1].split()[0]) << 10
    return 0


if __name__ == "__main__":
    os.environ.setdefault("TINYLSTM_BACKEND", "numpy")
    if sys.argv[1] == "--child":
        child(sys.argv[2], *map(int, sys.argv[3:6]))
    else:
        found = hunt(sys.argv[1], int(sys.argv[2]), *map(int, sys.argv[3:4]))
        print(f"{sum(found.values())} damaged {sys.argv[1]}: {dict(found)}")
        sys.exit(any(what not in FINE for what in found))
