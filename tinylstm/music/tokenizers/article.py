"""The 2017 tutorial's tokenizer: a note by its name, a chord by its pitch classes, and no time.

What it drops (durations, rests, octaves of chords) cannot be restored: decoding writes each token
half a quarter note after the last. `strict=True` reads files as the tutorial's code does, errors
included; the ordinary form takes all tracks, and each note once. Next: article_symbols.py.
"""

import warnings
from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import ceil
from typing import Self

import numpy as np
from numpy import ndarray

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
from .base import Tokenizer, Unknown

PRIMER = 100  # tokens that the network reads before it continues, as in the tutorial
_TOLERANCE = 0.25  # quarter notes: music21 makes one chord of notes that start and end this close
_EPSILON = 1e-9  # onsets are ticks divided by ticks per quarter: equal only up to rounding


class UnknownTokenWarning(UserWarning):
    """A piece has tokens that the vocabulary lacks; they were replaced by the most similar ones.

    >>> tokenizer = ArticleTokenizer().train([Piece("a", (Note(0, 1, 60),))])
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     ids = tokenizer.encode(Piece("b", (Note(0, 1, 72),)))
    >>> caught[0].category.__name__
    'UnknownTokenWarning'
    """


class ArticleTokenizer(Tokenizer):
    """Notes and chords by name; an id is an index into `vocabulary`, the list of names.

    strict: read files with the tutorial's own music21 calls (pieces must have a path).
    vocabulary: the names, if known; else `train` finds them. instruments: "piano" takes the notes
    of pianos only, "all" everything but drums; the strict form takes the first instrument.

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
    arguments = "strict", "instruments", "vocabulary"
    step = 0.5  # the most common gap between tokens in the tutorial's corpus

    def __init__(
        self,
        strict: bool = False,
        vocabulary: Sequence[str] = (),
        instruments: Instruments = "all",
    ) -> None:
        if instruments not in ("piano", "all"):
            raise ValueError(f"instruments is {instruments!r}: want 'piano' or 'all'")
        if not isinstance(strict, bool):
            raise ValueError(f"the tokenizer's strict is {strict!r}: want true or false")
        if not isinstance(vocabulary, list | tuple) or {*map(type, vocabulary)} - {str}:
            raise ValueError("the tokenizer's vocabulary is not a list of names")
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
        self, pieces: Iterable[Piece | ndarray], transpositions: Iterable[int] = (0,)
    ) -> Self:
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

    def symbols(self, piece: Piece) -> ndarray:
        """A piece as the integers of article_symbols.py, (T,): needs no vocabulary."""
        if self.strict:
            from ..files.scores import first_part_tokens

            if piece.path is None:
                raise ValueError(f"{piece.name} has no path: strict=True reads the file itself")
            return np.array([parse(name) for name in first_part_tokens(piece.path)], np.int32)
        return np.array([symbol for *_, symbol in _in_order(self._chosen(piece))], np.int32)

    @property
    def symbol_key(self) -> str:
        return "article strict" if self.strict else f"article {self.instruments}"

    def notes_kept(self, piece: Piece, symbols: ndarray) -> int:
        """How many notes of a piece its symbols encode; the strict form drops doubled notes."""
        if self.strict:
            return sum(len(pitch_classes(int(symbol))) for symbol in symbols)
        return len(self._chosen(piece))

    def _chosen(self, piece: Piece) -> list[Note]:
        return [n for n in chosen(piece.notes, self.instruments) if n.program != DRUMS]

    def encode(self, piece: Piece, unknown: Unknown = "nearest") -> ndarray:
        """Ids (T,) of a piece. A token outside the vocabulary becomes the most similar one, with
        one UnknownTokenWarning per piece, or -1 with unknown="mark".
        """
        symbols = self.symbols(piece)
        ids = self.ids(symbols, unknown)
        if unknown == "nearest" and (replaced := self.substitutes(symbols)):
            count = int((self._ids[symbols] < 0).sum())
            listed = ", ".join(f"{old} by {new}" for old, new in list(replaced.items())[:5])
            more = ", ..." if len(replaced) > 5 else ""
            message = f"{piece.name}: {count} unknown tokens replaced ({listed}{more})"
            warnings.warn(message, UnknownTokenWarning, stacklevel=2)
        return ids

    def ids(self, symbols: ndarray, unknown: Unknown = "nearest") -> ndarray:
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

    def substitutes(self, symbols: ndarray) -> dict[str, str]:
        unknown = np.unique(symbols[self._ids[symbols] < 0])
        return {spell(int(s)): self.vocabulary[self._stand_in(int(s))] for s in unknown}

    def decode(self, ids: Iterable[int]) -> list[Note]:
        """Notes, one token every half quarter note; a chord in the octave of middle C.

        In the tutorial each note lasts a whole quarter, into the next one; so with `strict`.
        """
        duration = 1.0 if self.strict else self.step
        notes = []
        for place, token in enumerate(ids):
            symbol = int(self._symbols[token])
            pitches = [symbol] if symbol < CHORDS else [60 + n for n in pitch_classes(symbol)]
            notes += [Note(place * self.step, duration, pitch) for pitch in pitches]
        return notes

    def primer(self, piece: Piece) -> ndarray:
        return self.encode(piece)[-PRIMER:]

    def beginning(self) -> ndarray:
        return np.zeros(0, int)

    def continuation(self, ids: ndarray, primed: int) -> list[Note]:
        return self.decode(ids[primed:])

    def transposition(self, semitones: int) -> ndarray:
        moved = transposition(semitones)[self._symbols]  # (V,)
        return np.where(moved >= 0, self._ids[moved], -1).astype(np.int32)


def _in_order(notes: Iterable[Note]) -> list[tuple[float, int, int, int]]:
    """(onset on music21's grid, track, place, symbol) of every note and chord, sorted."""
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
    """Notes of one track, in order of onset, grouped into chords as music21 does.

    A chord takes each free note that starts less than a sixteenth after its first note and ends
    within a sixteenth of that note's end. (music21 may put a note into two chords; here each note
    is in one.)

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
