"""Memory against the size of the corpus: a hundred thousand simulated files, and fewer.

    python benchmarks/corpus_memory.py [FILES ...]

Parsed files are put into the cache as the parser would put them; then each size is built and one
epoch of batches is drawn from it in a new process, whose peak memory is printed. What the system
maps from disk and can drop at any time is not counted where the system tells them apart.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
SIZES = (1_000, 10_000, 100_000)
LENGTH = 2_000  # tokens a piece

BUILD = """
import sys, time
from pathlib import Path
import tinylstm.music.corpus.corpus as corpus
from tinylstm.data import Streams
from tinylstm.music import EventTokenizer
from tinylstm.music.corpus.building import Place, build
from tinylstm.music.corpus.cache import Store

def memory():  # kB that are the process's own
    lines = Path("/proc/self/status").read_text().splitlines()
    values = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith("Rss")}
    return int(values["RssAnon"]) / 1024

import threading
peak, running = 0.0, True
def watch():
    global peak
    while running:
        peak = max(peak, memory())
        time.sleep(0.02)
threading.Thread(target=watch, daemon=True).start()
start = time.perf_counter()
files = [tuple(line.split()) for line in Path(sys.argv[1]).read_text().splitlines()]
place = Place(Path(sys.argv[1]).parent / "corpus", "key")
with Store() as store:
    build(place, store, files, EventTokenizer(), 0.1, range(1))
built, build_peak, peak = time.perf_counter() - start, peak, 0.0
loaded = corpus._open(place)
batches = 0
for batch in Streams(loaded.train, streams=64, steps=100).epoch(0):
    batches += 1
    if batches == 200:
        break
running = False
peak = max(peak, memory())
tokens = len(loaded.train) + len(loaded.validation)
print(f"{len(files):8} {tokens:12} {4 * tokens / 2**20:9.0f} {built:9.1f}", end=" ")
print(f"{build_peak:11.0f} {peak:11.0f}")
"""


def simulate(count: int, folder: Path) -> Path:
    """Fill the cache with pieces of plausible lengths; a list of their names and digests."""
    from tinylstm.music import EventTokenizer
    from tinylstm.music.corpus.cache import Parsed, Store
    from tinylstm.music.corpus.duplicates import SIZE

    rng, tokenizer = np.random.default_rng(0), EventTokenizer()
    names = []
    with Store(folder) as store:
        for number in range(count):
            digest = hashlib.sha256(str(number).encode()).hexdigest()
            symbols = rng.integers(0, len(tokenizer), rng.poisson(LENGTH), np.int32)
            signature = rng.integers(0, 2**32, SIZE, np.uint32)
            parsed = Parsed(symbols, signature, notes_in_file=LENGTH // 3, notes_kept=LENGTH // 3)
            store.put(digest, tokenizer.symbol_key, parsed)
            names.append(f"{number:06}.mid {digest}")
    listing = folder / "files"
    listing.write_text("\n".join(names))
    return listing


def main() -> None:
    """One line for each size."""
    sys.path.insert(0, str(ROOT))
    sizes = [int(size) for size in sys.argv[1:]] or SIZES
    print("   files       tokens  MB disk   s build  MB building  MB training")
    for count in sizes:
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            listing = simulate(count, Path(folder))
            seconds = time.perf_counter() - start
            environment = {**os.environ, "TINYLSTM_CACHE": folder, "PYTHONPATH": str(ROOT)}
            command = [sys.executable, "-c", BUILD, str(listing)]
            subprocess.run(command, env=environment, check=True)
            print(f"{'':8} (simulated in {seconds:.0f} s)", file=sys.stderr)


if __name__ == "__main__":
    main()
