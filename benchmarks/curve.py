"""The speed beside PyTorch at every size: a picture of the ratio for each batch and layer width.

    python benchmarks/curve.py                          the picture docs/curve.png (a quarter hour)
    python benchmarks/curve.py --units 64 --batch 8     one point
    python benchmarks/curve.py --json points.json       keeps the points; goes on where it stopped

A point is a training step of an embedding, two LSTM layers of as many units, and logits, with T =
50 and Adam. The peers take turns, one step at a time, each in its own process; the ratio is
PyTorch's median time divided by ours, so above 1 we are faster.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

from run import PAUSE, Runner, machine

UNITS = [16, 32, 64, 128, 256, 512, 1024]
BATCHES = [1, 2, 4, 8, 16, 32, 64, 128, 256]
PICTURE = Path(__file__).resolve().parents[1] / "docs" / "curve.png"
Point = tuple[int, int]  # units, batch


def ratio(units: int, batch: int, seconds: float) -> tuple[float, float, float]:
    """PyTorch's time over ours, and both medians in seconds."""
    runners = [Runner(peer, f"curve-{units}-{batch}") for peer in ("ours", "torch")]
    found: list[tuple[float, float]] = []
    deadline = time.monotonic() + seconds
    while len(found) < 5 or (len(found) < 25 and time.monotonic() < deadline):
        turn = []
        for runner in runners:
            time.sleep(PAUSE)
            turn.append(runner.ask("step"))
        found.append((turn[0], turn[1]))
    for runner in runners:
        runner.close()
    ours, theirs = (statistics.median(times) for times in zip(*found, strict=True))
    return statistics.median(b / a for a, b in found), ours, theirs


def draw(points: dict[Point, float], path: Path) -> None:
    """A curve over the batch for each width, with a line at 1."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    widths = sorted({units for units, _ in points})
    for i, units in enumerate(widths):
        batches = sorted(batch for u, batch in points if u == units)
        color = plt.get_cmap("viridis")(i / max(len(widths) - 1, 1))
        ratios = [points[units, batch] for batch in batches]
        axes.plot(batches, ratios, "o-", color=color, label=f"{units} units")
    axes.axhline(1, color="black", linewidth=1)
    axes.set(xscale="log", yscale="log", xlabel="batch", ylabel="PyTorch's time / ours")
    batches = sorted({batch for _, batch in points})
    axes.set_xticks(batches, map(str, batches))
    ticks = [0.5, 0.7, 1, 1.4, 2, 3, 4, 6, 8]
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.legend(fontsize="small", ncols=2)
    axes.set_title("A training step of 2 LSTM layers, T = 50; above 1, tinylstm is faster")
    figure.savefig(path, dpi=110)


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    add = parser.add_argument
    add("--units", type=int, nargs="+", default=UNITS, help="units of a layer")
    add("--batch", type=int, nargs="+", default=BATCHES, help="sequences in a batch")
    add("--seconds", type=float, default=8, help="for each point (default 8)")
    add("--json", type=Path, help="file that keeps the points")
    add("--picture", type=Path, default=PICTURE, help="default docs/curve.png")
    args = parser.parse_args()
    print(machine())
    kept = json.loads(args.json.read_text()) if args.json and args.json.exists() else []
    points = {(units, batch): value for units, batch, value in kept}
    for units, batch in ((u, b) for u in args.units for b in args.batch):
        if (units, batch) in points:
            continue
        points[units, batch], ours, theirs = ratio(units, batch, args.seconds)
        times = f"ours {ours * 1e3:9.2f} ms  PyTorch {theirs * 1e3:9.2f} ms"
        at = f"units {units:5}  batch {batch:4}"
        print(f"{at}  {times}  ratio {points[units, batch]:.2f}", flush=True)
        if args.json:
            args.json.write_text(json.dumps([[*where, value] for where, value in points.items()]))
    draw(points, args.picture)
    low = min(points, key=lambda at: points[at])
    print(f"lowest: {points[low]:.2f} at {low[0]} units, batch {low[1]}; wrote {args.picture}")


if __name__ == "__main__":
    main()
