"""The events tokenizer: one token for each thing that happens, and the music can be had back.

A piece is ``BOS``, its notes in order of onset, ``EOS``. A note is a `Pitch` (the note-on), a
`Velocity` where asked for, and a `Duration`; a `TimeShift` before it says how long after the last
onset it comes, so rests need no token of their own. Times are whole steps of a grid, 12 to the
quarter note: sixteenths and triplets are exact, the rest is rounded and the rounding reported.

With ``instruments="all"`` a `Family` token (the 16 families of General MIDI) names the instrument
of all notes that follow, and drums have `Drum` tokens instead of `Pitch`. The grammar is one table
(:class:`Grammar`): a sampler that obeys it never writes a sequence that means nothing.

``docs/tokenizers.md`` compares the tokens with MidiTok's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Self

import numpy as np

from ..notes import DRUMS, Instruments, Note, Piece, chosen
from .base import Tokenizer, Unknown, require
from .grammar import Grammar, Kind

BEATS = 4  # quarter notes that one time token can say to the step; longer times take two
LONG = 8  # the largest multiple of these that one token can say
# fmt: off
FAMILIES = [
    "Piano", "Percussion", "Organ", "Guitar", "Bass", "Strings", "Ensemble", "Brass", "Reed",
    "Pipe", "Lead", "Pad", "Effects", "Ethnic", "Percussive", "Sounds",
]
# fmt: on
_VELOCITY = 80  # of decoded notes, where it is not a token
_LOUDEST = 127


class EventTokenizer(Tokenizer):
    """Time shift, pitch and duration, and where asked for velocity and instrument.

    Arguments:
        grid: steps a quarter note.
        velocities: into how many levels loudness is rounded; 0 leaves it out.
        instruments: ``"piano"`` takes the notes of pianos only, ``"all"`` everything, drums apart.

    >>> tokenizer = EventTokenizer()
    >>> piece = Piece("two", (Note(0, 1, 60), Note(1.5, 0.5, 64)))
    >>> ids = tokenizer.encode(piece)
    >>> " ".join(tokenizer.vocabulary[i] for i in ids)
    'BOS Pitch_60 Duration_12 TimeShift_18 Pitch_64 Duration_6 EOS'
    >>> [(note.onset, note.duration, note.pitch) for note in tokenizer.decode(ids)]
    [(0.0, 1.0, 60), (1.5, 0.5, 64)]
    """

    name = "events"

    def __init__(
        self, grid: int = 12, velocities: int = 0, instruments: Instruments = "piano"
    ) -> None:
        if not 1 <= grid <= 96:
            raise ValueError(f"grid is {grid} steps a quarter note: want 1 to 96")
        if not 0 <= velocities <= _LOUDEST:
            raise ValueError(f"velocities is {velocities}: want 0 (none) to {_LOUDEST} levels")
        if instruments not in ("piano", "all"):
            raise ValueError(f"instruments is {instruments!r}: want 'piano' or 'all'")
        self.grid, self.velocities, self.instruments = grid, velocities, instruments
        self._bar = BEATS * grid
        times = [*range(1, self._bar), *(self._bar * n for n in range(1, LONG + 1))]
        every = instruments == "all"
        self._values: dict[Kind, list[int]] = {
            Kind.BOS: [0],
            Kind.EOS: [0],
            Kind.SHIFT: times,
            Kind.DURATION: times,
            Kind.PITCH: list(range(128)),
            Kind.VELOCITY: list(range(velocities)),
            Kind.FAMILY: list(range(len(FAMILIES))) if every else [],
            Kind.DRUM: list(range(128)) if every else [],
        }
        self._tokens = [(kind, value) for kind in Kind for value in self._values[kind]]
        self._id = {token: place for place, token in enumerate(self._tokens)}
        self.vocabulary = [self._spell(*token) for token in self._tokens]
        self.grammar = Grammar(self._tokens, self._bar, LONG * self._bar)

    @staticmethod
    def _spell(kind: Kind, value: int) -> str:
        if kind in (Kind.BOS, Kind.EOS):
            return kind.value
        return f"{kind.value}_{FAMILIES[value] if kind is Kind.FAMILY else value}"

    def __repr__(self) -> str:
        return (
            f"EventTokenizer(grid={self.grid}, velocities={self.velocities}, "
            f"instruments={self.instruments!r}; {len(self)} classes)"
        )

    @property
    def bos(self) -> int:
        """The id that every piece begins with."""
        return self._id[Kind.BOS, 0]

    @property
    def eos(self) -> int:
        """The id that every piece ends with."""
        return self._id[Kind.EOS, 0]

    def train(self, pieces: object = (), transpositions: object = (0,)) -> Self:
        """Nothing to learn: the vocabulary follows from the arguments, and is closed already."""
        return self

    def on_grid(self, notes: Iterable[Note]) -> list[Note]:
        """What the tokens can say of notes, in the order in which they say it.

        Onset and duration in whole steps (a duration is one at least), the first program of the
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

    def symbols(self, piece: Piece) -> np.ndarray:
        """Ids (T,) of a piece; none at all if it has no notes of the chosen instruments."""
        notes = self.on_grid(piece.notes)
        ids: list[int] = []
        now, family = 0, 0
        for note in notes:
            start = round(note.onset * self.grid)
            ids += self._time(Kind.SHIFT, start - now)
            now = start
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

    def _time(self, kind: Kind, steps: int) -> Iterator[int]:
        """A time as tokens, the longest first: nothing for 0, one token below a bar of four."""
        bars, rest = divmod(steps, self._bar)
        while bars:
            yield self._id[kind, min(bars, LONG) * self._bar]
            bars -= min(bars, LONG)
        if rest:
            yield self._id[kind, rest]

    def ids(self, symbols: np.ndarray, unknown: Unknown = "nearest") -> np.ndarray:
        """Symbols are ids already, and no token is ever unknown."""
        return symbols

    def decode(self, ids: Iterable[int]) -> list[Note]:
        """The notes of a sequence, or of a part of one that begins with a whole note.

        A note that is cut off at the end is left out.

        Raises:
            ValueError: a token stands where the grammar does not allow it.
        """
        notes: list[Note] = []
        now, family, length = 0, 0, 0  # the note being read is `opened` until its first duration
        opened: Note | None = None
        state = self.grammar.anywhere
        for place, token in enumerate(ids):
            if not self.grammar.allowed(state)[token]:
                raise ValueError(f"{self.vocabulary[token]} cannot stand at place {place}")
            state = int(self.grammar.step(state, token))
            kind, value = self._tokens[token]
            if kind is Kind.BOS:
                now, family = 0, 0
            elif kind is Kind.SHIFT:
                now += value
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

    def rounding(self, piece: Piece) -> np.ndarray:
        """By how many quarter notes each onset (N,) is moved to be on the grid."""
        onsets = np.array([note.onset for note in chosen(piece.notes, self.instruments)])  # (N,)
        return np.floor(onsets * self.grid + 0.5) / self.grid - onsets

    @property
    def symbol_key(self) -> str:
        """What `symbols` depends on, besides the piece: part of the name of what is cached."""
        return f"events grid={self.grid} velocities={self.velocities} {self.instruments}"

    def notes_kept(self, piece: Piece, symbols: np.ndarray) -> int:
        """How many notes of a piece its tokens stand for."""
        return len(chosen(piece.notes, self.instruments))

    def pitches(self, ids: np.ndarray) -> list[int]:
        """The distinct pitches among ids; drums have none."""
        tokens = [self._tokens[i] for i in np.unique(ids)]
        return [value for kind, value in tokens if kind is Kind.PITCH]

    def transposition(self, semitones: int) -> np.ndarray:
        """A table (V,): pitches move, -1 outside 0..127; all else, drums too, stays."""
        table = np.arange(len(self), dtype=np.int32)  # (V,)
        first = self._id[Kind.PITCH, 0]
        moved = np.arange(128) + semitones  # (128,)
        table[first : first + 128] = np.where((moved >= 0) & (moved < 128), first + moved, -1)
        return table

    def to_config(self) -> dict[str, Any]:
        """The vocabulary's definition, as plain JSON values."""
        return {
            "name": self.name,
            "grid": self.grid,
            "velocities": self.velocities,
            "instruments": self.instruments,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The inverse of `to_config`; ValueError if it is none."""
        grid, velocities, instruments = require(
            config, cls.name, ["grid", "velocities", "instruments"]
        )
        if not (isinstance(grid, int) and isinstance(velocities, int)):
            raise ValueError(f"grid {grid!r} and velocities {velocities!r} must be whole numbers")
        return cls(grid, velocities, instruments)
