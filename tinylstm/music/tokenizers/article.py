"""The article's tokenizer: a note by its name, a chord by its pitch classes, and no time at all.

It is the alphabet of "How to Generate Music using a LSTM Neural Network in Keras" (2017). What it
forgets (durations, rests, octaves of chords) is forgotten for good: decoding writes every token
half a quarter note after the one before. `strict=True` reads files as the article's code does,
faults included; the ordinary form takes all tracks and each note once.

Read :mod:`tinylstm.music.tokenizers.article_symbols` first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import ceil
from typing import Any, Self

import numpy as np

from ..notes import DRUMS, Instruments, Note, Piece, chosen
from .article_symbols import (
    CHORDS,
    SYMBOLS,
    chord_symbol,
    most_similar,
    note_symbol,
    parse,
    pitch_classes,
    spell,
    transposition,
)
from .base import Tokenizer, Unknown, require

STEP = 0.5  # quarter notes between two tokens: the commonest gap in the article's corpus
_TOLERANCE = 0.25  # quarter notes: music21 makes one chord of notes that start and end this close
_EPSILON = 1e-9  # onsets are ticks divided by ticks per quarter: equal only up to rounding


class ArticleTokenizer(Tokenizer):
    """Notes and chords by name; `vocabulary` lists the names, and an id is a place in that list.

    Arguments:
        strict: read files with the article's own music21 calls (pieces must have a path).
        vocabulary: the names, if they are known already; else `train` finds them.
        instruments: ``"piano"`` takes the notes of pianos only, ``"all"`` everything but drums;
            the strict form asks music21 instead, and takes the first.

    >>> piece = Piece("two", (Note(0, 1, 60), Note(1, 1, 57), Note(1, 1, 64)))
    >>> tokenizer = ArticleTokenizer().train([piece])
    >>> tokenizer.vocabulary
    ['4.9', 'C4']
    >>> ids = tokenizer.encode(piece)
    >>> ids
    array([1, 0], dtype=int32)
    >>> [(note.onset, note.pitch) for note in tokenizer.decode(ids)]
    [(0.0, 60), (0.5, 64), (0.5, 69)]
    """

    name = "article"

    def __init__(
        self,
        strict: bool = False,
        vocabulary: Sequence[str] = (),
        instruments: Instruments = "all",
    ) -> None:
        if instruments not in ("piano", "all"):
            raise ValueError(f"instruments is {instruments!r}: want 'piano' or 'all'")
        self.strict, self.instruments = strict, instruments
        self._define(parse(name) for name in vocabulary)
        if self.vocabulary != list(vocabulary):
            raise ValueError("the vocabulary is not sorted, or names a token twice")

    def _define(self, symbols: Iterable[int]) -> None:
        named = sorted((spell(symbol), symbol) for symbol in set(symbols))
        self.vocabulary = [name for name, _ in named]
        self._symbols = np.array([symbol for _, symbol in named], np.int32)  # (V,)
        self._ids = np.full(SYMBOLS, -1, np.int32)
        self._ids[self._symbols] = np.arange(len(named))
        self._nearest: dict[int, int] = {}  # unknown symbol -> id

    def __repr__(self) -> str:
        return f"ArticleTokenizer(strict={self.strict}, {len(self)} classes)"

    def train(
        self, pieces: Iterable[Piece | np.ndarray], transpositions: Iterable[int] = (0,)
    ) -> Self:
        """Take the vocabulary from pieces, or from symbols that `symbols` has made of them.

        With `transpositions`, it also holds every token moved by each of these semitones, so that
        music moved by any of them meets no unknown token.
        """
        seen = np.zeros(SYMBOLS, bool)
        for piece in pieces:
            seen[self.symbols(piece) if isinstance(piece, Piece) else piece] = True
        found: set[int] = set()
        for semitones in transpositions:
            moved = transposition(semitones)[np.flatnonzero(seen)]
            found.update(moved[moved >= 0].tolist())
        if not found:
            raise ValueError("no tokens to train a vocabulary on: the pieces are empty")
        self._define(found)
        return self

    def symbols(self, piece: Piece) -> np.ndarray:
        """A piece as the integers of article_symbols.py, (T,): needs no vocabulary."""
        if self.strict:
            from ..files import first_part_tokens

            if piece.path is None:
                raise ValueError(f"{piece.name} has no path: strict=True reads the file itself")
            return np.array([parse(name) for name in first_part_tokens(piece.path)], np.int32)
        return np.array([symbol for *_, symbol in _in_order(self._chosen(piece))], np.int32)

    @property
    def symbol_key(self) -> str:
        """What `symbols` depends on, besides the piece: part of the name of what is cached."""
        return "article strict" if self.strict else f"article {self.instruments}"

    def notes_kept(self, piece: Piece, symbols: np.ndarray) -> int:
        """How many notes of a piece its symbols stand for; the strict form forgets doublings."""
        if self.strict:
            return sum(len(pitch_classes(int(symbol))) for symbol in symbols)
        return len(self._chosen(piece))

    def _chosen(self, piece: Piece) -> list[Note]:
        return [n for n in chosen(piece.notes, self.instruments) if n.program != DRUMS]

    def ids(self, symbols: np.ndarray, unknown: Unknown = "nearest") -> np.ndarray:
        """Ids (T,) of symbols (T,); an unknown one becomes the most similar, or -1 (`mark`)."""
        if not len(self):
            raise ValueError("the tokenizer has no vocabulary yet: call train() first")
        ids = self._ids[symbols]  # (T,)
        if unknown == "nearest":
            missing = np.flatnonzero(ids < 0)
            ids[missing] = [self._stand_in(int(symbol)) for symbol in symbols[missing]]
        return ids

    def _stand_in(self, symbol: int) -> int:
        if symbol not in self._nearest:
            similar = most_similar(symbol, self._symbols.tolist())
            self._nearest[symbol] = int(self._ids[similar])
        return self._nearest[symbol]

    def substitutes(self, symbols: np.ndarray) -> dict[str, str]:
        """Which unknown names there are among symbols, and the known name that stands for each."""
        unknown = np.unique(symbols[self._ids[symbols] < 0])
        return {spell(int(s)): self.vocabulary[self._stand_in(int(s))] for s in unknown}

    def decode(self, ids: Iterable[int]) -> list[Note]:
        """Notes, one token every half quarter note; a chord in the octave of the middle C.

        The article leaves each note a whole quarter long, into the next one: so does `strict`.
        """
        duration = 1.0 if self.strict else STEP
        notes = []
        for place, token in enumerate(ids):
            symbol = int(self._symbols[token])
            pitches = [symbol] if symbol < CHORDS else [60 + n for n in pitch_classes(symbol)]
            notes += [Note(place * STEP, duration, pitch) for pitch in pitches]
        return notes

    def pitches(self, ids: np.ndarray) -> list[int]:
        """The distinct pitches among ids; a chord has no octave, so it limits nothing."""
        symbols = self._symbols[np.unique(ids)]
        return symbols[symbols < CHORDS].tolist()

    def transposition(self, semitones: int) -> np.ndarray:
        """A table (V,): the id of each token some semitones higher; -1 where there is none."""
        moved = transposition(semitones)[self._symbols]  # (V,)
        return np.where(moved >= 0, self._ids[moved], -1).astype(np.int32)

    def to_config(self) -> dict[str, Any]:
        """All there is to know, as plain JSON values."""
        return {
            "name": self.name,
            "strict": self.strict,
            "instruments": self.instruments,
            "vocabulary": self.vocabulary,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The inverse of `to_config`; ValueError if it is none."""
        strict, vocabulary, instruments = require(
            config, cls.name, ["strict", "vocabulary", "instruments"]
        )
        if not (isinstance(vocabulary, list) and all(isinstance(v, str) for v in vocabulary)):
            raise ValueError("the tokenizer's vocabulary is not a list of names")
        if not isinstance(strict, bool):
            raise ValueError(f"the tokenizer's strict is {strict!r}: want true or false")
        return cls(strict, vocabulary, instruments)


