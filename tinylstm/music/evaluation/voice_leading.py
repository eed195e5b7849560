"""The rules of four-part writing that every textbook has, counted.

Parallel fifths and octaves are music21's own checks (`voiceLeading.VoiceLeadingQuartet`); it has
none for range and spacing, whose limits here are those of W. Piston, Harmony (1941), chapter 2.
"""

from collections.abc import Iterable, Sequence
from itertools import combinations, pairwise
from typing import Any, NamedTuple

from ..notes import Note

RANGES = (60, 81), (55, 74), (48, 69), (40, 62)  # MIDI pitches: soprano, alto, tenor, bass
APART = 12  # semitones that soprano and alto, and alto and tenor, are at most apart

Chord = tuple[int | None, ...]  # the pitch of each voice, the highest first; None: it rests


class Faults(NamedTuple):
    """How many faults there are in so many chords; they add up over pieces.

    >>> Faults(50, fifths=1).per_hundred()["parallel fifths"]
    2.0
    """

    chords: int = 0
    fifths: int = 0
    octaves: int = 0
    ranges: int = 0
    spacing: int = 0
    crossing: int = 0

    def plus(self, other: "Faults") -> "Faults":
        """The sum of two counts."""
        return Faults(*(a + b for a, b in zip(self, other, strict=True)))

    def per_hundred(self) -> dict[str, float]:
        """Each kind of fault per 100 chords."""
        names = "parallel fifths", "parallel octaves", "out of range", "spacing", "crossing"
        return {
            name: 100 * n / max(self.chords, 1) for name, n in zip(names, self[1:], strict=True)
        }


def chords(notes: Iterable[Note], voices: int = 4) -> list[Chord]:
    """The pitches that sound each time a note begins; a note's track is its voice, 0 the highest.

    >>> chords([Note(0, 2, 72), Note(0, 1, 60, track=1), Note(1, 1, 62, track=1)], 2)
    [(72, 60), (72, 62)]
    """
    ordered = sorted(notes)
    sounding: list[Note | None] = [None] * voices
    found: list[Chord] = []
    for place, note in enumerate(ordered):
        sounding[note.track] = note
        if place + 1 == len(ordered) or ordered[place + 1].onset > note.onset + 1e-6:
            late = note.onset + 1e-6
            found.append(
                tuple(n.pitch if n and n.onset + n.duration > late else None for n in sounding)
            )
    return found


def faults(progression: Sequence[Chord]) -> Faults:
    """What is wrong in a progression of chords of four voices.

    A parallel is counted once for each pair of voices; music21 counts unisons as octaves of none,
    so they are added here.

    >>> faults([(72, 67, 64, 48), (74, 69, 65, 50)]).octaves
    1
    """
    ranges = spacing = crossing = 0
    for chord in progression:
        ranges += sum(
            pitch is not None and not low <= pitch <= high
            for pitch, (low, high) in zip(chord, RANGES, strict=True)
        )
        for place, (upper, lower) in enumerate(pairwise(chord)):
            if upper is not None and lower is not None:
                spacing += place < 2 and upper - lower > APART
                crossing += upper < lower
    fifths = octaves = 0
    for before, after in pairwise(progression):
        for one, other in combinations(range(len(before)), 2):
            moved = before[one], after[one], before[other], after[other]
            fifth, octave = _parallel(*moved)
            fifths, octaves = fifths + fifth, octaves + octave
    return Faults(len(progression), fifths, octaves, ranges, spacing, crossing)


def _parallel(a: int | None, b: int | None, c: int | None, d: int | None) -> tuple[bool, bool]:
    """Whether a voice from a to b and a lower one from c to d move in fifths, or in octaves."""
    if a is None or b is None or c is None or d is None or a == b or c == d:
        return False, False
    if (a - c) % 12 not in (0, 7) or (a - c) % 12 != (b - d) % 12:
        return False, False  # sooner than music21 says so
    if (a < c) != (b < d):  # they cross
        return False, False
    a, b, c, d = (c, d, a, b) if a < c else (a, b, c, d)
    from music21.voiceLeading import VoiceLeadingQuartet

    quartet = VoiceLeadingQuartet(_above(c, a), _above(d, b), _above(c, c), _above(d, d))
    return quartet.parallelFifth(), quartet.parallelOctave() or quartet.parallelUnison()


def _above(low: int, high: int) -> Any:
    """music21's note for a pitch a fifth or an octave above another one, spelt as such."""
    from music21.note import Note as Written

    octaves, rest = divmod(high - low, 12)
    spelt = Written(Written(low).nameWithOctave)  # else it may be spelt anew when transposed
    return spelt.transpose(f"P{7 * octaves + (5 if rest else 1)}")
