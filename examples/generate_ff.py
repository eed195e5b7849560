"""Compose a new piece with a network that train_ff.py trained.

python examples/generate_ff.py out/model.npz --seed 7
python examples/generate_ff.py out/model.npz --primer some.mid --temperature 0.8 --out new.mid

`tinylstm compose` does more: lengths in bars, top-p, scores, sound, and a page that plays it.
"""

import argparse
import sys
from pathlib import Path

import tinylstm as tl
from tinylstm import music


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    add = parser.add_argument
    add("checkpoint", type=Path, help="the .npz file that training wrote")
    add("--notes", type=int, default=500, help="how many (default 500)")
    add("--temperature", type=float, help="above 1 is wilder, 0 takes the most likely token")
    add("--seed", type=int, default=0, help="same seed, same piece (default 0)")
    add("--primer", help="a MIDI file to continue")
    add("--out", type=Path, help="the .mid to write (default: song-SEED.mid beside the checkpoint)")
    args = parser.parse_args()

    checkpoint = tl.load_checkpoint(args.checkpoint)
    primer = music.read_midi(args.primer) if args.primer else None
    notes = music.compose_notes(checkpoint, args.notes, args.temperature, args.seed, primer)
    out = args.out or args.checkpoint.with_name(f"song-{args.seed}.mid")
    tempo = primer.tempo if primer else checkpoint.settings.get("tempo", 120)
    music.write_midi(out, notes, tempo)
    tl.plot_roll(notes, out.with_suffix(".png"), f"{len(notes)} notes, seed {args.seed}")
    print(f"{out}: {len(notes)} notes\n{out.with_suffix('.png')}: its piano roll")


if __name__ == "__main__":
    try:
        main()
    except (tl.FileError, music.UnreadableFileError, ValueError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("\ninterrupted: nothing was written")
