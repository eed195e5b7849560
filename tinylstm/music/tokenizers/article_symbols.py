"""The 2017 tutorial's notes and chords as integers: 128 pitches and 4,095 sets of pitch classes.

The tutorial names a note `F#5` and a chord by its normal order, `9.1.4`. A *symbol* is an integer:
0 to 127 is the pitch itself; 128 + m is the chord whose pitch classes are the bits of m. Names,
similarity and transposition are then arithmetic on symbols, and a vocabulary (article.py) is a
table from symbols to ids.

Two pitches far below the piano have no name of their own: `E-1` is E flat in octave 1, but would
also be E in octave -1; the same holds for `B-1`. They are written an octave higher.
"""

from functools import lru_cache

import numpy as np

CHORDS = 128  # the first chord symbol, less the one of the empty set, which never occurs
SYMBOLS = CHORDS + 4096
_SPELLING = ("C", "C#", "D", "E-", "E", "F", "F#", "G", "G#", "A", "B-", "B")  # music21's
_NAMELESS = (4, 11)  # E and B in octave -1


def note_symbol(pitch: int) -> int:
    """The symbol of a note: its pitch, except for the two whose names are taken.

    >>> spell(note_symbol(60)), spell(note_symbol(4)), spell(note_symbol(27))
    ('C4', 'E0', 'E-1')
    """
    return pitch + 12 if pitch in _NAMELESS else pitch


def chord_symbol(pitches: list[int]) -> int:
    """The symbol of a chord: its pitch classes, without their octaves.

    >>> spell(chord_symbol([45, 64, 81]))
    '4.9'
    """
    return CHORDS + sum({1 << pitch % 12 for pitch in pitches})


def pitch_classes(symbol: int) -> list[int]:
    """The pitch classes of a note or a chord, from C upward.

    >>> pitch_classes(66), pitch_classes(chord_symbol([57, 61, 64]))
    ([6], [1, 4, 9])
    """
    if symbol < CHORDS:
        return [symbol % 12]
    return [n for n in range(12) if symbol - CHORDS >> n & 1]


def normal_order(classes: list[int]) -> list[int]:
    """Distinct pitch classes in their most compact order, packed to the left (Forte, 1973).

    Of all rotations, the one with the smallest interval from the first class to the last; then to
    the second, the third ...; then the one that begins lowest. Equal to music21's
    `Chord.normalOrder` on all 4,095 sets.

    >>> normal_order([1, 4, 9]), normal_order([0, 2, 11]), normal_order([0, 3, 6, 9])
    ([9, 1, 4], [11, 0, 2], [0, 3, 6, 9])
    """
    classes = sorted(classes)
    rotations = []
    for i, first in enumerate(classes):
        rotation = classes[i:] + classes[:i]
        intervals = [(n - first) % 12 for n in rotation]
        rotations.append((intervals[-1], intervals, rotation))
    return min(rotations)[-1]


@lru_cache(maxsize=SYMBOLS)
def spell(symbol: int) -> str:
    """The tutorial's name of a symbol.

    >>> spell(60), spell(58), spell(3), spell(CHORDS + 0b1000010010)
    ('C4', 'B-3', 'E--1', '9.1.4')
    """
    if symbol < CHORDS:
        return f"{_SPELLING[symbol % 12]}{symbol // 12 - 1}"
    return ".".join(map(str, normal_order(pitch_classes(symbol))))


_PITCHES = {spell(pitch): pitch for pitch in range(128) if pitch not in _NAMELESS}


def parse(name: str) -> int:
    """The inverse of `spell`. Raises ValueError for a name that is no note or chord.

    >>> parse("B-3"), spell(parse("9.1.4"))
    (58, '9.1.4')
    """
    symbol = _PITCHES.get(name)
    if symbol is None:
        parts = name.split(".")
        if all(part.isascii() and part.isdigit() and int(part) < 12 for part in parts):
            symbol = chord_symbol([int(part) for part in parts])
        if symbol is None or spell(symbol) != name:
            raise ValueError(f"{name!r} is no note or chord: want names like 'F#5' or '9.1.4'")
    return symbol


def most_similar(symbol: int, known: list[int]) -> int:
    """The known symbol most similar to an unknown one; ties go to the lowest.

    A note becomes the nearest note of its pitch class, else a chord with that class, else the
    nearest note. A chord becomes the chord that shares most classes and adds fewest, else one of
    its notes, nearest to middle C.

    >>> def similar(name, known):
    ...     return spell(most_similar(parse(name), [parse(other) for other in known]))
    >>> similar("C7", ["C2", "C5", "B6"]), similar("0.4.7", ["0.4", "4.7.10.0", "2"])
    ('C5', '4.7.10.0')
    """
    classes = set(pitch_classes(symbol))

    def unlikeness(other: int) -> tuple[int, ...]:
        others = set(pitch_classes(other))
        shared = len(classes & others)
        distance = abs(other - (symbol if symbol < CHORDS else 60))
        if other >= CHORDS:
            like_kind = 0 if shared and symbol >= CHORDS else 1 if shared else 3
            return (like_kind, -shared, len(others - classes), other)
        like_kind = 0 if shared and symbol < CHORDS else 1 if shared else 2
        return (like_kind, -shared, distance, other)

    return min(known, key=unlikeness)


@lru_cache(maxsize=256)
def transposition(semitones: int) -> np.ndarray:
    """A table (SYMBOLS,): each symbol some semitones higher, -1 where there is none.

    A chord has no octave: its classes rotate within the twelve.

    >>> table = transposition(3)
    >>> spell(int(table[parse("C4")])), spell(int(table[parse("9.1.4")])), int(table[126])
    ('E-4', '0.4.7', -1)
    """
    pitches = np.arange(128) + semitones  # (128,)
    pitches[(pitches < 0) | (pitches > 127) | np.isin(pitches, _NAMELESS)] = -1
    masks = np.arange(4096)
    turn = semitones % 12
    turned = (masks << turn | masks >> (12 - turn)) & 4095  # (4096,)
    table = np.concatenate([pitches, CHORDS + turned]).astype(np.int32)  # (SYMBOLS,)
    table.flags.writeable = False
    return table
