"""A look at the data before anything is learnt from it: ``tinylstm inspect DIR``.

The numbers are the corpus report's; this adds one picture of them.
"""

from __future__ import annotations

from collections import Counter
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ...data import Tokens
from ...plots import ACCENT, INK, SOFT, save
from ..notes import Note
from .corpus import Corpus
from .repeats import Repeat, longest_repeat
from .report import Report

_MOST = 2_000_000  # tokens in which a repeated passage is looked for: sorting more takes minutes
_PIECES = 2_000  # pieces whose notes are counted for the picture

Passage = tuple[str, list[Note]]
"""Where it is, in words, and what it says."""


def summary(report: Report) -> dict[str, Any]:
    """The report as plain JSON values: what each file gave, and what the whole is like."""
    return {
        "files": [
            {
                "name": file.name,
                "notes_in_file": file.notes_in_file,
                "notes_kept": file.notes_kept,
                "skipped": file.skipped,
            }
            for file in report.files
        ],
        "near_duplicates": report.near_duplicates,
        "tokens": report.tokens,
        "classes": report.classes,
        "unigram_nats": report.unigram_nats,
        "bigram_nats": report.bigram_nats,
    }


def repeated_passage(corpus: Corpus) -> Passage | None:
    """The longest passage of the training pieces that occurs twice: where, and its notes."""
    tokens = corpus.train
    if len(tokens) > _MOST:
        pieces = max(1, int(np.searchsorted(tokens.ends, _MOST)))
        tokens = Tokens(tokens.ids[: tokens.ends[pieces - 1]], tokens.starts[:pieces])
    found = longest_repeat(tokens)
    if found is None:
        return None
    return _where(corpus, tokens, found), _notes(corpus, tokens.ids, found)


def _where(corpus: Corpus, tokens: Tokens, found: Repeat) -> str:
    places = np.searchsorted(tokens.starts, [found.first, found.second], side="right") - 1
    names = [corpus.train_pieces[place] for place in places]
    twice = f"twice in {names[0]}" if names[0] == names[1] else f"in {names[0]} and {names[1]}"
    return f"{found.length} tokens, {twice}"


def _notes(corpus: Corpus, ids: np.ndarray, found: Repeat) -> list[Note]:
    """What the tokens of a passage say; it may begin in the middle of a note."""
    passage = ids[found.first : found.first + found.length]
    for start in range(min(len(passage), 8)):
        try:
            return corpus.tokenizer.decode(passage[start:])
        except ValueError:
            continue
    return []


def draw(corpus: Corpus, passage: Passage | None, path: str | PathLike[str]) -> None:
    """Write a picture: pitches, durations, how often each token occurs, the repeated passage."""
    from matplotlib.figure import Figure

    pitches: Counter[int] = Counter()
    durations: Counter[float] = Counter()
    train = corpus.train
    for start, end in list(zip(train.starts, train.ends, strict=True))[:_PIECES]:
        for note in corpus.tokenizer.decode(train.ids[start:end]):
            pitches[note.pitch] += 1
            durations[round(note.duration, 4)] += 1
    figure = Figure(figsize=(10, 7), layout="constrained")
    panels = figure.subplots(2, 2)
    for axes in panels.flat:
        axes.spines[["top", "right"]].set_visible(False)
    _draw_pitches(panels[0, 0], pitches)
    _draw_durations(panels[0, 1], durations)
    _draw_tokens(panels[1, 0], np.bincount(train.ids, minlength=len(corpus.tokenizer)))
    _draw_passage(panels[1, 1], passage)
    save(figure, Path(path))


def _draw_pitches(axes: Any, pitches: Counter[int]) -> None:
    axes.bar(list(pitches), list(pitches.values()), width=1, color=SOFT)
    axes.set(title="pitches", xlabel="MIDI pitch (60 is the middle C)", ylabel="notes")


def _draw_durations(axes: Any, durations: Counter[float]) -> None:
    common = sorted(durations.most_common(24))
    axes.bar(range(len(common)), [count for _, count in common], color=SOFT)
    labels = [f"{duration:.3g}" for duration, _ in common]
    axes.set_xticks(range(len(common)), labels, rotation=90, fontsize=8)
    axes.set(title=f"the {len(common)} commonest durations", xlabel="quarter notes", ylabel="notes")


def _draw_tokens(axes: Any, counts: np.ndarray) -> None:
    counts = np.sort(counts[counts > 0])[::-1]
    axes.loglog(np.arange(1, len(counts) + 1), counts, color=ACCENT)
    axes.set(title="tokens, from common to rare", xlabel="rank", ylabel="times in training")


def _draw_passage(axes: Any, passage: Passage | None) -> None:
    axes.set(title="the longest repeated passage", xlabel="quarter notes", ylabel="MIDI pitch")
    if passage is None:
        axes.annotate("nothing occurs twice", (0.5, 0.5), xycoords="axes fraction", ha="center")
        return
    where, notes = passage
    axes.yaxis.get_major_locator().set_params(integer=True)
    begin = min((note.onset for note in notes), default=0.0)
    for note in notes:
        axes.barh(note.pitch, note.duration, left=note.onset - begin, height=0.9, color=INK)
    axes.set_xlabel(f"quarter notes\n{where}", fontsize=8)
