"""Composing: one token after the other, each drawn from what the network thinks comes next.

The network is only asked for logits; choosing.py says how one of them is taken, rules.py which may
come and when a piece is over. Arrays are time-major, (T, B): a column is a piece, and all pieces
are composed at once, one step of the network a token.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy import ndarray

from ...generate import Cycles, Sampling
from ..notes import Note, Piece
from ..tokenizers import tokenizer_from_config
from ..tokenizers.base import Tokenizer
from ..tokenizers.events import EventTokenizer
from .limits import Length, Rules, rules_for

PRIMER = 100  # tokens, as in the article
COLUMNS = 2  # at least: a product of a matrix and one column may round differently than with more
TEMPO = 120.0  # beats a minute, where neither a primer nor the checkpoint says

DEFAULT = Sampling()


@dataclass(frozen=True)
class Take:
    """One piece that was composed, and what it takes to compose it again."""

    seed: int
    sampling: Sampling
    ids: ndarray  # (T,) the primer's tokens, then the new ones
    primed: int  # how many of them are the primer's
    notes: list[Note]
    tempo: float  # quarter notes a minute
    time_signature: tuple[int, int]

    def piece(self) -> Piece:
        """As a piece: what reports and files are made of."""
        return Piece(
            f"seed {self.seed}",
            tuple(self.notes),
            tempos=((0.0, self.tempo),),
            time_signatures=((0.0, self.time_signature),),
        )


def compose(
    model: Any,
    primer: ndarray,
    rules: Rules,
    seeds: Sequence[int] = (0,),
    sampling: Sampling = DEFAULT,
    window: int | None = None,
) -> list[ndarray]:
    """New ids, an array for each seed, behind `primer`, (T,) or (T, seeds), until all are done.

    The state is carried from token to token. With `window`, as in the article, the net instead
    reads the last `window` tokens anew for each one, from a zero state. A piece depends on its own
    seed and primer only, whichever others are composed beside it.
    """
    history = _columns(primer, len(seeds))  # (T, B)
    spare = [0] * (history.shape[1] - len(seeds))
    random = [np.random.default_rng(seed) for seed in [*seeds, *spare]]
    rules.begin(history)
    cycles, state = Cycles(history.shape[1]), None
    x, out = history, list[ndarray]()
    with model.frozen():  # weights are packed once, not for every token
        while not rules.done[: len(seeds)].all():
            if window is None:
                logits, state, _ = model.forward(x, state)
                logits = logits[-1] if logits.ndim == 3 else logits  # (B, V)
            else:
                history = np.concatenate([history, *out[-1:]])[-window:]  # (window, B)
                logits = _after_windows(model, history)  # (B, V)
            uniform = np.array([rng.random() for rng in random])  # (B,)
            logits = _masked(logits, rules.allowed(), cycles, sampling.max_repeat)
            tokens = rules.accept(sampling.choose(logits, uniform))  # (B,)
            cycles.add(tokens)
            x = tokens[None]  # (1, B)
            out.append(x)
    ids = np.concatenate([history[:0], *out])  # (T, B)
    return [ids[: rules.lengths[b], b] for b in range(len(seeds))]


def _columns(primer: ndarray, pieces: int) -> ndarray:
    """The primer of every column, (T, B): one for each piece, and never less than COLUMNS."""
    if not len(primer) or not pieces:
        raise ValueError("the primer is empty, or there is no seed: give at least one of each")
    primer = np.asarray(primer).reshape(len(primer), -1)  # (T, 1) or (T, pieces)
    last = np.repeat(primer[:, -1:], max(COLUMNS, pieces) - primer.shape[1], axis=1)
    return np.concatenate([primer, last], axis=1)  # (T, B)


def _after_windows(model: Any, windows: ndarray) -> ndarray:
    """What follows each window (T, B), (B, V). Equal ones, as of pieces that are stuck, are read
    once.
    """
    distinct, which = np.unique(windows, axis=1, return_inverse=True)
    logits, _, _ = model.forward(_columns(distinct, distinct.shape[1]))
    return (logits[-1] if logits.ndim == 3 else logits)[which.ravel()]  # (B, V)


def _masked(logits: ndarray, allowed: ndarray | None, cycles: Cycles, most: int) -> ndarray:
    """Logits (B, V), -inf where a token cannot come: by grammar first, then by repetition."""
    if allowed is None and not most:
        return logits
    allowed = np.ones(logits.shape, bool) if allowed is None else allowed  # (B, V)
    if most:
        fresh = allowed & ~cycles.forbidden(most, logits.shape[1])  # (B, V)
        allowed = np.where(fresh.any(axis=1, keepdims=True), fresh, allowed)
    return np.where(allowed, logits, -np.inf)


def compose_takes(
    checkpoint: Any,
    seeds: Iterable[int] = (0,),
    length: Length | str | int = 500,
    sampling: Sampling | None = None,
    primer: Piece | None = None,
    primer_bars: int | None = None,
    keep_primer: bool = True,
) -> list[Take]:
    """One piece for each seed, from a loaded checkpoint.

    Arguments:
        length: of what is new: "500 notes", "32 bars", "90 seconds", or "free", until the network
            itself ends the piece. A bare number counts notes, or the article's tokens.
        sampling: by default the network's own distribution at its preset's temperature.
        primer: music to continue; tempo and metre are taken from it. By default a piece begins
            from nothing, or, in the article's alphabet, from an opening that the seed picks.
        primer_bars: how many bars of the primer are read, from its beginning; by default all.
        keep_primer: whether the notes begin with the primer's.

    Raises:
        ValueError: the checkpoint has no tokenizer, or the primer no note that it knows.
    """
    settings, seeds = checkpoint.settings, list(seeds)
    if checkpoint.tokenizer is None:
        raise ValueError("the checkpoint holds no vocabulary: it was not trained on music")
    tokenizer = tokenizer_from_config(checkpoint.tokenizer)
    sampling = sampling or Sampling(settings.get("temperature", 1.0))
    tempo = settings.get("tempo", TEMPO) if primer is None else primer.tempo
    metre = (4, 4) if primer is None else primer.time_signature
    if primer is not None:
        start = _primer_ids(tokenizer, primer, primer_bars)
    else:
        start = _beginning(tokenizer, settings, seeds)
        keep_primer = False
    rules = rules_for(tokenizer, Length.parse(length), tempo, metre)
    found = compose(checkpoint.model, start, rules, seeds, sampling, settings.get("window"))
    takes = []
    for b, (seed, new) in enumerate(zip(seeds, found, strict=True)):
        first = start if start.ndim == 1 else start[:, b]  # (T,)
        ids = np.concatenate([first, new])
        notes = _notes(tokenizer, ids, len(first), keep_primer)
        takes.append(Take(seed, sampling, ids, len(first), notes, tempo, metre))
    return takes


def compose_notes(
    checkpoint: Any,
    length: Length | str | int = 500,
    temperature: float | None = None,
    seed: int = 0,
    primer: Piece | None = None,
) -> list[Note]:
    """The notes of one piece: the short form of :func:`compose_takes`.

    temperature: by default what the checkpoint's preset says. A primer is not among the notes.
    """
    sampling = None if temperature is None else Sampling(temperature)
    (take,) = compose_takes(checkpoint, [seed], length, sampling, primer, keep_primer=False)
    return take.notes


def _primer_ids(tokenizer: Tokenizer, primer: Piece, bars: int | None) -> ndarray:
    """The primer's tokens (T,), without the end of the piece."""
    beats, unit = primer.time_signature
    end = np.inf if bars is None else bars * beats * 4 / unit  # quarter notes
    notes = tuple(note for note in primer.notes if note.onset < end)
    ids = tokenizer.encode(Piece(primer.name, notes, path=primer.path)) if notes else np.zeros(0)
    if not len(ids):
        raise ValueError(f"{primer.name} has no notes to continue for {tokenizer!r}")
    return ids[:-1] if isinstance(tokenizer, EventTokenizer) else ids[-PRIMER:]


