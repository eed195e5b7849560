"""Which tokens may come next where a melody is given, and other voices are to go with it.

All voices sound all the time. So the next thing that happens is the melody's next note, or a voice
that ends, whichever is first: the time is given, and the net chooses pitches and durations.
Next: harmonise.py.
"""

import re
from collections.abc import Iterable

import numpy as np
from numpy import ndarray

from ..notes import DRUMS, Note, Piece
from ..tokenizers import BarTokenizer, EventTokenizer
from ..tokenizers.events import BEATS, LONG
from ..tokenizers.grammar import Kind

_NAMED = re.compile(r"([A-Ga-g])([#b]*)(-?\d+)(?::([\d.]+(?:/\d+)?))?$")
_REST = re.compile(r"[rR](?::([\d.]+(?:/\d+)?))?$")
_SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


def melody_from_names(text: str, tempo: float = 90.0) -> Piece:
    """A melody from the names of its notes.

    A name may be followed by a duration in quarter notes, which then holds until the next one; r is
    a rest, and | a bar line. Raises ValueError for anything else.

    >>> melody = melody_from_names("D4 | G4 G4 Bb4:1/2 A4 | r:1 F#4:2")
    >>> [(note.onset, note.duration, note.pitch) for note in melody.notes][-3:]
    [(3.0, 0.5, 70), (3.5, 0.5, 69), (5.0, 2.0, 66)]
    >>> melody.bars
    (0.0, 1.0, 4.0)
    """
    now, duration = 0.0, 1.0
    notes, bars = list[Note](), [0.0]
    for word in text.split():
        if word == "|":
            bars += [now] if now > bars[-1] else []
            continue
        named, rest = _NAMED.match(word), _REST.match(word)
        if not (named or rest):
            raise ValueError(f"{word!r} is no note: want names such as C4 F#4:1/2 Bb3:2 r |")
        if said := (named[4] if named else rest and rest[1]):
            over, _, under = said.partition("/")
            duration = float(over) / float(under or 1)
        if named:
            pitch = _SEMITONES[named[1].upper()] + 12 * (int(named[3]) + 1)
            pitch += named[2].count("#") - named[2].count("b")
            if not (0 <= pitch <= 127 and duration > 0):
                raise ValueError(f"{word!r} is not a note that MIDI has, of some duration")
            notes.append(Note(now, duration, pitch))
        now += duration
    if not notes:
        raise ValueError(f"no notes in {text!r}: want names such as C4 D4:2 E4")
    shown = tuple(bars) if len(bars) > 1 else ()
    return Piece("melody", tuple(notes), len(notes), ((0.0, tempo),), bars=shown)


def top_line(piece: Piece) -> Piece:
    """The melody of a piece: its highest notes, each cut where the next begins.

    >>> chord = Note(0, 2, 48), Note(0, 2, 60), Note(1, 1, 52), Note(2, 1, 64)
    >>> [note.pitch for note in top_line(Piece("a", chord)).notes]
    [60, 64]
    """
    found: list[Note] = []
    for note in sorted(piece.notes, key=lambda note: (note.onset, -note.pitch)):
        above = found and found[-1].onset + found[-1].duration > note.onset + 1e-6
        if note.program == DRUMS or (above and found[-1].pitch >= note.pitch):
            continue
        if above and found[-1].onset == note.onset:
            continue
        if above:
            found[-1] = found[-1]._replace(duration=note.onset - found[-1].onset)
        found.append(note)
    return Piece(piece.name, tuple(found), len(found), piece.tempos, piece.time_signatures,
                 piece.keys, bars=piece.bars)  # fmt: skip


