"""The training loop in six lines, with nothing hidden: what `fit` does, on a text.

    python examples/custom_loop.py                    half a minute
    python examples/custom_loop.py --units 128 --epochs 8

Forward, loss, backward, clip, update; and the state, carried from one batch to the next. Then `fit`
trains the same network on the same batches, and the weights are compared. Write your own loop when
you want another order of things: two losses, a schedule of your own, gradients that you look at.
Next: look_inside.py.
"""

import argparse
from pathlib import Path

import numpy as np

import tinylstm as tl

TEXT = Path(__file__).parent / "data/two_plays.txt"


def network(V: int, units: int, seed: int) -> tl.Sequential:
    layers = [tl.Embedding(V, 32), tl.LSTM(units, return_sequences=True), tl.Dense(V)]
    return tl.Sequential(layers, seed=seed)


def train(model: tl.Sequential, data: tl.Streams, epochs: int, rate: float) -> list[float]:
    """Train the model in place; returns the mean loss of each epoch, in nats per character."""
    loss, optimizer, means = tl.CategoricalCrossentropy(), tl.Adam(rate), []
    for epoch in range(epochs):
        states, total, count = model.initial_states(data.streams), 0.0, 0
        for batch in data.epoch(epoch):
            logits, states, caches = model.forward(batch.x, states)  # (T, B, V); states go on
            value, cache = loss.forward(logits, batch.targets)
            grads = model.zero_grads()
            model.backward(loss.backward(cache), caches, grads)  # at most T steps back
            tl.clip_by_global_norm(grads, 5.0)
            optimizer.update(model.params, grads)
            total, count = total + float(value) * batch.tokens, count + batch.tokens
        means.append(total / count)
        print(f"epoch {epoch + 1}  {means[-1]:.4f} nats per character", flush=True)
    return means


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    add = parser.add_argument
    add("--text", type=Path, default=TEXT)
    add("--letters", type=int, default=100_000, help="how many to read (default 100,000)")
    add("--units", type=int, default=64)
    add("--epochs", type=int, default=4)
    add("--rate", type=float, default=0.01, help="learning rate (default 0.01)")
    add("--seed", type=int, default=0)
    args = parser.parse_args()

    text = args.text.read_text("utf-8")[: args.letters]
    letters, ids = np.unique(list(text), return_inverse=True)  # (V,), (N,)
    data = tl.Streams(tl.Tokens(ids), streams=16, steps=50, seed=args.seed)

    mine = network(len(letters), args.units, args.seed)
    means = train(mine, data, args.epochs, args.rate)

    fitted = network(len(letters), args.units, args.seed)
    history = tl.fit(fitted, data, args.epochs, optimizer=tl.Adam(args.rate), threads=1)
    far = max(np.abs(mine.params[path] - fitted.params[path]).max() for path in mine.params)
    print("fit:    ", " ".join(f"{entry['loss']:.4f}" for entry in history))
    print("by hand:", " ".join(f"{value:.4f}" for value in means))
    print(f"largest difference between the two networks' weights: {far:.1e}\n")
    print("".join(letters[tl.generate(mine, ids[:20], 300, tl.Sampling(0.7), args.seed)]))


if __name__ == "__main__":
    main()
