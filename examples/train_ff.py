"""Train an LSTM on a folder of MIDI files and let it compose. The main job.

    python examples/train_ff.py                         the pieces in midi_songs/, about two minutes
    python examples/train_ff.py --midi my_songs         your own folder
    python examples/train_ff.py --preset article        the article's network, unchanged (hours)

Ctrl-C at any moment keeps the best network so far. Next: generate_ff.py, which composes again.
"""

import argparse
import sys
from pathlib import Path

import tinylstm as tl
from tinylstm.music import (
    ArticleTokenizer,
    EmptyCorpusError,
    compose_notes,
    load_corpus,
    openings,
    write_midi,
)  # fmt: skip

HERE = Path(__file__).resolve().parent


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--midi", default=HERE.parent / "midi_songs", help="folder with music")
    parser.add_argument("--preset", choices=tl.PRESETS, default="default",
                        help="; ".join(f"{p.name}: {p.why}" for p in tl.PRESETS.values()))  # fmt: skip
    parser.add_argument(
        "--epochs", type=int, help="passes over the music; the preset's if left out"
    )
    parser.add_argument("--seed", type=int, default=0, help="same seed, same result (default 0)")
    parser.add_argument("--notes", type=int, default=500, help="tokens to compose (default 500)")
    parser.add_argument("--temperature", type=float, help="above 1 is wilder, 0 always likeliest")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for all results")
    return parser.parse_args()


def main() -> None:
    args = arguments()
    preset = tl.PRESETS[args.preset]

    # 1. Music: files to notes to tokens, whole pieces held out for validation
    corpus = load_corpus(args.midi, ArticleTokenizer(strict=preset.strict))
    print(corpus.report)
    train, validation, V = corpus.train, corpus.validation, len(corpus.tokenizer)
    baselines = {}
    if validation is not None:
        baselines["unigram"] = tl.unigram_nats(train, validation, V)
        baselines["bigram"] = tl.bigram_nats(train, validation, V)

    # 2. The network
    model = tl.Sequential(preset.layers(V), seed=args.seed)
    print(model.summary())

    # 3. Training; the best weights so far are always on disk
    path = args.out / "model.npz"
    settings = {"preset": preset.name, "temperature": preset.temperature, "window": preset.window,
                "primers": openings(train)}  # fmt: skip
    keep = tl.ModelCheckpoint(path, preset.monitor, settings=settings,
                              tokenizer=corpus.tokenizer.to_config())  # fmt: skip
    callbacks: list[tl.Callback] = [tl.ProgressBar(baselines), keep]
    if preset.schedule:
        callbacks.append(tl.LearningRateScheduler(preset.schedule))
    try:
        tl.fit(
            model,
            preset.data(train, args.seed),
            preset.epochs if args.epochs is None else args.epochs,
            preset.validation(validation) if validation is not None else None,
            preset.optimizer(),
            seed=args.seed,
            callbacks=callbacks,
        )
    except KeyboardInterrupt:
        if not keep.saved:
            sys.exit("\ninterrupted before the first update: there is no network to keep yet")
        print(f"\ninterrupted; the best network so far is in {path}. Compose from it:")
        sys.exit(f"    python {HERE / 'generate_ff.py'} {path}")

    # 4. A new piece, and pictures
    checkpoint = tl.load_checkpoint(path)
    notes = compose_notes(checkpoint, args.notes, args.temperature, args.seed)
    write_midi(args.out / "song.mid", notes)
    tl.plot_roll(notes, args.out / "song.png", f"{args.notes} tokens, seed {args.seed}")
    tl.plot_history(checkpoint.history, args.out / "loss.png", baselines)
    print(f"{path}: the network\n{args.out / 'song.mid'}: the new piece, {len(notes)} notes")
    print(f"{args.out / 'song.png'}: its piano roll\n{args.out / 'loss.png'}: the loss curve")
    print(f"another piece: python {HERE / 'generate_ff.py'} {path} --seed 1")


if __name__ == "__main__":
    try:
        main()
    except (EmptyCorpusError, tl.FileError, tl.DivergedError, ValueError) as error:
        sys.exit(f"error: {error}")
