"""The walk: the files that the default training run passes through, and how long they are.

    python docs/walk.py                    this checkout
    python docs/walk.py CHECKOUT           another one, with the packages of this Python

It trains on four pieces for one epoch with the NumPy backend and composes 30 notes. A file counts
if one of its functions runs, not counting what runs while a module is imported; all of its lines
count.
"""

import contextlib
import io
import os
import runpy
import shutil
import sys
import tempfile
import threading
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

FUNCTION = 1  # CO_OPTIMIZED: set for functions, not for modules and class bodies


def main() -> None:
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1]).resolve()
    script = root / "examples" / "train_ff.py"
    rooms = str(root / "tinylstm"), str(script)
    seen: dict[CodeType, None] = {}  # in order of first use

    def record(frame: FrameType, event: str, argument: Any) -> None:
        code = frame.f_code
        new = event == "call" and code.co_flags & FUNCTION and code not in seen
        if new and code.co_filename.startswith(rooms) and not importing(frame, str(script)):
            seen[code] = None

    with tempfile.TemporaryDirectory() as folder:
        songs = Path(folder) / "songs"
        songs.mkdir()
        for path in sorted((root / "midi_songs").glob("*.mid"))[:4]:
            shutil.copy(path, songs)
        os.environ |= {"TINYLSTM_BACKEND": "numpy", "TINYLSTM_CACHE": f"{folder}/cache"}
        sys.path.insert(0, str(root))
        sys.argv = ["train_ff.py", "--midi", str(songs), "--out", f"{folder}/out"]
        sys.argv += ["--epochs", "1", "--notes", "30"]
        threading.setprofile(record)
        sys.setprofile(record)
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            runpy.run_path(str(script), run_name="__main__")
        sys.setprofile(None)
        threading.setprofile(None)
    total = 0
    files = dict.fromkeys(code.co_filename for code in seen)
    for file in files:
        lines = len(Path(file).read_text().splitlines())
        total += lines
        print(f"{lines:6,}  {Path(file).relative_to(root)}")
    print(f"{len(files)} files, {total:,} lines")


def importing(frame: FrameType | None, script: str) -> bool:
    """Whether a module of the project is being imported, and not the script being run."""
    while frame is not None:
        file = frame.f_code.co_filename
        if frame.f_code.co_name == "<module>" and file not in (script, __file__):
            return "tinylstm" in file
        frame = frame.f_back
    return False


if __name__ == "__main__":
    main()
