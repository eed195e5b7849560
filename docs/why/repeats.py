"""Why argmax repeats one note: the 2017 tutorial's kind of net, and one that leaves the plateau."""

import numpy as np
from numpy import ndarray

import tinylstm as tl
from tinylstm import music
from tinylstm.generate import Count, Cycles, generate_columns
from tinylstm.layers import Layer, ScaledInteger
from tinylstm.presets import stacked

from .page import ACCENT, INK, SOFT, SONGS, Table, canvas, keep

UPDATES, EVERY = 1500, 100
TEMPERATURES = (0.0, 0.5, 0.85, 1.0, 1.2)


class Watch(tl.Callback):
    """Every so many updates: the held-out loss, the entropy of the predictions, and how argmax
    composes.
    """

    def __init__(self, held_out: tl.Tokens, window: int | None, unigram: ndarray):
        self.held_out, self.window, self.unigram = held_out, window, unigram
        rng = np.random.default_rng(0)
        at = rng.choice(len(held_out) - 101, 256, replace=False)  # (256,)
        self.x = held_out.ids[at + np.arange(100)[:, None]]  # (100, 256)
        self.next = held_out.ids[at + 100]  # (256,)
        self.rows: list[tuple[float, ...]] = []

    def on_batch_end(self, run, loss):
        if run.step % EVERY == 0 or run.step == 10:
            self.rows.append((run.step, *self.measure(run.model)))

    def measure(self, model: tl.Sequential) -> tuple[float, ...]:
        """Cross-entropy, entropy, distance from the unigram; distinct tokens, longest cycle."""
        logits = model.forward(self.x)[0]
        log_p = log_softmax(logits[-1] if logits.ndim == 3 else logits)  # (256, V)
        p = np.exp(log_p)  # (256, V)
        loss = -log_p[np.arange(len(p)), self.next].mean()
        entropy = -(p * log_p).sum(axis=1).mean()
        apart = (p * (log_p - np.log(self.unigram))).sum(axis=1).mean()
        return (loss, entropy, apart, *habits(self.compose(model, 0.0)))

    def compose(self, model: tl.Sequential, temperature: float) -> ndarray:
        """200 tokens after each of 16 held-out openings, (200, 16)."""
        sampling = tl.Sampling(temperature)
        rules = Count(200)
        found = generate_columns(model, self.x[:, :16], rules, range(16), sampling, self.window)
        return np.stack(found, axis=1)  # (200, 16)


def log_softmax(logits: ndarray) -> ndarray:
    z = logits.astype(float) - logits.max(axis=-1, keepdims=True)  # (N, V)
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))  # (N, V)


def habits(ids: ndarray) -> tuple[float, float]:
    """Of sequences (T, B): the mean number of distinct tokens, and of tokens in the longest passage
    that repeats a cycle of at most 8.
    """
    cycles, longest = Cycles(ids.shape[1]), np.zeros(ids.shape[1])
    for row in ids:
        cycles.add(row)
        repeated = np.where(cycles.lengths >= 2 * np.arange(1, 9), cycles.lengths, 0)  # (B, 8)
        longest = np.maximum(longest, repeated.max(axis=1))
    return float(np.mean([len(set(column)) for column in ids.T])), float(longest.mean())


def nets(train: tl.Tokens, V: int) -> dict[str, tuple]:
    """Name: the layers, the data, the window that is read again for each token, the optimizer."""
    tutorial: list[Layer] = [
        *(ScaledInteger(V), tl.LSTM(128, True), tl.Dropout(0.3), tl.LSTM(128, True)),
        *(tl.Dropout(0.3), tl.LSTM(128), tl.Dense(V)),
    ]
    return {
        "one loss per window, scaled integers": (
            *(tutorial, tl.Windows(train, 64, 100), 100, tl.RMSprop(0.001)),
        ),
        "a loss at every step, embedding": (
            *(stacked(V, 128, 0.3), tl.Streams(train, 32, 50), None, tl.Adam(0.004)),
        ),
    }


def repeats() -> Table:
    """The 2017 tutorial's kind of net, and ours, with the same tokens and the same units."""
    corpus = music.load_corpus(SONGS, music.ArticleTokenizer(), progress=False)
    V, train, held_out = len(corpus.tokenizer), corpus.train, corpus.validation
    counts = np.bincount(train.ids, minlength=V) + 1.0  # (V,)
    rows: Table = [("net", "temperature", "distinct tokens", "longest cycle")]
    curves, cycles = dict[str, ndarray](), dict[str, list[float]]()
    for name, (layers, data, window, optimizer) in nets(train, V).items():
        model, watch = tl.Sequential(layers), Watch(held_out, window, counts / counts.sum())
        tl.fit(model, data, -(-UPDATES // len(data)), None, optimizer, callbacks=[watch])
        curves[name], cycles[name] = np.array(watch.rows), []  # (n, 6)
        print(name, curves[name].round(2), sep="\n")
        for temperature in TEMPERATURES:
            distinct, cycle = habits(watch.compose(model, temperature))
            cycles[name].append(cycle)
            rows.append((name, f"{temperature:g}", f"{distinct:.0f}", f"{cycle:.0f}"))
    begins = range(0, len(held_out) - 200, 300)
    human = habits(np.stack([held_out.ids[a : a + 200] for a in begins], axis=1))
    rows.append(("human, held out", "", f"{human[0]:.0f}", f"{human[1]:.0f}"))
    draw(curves, cycles, human, corpus.baselines())
    return rows


def draw(
    curves: dict[str, ndarray],
    cycles: dict[str, list[float]],
    human: tuple[float, float],
    baselines: dict[str, float],
) -> None:
    """Loss and entropy, distinct tokens, cycles."""
    fig, axes = canvas(1, 3, 12, 3.6)
    for name in ("unigram", "bigram"):
        axes[0].axhline(baselines[name], color=INK, lw=0.8, ls="--")
        axes[0].annotate(name, (UPDATES, baselines[name]), (0, 3), textcoords="offset points",
                         ha="right")  # fmt: skip
    for (name, curve), color in zip(curves.items(), (ACCENT, SOFT), strict=True):
        axes[0].plot(curve[:, 0], curve[:, 1], color=color, label=name)
        axes[0].plot(curve[:, 0], curve[:, 2], color=color, ls=":")
        axes[1].plot(curve[:, 0], curve[:, 4], color=color)
        axes[2].plot(TEMPERATURES, cycles[name], "o-", color=color)
    for ax, value in zip(axes[1:], human, strict=True):
        ax.axhline(value, color=INK, lw=0.8, ls="--")
    axes[0].set(xlabel="updates", ylabel="nats per token", title="loss (dots: entropy)")
    axes[1].set(xlabel="updates", title="distinct tokens in 200, argmax")
    axes[2].set(xlabel="temperature", title="tokens in the longest cycle")
    fig.legend(loc="outside lower center", ncols=2, frameon=False)
    keep(fig, "repeats.png")
