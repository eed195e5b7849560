"""Train on Bach's chorales, which music21 has installed, and harmonise a melody.

    python examples/train_bach.py                                     about four minutes
    python examples/train_bach.py --melody "G4 | G4 D5 B4 G4 | A4 B4:2 r | C5 B4 A4:2 | G4:3"
    python examples/train_bach.py --melody tune.mid                   its highest notes

A second run uses the network of the first. Note names may have a duration in quarter notes, which
then holds; r is a rest and | a bar line. `tinylstm harmonise` does the same with any network.
"""

import argparse
import sys
from pathlib import Path

import tinylstm as tl
from tinylstm import music
from tinylstm.music.composing.harmonise import harmonise
from tinylstm.music.composing.melody import melody_from_names, top_line
from tinylstm.music.files import read_music
from tinylstm.music.files.export import write_piece

HYMN = "G4 | G4 D4 E4 F#4 | G4:2 A4:1 B4 | C5 B4 A4 G4 | F#4:2 r:1 G4 | A4 B4 A4 F#4 | G4:3"


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    add = parser.add_argument
    add("--melody", default=HYMN, help="names of notes, or a music file")
    add("--midi", default="music21:bach", help="what to learn from")
    add("--epochs", type=int, help="passes over the chorales (default: the preset's)")
    add("--seed", type=int, default=0, help="same seed, same harmony (default 0)")
    add("--out", type=Path, default=Path("out-bach"), help="folder for all results")
    args = parser.parse_args()
    if Path(args.melody).suffix and " " not in args.melody:
        melody = top_line(read_music(args.melody))
    else:
        melody = melody_from_names(args.melody)

    path, preset = args.out / "model.npz", tl.PRESETS["chorales"]
    if not path.exists():
        tokenizer = music.tokenizer_for(preset)
        corpus = music.load_corpus(args.midi, tokenizer, transpositions=preset.transpositions)
        model = tl.Sequential(preset.layers(len(corpus.tokenizer)), seed=args.seed)
        print(corpus.report, model.summary(), sep="\n")
        music.fit_preset(preset, model, corpus, path, args.epochs, args.seed)

    harmony = harmonise(tl.load_checkpoint(path), melody, seed=args.seed)
    for name in ("harmony.mid", "harmony.musicxml", "harmony.png"):
        print(f"wrote {write_piece(args.out / name, harmony.piece)}")


if __name__ == "__main__":
    try:
        main()
    except (music.EmptyCorpusError, tl.FileError, music.UnreadableFileError, ValueError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("\ninterrupted: the best network so far is kept")
