"""What several ranks cost: the exchange of gradients, and a training step.

    python benchmarks/ranks.py                 starts mpiexec itself, with two ranks
    python benchmarks/ranks.py --ranks 4 --turns 30
    python benchmarks/ranks.py --predict       the model of docs/scaling.md, for 2 to 256 ranks
    python benchmarks/ranks.py --kills 30      kill a random rank, go on with another number of them
    python benchmarks/ranks.py --hosts 1000    two hosts (network namespaces), 1000 Mbit/s, as root

Exchange: our sum along the tree, in turns with mpi4py's plain Allreduce of the same bytes, for the
gradients of the presets. Message: latency and bandwidth of Alltoallv, for the model of costs in
docs/scaling.md. Step: two ranks with one thread each, in turns with one process of two threads.
All are medians, in milliseconds, with nothing else running on the machine.
"""

import argparse
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

import numpy as np

import tinylstm as tl
from tinylstm.alone import ranks_of
from tinylstm.files import cache_folder
from tinylstm.ranks import Ranks

TESTS = Path(__file__).resolve().parents[1] / "tests"
VOCABULARY = 300  # of the default training run, about


def preset_model(name: str) -> tl.Sequential:
    return tl.Sequential(tl.PRESETS[name].layers(VOCABULARY))


@cache
def parameters(name: str) -> int:
    """How many numbers the gradients of a preset have."""
    return sum(p.size for p in preset_model(name).params.values())


def batch_of(B: int = 32, T: int = 50) -> tl.Batch:
    ids = np.random.default_rng(0).integers(0, VOCABULARY, (T + 1, B))
    return tl.Batch(ids[:-1], ids[1:], np.ones(B, bool), T * B)


def median(work, turns: int) -> float:
    """Milliseconds of one call."""
    times = []
    for _ in range(turns):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def exchange(communicator, turns: int) -> dict[str, float]:
    """In turns: ours and Allreduce, for each preset's gradients; and messages of several sizes."""
    from mpi4py import MPI

    ranks, found = Ranks(communicator), {}
    for name in ("default", "best"):
        size = parameters(name)
        flats = [np.ones(size, np.float32)]
        out = np.empty(size, np.float32)
        times: dict[str, list[float]] = {"ours": [], "Allreduce": []}
        for _ in range(turns):
            for kind, work in (
                ("ours", lambda flats=flats: ranks.add(flats, ranks.size, map)),
                ("Allreduce", lambda out=out, a=flats[0]: communicator.Allreduce(a, out, MPI.SUM)),
            ):
                communicator.Barrier()
                times[kind].append(median(work, 1))
        medians = {kind: statistics.median(numbers) for kind, numbers in times.items()}
        found |= {f"{name} {kind}": value for kind, value in medians.items()}
        found[f"{name} MB"] = 4 * size / 1e6
    for kilobytes in (0, 64, 1024, 8192):
        numbers = max(256 * kilobytes, 1)
        a, b = np.ones(numbers, np.float32), np.empty(numbers * ranks.size, np.float32)
        work = lambda a=a, b=b: communicator.Allgather(a, b)  # noqa: E731
        found[f"Allgather {kilobytes} KB"] = median(work, turns)
    return found


def steps(communicator, threads: int, turns: int, B: int = 32) -> float:
    """A training step of the default preset."""
    model, batch = preset_model("default"), batch_of(B)
    optimizer, ranks = tl.PRESETS["default"].optimizer(), ranks_of(communicator)
    from tinylstm.parallel import Shards

    with Shards(model, tl.CategoricalCrossentropy(), threads, shards=2, ranks=ranks) as shards:

        def step() -> None:
            _, _, grads = shards.gradients(batch, None, [0])
            optimizer.update(model.params, grads, shards.each)

        median(step, 3)
        return median(step, turns)


# The model of docs/scaling.md, with the numbers that were fitted to this machine (two cores).
FIXED, PER_ROW = 10.0, 3.65  # ms of a step of the default preset: one thread, and per sequence
LATENCY = {1: 0.05, 10: 0.02, 100: 0.005}  # ms of a message, usual for networks of so many Gbit/s
ADD = 0.25e-6  # ms to add one number


