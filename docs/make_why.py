"""Measures why.md: trains the nets, draws the pictures, and writes the tables of the page.

    python docs/make_why.py                      all four parts, about twenty minutes on two cores
    python docs/make_why.py gradients            one of: repeats gradients copies connections

Each part is a function below; what it returns is a table, and replaces the one in why.md that
stands between the part's two comment lines. The text around the tables is written by hand.
"""

import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy import ndarray

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

import tinylstm as tl  # noqa: E402
from tinylstm import music, plots  # noqa: E402
from tinylstm.generate import Count, Cycles, generate_columns  # noqa: E402
from tinylstm.layers import Layer, ScaledInteger, SimpleRNN  # noqa: E402
from tinylstm.music.composing import Take  # noqa: E402
from tinylstm.music.evaluation.copies import KnownPieces, Passage  # noqa: E402
from tinylstm.presets import stacked  # noqa: E402

SONGS = HERE.parent / "midi_songs"
INK, ACCENT, SOFT = plots.INK, plots.ACCENT, plots.SOFT
Table = list[tuple[str, ...]]


# ------------------------------------------------------------------ why argmax repeats one note
UPDATES, EVERY = 1500, 100


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


def repeats() -> Table:
    """The 2017 tutorial's kind of net, and ours, with the same tokens and the same units."""
    corpus = music.load_corpus(SONGS, music.ArticleTokenizer(), progress=False)
    V, train, held_out = len(corpus.tokenizer), corpus.train, corpus.validation
    counts = np.bincount(train.ids, minlength=V) + 1.0  # (V,)
    unigram = counts / counts.sum()
    lstm: list[Layer] = [tl.LSTM(128, True), tl.Dropout(0.3), tl.LSTM(128)]
    nets: dict[str, tuple] = {
        "one loss per window, scaled integers": (
            [ScaledInteger(V), tl.LSTM(128, True), tl.Dropout(0.3), *lstm, tl.Dense(V)],
            tl.Windows(train, 64, 100), 100, tl.RMSprop(0.001), ACCENT,
        ),
        "a loss at every step, embedding": (
            stacked(V, 128, 0.3), tl.Streams(train, 32, 50), None, tl.Adam(0.004), SOFT
        ),
    }  # fmt: skip
    beaten, fig, axes = corpus.baselines(), *canvas(1, 3, 12, 3.6)
    for name, nats in list(beaten.items())[:2]:
        axes[0].axhline(nats, color=INK, lw=0.8, ls="--")
        axes[0].annotate(name, (UPDATES, nats), (0, 3), textcoords="offset points", ha="right")
    rows: Table = [("net", "temperature", "distinct tokens", "longest cycle")]
    for name, (layers, data, window, optimizer, color) in nets.items():
        model, watch = tl.Sequential(layers), Watch(held_out, window, unigram)
        epochs = -(-UPDATES // len(data))
        tl.fit(model, data, epochs, None, optimizer, callbacks=[watch])
        table = np.array(watch.rows)  # (n, 6)
        axes[0].plot(table[:, 0], table[:, 1], color=color, label=name)
        axes[0].plot(table[:, 0], table[:, 2], color=color, ls=":")
        axes[1].plot(table[:, 0], table[:, 4], color=color)
        print(name, table.round(2), sep="\n")
        for temperature in (0.0, 0.5, 0.85, 1.0, 1.2):
            distinct, cycle = habits(watch.compose(model, temperature))
            rows.append((name, f"{temperature:g}", f"{distinct:.0f}", f"{cycle:.0f}"))
        lengths = [float(row[3]) for row in rows[-5:]]
        axes[2].plot([0, 0.5, 0.85, 1, 1.2], lengths, "o-", color=color)
    human = np.stack([held_out.ids[a : a + 200] for a in range(0, len(held_out) - 200, 300)], axis=1)
    distinct, cycle = habits(human)
    axes[1].axhline(distinct, color=INK, lw=0.8, ls="--")
    axes[2].axhline(cycle, color=INK, lw=0.8, ls="--")
    rows.append(("human, held out", "", f"{distinct:.0f}", f"{cycle:.0f}"))
    axes[0].set(xlabel="updates", ylabel="nats per token", title="loss (dots: entropy)")
    axes[1].set(xlabel="updates", title="distinct tokens in 200, argmax")
    axes[2].set(xlabel="temperature", title="tokens in the longest cycle")
    fig.legend(loc="outside lower center", ncols=2, frameon=False)
    keep(fig, "why-repeats.png")
    return rows


# ----------------------------------------------------------- vanishing and exploding gradients
def recurrent_nets(units: int) -> dict[str, tuple[Callable[[], Layer], float, str, str]]:
    """Name: the layer, the factor on its recurrent weights, colour and line."""
    def simple() -> Layer:
        return SimpleRNN(units, return_sequences=True)

    def lstm(bias: float) -> Callable[[], Layer]:
        return lambda: tl.LSTM(units, return_sequences=True, forget_bias=bias)

    return {
        "simple, Wh orthogonal x 0.8": (simple, 0.8, ACCENT, ":"),
        "simple, Wh orthogonal": (simple, 1.0, ACCENT, "-"),
        "simple, Wh orthogonal x 2": (simple, 2.0, ACCENT, "--"),
        "LSTM, forget bias 0": (lstm(0.0), 1.0, SOFT, ":"),
        "LSTM, forget bias 1": (lstm(1.0), 1.0, SOFT, "-"),
        "LSTM, forget bias 3": (lstm(3.0), 1.0, SOFT, "--"),
    }


class FirstLetter:
    """Which of 8 letters came first? It is asked T steps later; noise comes in between."""

    def __init__(self, steps: int, seed: int, batches: int):
        self.steps, self.seed, self.batches = steps, seed, batches

    def __len__(self) -> int:
        return self.batches

    def epoch(self, epoch: int):
        rng = np.random.default_rng([self.seed, epoch])
        for _ in range(self.batches):
            x = rng.integers(8, 12, (self.steps, 64))  # (T, B) noise
            x[0] = rng.integers(0, 8, 64)
            targets = np.full(x.shape, -1)  # (T, B)
            targets[-1] = x[0]
            yield tl.Batch(x, targets, np.ones(64, bool), 64)


def gradients() -> Table:
    """At the start: how the gradient fades with distance. After 1,200 updates: what was learnt."""
    rng, (fig, axes) = np.random.default_rng(0), canvas(1, 2, 11, 4)
    x, distances, steps = rng.standard_normal((201, 16)), np.arange(201)[::-1], (10, 25, 50, 100)
    rows: Table = [("net", "gradient per step", "after 100 steps", *(f"T = {T}" for T in steps))]
    for name, (make, scale, color, line) in recurrent_nets(64).items():
        profile = np.zeros(201)
        for seed in range(5):
            model = tl.Sequential([make(), tl.Dense(8)], 16, seed, np.float64)
            model.params[f"{model.layers[0].name}.Wh"][...] *= scale
            profile += np.log(tl.connectivity(model, 0.3 * x, 200, target=0)) / 5
        axes[0].semilogy(distances, np.exp(profile - profile[200]), line, color=color, label=name)
        per_step = np.exp((profile[100] - profile[180]) / 80)
        right = [np.median([learnt(make, scale, T, seed) for seed in range(3)]) for T in steps]
        axes[1].plot(steps, right, line, marker="o", color=color)
        rows.append((name, f"{per_step:.3f}", f"{np.exp(profile[100] - profile[200]):.0e}",
                     *(f"{share:.0%}" for share in right)))  # fmt: skip
        print(rows[-1], flush=True)
    axes[0].set(xlabel="steps back", title="norm of the gradient, before training", ylim=(1e-30, 1e9))
    axes[1].set(xlabel="T, steps to remember", title="share of letters remembered", ylim=(0, 1.05))
    axes[1].axhline(1 / 8, color=INK, lw=0.8, ls="--")
    fig.legend(loc="outside lower center", ncols=3, frameon=False)
    keep(fig, "why-gradients.png")
    return rows


def learnt(make: Callable[[], Layer], scale: float, steps: int, seed: int) -> float:
    """The share of first letters that a net remembers after 1,200 updates."""
    model = tl.Sequential([tl.Embedding(12, 16), make(), tl.Dense(8)], seed=seed)
    model.params[f"{model.layers[1].name}.Wh"][...] *= scale
    tl.fit(model, FirstLetter(steps, seed, 100), 12, None, tl.Adam(0.003), clip=1.0, seed=seed)
    batch = next(FirstLetter(steps, seed + 99, 1).epoch(0))
    return float((model.forward(batch.x)[0][-1].argmax(axis=-1) == batch.targets[-1]).mean())


# ------------------------------------------------------------------------------ the common part
def canvas(rows: int, columns: int, width: float, height: float):
    """A figure of width x height inches and its axes."""
    from matplotlib.figure import Figure

    fig = Figure(figsize=(width, height), layout="constrained")
    axes = fig.subplots(rows, columns)
    for one in np.ravel(axes):
        one.spines[["top", "right"]].set_visible(False)
    return fig, axes


def keep(fig, name: str) -> None:
    """Write the picture beside the page."""
    fig.savefig(HERE / name, dpi=100)
    print(HERE / name, flush=True)


def put(part: str, rows: Table) -> None:
    """Replace the table of a part in why.md."""
    lines = [rows[0], ("---",) * len(rows[0]), *rows[1:]]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    page = HERE / "why.md"
    pattern = rf"(<!-- {part} -->\n).*?(<!-- /{part} -->)"
    text, found = re.subn(pattern, rf"\g<1>\n{table}\n\n\g<2>", page.read_text(), flags=re.DOTALL)
    if found != 1:
        raise ValueError(f"why.md holds {found} places for {part}, not one: <!-- {part} -->")
    page.write_text(text)


PARTS = {"repeats": repeats, "gradients": gradients}

if __name__ == "__main__":
    for part in sys.argv[1:] or PARTS:
        put(part, PARTS[part]())
