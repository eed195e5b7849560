"""Held-out cross-entropy after 15 seconds to 10 minutes of training, for several settings.

    python benchmarks/recipes.py --midi FOLDER                 all, with the article tokenizer
    python benchmarks/recipes.py --midi midi_songs --tokenizer events      with the presets' own
    python benchmarks/recipes.py --midi FOLDER --recipes long --resume     resume stopped runs

Every tenth piece of the sorted folder (index 3, 13, 23, ...) is held out, whole. Targets that occur
in no training piece are ignored. The time is that of training alone, without validation.
The 2017 tutorial's settings (`article`) are validated every 16 batches, on 2,048 windows of the
same pieces. Unlike in the default training run, near-duplicates may be on both sides of the split,
which makes it easy to reproduce.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray

import tinylstm as tl
from tinylstm.layers import TiedDense
from tinylstm.music import ArticleTokenizer, EventTokenizer, Tokenizer
from tinylstm.music.corpus.corpus import find_files
from tinylstm.music.corpus.parse import parse_files

MARKS = (15, 60, 120, 180, 300, 600)  # seconds


@dataclass(frozen=True)
class Recipe:
    """One row of the table: Embedding, two LSTM layers with dropout, logits; Adam, cosine schedule.

    tied: the logits use the embedding's table, after a Dense layer if the widths differ.
    ema: the momentum of the weights' moving averages, if any.
    """

    units: int
    epochs: int
    dropout: float = 0.5
    embedding: int = 128
    input_dropout: float = 0.2
    rate: float = 0.003
    streams: int = 16
    steps: int = 64
    tied: bool = False
    ema: float | None = None


RECIPES = {
    "plain": Recipe(384, 40, 0.6, input_dropout=0.3),
    "averaged": Recipe(384, 40, 0.6, input_dropout=0.3, ema=0.998),
    "tied": Recipe(384, 40, 0.6, 256, 0.3, tied=True, ema=0.998),
    "long": Recipe(384, 150, 0.6, 256, 0.3, tied=True, ema=0.998),
}
EVENTS = {
    "small": Recipe(256, 20, 0.4, streams=32, steps=50),
    "small-averaged": Recipe(256, 20, 0.4, streams=32, steps=50, ema=0.995),
    "small-tied": Recipe(256, 20, 0.4, 256, 0.2, 0.004, 32, 50, tied=True, ema=0.995),
}


@dataclass
class Corpus:
    """Training and validation tokens, and the transposition tables."""

    train: tl.Tokens
    held_out: tl.Tokens
    keys: ndarray  # (S, V)
    tokens_per_note: float


def load(folder: Path, tokenizer: Tokenizer) -> Corpus:
    """Parse, split and tokenize a folder."""
    files = find_files(folder)
    found = dict(parse_files(files, tokenizer, 2, 60.0))
    parsed = [found[file] for file in files if found[file].report.skipped is None]
    train = [p.symbols for i, p in enumerate(parsed) if i % 10 != 3]
    judged = [p.symbols for i, p in enumerate(parsed) if i % 10 == 3]
    tokenizer.train(train, range(-5, 7))
    ids = np.concatenate([tokenizer.ids(symbols) for symbols in train])
    marked = np.concatenate([tokenizer.ids(symbols, "mark") for symbols in judged])
    targets = np.where(np.isin(marked, ids), marked, -1)
    held_out = np.concatenate([tokenizer.ids(symbols) for symbols in judged])
    notes = sum(p.report.notes_kept for i, p in enumerate(parsed) if i % 10 == 3)
    return Corpus(
        tl.Tokens(ids, starts(train)),
        tl.Tokens(held_out, starts(judged), targets),
        tokenizer.transpositions(range(-5, 7)),
        len(held_out) / notes,
    )


def starts(pieces: list[ndarray]) -> ndarray:
    """The index where each piece begins in the concatenated pieces."""
    return np.cumsum([0, *map(len, pieces)])[:-1]


class Portions:
    """Splits the long epochs of some data into short ones of a few batches."""

    def __init__(self, data: tl.Windows, batches: int):
        self.data, self.batches = data, batches

    def __len__(self) -> int:
        return self.batches

    def epoch(self, epoch: int) -> Iterator[tl.Batch]:
        whole, first = divmod(epoch * self.batches, len(self.data))
        return islice(self.data.epoch(whole), first, first + self.batches)


def ours(r: Recipe, corpus: Corpus, seed: int) -> dict[str, Any]:
    """The arguments of `fit` for one recipe."""
    V = corpus.keys.shape[1]
    table = tl.Embedding(V, r.embedding)
    layers: list[tl.Layer] = [table, tl.Dropout(r.input_dropout)]
    for _ in range(2):
        layers += [tl.LSTM(r.units, return_sequences=True), tl.Dropout(r.dropout)]
    if r.tied and r.units != r.embedding:
        layers.append(tl.Dense(r.embedding))
    layers.append(TiedDense(table) if r.tied else tl.Dense(V))
    return {
        "model": tl.Sequential(layers, seed=seed),
        "data": tl.Streams(corpus.train, r.streams, r.steps, seed, variants=corpus.keys),
        "validation": tl.Streams(corpus.held_out, 8, 100, shuffle=False, whole_pieces=True),
        "optimizer": tl.Adam(r.rate, ema_momentum=r.ema),
        "epochs": r.epochs,
        "callbacks": [tl.LearningRateScheduler(tl.cosine(r.rate, warmup=min(0.02, 1 / r.epochs)))],
    }


def articles(corpus: Corpus, seed: int) -> dict[str, Any]:
    """The same for the 2017 tutorial's preset, validated every few batches, up to the last mark."""
    preset = tl.PRESETS["article"]
    return {
        "model": tl.Sequential(preset.layers(corpus.keys.shape[1]), seed=seed),
        "data": Portions(tl.Windows(corpus.train, 64, 100, seed), 16),
        "validation": Portions(tl.Windows(corpus.held_out, 256, 100, seed), 8),
        "optimizer": preset.optimizer(),
        "epochs": 1000,
        "callbacks": [tl.TimeLimit(MARKS[-1])],
    }


