"""The events tokenizer: one token per event, reversible up to the grid.

A piece is `BOS`, its notes in order of onset, `EOS`. A note is a `Pitch` (the note-on), a
`Velocity` if asked for, and a `Duration`; a `TimeShift` before it gives the time since the last
onset, so rests need no token. Times are whole steps of a grid, 12 per quarter note: sixteenths and
triplets are exact, the rest is rounded, and the rounding is reported.

With instruments="all" a `Family` token (the 16 families of General MIDI) sets the instrument of the
notes that follow, and drums have `Drum` tokens instead of `Pitch`. A sampler that obeys `grammar`
writes only sequences that can be decoded. docs/tokenizers.md compares the tokens with MidiTok's.
Next: grammar.py, which tokens may follow each other.
"""

from collections.abc import Iterable, Iterator
from typing import Self

import numpy as np
from numpy import ndarray

from ..notes import DRUMS, Instruments, Note, Piece, chosen
from .base import Tokenizer, Unknown
from .grammar import FAMILIES, Grammar, Kind

BEATS = 4  # quarter notes: a time below these takes one token, a longer one takes more
LONG = 8  # the largest multiple of BEATS that one token encodes
_VELOCITY = 80  # of decoded notes, where it is not a token
_LOUDEST = 127


class EventTokenizer(Tokenizer):
    """Time shift, pitch and duration; velocity and instrument if asked for.

    grid: steps per quarter note. velocities: levels that loudness is rounded to; 0 leaves it out.
    instruments: "piano" takes the notes of pianos only, "all" takes everything.

    >>> tokenizer = EventTokenizer()
    >>> piece = Piece("two", (Note(0, 1, 60), Note(1.5, 0.5, 64)))
    >>> ids = tokenizer.encode(piece)
    >>> " ".join(tokenizer.vocabulary[i] for i in ids)
    'BOS Pitch_60 Duration_12 TimeShift_18 Pitch_64 Duration_6 EOS'
    >>> [(note.onset, note.duration, note.pitch) for note in tokenizer.decode(ids)]
    [(0.0, 1.0, 60), (1.5, 0.5, 64)]
    """

    name = "events"
    arguments = "grid", "velocities", "instruments"

    def __init__(
        self, grid: int = 12, velocities: int = 0, instruments: Instruments = "piano"
    ) -> None:
        if not (isinstance(grid, int) and isinstance(velocities, int)):
            raise ValueError(f"grid {grid!r} and velocities {velocities!r} must be whole numbers")
        if not 1 <= grid <= 96:
            raise ValueError(f"grid is {grid} steps per quarter note: want 1 to 96")
        if not 0 <= velocities <= _LOUDEST:
            raise ValueError(f"velocities is {velocities}: want 0 (none) to {_LOUDEST} levels")
        if instruments not in ("piano", "all"):
            raise ValueError(f"instruments is {instruments!r}: want 'piano' or 'all'")
        self.grid, self.velocities, self.instruments = grid, velocities, instruments
        self._bar = BEATS * grid
        tokens = [(kind, value) for kind in Kind for value in self._values(kind)]
        self._id = {token: place for place, token in enumerate(tokens)}
        self.vocabulary = [kind.spell(value) for kind, value in tokens]
        self.grammar: Grammar = self._make_grammar(tokens)
        self.bos, self.eos = self.grammar.bos, self.grammar.eos  # ids that begin and end a piece

    def _values(self, kind: Kind) -> list[int]:
        """The values that tokens of a kind have, in the order of the vocabulary."""
        times = [*range(1, self._bar), *(self._bar * n for n in range(1, LONG + 1))]
        pitches, every = list(range(128)), self.instruments == "all"
        return {
            Kind.BOS: [0],
            Kind.EOS: [0],
            Kind.SHIFT: times,
            Kind.DURATION: times,
            Kind.PITCH: pitches,
            Kind.VELOCITY: list(range(self.velocities)),
            Kind.FAMILY: list(range(len(FAMILIES))) if every else [],
            Kind.DRUM: pitches if every else [],
        }.get(kind, [])

    def _make_grammar(self, tokens: list[tuple[Kind, int]]) -> Grammar:
        return Grammar(tokens, self.grid, self._bar, LONG * self._bar)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(grid={self.grid}, velocities={self.velocities}, "
            f"instruments={self.instruments!r}; {len(self)} classes)"
        )

    def train(self, pieces: object = (), transpositions: object = (0,)) -> Self:
        """Does nothing: the vocabulary follows from the arguments."""
        return self

    def on_grid(self, notes: Iterable[Note]) -> list[Note]:
        """Notes as the tokens encode them, in the tokens' order.

        Onset and duration in whole steps (a duration is at least one), the first program of the
        instrument's family, velocity by its level; no track.
        """
        result = []
        for note in chosen(notes, self.instruments):
            onset = int(note.onset * self.grid + 0.5) / self.grid
            duration = max(1, int(note.duration * self.grid + 0.5)) / self.grid
            program = DRUMS if note.program == DRUMS else note.program // 8 * 8
            velocity = self._loudness(self._level(note.velocity)) if self.velocities else _VELOCITY
            result.append(Note(onset, duration, note.pitch, velocity, program))
        return sorted(result, key=lambda n: (n.onset, n.program, n.pitch, n.duration, n.velocity))

    def _level(self, velocity: int) -> int:
        return min(max(velocity - 1, 0) * self.velocities // _LOUDEST, self.velocities - 1)

    def _loudness(self, level: int) -> int:
        softest = -(-level * _LOUDEST // self.velocities)
        loudest = -(-(level + 1) * _LOUDEST // self.velocities) - 1
        return 1 + (softest + loudest) // 2

    def symbols(self, piece: Piece) -> ndarray:
        """Ids (T,) of a piece; empty if it has no notes of the chosen instruments."""
        notes = self.on_grid(piece.notes)
        ids: list[int] = []
        family = 0
        for note, leading in zip(notes, self._leading(piece, notes), strict=True):
            ids += leading
            if note.program == DRUMS:
                ids.append(self._id[Kind.DRUM, note.pitch])
            else:
                if note.program // 8 != family:
                    family = note.program // 8
                    ids.append(self._id[Kind.FAMILY, family])
                ids.append(self._id[Kind.PITCH, note.pitch])
            if self.velocities:
                ids.append(self._id[Kind.VELOCITY, self._level(note.velocity)])
            ids += self._time(Kind.DURATION, round(note.duration * self.grid))
        return np.array([self.bos, *ids, self.eos] if ids else [], np.int32)

    def _leading(self, piece: Piece, notes: list[Note]) -> Iterator[list[int]]:
        """The tokens before each note, which say when it begins."""
        now = 0
        for note in notes:
            start = round(note.onset * self.grid)
            yield list(self._time(Kind.SHIFT, start - now))
            now = start

    def id_of(self, kind: Kind, value: int) -> int:
        """The id of a token."""
        return self._id[kind, value]

    def duration_ids(self, steps: int) -> list[int]:
        """The tokens of a duration."""
        return list(self._time(Kind.DURATION, steps))

    def _time(self, kind: Kind, steps: int) -> Iterator[int]:
        """A time as tokens, the longest first; no token for 0."""
        bars, rest = divmod(steps, self._bar)
        while bars:
            yield self._id[kind, min(bars, LONG) * self._bar]
            bars -= min(bars, LONG)
        if rest:
            yield self._id[kind, rest]

    def ids(self, symbols: ndarray, unknown: Unknown = "nearest") -> ndarray:
        """Symbols are ids already, and none is unknown."""
        return symbols

    def decode(self, ids: Iterable[int]) -> list[Note]:
        """The notes of a sequence, or of a part that begins with a whole note.

        A note that is cut off at the end is left out. Raises ValueError for a token that the
        grammar does not allow.
        """
        notes: list[Note] = []
        family, length = 0, 0
        opened: Note | None = None  # until its first duration
        times = self.grammar.times(ids := list(ids))  # raises, if a token may not stand there
        for token, now in zip(ids, times.tolist(), strict=True):
            kind, value = self.grammar.tokens[token]
            if kind is Kind.BOS:
                family = 0
            elif kind is Kind.FAMILY:
                family = value
            elif kind in (Kind.PITCH, Kind.DRUM):
                program = DRUMS if kind is Kind.DRUM else family * 8
                opened = Note(now / self.grid, 0, value, _VELOCITY, program)
            elif kind is Kind.VELOCITY and opened:
                opened = opened._replace(velocity=self._loudness(value))
            elif kind is Kind.DURATION:
                if opened:
                    notes.append(opened)
                    opened, length = None, 0
                length += value
                notes[-1] = notes[-1]._replace(duration=length / self.grid)
        return notes

    def primer(self, piece: Piece) -> ndarray:
        return self.encode(piece)[:-1]  # without EOS

    def beginning(self) -> ndarray:
        return np.array([self.bos])

    def continuation(self, ids: ndarray, primed: int) -> list[Note]:
        notes = self.decode(ids)[len(self.decode(ids[:primed])) :]
        begin = min((note.onset for note in notes), default=0.0)
        return [note._replace(onset=note.onset - begin) for note in notes]

    def rounding(self, piece: Piece) -> ndarray:
        onsets = np.array([note.onset for note in chosen(piece.notes, self.instruments)])  # (N,)
        return np.floor(onsets * self.grid + 0.5) / self.grid - onsets

    @property
    def symbol_key(self) -> str:
        return f"events grid={self.grid} velocities={self.velocities} {self.instruments}"

    def notes_kept(self, piece: Piece, symbols: ndarray) -> int:
        return len(chosen(piece.notes, self.instruments))

    def transposition(self, semitones: int) -> ndarray:
        """A table (V,): pitches move, to -1 outside 0..127; all other tokens stay."""
        table = np.arange(len(self), dtype=np.int32)  # (V,)
        first = self._id[Kind.PITCH, 0]
        moved = np.arange(128) + semitones  # (128,)
        table[first : first + 128] = np.where((moved >= 0) & (moved < 128), first + moved, -1)
        return table
