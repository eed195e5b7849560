"""Classify sequences of different lengths: which of eight languages is a word from?

    python examples/classify.py                             half a minute
    python examples/classify.py --words gleich amigo freedom quelque --layer GRU

`fit`, `evaluate` and `predict` take a list of arrays, pad them and mask the padding. A fifth of the
words is held out. Two baselines: the language with most words; and a bag of letters, which knows
how often each letter occurs in a word, but not in which order. Next: custom_layer.py.
"""

import argparse
from pathlib import Path

import numpy as np

import tinylstm as tl
from tinylstm import plots

WORDS = Path(__file__).parent / "data/words.txt"
LAYERS = {"LSTM": tl.LSTM, "GRU": tl.GRU, "SimpleRNN": tl.SimpleRNN}


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    add = parser.add_argument
    add("--data", type=Path, default=WORDS, help="a line `class: word word ...`")
    add("--words", nargs="+", default=["freedom", "wunderbar", "mariposa", "lagom", "gezellig"])
    add("--layer", choices=LAYERS, default="LSTM", help="what reads the letters (default LSTM)")
    add("--epochs", type=int, default=15)
    add("--seed", type=int, default=0)
    add("--out", type=Path, default=Path("out/classify.png"))
    args = parser.parse_args()

    lines = [line.split(":") for line in args.data.read_text("utf-8").splitlines()]
    names = [name for name, _ in lines]
    pairs = [(word, k) for k, (_, line) in enumerate(lines) for word in line.split()]
    alphabet = sorted({letter for word, _ in pairs for letter in word})
    V, K = len(alphabet), len(names)

    def ids(word: str) -> np.ndarray:  # (T,), of the word's own length
        return np.array([alphabet.index(letter) for letter in word.lower() if letter in alphabet])

    order = np.random.default_rng(0).permutation(len(pairs))
    x, y = [ids(pairs[i][0]) for i in order], np.array([pairs[i][1] for i in order])
    cut = len(x) * 4 // 5
    print(f"{len(x)} words of {min(map(len, x))} to {max(map(len, x))} letters, {K} languages")
    print(f"  most words: {(y[cut:] == np.bincount(y[:cut]).argmax()).mean():.1%} right")

    bags = np.array([[np.bincount(word, minlength=V)] for word in x], float)  # (N, 1, V): one step
    model = tl.Sequential([tl.Dense(K)], input_size=V, seed=args.seed)
    tl.fit(model, (bags[:cut], y[:cut, None]), 2 * args.epochs, optimizer=tl.Adam(0.01))
    found = model.evaluate(bags[cut:], y[cut:, None], metrics=["accuracy"])
    print(f"  bag of letters: {found['accuracy']:.1%} right")

    layers = [tl.Embedding(V, 32), tl.Dropout(0.2), LAYERS[args.layer](64),
              tl.Dropout(0.3), tl.Dense(K)]  # fmt: skip
    model = tl.Sequential(layers, seed=args.seed)
    tl.fit(model, (x[:cut], y[:cut]), args.epochs, optimizer=tl.Adam(0.005), seed=args.seed,
           callbacks=[tl.LearningRateScheduler(tl.cosine(0.005))])  # fmt: skip
    found = model.evaluate(x[cut:], y[cut:], metrics=["accuracy"])
    print(f"  {args.layer}: {found['accuracy']:.1%} right")
    for word in args.words:
        logits = model.predict([ids(word)])  # (1, K)
        p = tl.Sampling().probabilities(logits)[0]  # (K,)
        print(f"{word:>14}: " + ", ".join(f"{names[k]} {p[k]:.0%}" for k in (-p).argsort()[:3]))

    confusion = np.zeros((K, K), int)  # (K, K) a row for each true language
    np.add.at(confusion, (y[cut:], model.predict(x[cut:]).argmax(axis=-1)), 1)
    fig, axes = plots.figure(6, 5)
    axes.imshow(confusion, cmap="Greys")
    axes.set(xlabel="the network says", ylabel="it is", yticks=range(K), yticklabels=names)
    axes.set_xticks(range(K), names, rotation=60)
    plots.save(fig, args.out)
    print(f"{args.out}: which are taken for which")


if __name__ == "__main__":
    main()