def train(name: str, corpus: Corpus, out: Path, resume: bool, seed: int) -> tl.History:
    """Train one recipe; returns its history."""
    path = out / f"{name}-{seed}.npz"
    recipes = RECIPES | EVENTS
    told = articles(corpus, seed) if name == "article" else ours(recipes[name], corpus, seed)
    counted = tl.baselines(corpus.train, corpus.held_out, corpus.keys.shape[1])
    told["callbacks"] += [
        tl.ModelCheckpoint(path, every=20),
        tl.ProgressBar(counted, corpus.tokens_per_note),
        tl.CSVLogger(path.with_suffix(".csv")),
    ]
    return tl.fit(**told, seed=seed, resume=path if resume and path.exists() else None)


def table_row(history: tl.History) -> str:
    """The validation loss after the last epoch before each mark, then the best one."""
    seconds = np.cumsum([entry["seconds"] for entry in history])
    cells = []
    for mark in MARKS:
        done = int((seconds <= mark).sum())
        cells.append(f"{history[done - 1]['val_loss']:6.3f}" if done else "     -")
    best = min(history, key=lambda entry: entry["val_loss"])
    end = f"{best['val_loss']:6.3f} at {seconds[int(best['epoch']) - 1]:.0f} s"
    return "  ".join([*cells, end])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--midi", type=Path, required=True)
    parser.add_argument("--tokenizer", choices=["article", "events"], default="article")
    known = [*RECIPES, "article", *EVENTS]
    parser.add_argument("--recipes", nargs="+", choices=known, help="default: the tokenizer's")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("out/recipes"))
    args = parser.parse_args()
    events = args.tokenizer == "events"
    tokenizer = EventTokenizer() if events else ArticleTokenizer()
    corpus = load(args.midi, tokenizer)
    V = corpus.keys.shape[1]
    print(f"{len(corpus.train)} training tokens, {len(corpus.held_out)} held out, {V} classes")
    rows = {}
    for name in args.recipes or (EVENTS if events else [*RECIPES, "article"]):
        rows[name] = table_row(train(name, corpus, args.out, args.resume, args.seed))
    print("nats per token after" + "  ".join(f"{mark:>4} s" for mark in MARKS) + "    best")
    for name, row in rows.items():
        print(f"{name:>18}  {row}")


if __name__ == "__main__":
    main()
