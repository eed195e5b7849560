"""Train an LSTM on a folder of MIDI files and let it compose: the default training run.

    python examples/train_ff.py                      the pieces in midi_songs/, a few minutes
    python examples/train_ff.py --midi my_songs      your own folder
    python examples/train_ff.py --resume             go on where the last run was stopped
    python examples/train_ff.py --preset article     the 2017 tutorial's network (hours)
    mpiexec -n 4 python examples/train_ff.py         on four processes (docs/scaling.md)

Ctrl-C at any moment keeps the best network so far. Next: generate_ff.py, which composes again.
"""

import argparse
import sys
from pathlib import Path

import tinylstm as tl
from tinylstm import music

HERE = Path(__file__).resolve().parent


def arguments() -> argparse.Namespace:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    add = parser.add_argument
    add("--midi", default=HERE.parent / "midi_songs", help="folder of music, or music21:bach")
    why = "; ".join(f"{preset.name}: {preset.why}" for preset in tl.PRESETS.values())
    add("--preset", choices=tl.PRESETS, default="default", help=why)
    add("--tokenizer", choices=["events", "bars", "article"], help="default: the preset's")
    add("--instruments", choices=["piano", "all"], help="whose notes the events take (piano)")
    add("--epochs", type=int, help="passes over the music (default: the preset's)")
    add("--seed", type=int, default=0, help="same seed, same result (default 0)")
    add("--resume", action="store_true", help="go on from the network in --out, if there is one")
    add("--notes", type=int, default=500, help="notes to compose (default 500)")
    add("--temperature", type=float, help="above 1 is wilder, 0 takes the most likely token")
    add("--shards", type=int, help="parts of a batch; with mpiexec 8, else one per core")
    add("--out", type=Path, default=Path("out"), help="folder for all results (default out)")
    return parser.parse_args()


def train_and_compose(args: argparse.Namespace, path: Path) -> None:
    preset, ranks = tl.PRESETS[args.preset], tl.world()  # None unless mpiexec started several

    # 1. Music: files to notes to tokens; whole pieces are held out for validation
    tokenizer = music.tokenizer_for(preset, args.tokenizer, args.instruments)
    corpus = music.load_corpus(
        args.midi, tokenizer, transpositions=preset.transpositions, communicator=ranks
    )

    # 2. The network
    model = tl.Sequential(preset.layers(len(corpus.tokenizer)), seed=args.seed)
    print(corpus.report, model.summary(), sep="\n")

    # 3. Training; the best weights so far are always on disk
    music.fit_preset(
        preset, model, corpus, path, args.epochs, args.seed, args.resume, args.shards, ranks
    )
    if ranks and ranks.rank:
        return  # the first process does the rest

    # 4. A new piece
    checkpoint = tl.load_checkpoint(path)
    notes = music.compose_notes(checkpoint, args.notes, args.temperature, args.seed)

    # 5. The piece as a file, and pictures
    music.write_midi(args.out / "song.mid", notes, checkpoint.settings["tempo"])
    tl.plot_roll(notes, args.out / "song.png", f"{len(notes)} notes, seed {args.seed}")
    tl.plot_history(checkpoint.history, args.out / "loss.png", checkpoint.settings["baselines"])
    print(f"Wrote to {args.out}: model.npz, the network; song.mid, the new piece;")
    print("song.png, its piano roll; loss.png, the loss curve.")


def main() -> None:
    args = arguments()
    path = args.out / "model.npz"
    compose_again = f"python {HERE / 'generate_ff.py'} {path}"
    try:
        train_and_compose(args, path)
        print(f"Another piece: {compose_again} --seed 1")
    except KeyboardInterrupt:
        if not path.exists():
            sys.exit("\ninterrupted before the first update: no network to keep yet")
        again = " ".join(["python", *sys.argv, *([] if args.resume else ["--resume"])])
        print(f"\ninterrupted; {path} has the best network so far. Compose: {compose_again}")
        sys.exit(f"Go on: {again}")


if __name__ == "__main__":
    try:
        main()
    except (music.EmptyCorpusError, tl.FileError, tl.DivergedError, ValueError) as error:
        sys.exit(f"error: {error}")
