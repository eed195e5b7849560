"""Milliseconds per process to compare the kernels with their definitions.

    python benchmarks/twins.py

The compiled kernels are loaded first, so only the comparison is timed.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

import tinylstm as tl
from tinylstm import kernels, twins

RUNS = 5


def cost() -> float:
    """Milliseconds for all comparisons of a training step and of composing, in a new process."""
    adam, p = tl.Adam(), np.ones(3, np.float32)
    adam.steps = 1
    adam_step = kernels.OPTIMIZER_STEPS["tinylstm.optimizers.Adam"]
    adam_step(adam, p, p, p, p)
    questions = [("softmax_cross_entropy_forward", ()), ("softmax_cross_entropy_backward", ())]
    for sizes in (50, 16, False), (50, 16, True), (1, 2, False):  # training, dropout, composing
        questions += [("lstm_forward", sizes), ("lstm_backward", sizes)]
    problems = []
    for name, sizes in questions:
        make = twins.recurrent_problem if sizes else twins.loss_problem
        problems.append((name, getattr(kernels, name), make(name, np.dtype(np.float32), *sizes)))
    for _, kernel, arguments in problems:
        kernel(*arguments)  # loads the compiled code
    begin = time.perf_counter()
    for name, kernel, arguments in problems:
        difference = twins.function_differs(name, kernel, tuple(arguments))
        assert not difference, difference
    assert not twins.optimizer_differs(adam, adam_step, p.dtype)
    return 1000 * (time.perf_counter() - begin)


def main() -> None:
    if sys.argv[1:] == ["once"]:
        print(cost())
        return
    command = [sys.executable, str(Path(__file__)), "once"]
    subprocess.run(command, check=True, capture_output=True)  # compiles if needed
    times = [float(subprocess.check_output(command)) for _ in range(RUNS)]
    middle, low, high = statistics.median(times), min(times), max(times)
    print(f"all kernels compared with their definitions in {middle:.1f} ms (allowed: 50)")
    print(f"the median of {RUNS} processes, from {low:.1f} to {high:.1f} ms")


if __name__ == "__main__":
    main()
