"""Train an LSTM on a folder of MIDI files and let it compose. The main job.

    python examples/train_ff.py                      the pieces in midi_songs/, a few minutes
    python examples/train_ff.py --midi my_songs      your own folder
    python examples/train_ff.py --resume             go on where the last run was stopped
    python examples/train_ff.py --preset article     the article's network, unchanged (hours)

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
    add("--midi", default=HERE.parent / "midi_songs", help="folder with music")
    why = "; ".join(f"{preset.name}: {preset.why}" for preset in tl.PRESETS.values())
    add("--preset", choices=tl.PRESETS, default="default", help=why)
    add("--tokenizer", choices=["events", "article"], help="the alphabet; the preset's if left out")
    add("--instruments", choices=["piano", "all"], default="piano", help="(events) whose notes")
    add("--epochs", type=int, help="passes over the music; the preset's if left out")
    add("--seed", type=int, default=0, help="same seed, same result (default 0)")
    add("--resume", action="store_true", help="go on from the network in --out, if there is one")
    add("--notes", type=int, default=500, help="notes to compose (default 500)")
    add("--temperature", type=float, help="above 1 is wilder, 0 always likeliest")
    add("--out", type=Path, default=Path("out"), help="folder for all results")
    return parser.parse_args()


def train(args: argparse.Namespace, path: Path) -> None:
    preset = tl.PRESETS[args.preset]

    # 1. Music: files to notes to tokens, whole pieces held out for validation
    tokenizer: music.Tokenizer = music.EventTokenizer(instruments=args.instruments)
    if (args.tokenizer or preset.tokenizer) == "article":
        tokenizer = music.ArticleTokenizer(strict=preset.strict)
    corpus = music.load_corpus(args.midi, tokenizer, transpositions=preset.transpositions)
    train, held_out, V = corpus.train, corpus.validation, len(corpus.tokenizer)
    baselines = {} if held_out is None else tl.baselines(train, held_out, V)

    # 2. The network
    model = tl.Sequential(preset.layers(V), seed=args.seed)
    print(corpus.report, model.summary(), sep="\n")

    # 3. Training; the best weights so far are always on disk, with all it takes to go on
    if path.exists() and not args.resume:
        path.replace(args.out / "previous.npz")  # nothing is lost
    vocabulary, settings = corpus.tokenizer.to_config(), preset.settings()
    settings |= {"baselines": baselines, "tempo": corpus.tempo, "primers": music.openings(train)}
    callbacks = [
        tl.ModelCheckpoint(path, preset.monitor, settings=settings, tokenizer=vocabulary),
        tl.ProgressBar(baselines, corpus.tokens_per_note),
        tl.LearningRateScheduler(preset.schedule),
    ]
    keys = corpus.tokenizer.transpositions(preset.transpositions)
    data, epochs = preset.data(train, args.seed, keys), args.epochs or preset.epochs
    judged = None if held_out is None else preset.validation(held_out)
    resume = path if args.resume and path.exists() else None
    tl.fit(model, data, epochs, judged, preset.optimizer(),
           seed=args.seed, callbacks=callbacks, resume=resume)  # fmt: skip


def main() -> None:
    args = arguments()
    path = args.out / "model.npz"
    compose_again = f"python {HERE / 'generate_ff.py'} {path}"
    try:
        train(args, path)

        # 4. A new piece, and pictures
        checkpoint = tl.load_checkpoint(path)
        notes = music.compose_notes(checkpoint, args.notes, args.temperature, args.seed)
        music.write_midi(args.out / "song.mid", notes, checkpoint.settings["tempo"])
        tl.plot_roll(notes, args.out / "song.png", f"{len(notes)} notes, seed {args.seed}")
        tl.plot_history(checkpoint.history, args.out / "loss.png", checkpoint.settings["baselines"])
        print(f"{path}: the network. In {args.out}: song.mid, the new piece; song.png, its roll;")
        print(f"loss.png, the loss curve. Another piece: {compose_again} --seed 1")
    except KeyboardInterrupt:
        if not path.exists():
            sys.exit("\ninterrupted before the first update: there is no network to keep yet")
        again = " ".join(["python", *sys.argv, *([] if args.resume else ["--resume"])])
        print(f"\ninterrupted; {path} has the best network so far. Compose: {compose_again}")
        sys.exit(f"Go on: {again}")


if __name__ == "__main__":
    try:
        main()
    except (music.EmptyCorpusError, tl.FileError, tl.DivergedError, ValueError) as error:
        sys.exit(f"error: {error}")
