"""Connectivity: how much each earlier token counts for a prediction, in a piece and on average."""

from typing import Any

import numpy as np
from numpy import ndarray

import tinylstm as tl
from tinylstm import music
from tinylstm.layers import SimpleRNN

from .page import ACCENT, INK, SOFT, SONGS, Table, canvas, keep

LENGTH, EPOCHS = 200, 8
Net = tuple[str, tl.Sequential, str, str]


def trained(corpus: music.Corpus, layer: Any, rate: float) -> tl.Sequential:
    """A net with two such layers, trained as the preset `quick` is."""
    V, preset = len(corpus.tokenizer), tl.PRESETS["quick"]
    layers = [tl.Embedding(V, 128), layer(), tl.Dropout(0.3), layer(), tl.Dropout(0.3), tl.Dense(V)]
    model = tl.Sequential(layers)
    keys = corpus.tokenizer.transpositions(preset.transpositions)
    schedule = tl.LearningRateScheduler(tl.cosine(rate))
    data, judged = preset.data(corpus.train, 0, keys), preset.validation(corpus.validation)
    history = tl.fit(model, data, EPOCHS, judged, tl.Adam(rate), callbacks=[schedule])
    print(layers[1], history[-1], flush=True)
    return model


def profile(model: tl.Sequential, ids: ndarray, at: ndarray) -> ndarray:
    """The mean connectivity at each distance, (LENGTH,), relative to that of the last token."""
    rows = [tl.connectivity(model, ids[t - LENGTH + 1 :], LENGTH - 1)[::-1] for t in at]
    return np.mean([row / row[0] for row in rows], axis=0)


def connections() -> Table:
    """Trained and untrained nets at each distance; one prediction over a piece."""
    corpus = music.load_corpus(SONGS, music.EventTokenizer(), progress=False)
    ids, V = corpus.validation.ids, len(corpus.tokenizer)
    lstm = trained(corpus, lambda: tl.LSTM(128, return_sequences=True), 0.004)
    simple = trained(corpus, lambda: SimpleRNN(128, return_sequences=True), 0.001)
    fresh = [tl.Embedding(V, 128), tl.LSTM(128, True), tl.LSTM(128, True), tl.Dense(V)]
    nets: list[Net] = [
        ("LSTM, trained", lstm, SOFT, "-"),
        ("LSTM, before training", tl.Sequential(fresh), SOFT, ":"),
        ("simple recurrent net, trained", simple, ACCENT, "-"),
    ]
    starts, ends = corpus.validation.starts, corpus.validation.ends
    inside = [t for a, b in zip(starts, ends, strict=True) for t in range(a + LENGTH, b - 1)]
    at = np.random.default_rng(0).choice(inside, 200, replace=False)  # predictions
    fig, axes = canvas(1, 1, 7, 3.6)
    rows: Table = [("net", *(f"{n} back" for n in (1, 5, 20, 50, 100)))]
    for name, model, color, line in nets:
        curve = profile(model, ids, at)
        axes.semilogy(curve, line, color=color, label=name)
        rows.append((name, *(f"{curve[n]:.1e}" for n in (1, 5, 20, 50, 100))))
        print(rows[-1], flush=True)
    axes.set(xlabel="tokens back", ylabel="gradient, relative to the last token's")
    axes.set(ylim=(1e-8, 2))
    axes.legend(frameon=False)
    keep(fig, "connections.png")
    over_a_piece(lstm, corpus)
    return rows


def over_a_piece(model: tl.Sequential, corpus: music.Corpus) -> None:
    """Piano rolls of a held-out piece: each note as dark as its tokens count for the note after."""
    tokenizer, tokens = corpus.tokenizer, corpus.validation
    ids = tokens.ids[: tokens.ends[0]]
    pitches = [
        t for t in range(LENGTH, 700) if tokenizer.vocabulary[ids[t + 1]].startswith("Pitch")
    ]
    far = []  # the share of what is more than 30 tokens back
    for t in pitches[::4]:
        counts = tl.connectivity(model, ids, t)
        far.append((counts[:-30].sum() / counts.sum(), t))
    chosen = [sorted(far)[len(far) // 2][1], max(far)[1]]  # an ordinary one, and the farthest
    print("shares of what is far back:", sorted(far)[len(far) // 2], max(far))
    fig, axes = canvas(2, 1, 11, 5)
    for ax, t in zip(axes, chosen, strict=True):
        counts = tl.connectivity(model, ids, t)
        notes = tokenizer.decode(ids[: t + 1])
        ends = np.flatnonzero([v.startswith("Pitch") for v in names(tokenizer, ids[: t + 2])])
        weight = np.add.reduceat(counts, np.append(0, ends[1:-1]))[: len(notes)]
        shade = np.clip(weight / weight.max(), 0.02, 1) ** 0.5
        now = notes[-1].onset
        for note, alpha in zip(notes, shade, strict=False):
            ax.barh(note.pitch, note.duration, left=note.onset, height=0.9, color=SOFT, alpha=alpha)
        following = tokenizer.decode(ids[: t + 6])[len(notes)]
        ax.barh(following.pitch, following.duration, left=following.onset, height=0.9, color=ACCENT)
        ax.set(xlim=(now - 24, now + 3), ylabel="pitch")
        ax.axvline(following.onset, color=INK, lw=0.5)
    axes[0].set_title(f"{corpus.validation_pieces[0]}: an ordinary prediction (red)")
    axes[1].set_title("the one that looks back farthest")
    axes[1].set_xlabel("quarter notes")
    keep(fig, "piece.png")


def names(tokenizer: music.Tokenizer, ids: ndarray) -> list[str]:
    return [tokenizer.vocabulary[token] for token in ids]
