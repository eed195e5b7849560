"""What recall is worth on held-out pieces, in nats per pitch.

    python benchmarks/recall.py out/model.npz

For each note of the held-out pieces, given that a pitch comes: what the net says, and what it says
after `composing/recall.py` has mixed in what followed the piece's last intervals before.
"""

import argparse
from pathlib import Path

import numpy as np

import tinylstm as tl
from tinylstm import music
from tinylstm.music.composing.recall import Recall
from tinylstm.music.tokenizers.grammar import Kind


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--midi", default=Path(__file__).resolve().parents[1] / "midi_songs")
    parser.add_argument("--strength", type=float, nargs="+", default=[0.0, 0.4, 0.8, 1.0])
    args = parser.parse_args()
    checkpoint = tl.load_checkpoint(args.checkpoint)
    tokenizer = music.tokenizer_from_config(checkpoint.tokenizer or {})
    if tokenizer.grammar is None:
        parser.error(f"{args.checkpoint} was trained without a grammar: its tokens have no pitches")
    keys = tl.PRESETS["default"].transpositions
    held_out = music.load_corpus(args.midi, tokenizer, transpositions=keys).validation
    if held_out is None:
        parser.error(f"{args.midi} has too few pieces to hold some out")
    pitch = tokenizer.grammar.values(Kind.PITCH, other=-1)  # (V,)
    tones = np.flatnonzero(pitch >= 0)  # (128,) ids
    nats: dict[float, list[float]] = {strength: [] for strength in args.strength}
    for begin, end in zip(held_out.starts, held_out.ends, strict=True):
        ids, recall = held_out.ids[begin:end], Recall()
        logits = checkpoint.model.forward(ids[:-1, None])[0][:, 0].astype(float)  # (T - 1, V)
        for now in np.flatnonzero(pitch[ids[1:]] >= 0):
            p = np.exp(logits[now, tones] - logits[now, tones].max())  # (128,)
            heard = int(pitch[ids[now + 1]])
            for strength in args.strength:
                nats[strength].append(-np.log(recall.mixed(p / p.sum(), strength)[heard]))
            recall.add(heard)
    for strength, values in nats.items():
        print(
            f"strength {strength}: {np.mean(values):.3f} nats per pitch ({len(values):,} pitches)"
        )


if __name__ == "__main__":
    main()
