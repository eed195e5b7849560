"""Compose: new pieces from a checkpoint, as notes.

`generate_columns` draws the tokens; limits.py says which may come next and when a piece ends; the
tokenizer says how a piece begins, and turns tokens into notes. Next: limits.py.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy import ndarray
from tqdm import tqdm

from ...checkpoint import Checkpoint
from ...data import Tokens
from ...fits import finite_number
from ...generate import Rules, Sampling, generate_columns
from ..notes import Note, Piece
from ..tokenizers import Tokenizer, tokenizer_from_config
from .control import PLAIN, Control
from .known import read_passages
from .limits import Length
from .shape import rules_for

LONGEST_WINDOW = 10_000  # tokens
MAX_REPEAT = 48  # tokens: people repeat no cycle of up to 8 tokens for much longer
TEMPO = 120.0  # quarter notes per minute, if neither a primer nor the checkpoint has one


@dataclass(frozen=True)
class Take:
    """A composed piece, and the settings that reproduce it.

    >>> take = Take(1, Sampling(), np.zeros(0, int), 0, [Note(0, 1, 60)], 120.0, (4, 4))
    >>> take.piece().name, len(take.piece())
    ('seed 1', 1)
    """

    seed: int
    sampling: Sampling
    ids: ndarray  # (T,) the primer's tokens, then the new ones
    primed: int  # the number of the primer's tokens
    notes: list[Note]
    tempo: float  # quarter notes per minute
    time_signature: tuple[int, int]
    control: Control = PLAIN

    def piece(self) -> Piece:
        """The take as a piece, for files and reports."""
        return Piece(
            f"seed {self.seed}",
            tuple(self.notes),
            tempos=((0.0, self.tempo),),
            time_signatures=((0.0, self.time_signature),),
        )


def compose_takes(
    checkpoint: Checkpoint,
    seeds: Iterable[int] = (0,),
    length: Length | str | int = 500,
    sampling: Sampling | None = None,
    primer: Piece | None = None,
    primer_bars: int | None = None,
    keep_primer: bool = True,
    progress: bool = False,
    control: Control | None = None,
) -> list[Take]:
    """One piece for each seed, from a loaded checkpoint.

    length: of the new part: "500 notes", "32 bars", "90 seconds", or "free", until the network
    ends the piece (at most 4,000 notes). A number counts notes, or the tutorial's tokens. A piece
    has at most 100,000 notes and 50,000 quarter notes.
    sampling: by default at the temperature of the checkpoint's preset. primer: music to continue;
    tempo and metre are taken from it. Without one a piece begins from nothing, or, with the
    tutorial's tokenizer, from an opening drawn by the seed. primer_bars: read only so many bars of
    the primer. keep_primer: whether the notes begin with the primer's. progress: show on stderr,
    if that is a terminal, how many tokens there are. control: themes, rhythm, silence, key and end
    of the pieces; PLAIN leaves all to the net and its grammar.

    Raises ValueError if the checkpoint has no tokenizer, or settings that cannot be, if the primer
    has no note that it knows, and for a length or a seed that cannot be.

    >>> from tinylstm import LSTM, Checkpoint, Dense, Embedding, Sequential
    >>> from tinylstm.music import EventTokenizer
    >>> tokenizer = EventTokenizer()
    >>> model = Sequential([Embedding(240, 4), LSTM(4, return_sequences=True), Dense(240)])
    >>> checkpoint = Checkpoint(model, tokenizer.to_config())
    >>> takes = compose_takes(checkpoint, seeds=[0, 1], length="8 notes")
    >>> [len(take.notes) for take in takes]
    [8, 8]
    """
    settings, seeds = checkpoint.settings, list(seeds)
    tokenizer = tokenizer_of(checkpoint)
    if negative := [seed for seed in seeds if seed < 0]:
        raise ValueError(f"seed is {negative[0]}: use 0 or more")
    sampling, control = sampling or default_sampling(settings), control or Control()
    tempo = settings.get("tempo", TEMPO) if primer is None else primer.tempo
    metre = (4, 4) if primer is None else primer.time_signature
    tempo, metre = control.tempo or tempo, control.metre or metre
    if primer is not None:
        start = _primer_ids(tokenizer, primer, primer_bars)
    else:
        start, keep_primer = _beginning(tokenizer, settings, seeds), False
    passages = passages_of(settings) if control.max_copied else None
    asked = Length.parse(length), tempo, metre, control, sampling.temperature, passages
    rules = rules_for(tokenizer, *asked)
    model, window, takes = checkpoint.model, settings.get("window"), list[Take]()
    with tqdm(desc="composing", unit=" tokens", delay=1, disable=None if progress else True) as bar:
        found = generate_columns(model, start, Shown(rules, bar), seeds, sampling, window)
    for b, (seed, new) in enumerate(zip(seeds, found, strict=True)):
        first = start if start.ndim == 1 else start[:, b]  # (T,)
        ids, n = np.concatenate([first, new]), len(first)
        notes = tokenizer.decode(ids) if keep_primer else tokenizer.continuation(ids, n)
        takes.append(Take(seed, sampling, ids, n, notes, tempo, metre, control))
    return takes


def default_sampling(settings: dict[str, Any]) -> Sampling:
    """At the temperature of a checkpoint's preset, and without endless repetition.

    >>> default_sampling({"temperature": 0.85})
    Sampling(temperature=0.85, top_k=0, top_p=1.0, min_p=0.0, max_repeat=48)
    """
    return Sampling(settings.get("temperature", 1.0), max_repeat=MAX_REPEAT)


def passages_of(settings: dict[str, Any]) -> ndarray:
    """What `max_copied` needs of a checkpoint. Raises ValueError if it is not there."""
    if not isinstance(text := settings.get("passages"), str):
        raise ValueError(
            "max_copied: the checkpoint knows no passages of its training pieces: train again"
        )
    return read_passages(text)


class Shown:
    """Rules, with a progress bar that counts the tokens."""

    def __init__(self, rules: Rules, bar: Any):
        self.rules, self.bar = rules, bar

    def __getattr__(self, name: str) -> Any:
        return getattr(self.rules, name)

    def accept(self, tokens: ndarray) -> ndarray:
        """As the rules do."""
        self.bar.update()
        return self.rules.accept(tokens)


def tokenizer_of(checkpoint: Checkpoint) -> Tokenizer:
    """The tokenizer of a checkpoint. Raises ValueError if there is none, or if it, the network and
    the settings do not fit together.
    """
    if checkpoint.tokenizer is None:
        raise ValueError("the checkpoint has no tokenizer: it was not trained on music")
    tokenizer, settings = tokenizer_from_config(checkpoint.tokenizer), checkpoint.settings
    classes = checkpoint.model.output_sizes[-1]
    if classes != len(tokenizer):
        raise ValueError(f"the network has {classes} outputs for {len(tokenizer)} tokens")
    primers, window = settings.get("primers") or [], settings.get("window")
    known = range(len(tokenizer))
    fits = {
        "temperature": finite_number(settings.get("temperature", 1.0)),
        "tempo": finite_number(tempo := settings.get("tempo", TEMPO)) and 0 < tempo < 1e5,
        "window": window is None or (type(window) is int and 0 < window <= LONGEST_WINDOW),
        "primers": isinstance(primers, list)
        and len({len(p) if isinstance(p, list) else 0 for p in primers} - {0}) <= 1
        and all(isinstance(p, list) and p and all(i in known for i in p) for p in primers),
    }
    for name, fit in fits.items():
        if not fit:
            raise ValueError(f"the checkpoint's {name} is {settings[name]!r:.60}: want another one")
    return tokenizer


def compose_notes(
    checkpoint: Checkpoint,
    length: Length | str | int = 500,
    temperature: float | None = None,
    seed: int = 0,
    primer: Piece | None = None,
) -> list[Note]:
    """The notes of one piece: the short form of `compose_takes`, without the primer's notes.

    temperature: by default that of the checkpoint's preset.

    >>> from tinylstm import LSTM, Checkpoint, Dense, Embedding, Sequential
    >>> from tinylstm.music import EventTokenizer
    >>> tokenizer = EventTokenizer()
    >>> model = Sequential([Embedding(240, 4), LSTM(4, return_sequences=True), Dense(240)])
    >>> checkpoint = Checkpoint(model, tokenizer.to_config())
    >>> len(compose_notes(checkpoint, "8 notes", temperature=0.9))
    8
    """
    sampling = None if temperature is None else Sampling(temperature, max_repeat=MAX_REPEAT)
    (take,) = compose_takes(checkpoint, [seed], length, sampling, primer, keep_primer=False)
    return take.notes


def _primer_ids(tokenizer: Tokenizer, primer: Piece, bars: int | None) -> ndarray:
    """The ids (T,) to continue from, of the first bars of a primer."""
    end = np.inf if bars is None else bars * primer.bar  # quarter notes
    notes = tuple(note for note in primer.notes if note.onset < end)
    ids = tokenizer.primer(Piece(primer.name, notes, path=primer.path)) if notes else np.zeros(0)
    if not len(ids):
        raise ValueError(f"{primer.name} has no notes to continue for {tokenizer!r}")
    return ids


def _beginning(tokenizer: Tokenizer, settings: dict[str, Any], seeds: Sequence[int]) -> ndarray:
    """The ids before the first new one: (T,), or (T, seeds) openings of training pieces."""
    if len(start := tokenizer.beginning()):
        return start
    if not settings.get("primers"):
        raise ValueError("the checkpoint has no openings to begin from: give a primer")
    primers = settings["primers"]
    picks = [primers[np.random.default_rng(seed).integers(len(primers))] for seed in seeds]
    return np.array(picks).T  # (T, seeds)


def openings(tokens: Tokens, length: int = 100, most: int = 50) -> list[list[int]]:
    """The first `length` ids of up to `most` pieces, for a checkpoint to begin new pieces from.

    >>> openings(Tokens(np.arange(10), starts=[0, 6]), length=4)
    [[0, 1, 2, 3], [6, 7, 8, 9]]
    """
    ends = np.minimum(tokens.starts + length, tokens.ends)
    chosen = list(zip(tokens.starts, ends, strict=True))[:most]
    return [tokens.ids[a:b].tolist() for a, b in chosen if b - a == length] or [
        tokens.ids[:length].tolist()
    ]
