"""Speed compared with the frameworks: medians and ratios, measured in alternation.

    python benchmarks/run.py                        every row (about ten minutes)
    python benchmarks/run.py train_step compose     some rows
    python benchmarks/run.py --json figures.json
    python benchmarks/run.py --blas forward         beside BLAS and fused gates (peers/blas_twin.py)

A row is a workload (peers/workloads.py). Each peer runs it in its own process; the peers take
turns, one step at a time. `share` is our step's share of the machine's multiply-add peak, measured
in the same round. Peers: PyTorch, onnxruntime (forward passes only), Keras on TensorFlow and on
JAX, and our own textbook path. A peer that is not installed is skipped, with a message.
"""

import argparse
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from peers.workloads import WORKLOADS, Workload

HERE = Path(__file__).parent
PACKAGES = {
    "torch": ["torch"],
    "onnxruntime": ["onnx", "onnxruntime"],
    "keras-tensorflow": ["keras", "tensorflow"],
    "keras-jax": ["keras", "jax"],
}
PAUSE = 0.05  # seconds until another process's spinning threads sleep


class Runner:
    """A process that runs one workload with one peer, one step per line that it receives."""

    def __init__(self, peer: str, row: str):
        command = [sys.executable, str(HERE / "peers" / "worker.py"), peer, row]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        if self.read() != "ready":
            raise SystemExit(f"{peer} cannot run {row}: try `{' '.join(command)}` by hand")

    def read(self) -> str:
        """The next line that the process prints."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def ask(self, word: str) -> float:
        """Send a word; returns the number in the answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()
        return float(self.read())

    def close(self) -> None:
        """End the process."""
        self.process.communicate("end\n")


def installed(peer: str) -> bool:
    """Whether all packages of a peer are installed."""
    return all(importlib.util.find_spec(name) for name in PACKAGES.get(peer, []))


def measure(row: str, work: Workload, limits: Runner, rounds: int) -> list[dict[str, object]]:
    """One row of the table per peer; every round runs one step of each peer.

    Every round also measures the machine's peak, because the clock frequency changes all the time.
    """
    peers = [peer for peer in work.peers if installed(peer)]
    for peer in work.peers:
        if peer not in peers:
            print(f"{row}: {peer} is not installed, skipped", file=sys.stderr)
    runners = {peer: Runner(peer, row) for peer in ["ours", *peers]}
    seconds: dict[str, list[float]] = {peer: [] for peer in runners}
    peaks: list[float] = []
    deadline = time.monotonic() + work.seconds
    while len(seconds["ours"]) < 3 or (
        len(seconds["ours"]) < rounds and time.monotonic() < deadline
    ):
        for peer, runner in runners.items():
            time.sleep(PAUSE)
            seconds[peer].append(runner.ask("step"))
        peaks.append(limits.ask("step"))
    memory = {peer: runner.ask("memory") for peer, runner in runners.items()}
    for runner in runners.values():
        runner.close()
    ours = statistics.median(seconds["ours"]) / work.units
    shares = [work.flops / s / peak for s, peak in zip(seconds["ours"], peaks, strict=True)]
    share = statistics.median(shares) if work.flops else None
    results: list[dict[str, object]] = []
    for peer in peers or [""]:
        pairs = zip(seconds["ours"], seconds.get(peer, []), strict=False)
        ratios = [theirs / mine for mine, theirs in pairs]
        theirs = statistics.median(seconds[peer]) / work.units_of(peer) if peer else None
        results.append(
            {
                "row": row,
                "peer": peer or None,
                "ours_s": ours,
                "peer_s": theirs,
                "ratio": statistics.median(ratios) * work.units / work.units_of(peer)
                if peer
                else None,
                "share_of_limit": share,
                "ours_mb": memory["ours"],
                "peer_mb": memory.get(peer),
                "rounds": len(seconds["ours"]),
            }
        )
    return results


def startup() -> list[dict[str, object]]:
    """Seconds to import, and to the end of the first training step (cold and warm cache)."""

    def run(cache: str) -> tuple[float, float]:
        environment = {**os.environ, "TINYLSTM_CACHE": cache}
        command = [sys.executable, str(HERE / "peers" / "first_step.py")]
        out = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        imported, first = map(float, out.stdout.split())
        return imported, first

    with tempfile.TemporaryDirectory() as cache:
        (_, cold), *warm = [run(cache) for _ in range(6)]
    imports, firsts = zip(*warm, strict=True)
    figures = {
        "startup_import": statistics.median(imports),
        "startup_cold": cold,
        "startup_warm": statistics.median(firsts),
    }
    return [
        {
            "row": row,
            "peer": None,
            "ours_s": seconds,
            "peer_s": None,
            "ratio": None,
            "share_of_limit": None,
        }
        for row, seconds in figures.items()
    ]


def machine() -> str:
    """One line with the machine and the versions of the libraries."""
    names = ["numpy", "numba", "torch", "onnxruntime", "keras", "tensorflow-cpu", "jax"]
    found = []
    for name in names:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"no {name}")
    import joblib

    return (
        f"{joblib.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, "
        + (", ".join(found))
    )


def show(result: dict[str, object]) -> str:
    """One line of the table."""

    def number(value: object, form: str) -> str:
        return format(value, form) if isinstance(value, float) else "-"

    def milliseconds(value: object) -> str:
        return number(value * 1e3, ".2f") if isinstance(value, float) else "-"

    return (
        f"{result['row']:<22} {result['peer'] or '-':<18} {milliseconds(result['ours_s']):>10} "
        f"{milliseconds(result['peer_s']):>10} {number(result['ratio'], '.2f'):>7} "
        f"{number(result['share_of_limit'], '.0%'):>7} {number(result.get('ours_mb'), '.0f'):>8} "
        f"{number(result.get('peer_mb'), '.0f'):>8}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = ["limits", *WORKLOADS, "startup"]
    parser.add_argument("rows", nargs="*", help=f"some of: {' '.join(names)}")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--rounds", type=int, default=15, help="steps per peer (default 15)")
    parser.add_argument("--blas", action="store_true", help="add the peer `blas` to every row")
    args = parser.parse_args()
    unknown = [row for row in args.rows if row not in names]
    if unknown:
        parser.error(f"unknown rows {unknown}: use some of {names}")
    rows = [row for row in WORKLOADS if row in args.rows or not args.rows]

    print(machine())
    limits = Runner("ours", "limits")
    peaks = [limits.ask("step") for _ in range(9)]
    peak, bandwidth = max(peaks), limits.ask("bandwidth")
    print(
        f"limits: {min(peaks) / 1e9:.0f} to {peak / 1e9:.0f} GFLOP/s multiply-add on all cores, "
        f"{bandwidth / 1e9:.1f} GB/s read from memory"
    )
    print(f"{'row':<22} {'peer':<18} {'ours, ms':>10} {'peer, ms':>10} {'ratio':>7} {'share':>7} "
          f"{'ours, MB':>8} {'peer, MB':>8}")  # fmt: skip
    results: list[dict[str, object]] = []
    for row in rows:
        work = WORKLOADS[row]
        work = replace(work, peers=(*work.peers, "blas")) if args.blas else work
        for result in measure(row, work, limits, args.rounds):
            results.append(result)
            print(show(result), flush=True)
    limits.close()
    if "startup" in args.rows or not args.rows:
        for result in startup():
            results.append(result)
            print(show(result))
    if args.json:
        args.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
