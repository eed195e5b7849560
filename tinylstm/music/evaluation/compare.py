"""Composed pieces beside human pieces of the same length.

A number alone says little. So each figure of a composed piece stands beside the same figure of
excerpts from held-out pieces: their median and their middle half. statistics.py, form.py, rhythm.py
and harmony.py define the figures, copies.py finds what was copied from the training pieces, and
classifier.py says how well a classifier tells the pieces from human ones.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...checkpoint import Checkpoint
from ...data import Tokens
from ...presets import PRESETS
from ..composing.compose import Take
from ..corpus import Corpus, load_corpus
from ..notes import Note, Piece
from ..tokenizers import Tokenizer, tokenizer_from_config
from .classifier import Distinction, distinguish
from .copies import KnownPieces
from .features import FORM, features, figures
from .form import ends_held, ends_on_tonic
from .statistics import STATISTICS, longest_cycle

SLACK = 32  # a piece is stuck if its cycle is this many tokens longer than any in training

LABELS = {
    "cycle": ("longest cycle of up to 8 tokens", "tokens"),
    "copied_exactly": ("longest passage copied, exactly", "notes"),
    "copied": ("longest passage copied, in any key", "notes"),
    **{name: (statistic.label, statistic.unit) for name, statistic in STATISTICS.items()},
}
FORM_LABELS = {name: (statistic.label, statistic.unit) for name, statistic in FORM.items()}
ENDINGS = {
    "ends_on_tonic": "pieces that end on the tonic in the bass",
    "ends_held": "pieces that end on a note of at least twice the mean duration",
}


class Excerpt(NamedTuple):
    """Music to judge: tokens and the notes that they encode."""

    name: str
    ids: np.ndarray  # (T,)
    notes: Sequence[Note]
    bar: float = 4.0  # quarter notes


class Judgement(NamedTuple):
    """The figures of one piece by name, and the source of its longest copied passage."""

    name: str
    figures: dict[str, float]
    source: str


class Comparison(NamedTuple):
    """A figure of composed pieces beside that of human pieces."""

    name: str
    label: str
    unit: str
    ours: float  # the median
    low: float  # the first quartile of human pieces
    median: float  # of human pieces
    high: float  # the third quartile of human pieces

    @property
    def natural(self) -> bool:
        """Whether our median lies in the middle half of human pieces."""
        return self.low - 1e-9 <= self.ours <= self.high + 1e-9


class Judge:
    """Compares pieces with held-out human excerpts, and finds copies from the training pieces.

    length: of the excerpts, in notes, or in tokens if the tokenizer has no time. everyone: compare
    with all pieces of the corpus, each held out in turn (a piece and its near-duplicates are no
    source of each other), not only with the validation pieces.
    """

    def __init__(self, corpus: Corpus, length: int = 500, everyone: bool = False):
        tokenizer = corpus.tokenizer
        train = _pieces(corpus.train, corpus.train_pieces)
        held_out = _pieces(corpus.validation, corpus.validation_pieces)
        self.known = KnownPieces((name, tokenizer.decode(ids)) for name, ids in train)
        self.stuck = SLACK + max(longest_cycle(ids).length for _, ids in train)
        bars = {file.name: file.bar for file in corpus.report.kept}
        self.human, self.excerpts, self.groups = list[Judgement](), list[Excerpt](), list[str]()
        self.endings, self.length = list[dict[str, float]](), length  # of whole pieces
        for name, ids in [*held_out, *train] if everyone or not held_out else held_out:
            group = {name}.union(*(g for g in corpus.report.near_duplicates if name in g))
            found = excerpts(tokenizer, name, ids, length, bars[name])
            self.human += [self.judge(excerpt, group) for excerpt in found]
            self.excerpts += found
            self.groups += [min(group)] * len(found)
            self.endings.append(_ending(tokenizer.decode(ids)))
        if not self.human:
            raise ValueError(f"no held-out piece has {length} notes to compare with: ask for fewer")

    def judge(self, excerpt: Excerpt, but: Iterable[str] = ()) -> Judgement:
        """All figures of one piece; training pieces named in `but` are no sources."""
        copied = self.known.longest(excerpt.notes, but=but)
        found = {
            "cycle": float(longest_cycle(excerpt.ids).length),
            "copied_exactly": float(self.known.longest(excerpt.notes, True, but).notes),
            "copied": float(copied.notes),
        }
        found |= figures(excerpt.notes, excerpt.bar) | _ending(excerpt.notes)
        return Judgement(excerpt.name, found, copied.source)

    def distinguish(self, pieces: Sequence[Excerpt], seed: int = 0) -> Distinction:
        """How well a classifier tells these pieces from the human excerpts.

        Each piece is cut to the length of one of the excerpts, so that length gives nothing away;
        pieces that are too short for that are left out. Raises what `distinguish` raises.
        """
        human = [features(e.notes, e.bar) for e in self.excerpts]
        long_enough = [p for p in pieces if len(p.notes) >= self.length * 3 // 4]
        ours = [
            features(piece.notes[: len(self.excerpts[i % len(human)].notes)], piece.bar)
            for i, piece in enumerate(long_enough)
        ]
        return distinguish(ours, human, self.groups, seed)

    def human_auc(self, splits: int = 10) -> float:
        """The AUC of human pieces against other human pieces, with chance at 0.5: the mean over
        random halves of the pieces.
        """
        found, rows = [], [features(e.notes, e.bar) for e in self.excerpts]
        names, groups = sorted({*self.groups}), np.array(self.groups)
        for split in range(splits):
            half = np.random.default_rng(split).permutation(names)[: len(names) // 2]
            ours = np.isin(groups, half)
            some, others = ([rows[i] for i in np.flatnonzero(side)] for side in (ours, ~ours))
            told = distinguish(some, others, groups[~ours], split, groups[ours])
            found.append(told.auc)
        return float(np.mean(found))

    def compare(self, judgements: Sequence[Judgement]) -> list[Comparison]:
        """Each figure of these pieces beside that of the human pieces."""
        rows = []
        for name, (label, unit) in (LABELS | FORM_LABELS).items():
            ours = np.median([judgement.figures[name] for judgement in judgements])
            quartiles = np.percentile([h.figures[name] for h in self.human], [25, 50, 75])
            rows.append(Comparison(name, label, unit, float(ours), *quartiles.tolist()))
        return rows

    def stuck_pieces(self, judgements: Sequence[Judgement]) -> list[str]:
        """The names of pieces whose cycle is 32 tokens longer than any in the training pieces."""
        return [j.name for j in judgements if j.figures["cycle"] > self.stuck]

    def copying_limit(self, name: str = "copied") -> float:
        """The 95th percentile of the longest passages that human excerpts share with training."""
        return float(np.percentile([human.figures[name] for human in self.human], 95))

    def summary(self, judgements: Sequence[Judgement]) -> dict[str, Any]:
        """The figures of many pieces, as plain JSON values."""
        found: dict[str, Any] = {
            "pieces": len(judgements),
            "human_excerpts": len(self.human),
            "stuck_above": self.stuck,
            "stuck": self.stuck_pieces(judgements),
        }
        for name in ("copied", "copied_exactly"):
            found[f"{name}_limit"] = self.copying_limit(name)
            found[f"{name}_longest"] = max(j.figures[name] for j in judgements)
        for name in ENDINGS:  # shares of ours, and of human pieces
            ours = np.mean([judgement.figures[name] for judgement in judgements])
            found[name] = float(ours), float(np.mean([ending[name] for ending in self.endings]))
        rows = self.compare(judgements)
        return found | {"figures": [row._asdict() | {"natural": row.natural} for row in rows]}


def _pieces(tokens: Tokens | None, names: Sequence[str]) -> list[tuple[str, np.ndarray]]:
    """The name and the ids (T,) of each piece."""
    if tokens is None:
        return []
    ends = zip(names, tokens.starts, tokens.ends, strict=True)
    return [(name, tokens.ids[start:end]) for name, start, end in ends]


def whole_pieces(corpus: Corpus) -> list[Excerpt]:
    """The training pieces of a corpus, to be judged."""
    bars = {file.name: file.bar for file in corpus.report.kept}
    return [
        Excerpt(name, ids, corpus.tokenizer.decode(ids), bars[name])
        for name, ids in _pieces(corpus.train, corpus.train_pieces)
    ]


def _ending(notes: Sequence[Note]) -> dict[str, float]:
    """How a whole piece ends: 0 or 1 by name."""
    return {"ends_on_tonic": float(ends_on_tonic(notes)), "ends_held": float(ends_held(notes))}


def excerpts(
    tokenizer: Tokenizer, name: str, ids: np.ndarray, length: int, bar: float = 4.0
) -> list[Excerpt]:
    """A piece cut into parts of `length` notes, or of tokens if the tokenizer has no time.

    The rest at the end is left out, unless the piece is at least three quarters of the length.
    Parts are moved by whole bars of `bar` quarter notes, so that their places in the bar stay.
    """
    if tokenizer.grammar is None:
        parts = [ids[a : a + length] for a in range(0, len(ids), length)]
        whole = [part for part in parts if len(part) >= length * 3 // 4]
        return [Excerpt(name, part, tokenizer.decode(part), bar) for part in whole]
    notes, found = tokenizer.decode(ids), []
    for first in range(0, len(notes), length):
        part = notes[first : first + length]
        if len(part) >= length * 3 // 4:
            start = part[0].onset // bar * bar
            moved = tuple(note._replace(onset=note.onset - start) for note in part)
            piece = Piece(name, moved, time_signatures=((0.0, (round(bar * 8), 32)),))
            found.append(Excerpt(name, tokenizer.encode(piece), moved, bar))
    return found


def table(rows: Sequence[Comparison]) -> str:
    """The figures as lines of text.

    >>> print(table([Comparison("copied", "passage copied", "notes", 7, 8, 9.5, 12)]))
    figure                     ours   human   middle half
    passage copied, notes      7.00    9.50    8.00-12.00   lower
    """
    wide = max(len(f"{row.label}, {row.unit}") for row in rows)
    lines = [f"{'figure':{wide}}  {'ours':>8}{'human':>8}{'middle half':>14}"]
    for row in rows:
        verdict = "" if row.natural else "   higher" if row.ours > row.high else "   lower"
        middle = f"{row.low:.2f}-{row.high:.2f}"
        lines.append(
            f"{f'{row.label}, {row.unit}':{wide}}  {row.ours:8.2f}{row.median:8.2f}{middle:>14}"
            f"{verdict}"
        )
    return "\n".join(lines)


def judge_takes(
    checkpoint: Checkpoint, folder: Path, takes: Sequence[Take]
) -> tuple[Judge, list[Judgement]]:
    """A judge of the folder that a checkpoint was trained on, and its figures for some takes."""
    preset = PRESETS.get(checkpoint.settings.get("preset", ""), PRESETS["default"])
    tokenizer = tokenizer_from_config(checkpoint.tokenizer or {})
    corpus = load_corpus(folder, tokenizer, transpositions=preset.transpositions)
    judge = Judge(corpus, min(500, max(50, min(len(take.notes) for take in takes))))
    return judge, [judge.judge(excerpt_of(take)) for take in takes]


def excerpt_of(take: Take) -> Excerpt:
    """A composed piece, to be judged."""
    return Excerpt(f"seed {take.seed}", take.ids, take.notes, take.piece().bar)
