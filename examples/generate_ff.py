"""Compose a new piece with a network that train_ff.py has trained.

python examples/generate_ff.py out/model.npz --seed 7
python examples/generate_ff.py out/model.npz --primer some.mid --temperature 0.8 --out new.mid
"""

import argparse
import sys
from pathlib import Path

import tinylstm as tl
from tinylstm.music import UnreadableFileError, compose_notes, read_midi, write_midi


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", help="the .npz file that training wrote")
    parser.add_argument("--notes", type=int, default=500, help="how many (default 500)")
    parser.add_argument("--temperature", type=float, help="above 1 is wilder, 0 always likeliest")
    parser.add_argument("--seed", type=int, default=0, help="same seed, same piece (default 0)")
    parser.add_argument("--primer", help="a MIDI file to continue; its last 100 tokens are read")
    parser.add_argument(
        "--out", type=Path, help="the .mid to write (default: song-SEED.mid beside)"
    )
    args = parser.parse_args()

    checkpoint = tl.load_checkpoint(args.checkpoint)
    primer = read_midi(args.primer) if args.primer else None
    notes = compose_notes(checkpoint, args.notes, args.temperature, args.seed, primer)
    out = args.out or Path(args.checkpoint).with_name(f"song-{args.seed}.mid")
    write_midi(out, notes)
    tl.plot_roll(notes, out.with_suffix(".png"), f"{args.notes} tokens, seed {args.seed}")
    print(f"{out}: {len(notes)} notes\n{out.with_suffix('.png')}: its piano roll")


if __name__ == "__main__":
    try:
        main()
    except (tl.FileError, UnreadableFileError, ValueError) as error:
        sys.exit(f"error: {error}")
