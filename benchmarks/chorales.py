"""Twenty held-out melodies harmonised: faults per 100 chords beside Bach's own.

    python benchmarks/chorales.py out-bach/model.npz

The melodies are sopranos of held-out chorales, those that share least with the sopranos of the
training chorales, in any key: Bach harmonised many tunes more than once. It prints how much that
is. Beside Bach and the net stands chance: below each
note of the melody a chord that a training chorale has below that pitch, drawn freely.
"""

import argparse
import time
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

import tinylstm as tl
from tinylstm import music
from tinylstm.music.composing.harmonise import harmonise
from tinylstm.music.corpus.duplicates import intervals
from tinylstm.music.corpus.find import folder_of
from tinylstm.music.evaluation.voice_leading import Chord, Faults, chords, faults
from tinylstm.music.files import read_music

RUN = 8  # intervals: a melody that shares so many in a row with a training soprano is known


def four_parts(name: str) -> Any:
    """A chorale of four parts of one voice each, or None."""
    piece = read_music(folder_of("music21:bach") / name)
    lines = [[n for n in piece.notes if n.track == track] for track in range(4)]
    tracks = {note.track for note in piece.notes}
    alone = all(a.onset + a.duration <= b.onset + 1e-6 for line in lines for a, b in pairwise(line))
    return piece if tracks == {0, 1, 2, 3} and alone and all(lines) else None


def soprano(piece: Any) -> Any:
    notes = tuple(note for note in piece.notes if note.track == 0)
    rest = piece.tempos, piece.time_signatures, piece.keys
    return music.Piece(piece.name, notes, len(notes), *rest, bars=piece.bars)


def runs(melody: Any) -> set[tuple[int, ...]]:
    steps = intervals(melody.notes).tolist()
    return {tuple(steps[i : i + RUN]) for i in range(len(steps) - RUN + 1)}


def melodies(corpus: music.Corpus, count: int) -> tuple[list[Any], list[Any]]:
    """Held-out chorales whose melody is new, the newest first, and all training chorales."""
    known = [piece for name in corpus.train_pieces if (piece := four_parts(name))]
    heard = set().union(*(runs(soprano(piece)) for piece in known))
    held_out = [piece for name in corpus.validation_pieces if (piece := four_parts(name))]
    share = {
        p.name: len(runs(soprano(p)) & heard) / max(len(runs(soprano(p))), 1) for p in held_out
    }
    chosen = sorted(held_out, key=lambda piece: share[piece.name])[:count]
    mean, most = np.mean([share[p.name] for p in chosen]), share[chosen[-1].name]
    print(f"{len(held_out)} held-out chorales; of the runs of {RUN} intervals in the melodies "
          f"chosen, training sopranos have {mean:.2f}, of one at most {most:.2f}")  # fmt: skip
    return chosen, known


def chance(melody: Any, chorals: list[Any], rng: np.random.Generator) -> list[Chord]:
    """Chords below the melody drawn from those that training chorales have below that pitch."""
    below = defaultdict(list)
    for piece in chorals:
        for chord in chords(piece.notes):
            if None not in chord:
                below[chord[0]].append(chord)
    return [
        below[n.pitch][rng.integers(len(below[n.pitch]))] for n in melody.notes if below[n.pitch]
    ]


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--pieces", type=int, default=20)
    parser.add_argument("--candidates", type=int, nargs="+", default=[64])
    args = parser.parse_args()
    checkpoint = tl.load_checkpoint(args.checkpoint)
    tokenizer = music.tokenizer_from_config(checkpoint.tokenizer or {})
    corpus = music.load_corpus("music21:bach", tokenizer, transpositions=range(-5, 7))
    chosen, known = melodies(corpus, args.pieces)
    rng = np.random.default_rng(0)
    rows = {
        "Bach": [faults(chords(piece.notes)) for piece in chosen],
        "chords drawn freely": [faults(chance(soprano(p), known, rng)) for p in chosen],
    }
    for candidates in args.candidates:
        for resample in (False, True):
            name = f"the net, {candidates} candidates, {'drawn anew' if resample else 'best of'}"
            begin, scores = time.perf_counter(), []
            rows[name] = []
            for piece in chosen:
                found = harmonise(checkpoint, soprano(piece), 4, candidates, 0, None, resample)
                rows[name].append(faults(chords(found.piece.notes)))
                scores.append(found.score)
            seconds = (time.perf_counter() - begin) / len(chosen)
            print(f"{name}: {np.mean(scores):.2f} nats per note, {seconds:.1f} s each", flush=True)
    kinds = list(Faults().per_hundred())
    print(f"\n| per 100 chords | chords | {' | '.join(kinds)} |\n|---|---|{'---|' * len(kinds)}")
    for name, counts in rows.items():
        total = Faults()
        for count in counts:
            total = total.plus(count)
        figures = " | ".join(f"{value:.1f}" for value in total.per_hundred().values())
        print(f"| {name} | {total.chords} | {figures} |")


if __name__ == "__main__":
    main()
