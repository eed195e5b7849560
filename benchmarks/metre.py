"""Bits per note with and without bars in the alphabet: the same net, epochs and split.

    python benchmarks/metre.py midi_songs music21:bach music21:ryansMammoth --epochs 8

Both alphabets encode the same notes exactly, so bits per note can be compared; nats per token
cannot. The notes of the held-out pieces are the same ones.
"""

import argparse
import math
import tempfile
import time
from pathlib import Path

import tinylstm as tl
from tinylstm import music


def measure(midi: str, alphabet: str, preset: str, epochs: int, seed: int) -> dict[str, float]:
    """Train once; returns bits per held-out note, tokens per note, nats per token and seconds."""
    chosen = tl.PRESETS[preset]
    tokenizer = music.tokenizer_for(chosen, alphabet)
    corpus = music.load_corpus(midi, tokenizer, transpositions=chosen.transpositions)
    model = tl.Sequential(chosen.layers(len(tokenizer)), seed=seed)
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.npz"
        history = music.fit_preset(chosen, model, corpus, path, epochs, seed)
    nats = min(row["val_loss"] for row in history)
    bits = nats * corpus.tokens_per_note / math.log(2)
    seconds = time.perf_counter() - begin
    found = {"bits per note": bits, "tokens per note": corpus.tokens_per_note}
    return found | {"nats per token": nats, "seconds": seconds}


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("midi", nargs="+")
    parser.add_argument("--alphabets", nargs="+", default=["events", "bars"])
    parser.add_argument("--preset", choices=tl.PRESETS, default="quick")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    args = parser.parse_args()
    rows = []
    for midi in args.midi:
        for alphabet in args.alphabets:
            for seed in args.seeds:
                found = measure(midi, alphabet, args.preset, args.epochs, seed)
                said = ", ".join(f"{value:.3f} {name}" for name, value in found.items())
                rows.append(f"{midi} {alphabet} seed {seed}: {said}")
                print(rows[-1], flush=True)
    print("\n".join(rows))


if __name__ == "__main__":
    main()
