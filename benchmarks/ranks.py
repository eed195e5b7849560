"""What several ranks cost: the exchange of gradients, and a training step.

    python benchmarks/ranks.py                 starts mpiexec itself, with two ranks
    python benchmarks/ranks.py --ranks 4 --turns 30

Exchange: our sum along the tree, in turns with mpi4py's plain Allreduce of the same bytes, for the
gradients of the presets. Message: latency and bandwidth of Alltoallv, for the model of costs in
docs/scaling.md. Step: two ranks with one thread each, in turns with one process of two threads.
All are medians, in milliseconds, with nothing else running on the machine.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

import tinylstm as tl
from tinylstm.ranks import Ranks, ranks_of

VOCABULARY = 300  # of the default training run, about


def preset_model(name: str) -> tl.Sequential:
    return tl.Sequential(tl.PRESETS[name].layers(VOCABULARY))


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
        size = sum(p.size for p in preset_model(name).params.values())
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


def steps(communicator, threads: int, turns: int) -> float:
    """A training step of the default preset."""
    model, batch = preset_model("default"), batch_of()
    optimizer, ranks = tl.PRESETS["default"].optimizer(), ranks_of(communicator)
    from tinylstm.parallel import Shards

    with Shards(model, tl.CategoricalCrossentropy(), threads, shards=2, ranks=ranks) as shards:

        def step() -> None:
            _, _, grads = shards.gradients(batch, None, [0])
            optimizer.update(model.params, grads, shards.each)

        median(step, 3)
        return median(step, turns)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--inside", choices=["exchange", "step"], help=argparse.SUPPRESS)
    args = parser.parse_args()
    world = tl.world()
    if args.inside == "exchange":
        print(json.dumps(exchange(world, args.turns)))
    elif args.inside == "step":
        print(json.dumps(steps(world, 1 if world else 2, args.turns)))
    else:
        folder = str(Path(sys.executable).parent)
        launch = [shutil.which("mpiexec", path=folder) or "mpiexec", "-n", str(args.ranks)]

        def inside(what: str, before: list[str]) -> object:
            command = [*before, sys.executable, __file__, "--turns", str(args.turns)]
            done = subprocess.run([*command, "--inside", what], capture_output=True, text=True)
            if done.returncode:
                sys.exit(done.stderr)
            return json.loads(done.stdout)

        found = inside("exchange", launch)
        for name, value in found.items():
            print(f"{name:>20} {value:9.3f}")
        for name in ("default", "best"):
            print(
                f"{name:>20} ours / Allreduce {found[f'{name} ours'] / found[f'{name} Allreduce']:.2f}"
            )
        pairs = [(inside("step", launch), inside("step", [])) for _ in range(3)]
        several, one = (statistics.median(times) for times in zip(*pairs, strict=True))
        print(f"step: {args.ranks} ranks of one thread {several:.1f} ms, one of two {one:.1f} ms, "
              f"speed {one / several:.2f}")  # fmt: skip


if __name__ == "__main__":
    main()