class Column:
    """The voices of one harmonisation as it grows, token by token.

    heard: how many notes of the melody there are so far. A copy goes on by itself.
    """

    def __init__(self, tokenizer: EventTokenizer, melody: Piece, voices: int):
        self.grammar, self.tokenizer = tokenizer.grammar, tokenizer
        notes = tokenizer.on_grid(melody.notes)
        steps = [
            (round(n.onset * tokenizer.grid), round(n.duration * tokenizer.grid)) for n in notes
        ]
        self.onsets = [onset for onset, _ in steps]
        self.lengths, self.pitches = [length for _, length in steps], [n.pitch for n in notes]
        self.end = max(onset + length for onset, length in steps)
        self.lines = (
            tokenizer.lines(melody, self.end) if isinstance(tokenizer, BarTokenizer) else []
        )
        self.pitch = self.grammar.values(Kind.PITCH, other=-1)  # (V,), as is duration
        self.duration = self.grammar.values(Kind.DURATION)
        kinds = np.array([kind.name for kind, _ in self.grammar.tokens])
        self.velocity = kinds == "VELOCITY"  # (V,)
        self.ids = [self.grammar.bos]
        self.state = int(self.grammar.step(self.grammar.start, self.grammar.bos))
        self.now, self.heard, self.above, self.slot = 0, 0, -1, -1
        self.ends = [0] * (voices - 1)  # steps at which the lower voices end
        self.owed: list[int] = []  # tokens of the melody's last note

    def copy(self) -> "Column":
        """Another one that begins with the same tokens."""
        new = Column.__new__(Column)
        new.__dict__.update(self.__dict__)
        new.ids, new.ends, new.owed = [*self.ids], [*self.ends], [*self.owed]
        return new

    @property
    def done(self) -> bool:
        """Whether the piece has ended."""
        return self.ids[-1] == self.grammar.eos

    def allowed(self) -> ndarray:
        """Which tokens may come next, (V,) of bool, in order to keep to the melody."""
        grammatical = self.grammar.allowed(self.state)
        allowed = grammatical & self.velocity
        if allowed.any():
            return allowed
        if self.owed:
            allowed[self.owed[0]] = True
            return allowed
        if self.slot >= 0:  # a lower voice may last to the end of the piece
            said = max(self.ends[self.slot] - self.now, 0)
            allowed |= grammatical & (self.duration > 0)
            allowed &= self.duration <= self.end - self.now - said
        free = sum(end <= self.now for end in self.ends)
        begins = self.heard < len(self.onsets) and self.onsets[self.heard] == self.now
        if self.lines and self.ids[-1] == self.grammar.bos:  # the first bar
            allowed[self._next_time()] = True
        elif free:
            top = self.pitches[self.heard if begins else max(self.heard - 1, 0)]
            pitch = grammatical & (self.pitch > self.above)
            allowed |= pitch & (self.pitch <= top - free)
        elif begins and not free:
            allowed |= grammatical & (self.pitch == self.pitches[self.heard])
        else:
            allowed[self._next_time()] = True
        return allowed & grammatical

    def _next_time(self) -> int:
        """The token that leads to the next event: a bar, a place in it, or a shift; or EOS."""
        events = [*self.onsets[self.heard : self.heard + 1], min(self.ends), self.end]
        event, ids = min(events), self.tokenizer.id_of
        if event == self.end:
            return self.grammar.eos
        if self.lines:
            begun = self.ids[-1] != self.grammar.bos
            place = next(n for n, line in enumerate(self.lines) if line > self.now or not begun)
            line = self.lines[place]
            if line <= event:
                return ids(Kind.BAR, self.lines[place + 1] - line)
            return ids(Kind.TO_BAR, line - event)
        bar = BEATS * self.grammar.grid
        whole = min((event - self.now) // bar, LONG) * bar
        return ids(Kind.SHIFT, whole or event - self.now)

    def accept(self, token: int) -> None:
        """Take the next token, which must be allowed."""
        kind, value = self.grammar.tokens[token]
        moved = int(self.grammar.shifts(self.state)[token])
        self.ids.append(token)
        self.state = int(self.grammar.step(self.state, token))
        if self.owed and kind is Kind.DURATION:
            self.owed.pop(0)
        elif kind is Kind.DURATION:
            self.ends[self.slot] = max(self.ends[self.slot], self.now) + value
        elif kind is Kind.PITCH:
            free = [slot for slot, end in enumerate(self.ends) if end <= self.now]
            self.above, self.slot = value, free[0] if free else -1
            if not free:
                length = self.lengths[self.heard]
                self.owed = list(self.tokenizer.duration_ids(length))
                self.heard += 1
        elif moved:
            self.now, self.above, self.slot = self.now + moved, -1, -1


def in_voices(notes: Iterable[Note], voices: int = 4) -> list[Note]:
    """Notes with the voice as their track: 0 is the highest. A note goes on where one has ended,
    the lowest of a chord in the lowest voice that is free; with more notes than voices, the
    highest voice has several.

    >>> [note.track for note in in_voices([Note(0, 2, 48), Note(0, 1, 60), Note(1, 1, 62)], 2)]
    [1, 0, 0]
    """
    ends, found = [0.0] * voices, []
    for note in sorted(notes, key=lambda note: (note.onset, note.pitch)):
        free = [slot for slot, end in enumerate(ends) if end <= note.onset + 1e-6]
        slot = free[0] if free else voices - 1
        ends[slot] = note.onset + note.duration
        found.append(note._replace(track=voices - 1 - slot))
    return found