def _beginning(tokenizer: Tokenizer, settings: dict[str, Any], seeds: Sequence[int]) -> ndarray:
    """What stands before the first new token: (1,), or (T, seeds) openings of training pieces."""
    if isinstance(tokenizer, EventTokenizer):
        return np.array([tokenizer.bos])
    if not settings.get("primers"):
        raise ValueError("the checkpoint holds no openings to begin from: give a primer")
    primers = settings["primers"]
    picks = [primers[np.random.default_rng(seed).integers(len(primers))] for seed in seeds]
    return np.array(picks).T  # (T, seeds)


def _notes(tokenizer: Tokenizer, ids: ndarray, primed: int, keep_primer: bool) -> list[Note]:
    """The notes of a primer and what follows it, or only of the latter, which then begins at 0."""
    if keep_primer or not isinstance(tokenizer, EventTokenizer):
        return tokenizer.decode(ids[0 if keep_primer else primed :])
    notes = tokenizer.decode(ids)[len(tokenizer.decode(ids[:primed])) :]
    begin = min((note.onset for note in notes), default=0.0)
    return [note._replace(onset=note.onset - begin) for note in notes]


def openings(tokens: Any, length: int = PRIMER, most: int = 50) -> list[list[int]]:
    """The first `length` ids of up to `most` pieces, for a checkpoint to start music from."""
    ends = np.minimum(tokens.starts + length, tokens.ends)
    chosen = list(zip(tokens.starts, ends, strict=True))[:most]
    return [tokens.ids[a:b].tolist() for a, b in chosen if b - a == length] or [
        tokens.ids[:length].tolist()
    ]
