"""Memorisation: a net learns six pieces by heart, and composes on the way.

What it composes is compared with these pieces: how long is the longest passage that it copies?
"""

import tempfile
from pathlib import Path

import numpy as np

import tinylstm as tl
from tinylstm import music
from tinylstm.music import Note
from tinylstm.music.evaluation.copies import KnownPieces, Passage

from .page import ACCENT, INK, SOFT, SONGS, Table, canvas, keep

PIECES, JUDGED, NOTES, TAKES = 6, 2, 200, 12
LOSSES = (3.0, 2.5, 2.0, 1.5, 1.0, 0.5, 0.25, 0.1)  # nats per token: where the net composes


class Composer(tl.Callback):
    """Composes when the training loss falls below the next of LOSSES, and stops after the last."""

    def __init__(self, corpus: music.Corpus, known: KnownPieces):
        self.corpus, self.known, self.left = corpus, known, list(LOSSES)
        self.rows: list[tuple[float, ...]] = []
        self.longest: tuple[Passage, list[Note]] = (Passage(0, "", 0.0, 0), [])

    def on_epoch_end(self, run):
        entry = run.history[-1]
        while self.left and entry["loss"] < self.left[0]:
            self.left.pop(0)
            pieces = compose(run.model, self.corpus)
            found = [self.known.longest(notes, exactly=True) for notes in pieces]
            best = int(np.argmax([passage.notes for passage in found]))
            if found[best].notes > self.longest[0].notes:
                self.longest = found[best], pieces[best]
            median = float(np.median([passage.notes for passage in found]))
            row = entry["epoch"], entry["loss"], entry["val_loss"], median, found[best].notes
            self.rows.append(row)
            print(row, flush=True)
        run.stop = not self.left


def compose(model: tl.Sequential, corpus: music.Corpus) -> list[list[Note]]:
    """Pieces of NOTES notes, from nothing, at temperature 1."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.npz"
        tl.save_checkpoint(path, model, corpus.tokenizer.to_config())
        checkpoint = tl.load_checkpoint(path)
    takes = music.compose_takes(checkpoint, range(TAKES), f"{NOTES} notes", tl.Sampling(1.0))
    return [take.notes for take in takes]


def on_grid(corpus: music.Corpus, name: str) -> list[Note]:
    """A piece as its tokens tell it: only so can a copy be equal."""
    piece = music.read_midi(SONGS / name)
    return corpus.tokenizer.decode(corpus.tokenizer.encode(piece))


def first(tokens: tl.Tokens, pieces: int) -> tl.Tokens:
    """The first pieces."""
    return tl.Tokens(tokens.ids[: tokens.ends[pieces - 1]], tokens.starts[:pieces])


def copies() -> Table:
    """Training loss, held-out loss and copies, down to 0.1 nats per token."""
    corpus = music.load_corpus(SONGS, music.EventTokenizer(), progress=False)
    train, held_out = first(corpus.train, PIECES), first(corpus.validation, JUDGED)
    names = corpus.train_pieces[:PIECES]
    known = KnownPieces((name, on_grid(corpus, name)) for name in names)
    human = [on_grid(corpus, name)[:NOTES] for name in corpus.validation_pieces]
    human_copies = [known.longest(notes, exactly=True).notes for notes in human]
    V = len(corpus.tokenizer)
    model = tl.Sequential([tl.Embedding(V, 128), tl.LSTM(256, True), tl.Dense(V)])
    composer, judged = Composer(corpus, known), tl.Streams(held_out, 8, 100, shuffle=False)
    tl.fit(model, tl.Streams(train, 8, 50), 400, judged, tl.Adam(0.004), callbacks=[composer])
    draw(composer, float(np.median(human_copies)))
    draw_copy(composer, corpus)
    rows: Table = [("epoch", "training", "held out", "longest copy, median", "longest copy, most")]
    for epoch, loss, held_out, median, most in composer.rows:
        rows.append((f"{epoch}", f"{loss:.2f}", f"{held_out:.2f}", f"{median:.0f}", f"{most}"))
    median, most = f"{np.median(human_copies):.0f}", f"{max(human_copies)}"
    rows.append(("human, held out", "", "", median, most))
    return rows


def draw(composer: Composer, human: float) -> None:
    """Both losses, and the copies, over the training loss."""
    fig, axes = canvas(1, 2, 10, 3.6)
    epochs, loss, held_out, median, most = np.array(composer.rows).T
    axes[0].plot(epochs, loss, "o-", color=SOFT, label="the six pieces")
    axes[0].plot(epochs, held_out, "o-", color=ACCENT, label="held-out pieces")
    axes[0].set(xlabel="epochs", ylabel="nats per token", ylim=(0, None))
    axes[0].legend(frameon=False)
    axes[1].plot(loss, median, "o-", color=INK, label="median of twelve compositions")
    axes[1].plot(loss, most, "o:", color=INK, label="the longest")
    axes[1].axhline(human, color=ACCENT, lw=0.8, ls="--", label="held-out pieces, median")
    axes[1].invert_xaxis()
    axes[1].set(xlabel="training loss", ylabel="notes copied from one piece")
    axes[1].legend(frameon=False)
    keep(fig, "copies.png")


def draw_copy(composer: Composer, corpus: music.Corpus) -> None:
    """The longest copy, and where it comes from."""
    passage, notes = composer.longest
    source = in_order(on_grid(corpus, passage.source))
    copied = in_order(notes)[passage.place :][: passage.notes]
    heard = [(note.pitch, note.duration) for note in copied]
    begins = (i for i in range(len(source)) if source[i].onset == passage.at)
    spans = (source[i : i + passage.notes] for i in begins)
    original = next(s for s in spans if [(note.pitch, note.duration) for note in s] == heard)
    fig, axes = canvas(2, 1, 10, 4.2)
    for ax, shown, marked in ((axes[0], notes, copied), (axes[1], source, original)):
        begin = marked[0].onset
        inside = [note for note in shown if begin - 4 <= note.onset < begin + 36]
        ax.barh(
            [note.pitch for note in inside],
            [note.duration for note in inside],
            left=[note.onset - begin for note in inside],
            height=0.9,
            color=[ACCENT if note in marked else INK for note in inside],
        )
        ax.set(xlim=(-4, 36), ylabel="pitch")
    axes[0].set_title(f"composed: the {passage.notes} red notes are those of the piece below")
    axes[1].set_title(passage.source)
    axes[1].set_xlabel("quarter notes")
    keep(fig, "copy.png")


def in_order(notes: list[Note]) -> list[Note]:
    """Sorted as `KnownPieces` counts them."""
    return sorted(notes, key=lambda note: (note.onset, note.pitch, note.duration))