def _in_order(notes: Iterable[Note]) -> list[tuple[float, int, int, int]]:
    """``(onset on music21's grid, track, place, symbol)`` of every note and chord, sorted."""
    tracks: dict[tuple[int, int], list[Note]] = defaultdict(list)
    for note in notes:
        tracks[note.track, note.program].append(note)
    tokens = []
    for (track, _), members in sorted(tracks.items()):
        for place, chord in enumerate(chords(members)):
            pitches = [note.pitch for note in chord]
            symbol = chord_symbol(pitches) if len(chord) > 1 else note_symbol(pitches[0])
            tokens.append((_on_grid(chord[0].onset), track, place, symbol))
    return sorted(tokens)


def chords(notes: Sequence[Note]) -> list[list[Note]]:
    """Notes of one track, in order of onset, gathered into chords as music21 does it.

    A chord takes each free note that starts less than a sixteenth after its first note and ends
    within a sixteenth of that note's end. (music21 may put a note into two such chords; here each
    note is in one.)

    >>> hands = [Note(0, 1, 48), Note(0, 1, 52), Note(0, 2, 60), Note(0.2, 0.9, 55)]
    >>> [[note.pitch for note in chord] for chord in chords(hands)]
    [[48, 52, 55], [60]]
    """
    gathered = [False] * len(notes)
    result = []
    for i, first in enumerate(notes):
        if gathered[i]:
            continue
        chord = [first]
        for j in range(i + 1, len(notes)):
            other = notes[j]
            if other.onset - first.onset >= _TOLERANCE - _EPSILON:
                break
            apart = abs(other.onset + other.duration - first.onset - first.duration)
            if not gathered[j] and apart <= _TOLERANCE + _EPSILON:
                gathered[j] = True
                chord.append(other)
        result.append(chord)
    return result


def _on_grid(onset: float) -> float:
    """The nearest sixteenth or triplet eighth: music21's ``quarterLengthDivisors`` (4, 3)."""
    sixteenth, triplet = (ceil(onset * n - 0.5 - _EPSILON) / n for n in (4, 3))
    return min(sixteenth, triplet, key=lambda time: abs(time - onset))
