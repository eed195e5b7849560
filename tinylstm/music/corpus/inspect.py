"""The numbers and the picture of `tinylstm inspect FOLDER`, before anything is trained on it."""

from collections import Counter
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ...data import Tokens
from ...files import printable
from ...plots import ACCENT, INK, SOFT, save
from ..notes import Note
from .corpus import Corpus
from .repeats import Repeat, longest_repeat
from .report import Report

_MOST = 2_000_000  # tokens searched for a repeated passage: sorting more takes minutes
_PIECES = 2_000  # pieces whose notes are counted for the picture

Repeated = tuple[str, list[Note]]  # where a repeated passage stands, in words, and its notes


def summary(report: Report) -> dict[str, Any]:
    """The report as plain JSON values: each file, and the whole folder."""
    keys = ("name", "notes_in_file", "notes_kept", "skipped")
    totals = ("near_duplicates", "tokens", "classes", "unigram_nats", "bigram_nats")
    files = [{key: getattr(file, key) for key in keys} for file in report.files]
    return {"files": files, **{key: getattr(report, key) for key in totals}}


def repeated_passage(corpus: Corpus) -> Repeated | None:
    """The longest passage that occurs twice in the training pieces."""
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
    names = [printable(corpus.train_pieces[place]) for place in places]
    twice = f"twice in {names[0]}" if names[0] == names[1] else f"in {names[0]} and {names[1]}"
    return f"{found.length} tokens, {twice}"


def _notes(corpus: Corpus, ids: np.ndarray, found: Repeat) -> list[Note]:
    """The notes of a passage, which may begin in the middle of a note."""
    passage = ids[found.first : found.first + found.length]
    for start in range(min(len(passage), 8)):
        try:
            return corpus.tokenizer.decode(passage[start:])
        except ValueError:
            continue
    return []


def draw(corpus: Corpus, repeated: Repeated | None, path: str | PathLike[str]) -> None:
    """Write a picture: pitches, durations, token frequencies, and the repeated passage."""
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
    panels[0, 0].bar(list(pitches), list(pitches.values()), width=1, color=SOFT)
    panels[0, 0].set(title="pitches", xlabel="MIDI pitch (60 is middle C)", ylabel="notes")
    common = sorted(durations.most_common(24))
    panels[0, 1].bar(range(len(common)), [count for _, count in common], color=SOFT)
    labels = [f"{duration:.3g}" for duration, _ in common]
    panels[0, 1].set_xticks(range(len(common)), labels, rotation=90, fontsize=8)
    title = f"the {len(common)} most common durations"
    panels[0, 1].set(title=title, xlabel="quarter notes", ylabel="notes")
    counts = np.bincount(train.ids, minlength=len(corpus.tokenizer))
    counts = np.sort(counts[counts > 0])[::-1]
    panels[1, 0].loglog(np.arange(1, len(counts) + 1), counts, color=ACCENT)
    panels[1, 0].set(title="tokens, from common to rare", xlabel="rank", ylabel="occurrences")
    _draw_repeated(panels[1, 1], repeated)
    save(figure, Path(path))


def _draw_repeated(axes: Any, repeated: Repeated | None) -> None:
    axes.set(title="the longest repeated passage", xlabel="quarter notes", ylabel="MIDI pitch")
    if repeated is None:
        axes.annotate("nothing is repeated", (0.5, 0.5), xycoords="axes fraction", ha="center")
        return
    where, notes = repeated
    axes.yaxis.get_major_locator().set_params(integer=True)
    begin = min((note.onset for note in notes), default=0.0)
    for note in notes:
        axes.barh(note.pitch, note.duration, left=note.onset - begin, height=0.9, color=INK)
    axes.set_xlabel(f"quarter notes\n{where}", fontsize=8)
