"""Ranks train together to the bits of one process, on any number of them; a failure ends all."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import hosts
import numpy as np
import pytest
import together
from hypothesis import given, settings
from hypothesis import strategies as st

import tinylstm as tl
from tinylstm import music
from tinylstm.alone import ranks_of, sum_of
from tinylstm.ranks import Ranks

MPIEXEC = shutil.which("mpiexec", path=str(Path(sys.executable).parent)) or shutil.which("mpiexec")
SCRIPT = Path(together.__file__)

try:
    import mpi4py  # noqa: F401
except ImportError:
    MPIEXEC = None
needs_mpi = pytest.mark.skipif(MPIEXEC is None, reason="needs mpi4py and mpiexec")


class Threads:
    """An mpi4py communicator of threads, as far as `Ranks` uses one."""

    def __init__(self, rank, size, shared=None):
        self.rank, self.size = rank, size
        self.shared = shared or {"box": [None] * size, "barrier": threading.Barrier(size)}

    def Dup(self):
        return self

    def Split_type(self, kind):
        return self

    def allgather(self, value):
        self.shared["box"][self.rank] = value
        self.shared["barrier"].wait(60)
        found = list(self.shared["box"])
        self.shared["barrier"].wait(60)
        return found

    def bcast(self, value, root):
        return self.allgather(value)[root]

    def send(self, value, dest):
        self.shared[dest].put(value)

    def recv(self, source):
        return self.shared[self.rank].get(timeout=60)

    def Alltoallv(self, sent, received):
        array, (counts, places) = sent
        parts = [array[a : a + n].copy() for a, n in zip(places, counts, strict=True)]
        everyones = self.allgather(parts)
        buffer, counts = received
        counts, places = (
            counts if isinstance(counts, tuple) else (counts, np.cumsum(counts) - counts)
        )
        for parts, count, place in zip(everyones, counts, places, strict=True):
            assert len(parts[self.rank]) == count
            buffer[place : place + count] = parts[self.rank]


def on_threads(size, work):
    """What `work(communicator)` returns on each of `size` threads."""
    import queue

    shared = Threads(0, size).shared | {rank: queue.Queue() for rank in range(size)}
    found, errors = [None] * size, [None] * size

    def one(rank):
        try:
            found[rank] = work(Threads(rank, size, shared))
        except BaseException as error:
            errors[rank] = error
            shared["barrier"].abort()

    threads = [threading.Thread(target=one, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found, errors


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 99))
def test_the_sum_depends_on_the_shards_alone(shards, size, seed):
    pytest.importorskip("mpi4py")
    size = min(size, shards)
    values = np.random.default_rng(seed).standard_normal((shards, 11)).astype(np.float32)
    expected = sum_of((0, shards), {(i, i + 1): row.copy() for i, row in enumerate(values)})

    def work(communicator):
        ranks = ranks_of(communicator)
        flats = [values[shard].copy() for shard in ranks.own(shards)]
        ranks.add(flats, shards, map)
        return flats[0]

    found, errors = on_threads(size, work)
    assert errors == [None] * size
    for total in found:
        assert total.tobytes() == expected.tobytes()
    np.testing.assert_allclose(expected, values.sum(axis=0), rtol=1e-4, atol=1e-5)


@settings(max_examples=4, deadline=None)
@given(
    st.integers(2, 5), st.integers(5, 9), st.integers(3, 11), st.integers(1, 2), st.integers(0, 9)
)
def test_any_number_of_ranks_ends_in_the_same_bits(size, shards, batch, accumulate, seed):
    pytest.importorskip("mpi4py")
    options = {"shards": shards, "accumulate": accumulate, "seed": seed, "sizes": (batch, 17)}
    alone = together.run(None, threads=1, **options)

    def work(communicator):
        return together.run(None, communicator, threads=1 + communicator.rank % 2, **options)

    found, errors = on_threads(size, work)
    assert errors == [None] * size
    assert all(result == alone for result in found)


def mpiexec(n, *arguments, check=True):
    command = [MPIEXEC, "-n", str(n), sys.executable, str(SCRIPT), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert not check or done.returncode == 0, done.stderr
    return done


@needs_mpi
@pytest.mark.parametrize("n", [2, 4])
def test_mpiexec_ends_in_the_bits_of_one_process(n, tmp_path):
    expected = json.loads(json.dumps(together.run(str(tmp_path / "one.npz"), shards=8)))
    done = mpiexec(n, tmp_path / "several.npz")
    assert json.loads(done.stdout) == expected  # one rank prints
    ours, theirs = (tl.load_checkpoint(tmp_path / f"{name}.npz") for name in ("one", "several"))
    for path, array in ours.model.weights.items():
        assert array.tobytes() == theirs.model.weights[path].tobytes()
    assert [*tmp_path.iterdir()] and not list(tmp_path.glob(".*"))


@needs_mpi
def test_a_killed_run_goes_on_with_another_number_of_ranks(tmp_path):
    expected = json.loads(json.dumps(together.run(str(tmp_path / "whole.npz"), shards=8)))
    path = tmp_path / "model.npz"
    done = mpiexec(3, path, "kill", check=False)
    assert done.returncode != 0
    if killed := re.search(r"PID (\d+) RUNNING AT", done.stderr):  # MPICH's words
        assert re.search(rf"[12] is process {killed[1]} on", done.stderr)
    progress = tl.load_checkpoint(path).progress
    assert progress.step > 0 and not progress.finished
    assert json.loads(json.dumps(together.run(str(path)))) == expected  # shards from the file


@needs_mpi
@pytest.mark.parametrize(
    ("trouble", "message"),
    [("error", "broken on purpose"), ("data", r"rank [01] is not like rank [01]: tokens is")],
)
def test_a_rank_that_fails_ends_all_with_its_reason(trouble, message, tmp_path):
    done = mpiexec(2, tmp_path / "model.npz", trouble, check=False)
    assert done.returncode != 0 and re.search(message, done.stderr)


@needs_mpi
def test_ranks_compose_the_pieces_of_one_process(tmp_path):
    tokenizer = music.EventTokenizer()
    model = tl.Sequential([tl.Embedding(len(tokenizer), 4), tl.LSTM(8, True), tl.Dense(240)])
    tl.save_checkpoint(tmp_path / "model.npz", model, tokenizer=tokenizer.to_config())
    songs = []
    for name, start in (("one", []), ("three", [MPIEXEC, "-n", "3"])):
        (tmp_path / name).mkdir()
        command = [*start, sys.executable, "-m", "tinylstm", "compose", str(tmp_path / "model.npz")]
        command += ["--takes", "5", "--length", "12 notes", "--out", str(tmp_path / name / "a.mid")]
        said = subprocess.check_output(command, text=True, timeout=120)
        assert said.count("12 notes") == 5
        songs.append({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()})
    assert songs[0] == songs[1] and len(songs[0]) == 5


def test_several_ranks_measure_what_one_process_does():
    pytest.importorskip("mpi4py")
    model = tl.Sequential([tl.LSTM(4), tl.Dense(2)], input_size=3, seed=0)
    x, y = np.random.default_rng(0).standard_normal((9, 6, 3)), np.arange(9) % 2
    data = tl.Arrays(x, y, dtype=model.dtype)
    one = tl.measure(model, data, metrics=["accuracy"], shards=8)

    def work(communicator):
        return tl.measure(model, data, metrics=["accuracy"], communicator=communicator)

    assert on_threads(3, work) == ([one] * 3, [None] * 3)


def test_what_is_no_communicator():
    with pytest.raises(ValueError, match="communicator is a int: pass mpi4py's"):
        Ranks(3)


def test_more_ranks_than_shards():
    pytest.importorskip("mpi4py")
    _, errors = on_threads(3, lambda c: together.run(None, c, shards=2))
    assert all("3 ranks for 2 shards: start fewer, or raise shards" in str(e) for e in errors)


@pytest.fixture(scope="module")
def two_hosts(tmp_path_factory):
    try:
        with hosts.two_hosts(tmp_path_factory.mktemp("hosts")) as command:
            yield lambda *arguments: json.loads(subprocess.check_output(
                command(*arguments), text=True, timeout=120, stderr=subprocess.DEVNULL
            ))  # fmt: skip
    except OSError as error:
        pytest.skip(f"no network namespaces: {error}")


@needs_mpi
def test_two_hosts_end_in_the_bits_of_one_process_after_fifty_steps(two_hosts, tmp_path):
    caches = [os.environ["TINYLSTM_CACHE"]] * 2  # compiled kernels are in it
    found = two_hosts(1, caches, str(SCRIPT), "fifty")
    assert found == json.loads(json.dumps(together.fifty()))


@needs_mpi
def test_two_hosts_parse_each_file_once_for_two_caches(two_hosts, tmp_path):
    (tmp_path / "songs").mkdir()
    for i in range(7):
        notes = [music.Note(n, 1, 50 + (n * i) % 20) for n in range(20)]
        music.write_midi(tmp_path / "songs" / f"{i}.mid", notes)
    caches = [str(tmp_path / end) for end in "ab"]
    ranks = two_hosts(1, caches, str(SCRIPT), "corpus", str(tmp_path / "songs"))
    parsed, digests, places, kept = zip(*ranks, strict=True)
    assert sorted(name for names in parsed for name in names) == [f"{i}.mid" for i in range(7)]
    assert all(parsed) and len(set(digests)) == 1
    assert [*places] == caches and all("corpora" in names for names in kept)
