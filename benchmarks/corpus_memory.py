"""Memory as a function of corpus size: up to a hundred thousand simulated files.

    python benchmarks/corpus_memory.py [FILES ...]

The script writes stub MIDI files and puts simulated parsed files into the cache for them, in the
parser's format. A new process then loads each corpus from the cache and reads one epoch of batches,
at most 200. Its peak memory is printed, without memory-mapped pages, which the system can drop.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
SIZES = (1_000, 10_000, 100_000)
LENGTH = 2_000  # tokens per piece

LOAD = """
import sys, threading, time
from pathlib import Path
from tinylstm.data import Streams
from tinylstm.music import load_corpus

def memory():  # MB of the process, without mapped files
    lines = Path("/proc/self/status").read_text().splitlines()
    values = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith("Rss")}
    return int(values["RssAnon"]) / 1024

peak, running = 0.0, True
def watch():
    global peak
    while running:
        peak = max(peak, memory())
        time.sleep(0.02)
threading.Thread(target=watch, daemon=True).start()
start = time.perf_counter()
corpus = load_corpus(sys.argv[1])
built, build_peak = time.perf_counter() - start, peak
files = len(corpus.report.files)
del corpus
start = time.perf_counter()
corpus = load_corpus(sys.argv[1])
opened = time.perf_counter() - start
peak = 0.0
for batches, batch in enumerate(Streams(corpus.train, streams=64, steps=100).epoch(0), 1):
    if batches == 200:
        break
running = False
peak = max(peak, memory())
tokens = corpus.report.tokens
print(f"{files:8} {tokens:12} {4 * tokens / 2**20:9.0f} {built:9.1f} {opened:9.2f}", end=" ")
print(f"{build_peak:11.0f} {peak:11.0f}")
"""


def simulate(count: int, folder: Path) -> None:
    """Write files without music, and put pieces of realistic lengths into the cache for them."""
    from tinylstm.music import EventTokenizer
    from tinylstm.music.corpus.cache import ParsedFiles, file_digest
    from tinylstm.music.corpus.duplicates import SIZE
    from tinylstm.music.corpus.parse import Parsed
    from tinylstm.music.corpus.report import FileReport

    rng, tokenizer = np.random.default_rng(0), EventTokenizer()
    store, notes = ParsedFiles(tokenizer), LENGTH // 3
    folder.mkdir()
    for number in range(count):
        path = folder / f"{number:06}.mid"
        path.write_text(path.name)
        symbols = rng.integers(0, len(tokenizer), rng.poisson(LENGTH), np.int32)
        signature = rng.integers(0, 2**32, SIZE, np.uint32)
        report = FileReport(
            path.name, file_digest(path), notes, notes, tokens=len(symbols), tempo=120.0
        )
        store.put(Parsed(report, symbols, signature))


def main() -> None:
    """Print one line per size."""
    sys.path.insert(0, str(ROOT))
    sizes = [int(size) for size in sys.argv[1:]] or SIZES
    print("   files       tokens   MB disk   s build    s open MB building MB training")
    for count in sizes:
        with tempfile.TemporaryDirectory() as folder:
            os.environ["TINYLSTM_CACHE"] = folder
            songs = Path(folder, "songs")
            start = time.perf_counter()
            simulate(count, songs)
            seconds = time.perf_counter() - start
            environment = {**os.environ, "PYTHONPATH": str(ROOT)}
            subprocess.run([sys.executable, "-c", LOAD, str(songs)], env=environment, check=True)
            print(f"{'':8} (simulated in {seconds:.0f} s)", file=sys.stderr)


if __name__ == "__main__":
    main()
