"""Training time per token and memory as functions of corpus size, from 10,000 to 10 million tokens.

    python benchmarks/scaling.py [TOKENS ...]

Each size is a synthetic corpus on disk, memory-mapped as `load_corpus` does. A new process trains
the same small net on the same number of batches from each. Memory is the increase since before the
corpus was opened, without memory-mapped pages, which the system can drop.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
SIZES = (10**4, 10**5, 10**6, 10**7)
PIECE = 2000  # tokens per piece

TRAIN = """
import sys, time
from itertools import islice
from pathlib import Path
import numpy as np
import tinylstm as tl

def memory():  # MB of the process, without mapped files
    lines = Path("/proc/self/status").read_text().splitlines()
    values = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith("Rss")}
    return int(values["RssAnon"]) / 1024

class Part:
    def __init__(self, data, batches):
        self.data, self.batches = data, batches
    def __len__(self):
        return self.batches
    def epoch(self, epoch):
        return islice(self.data.epoch(epoch), self.batches)

class Peak(tl.Callback):
    most = 0.0
    def on_batch_end(self, run, loss):
        self.most = max(self.most, memory())

V, piece = 240, int(sys.argv[2])
def net():
    return tl.Sequential([tl.Embedding(V, 64), tl.LSTM(128, return_sequences=True), tl.Dense(V)])
few = tl.Tokens(np.arange(piece) % V, [0])
tl.fit(net(), tl.Streams(few, 16, 50), 1)  # compiles before anything is measured
before, begin = memory(), time.perf_counter()
ids = np.memmap(sys.argv[1], "<i2", "r")
keys = np.array([(np.arange(V) + s) % V for s in range(12)])
data = tl.Streams(tl.Tokens(ids, np.arange(0, len(ids), piece)), 16, 50, variants=keys)
opened, peak = time.perf_counter() - begin, Peak()
history = tl.fit(net(), Part(data, min(len(data), 200)), -(-200 // len(data)), callbacks=[peak])
seconds = sum(entry["seconds"] for entry in history)
tokens = sum(entry["seconds"] * entry["tokens_per_second"] for entry in history)
print(f"{len(ids):12,} {opened:10.2f} {1e6 * seconds / tokens:12.1f} {peak.most - before:10.1f}")
"""


def main() -> None:
    """Print one line per size."""
    sizes = [int(float(size)) for size in sys.argv[1:]] or SIZES
    print("      tokens  s to open us per token    MB more")
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "ids"
            rng = np.random.default_rng(0)
            rng.integers(0, 240, size, np.int16).tofile(path)
            environment = {**os.environ, "PYTHONPATH": str(ROOT)}
            command = [sys.executable, "-c", TRAIN, str(path), str(PIECE)]
            subprocess.run(command, env=environment, check=True)


if __name__ == "__main__":
    main()
