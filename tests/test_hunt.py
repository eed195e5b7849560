"""The hunt of hunt.py, in a process of its own: nothing crashes, nothing is silently wrong."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings

pytest.importorskip("numba")
HUNT = Path(__file__).with_name("hunt.py")
DEEP = settings().max_examples >= 5_000  # --hypothesis-profile=deep


def test_no_argument_crashes_the_process():
    cases = 5_000 if DEEP else 250
    command = [sys.executable, "-X", "faulthandler", HUNT, str(cases), "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=3600)
    last = "\n".join(done.stdout.splitlines()[-1:])
    assert done.returncode == 0, f"{last}\n{done.stderr[-3000:]}"
    assert f"'cases': {cases}" in last and "'right'" in last and "'refused'" in last
