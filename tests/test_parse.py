"""Files that hang or kill their process cost their time limit and no more."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from tinylstm.music import EventTokenizer, Note, load_corpus, write_midi


class Treacherous(EventTokenizer):
    """Does to the process what a piece's name says."""

    def symbols(self, piece):
        if piece.name == "hangs.mid":
            while True:
                time.sleep(0.01)
        if piece.name == "dies.mid":
            os._exit(3)
        if piece.name == "raises.mid":
            raise RuntimeError("out of tune")
        return super().symbols(piece)


@pytest.fixture
def songs(tmp_path, own_cache, monkeypatch):
    monkeypatch.setattr("tinylstm.music.corpus.parse._SMALL", 0)
    for pitch, name in enumerate(("a", "dies", "hangs", "raises", "z"), 60):
        write_midi(tmp_path / "songs" / f"{name}.mid", [Note(0, 1, pitch), Note(1, 1, pitch)])
    return tmp_path / "songs"


def test_what_hangs_is_killed_and_what_dies_is_named(songs):
    started = time.monotonic()
    report = load_corpus(songs, Treacherous(), limit=8, workers=2).report
    assert time.monotonic() - started < 45
    assert [file.name for file in report.kept] == ["a.mid", "z.mid"]
    reasons = {file.name: file.skipped for file in report.skipped}
    assert reasons["hangs.mid"] == "gave up after 8 seconds"
    assert "died" in reasons["dies.mid"]
    assert reasons["raises.mid"] == "RuntimeError: out of tune"
    started = time.monotonic()
    load_corpus(songs, Treacherous(), limit=8)
    assert time.monotonic() - started < 1  # nothing is tried again ...
    (songs / "hangs.mid").unlink()
    again = load_corpus(songs, EventTokenizer(), limit=30).report  # ... but with more time it is
    assert {file.name for file in again.kept} == {"a.mid", "dies.mid", "raises.mid", "z.mid"}


def test_a_small_folder_has_the_limit_too(songs, monkeypatch):
    monkeypatch.setattr("tinylstm.music.corpus.parse._SMALL", 10**9)
    (songs / "dies.mid").unlink()
    before = signal.getsignal(signal.SIGALRM)
    began = time.monotonic()
    report = load_corpus(songs, Treacherous(), limit=0.5).report
    assert time.monotonic() - began < 10
    assert {file.name: file.skipped for file in report.skipped} == {
        "hangs.mid": "gave up after 0.5 seconds",
        "raises.mid": "RuntimeError: out of tune",
    }
    assert signal.getsignal(signal.SIGALRM) is before
    assert not any(signal.getitimer(signal.ITIMER_REAL))


class Greedy(EventTokenizer):
    """Fills the memory, or gives more tokens than a file may."""

    def symbols(self, piece):
        if piece.name == "a.mid":
            return np.ones(3 << 30, np.uint8).astype(np.int32)
        return np.zeros(2_000_001, np.int32) if piece.name == "z.mid" else super().symbols(piece)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the memory")
def test_a_worker_has_a_limit_on_memory_and_a_file_on_tokens(songs):
    report = load_corpus(songs, Greedy(), limit=30, workers=2).report
    assert {file.name: file.skipped for file in report.skipped} == {
        "a.mid": "needs more than 1 GB of memory",
        "z.mid": "gives 2000001 tokens, more than 2000000: cut it",
    }


SCRIPT = """
import sys
import tinylstm.music.corpus.parse
from tinylstm.music import EventTokenizer, load_corpus
print("started")
tinylstm.music.corpus.parse._SMALL = 0
print(len(load_corpus(sys.argv[1], EventTokenizer(), progress=False, workers=2).report.kept))
"""


def test_a_script_needs_no_guard(songs, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    command = [sys.executable, str(script), str(songs)]
    path = os.pathsep.join(sys.path)
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.split() == ["started", "5"], done.stderr


def test_results_come_in_order_and_equal_those_of_one_process(songs, monkeypatch):
    together = load_corpus(songs, EventTokenizer(), workers=2)
    monkeypatch.setattr("tinylstm.music.corpus.parse._SMALL", 10**9)
    monkeypatch.setenv("TINYLSTM_CACHE", str(songs.parent / "other"))
    alone = load_corpus(songs, EventTokenizer())
    np.testing.assert_array_equal(together.train.ids, alone.train.ids)
    assert together.report == alone.report
