"""A character model: train an LSTM on a text, and watch it learn to write.

    python examples/char_model.py                       two plays of Shakespeare, a few minutes
    python examples/char_model.py --text my_book.txt    a text of your own, UTF-8, 100 KB or more
    python examples/char_model.py --temperature 0.6     safer words

The last tenth of the text is held out. Bits per character are measured there, beside those of a
5-gram, which counts what followed the last four characters. Next: look_inside.py.
"""

import argparse
from pathlib import Path

import numpy as np

import tinylstm as tl

TEXT = Path(__file__).parent / "data/two_plays.txt"


class Samples(tl.Callback):
    """Prints bits per character after each epoch, and now and then what the network writes."""

    def __init__(self, letters: np.ndarray, primer: np.ndarray, sampling: tl.Sampling):
        self.letters, self.primer, self.sampling = letters, primer, sampling

    def write(self, model: tl.Sequential, n: int) -> str:
        following = tl.generate(model, self.primer, n, self.sampling, seed=1)
        return "".join(self.letters[np.append(self.primer, following)])

    def on_epoch_end(self, run: tl.Run) -> None:
        seen, held_out = (run.history[-1][k] / np.log(2) for k in ("loss", "val_loss"))
        n, pace = len(run.history), run.history[-1]["tokens_per_second"]
        print(f"epoch {n:2}  {pace:,.0f} characters/s  bits per character: "
              f"training {seen:.3f}, held out {held_out:.3f}", flush=True)  # fmt: skip
        if n & (n - 1) == 0:  # 1, 2, 4, 8, ...
            with run.averaged():
                print("    " + self.write(run.model, 160).replace("\n", "\n    "), flush=True)


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    add = parser.add_argument
    add("--text", type=Path, default=TEXT, help="what to learn (default: %(default)s)")
    add("--units", type=int, default=256, help="of the LSTM (default 256)")
    add("--dropout", type=float, default=0.5, help="lower it for a long text (default 0.5)")
    add("--epochs", type=int, default=20, help="passes over the text (default 20)")
    add("--rate", type=float, default=0.004, help="the highest learning rate (default 0.004)")
    add("--temperature", type=float, default=0.8, help="of the samples; 0: always the likeliest")
    add("--seed", type=int, default=0, help="same seed, same result (default 0)")
    add("--out", type=Path, default=Path("out/char_model.npz"), help="where to save the network")
    args = parser.parse_args()

    letters, ids = np.unique(list(args.text.read_text("utf-8")), return_inverse=True)  # (V,), (N,)
    cut, V = len(ids) * 9 // 10, len(letters)
    text, held_out = tl.Tokens(ids[:cut]), tl.Tokens(ids[cut:])
    bits = tl.ngram_nats(text, held_out, V, order=5) / np.log(2)
    print(f"{len(ids):,} characters, {V} different; 5-gram {bits:.3f} bits per character")

    lstm = tl.LSTM(args.units, return_sequences=True)
    layers = [tl.Embedding(V, 64), lstm, tl.Dropout(args.dropout), tl.Dense(V)]
    model = tl.Sequential(layers, seed=args.seed)
    samples = Samples(letters, ids[:20], tl.Sampling(args.temperature))
    schedule = tl.LearningRateScheduler(tl.cosine(args.rate))
    data = tl.Streams(text, streams=32, steps=64, seed=args.seed)
    judged = tl.Streams(held_out, streams=1, steps=256, shuffle=False)
    history = tl.fit(model, data, args.epochs, judged,
                     tl.Adam(args.rate, ema_momentum=0.99), seed=args.seed,
                     callbacks=[samples, schedule])  # fmt: skip

    tl.save_checkpoint(args.out, model, history=history, settings={"letters": "".join(letters)})
    print(f"\n{samples.write(model, 600)}\n")
    print(f"5-gram {bits:.3f} bits per character; {args.out}: the network")


if __name__ == "__main__":
    main()