def predicted(name: str, ranks: int, gigabits: float, batch: int = 32) -> float:
    """Milliseconds of a step on so many ranks of one thread, each on a machine of its own."""
    params = parameters(name)
    work = params / parameters("default")
    rows = -(-batch // ranks)  # the rank with the most
    compute = work * (FIXED + PER_ROW * rows)
    bytes_sent = 2 * 4 * params * (ranks - 1) / ranks  # Alltoallv, then Allgatherv
    messages = 2 * (ranks - 1) + 3 * np.log2(ranks)
    wire = (
        bytes_sent * 8 / (gigabits * 1e6) + messages * LATENCY[1 if gigabits < 1 else int(gigabits)]
    )
    return compute + (wire + ADD * params if ranks > 1 else 0)


def predict() -> None:
    """A table: speed on R ranks, compared with one."""
    counts = (2, 4, 8, 16, 32, 64, 256)
    for batch in (32, 256):
        print(f"batch {batch:>3}  " + "".join(f"{count:>7}" for count in counts))
        for name in ("default", "best", "article"):
            for gigabits in (1, 10, 100):
                one = predicted(name, 1, gigabits, batch)
                speeds = [one / predicted(name, count, gigabits, batch) for count in counts]
                row = "".join(f"{speed:7.1f}" for speed in speeds)
                print(f"{name:>8} {gigabits:>3} Gbit/s {row}")


def kills(times: int, seed: int) -> None:
    """Kill a random rank at a random moment; go on with another number; compare the ends."""
    script = TESTS / "together.py"
    rng, folder = random.Random(seed), Path(mkdtemp())

    def command(n: int, path: Path) -> list[str]:
        return [mpiexec(), "-n", str(n), sys.executable, str(script), str(path)]

    expected = subprocess.run(command(2, folder / "whole.npz"), capture_output=True).stdout
    whole = time.perf_counter()
    subprocess.run(command(2, folder / "again.npz"), capture_output=True)
    whole = time.perf_counter() - whole
    slowest, same, begun, ended = 0.0, 0, 0, 0
    for nth in range(times):
        path, n = folder / f"{nth}.npz", rng.choice([2, 3, 4])
        run = subprocess.Popen(command(n, path), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while nth % 2 and not path.exists() and run.poll() is None:  # every other one has begun
            time.sleep(0.005)
        time.sleep(whole * (rng.uniform(0.0, 0.2) if nth % 2 else rng.uniform(0.2, 0.9)))
        ranks = ranks_below(run.pid)
        if ranks:
            os.kill(rng.choice(ranks), signal.SIGKILL)
        start = time.perf_counter()
        run.communicate(timeout=300)
        slowest = max(slowest, time.perf_counter() - start)
        ended += run.returncode != 0
        begun += path.exists()
        other = rng.choice([m for m in (1, 2, 3, 4) if m != n])
        same += subprocess.run(command(other, path), capture_output=True).stdout == expected
    print(f"{times} kills ({ended} before the end, {begun} after a checkpoint): ended within "
          f"{slowest:.1f} s, {same} of {times} runs went on to the same end")  # fmt: skip
    shutil.rmtree(folder)


def ranks_below(pid: int) -> list[int]:
    """The processes that run our script, below mpiexec (Linux)."""
    found, waiting = [], [pid]
    while waiting:
        parent = waiting.pop()
        try:
            children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
            for child in map(int, children):
                waiting.append(child)
                command = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
                if command[0] == sys.executable.encode():
                    found.append(child)
        except OSError:
            continue
    return found


def mpiexec() -> str:
    return shutil.which("mpiexec", path=str(Path(sys.executable).parent)) or "mpiexec"


def alone(*program: str) -> list[str]:
    """The command that runs Python with these arguments in one process."""
    return [sys.executable, *program]


def inside(what: str, launch: Callable[..., list[str]], *arguments: object) -> Any:
    """What this script measures in the processes of a command that `launch` makes."""
    command = launch(__file__, "--inside", what, *map(str, arguments))
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout)


def one_machine(ranks: int, turns: int) -> None:
    """Exchange and step on this machine, and the constants of the model of costs."""

    def several(*program: str) -> list[str]:
        return [mpiexec(), "-n", str(ranks), *alone(*program)]

    show(inside("exchange", several, "--turns", turns))
    pairs = [
        [inside("step", launch, "--turns", turns) for launch in (several, alone)] for _ in range(5)
    ]
    ours, one = (statistics.median(times) for times in zip(*pairs, strict=True))
    print(f"step: {ranks} ranks of one thread {ours:.1f} ms, one of two {one:.1f} ms, "
          f"speed {one / ours:.2f}")  # fmt: skip
    batches = 4, 8, 16, 32
    times = [inside("step", alone, "--threads", 1, "--batch", batch) for batch in batches]
    per_row, fixed = np.polyfit(batches, times, 1)
    print(f"one thread, batches of {batches}: {', '.join(f'{t:.1f}' for t in times)} ms; "
          f"FIXED {fixed:.1f}, PER_ROW {per_row:.2f}")  # fmt: skip


def two_hosts(megabits: int, turns: int) -> None:
    """Exchange and step of one rank of one thread on each of two hosts, beside the model."""
    sys.path.insert(0, str(TESTS))
    import hosts

    with TemporaryDirectory() as folder, hosts.two_hosts(Path(folder), megabits) as command:

        def launch(*program: str) -> list[str]:
            return command(1, [str(cache_folder())] * 2, *program)

        show(inside("exchange", launch, "--turns", turns))
        for batch in (32, 128):
            step = inside("step", launch, "--turns", turns, "--batch", batch)
            one = inside("step", alone, "--turns", turns, "--batch", batch, "--threads", 1)
            model = [predicted("default", ranks, megabits / 1000, batch) for ranks in (1, 2)]
            print(f"batch {batch}: one rank {one:.1f} ms (model {model[0]:.1f}), two hosts "
                  f"{step:.1f} ms (model {model[1]:.1f})")  # fmt: skip


def show(found: dict[str, float]) -> None:
    """Times of the exchange, and their ratio to Allreduce's."""
    for name, value in found.items():
        print(f"{name:>20} {value:9.3f}")
    for name in ("default", "best"):
        ratio = found[f"{name} ours"] / found[f"{name} Allreduce"]
        print(f"{name:>20} ours / Allreduce {ratio:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--predict", action="store_true")
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--hosts", type=int, default=0, metavar="MBIT")
    parser.add_argument("--seed", type=int, default=0, help="of the kills")
    for name in ("--inside", "--threads", "--batch"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    args = parser.parse_args()
    world = tl.world()
    if args.predict:
        predict()
    elif args.kills:
        kills(args.kills, args.seed)
    elif args.hosts:
        two_hosts(args.hosts, args.turns)
    elif args.inside == "exchange":
        print(json.dumps(exchange(world, args.turns)))
    elif args.inside == "step":
        threads = int(args.threads or (1 if world else 2))
        print(json.dumps(steps(world, threads, args.turns, int(args.batch or 32))))
    else:
        one_machine(args.ranks, args.turns)


if __name__ == "__main__":
    main()
