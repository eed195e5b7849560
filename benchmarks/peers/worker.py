"""Runs one workload with one peer: prints `ready`, then a number for every line that it reads."""

import os
import resource
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
from peers.workloads import workload

OURS = "ours", "textbook", "blas"  # three implementations of the same functions


def main() -> None:
    peer, row = sys.argv[1:]
    if peer == "textbook":
        os.environ["TINYLSTM_BACKEND"] = "numpy"
    if peer.startswith("keras"):
        os.environ["KERAS_BACKEND"] = peer.removeprefix("keras-")
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    answers = sys.stdout
    sys.stdout = sys.stderr  # libraries must not print into the answers
    if row == "limits":
        from peers import limits

        step, bandwidth = limits.multiply_adds(), limits.bandwidth
    else:
        name = peer.split("-")[0] + "_peer" if peer not in OURS else "ours"
        if peer == "blas":
            from peers import blas_twin

            blas_twin.install()
        module = __import__(f"peers.{name}", fromlist=["build"])
        run = module.build(workload(row))
        for _ in range(2):
            run()

        def step() -> float:
            begin = time.perf_counter()
            run()
            return time.perf_counter() - begin

    print("ready", file=answers, flush=True)
    for word in sys.stdin:
        if word == "step\n":
            print(step(), file=answers, flush=True)
        elif word == "memory\n":
            most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KB; bytes on macOS
            print(most / (1024 if sys.platform == "linux" else 1 << 20), file=answers, flush=True)
        elif word == "bandwidth\n":
            print(bandwidth(), file=answers, flush=True)
        else:
            break


if __name__ == "__main__":
    main()
