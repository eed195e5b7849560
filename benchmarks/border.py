"""What border.py's checks cost in a training step of the default preset:

    python benchmarks/border.py [seconds]

Steps with the checks and steps without (each check replaced by a function that does nothing) take
turns in one process, in pairs whose order alternates; CPU time of all threads is compared. Then the
time inside the checks is added up for itself, which is far more exact than the difference.
"""

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

import tinylstm as tl
from tinylstm import border
from tinylstm.optimizers import clip_by_global_norm
from tinylstm.parallel import Shards
from tinylstm.presets import PRESETS

CHECKS = ["update", "add_rows", "lstm_forward", "lstm_backward"]
CHECKS += ["softmax_cross_entropy_forward", "softmax_cross_entropy_backward"]
V = 300  # classes, about as many as the music's vocabulary has


@contextmanager
def replaced(make: Callable[[Callable[..., None]], Callable[..., None]]) -> Iterator[None]:
    """A `with` block in which each check is `make` of itself."""
    before = {name: vars(border)[name] for name in CHECKS}
    vars(border).update({name: make(check) for name, check in before.items()})
    try:
        yield
    finally:
        vars(border).update(before)


def nothing(check: Callable[..., None]) -> Callable[..., None]:
    """No check."""
    return lambda *arguments: None


def main() -> None:
    """Measure and print."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60
    preset = PRESETS["default"]
    tokens = tl.Tokens(np.random.default_rng(0).integers(0, V, 60_000), [0])
    model, optimizer = tl.Sequential(preset.layers(V)), preset.optimizer()
    data = preset.data(tokens, 0, None)
    with Shards(model, tl.CategoricalCrossentropy(), 2) as shards:
        batch = next(iter(data.epoch(0)))

        def step() -> float:
            begin = time.process_time()
            _, _, grads = shards.gradients(batch, None, [0, 0])
            clip_by_global_norm(grads, 5.0)
            optimizer.update(model.params, grads, shards.each)
            return time.process_time() - begin

        for _ in range(3):
            step()
        ratios, steps = [], []
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = {}
            for checked in (True, False) if len(ratios) % 2 else (False, True):
                with replaced(nothing if not checked else lambda check: check):
                    found[checked] = step()
            ratios.append(found[True] / found[False])
            steps.append(found[False])
        inside, calls = within(step, 10)
    low, middle, high = statistics.quantiles(ratios, n=4)
    error = 1.25 * statistics.stdev(ratios) / len(ratios) ** 0.5
    whole = statistics.median(steps)
    print(f"{len(ratios)} pairs of steps of {1e3 * whole:.0f} ms of CPU time")
    print(f"with checks over without: median {middle:.4f} +- {error:.4f}, {low:.3f} to {high:.3f}")
    print(
        f"inside the checks: {1e6 * inside:.0f} us in {calls} calls, {100 * inside / whole:.3f} %"
    )


def within(step: Callable[[], Any], times: int) -> tuple[float, int]:
    """Seconds of this thread's CPU time in all checks of a step, median of some, and the calls."""
    spent: list[float] = []

    def timed(check: Callable[..., None]) -> Callable[..., None]:
        def run(*arguments: Any) -> None:
            begin = time.thread_time()
            check(*arguments)
            spent.append(time.thread_time() - begin)

        return run

    found = []
    for _ in range(times):
        spent.clear()
        with replaced(timed):
            step()
        found.append(sum(spent))
    return statistics.median(found), len(spent)


if __name__ == "__main__":
    main()
