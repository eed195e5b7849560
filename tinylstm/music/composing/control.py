"""Control: what a piece shall be like, beyond its length and how one token is drawn.

shape.py makes the rules that obey it. Next: recall.py.
"""

import re
from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from .known import SPAN

MAJOR = (0, 2, 4, 5, 7, 9, 11)
MINOR = (0, 2, 3, 5, 7, 8, 10)
# How much each degree of a scale belongs to a key (C. Krumhansl and E. Kessler, 1982).
PROFILES = {
    "major": [6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88],
    "minor": [6.33, 2.68, 3.52, 5.38, 2.6, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17],
}


@dataclass(frozen=True)
class Key:
    """A tonic, as a pitch class (C is 0), and a mode.

    >>> Key.parse("Eb minor"), Key.parse("F#")
    (Key(tonic=3, mode='minor'), Key(tonic=6, mode='major'))
    >>> Key.of([60, 64, 67, 72, 65, 62, 59, 60]).triad()
    (0, 4, 7)
    """

    tonic: int
    mode: str  # major or minor

    @classmethod
    def parse(cls, text: "Key | str") -> "Key":
        """From "C", "F# minor", "Bb major". Raises ValueError for anything else."""
        if isinstance(text, Key):
            return text
        words = re.fullmatch(r"\s*([a-g])([#b-]?)\s*(major|minor|)\s*", text.lower())
        if not words:
            raise ValueError(f"key is {text!r}: want a tone and a mode, such as 'Eb minor'")
        tone, sign, mode = words.groups()
        tonic = MAJOR["cdefgab".index(tone)] + {"": 0, "#": 1}.get(sign, -1)
        return cls(tonic % 12, mode or "major")

    @classmethod
    def of(cls, pitches: ndarray | list[int]) -> "Key":
        """The key that fits the pitches best, each counted once."""
        return best_key(np.bincount(np.asarray(pitches, int) % 12, minlength=12))[0]

    def scale(self) -> tuple[int, ...]:
        """The pitch classes of the scale, natural minor with its leading tone too."""
        steps = MAJOR if self.mode == "major" else (*MINOR, 11)
        return tuple((self.tonic + step) % 12 for step in steps)

    def triad(self) -> tuple[int, ...]:
        """The pitch classes of the chord on the tonic."""
        third = 4 if self.mode == "major" else 3
        return tuple((self.tonic + step) % 12 for step in (0, third, 7))


def best_key(weights: ndarray) -> tuple[Key, float]:
    """The key whose profile correlates most with the weights of the pitch classes (12,), and the
    correlation; C major and 0 if all weigh the same.

    (C. Krumhansl, "Cognitive foundations of musical pitch", 1990, chapter 4.)

    >>> key, clarity = best_key(np.roll(PROFILES["minor"], 9))
    >>> key, round(clarity, 6)
    (Key(tonic=9, mode='minor'), 1.0)
    """
    if (weights == weights[0]).all():
        return Key(0, "major"), 0.0
    keys = [Key(tonic, mode) for mode in PROFILES for tonic in range(12)]
    fits = []
    for key in keys:
        profile = np.roll(PROFILES[key.mode], key.tonic)  # (12,)
        fits.append(weights @ (profile - profile.mean()) / profile.std())
    best = int(np.argmax(fits))
    return keys[best], float(fits[best] / (12 * weights.std()))


@dataclass(frozen=True)
class Control:
    """What a piece shall be like. The defaults are those of `compose_takes`.

    recall: how much the piece's own past counts for its pitches, 0 (nothing) to 1 (recall.py).
    rhythm_temperature: of all choices but that of a pitch, for which the sampling's temperature is;
    None if that is for all. silence: the longest, in quarter notes; 0 for any. cadence: end on the
    chord of the tonic, held. max_copied: the most notes in a row that may be those of one of the
    training pieces, in any key; 0 for any. key: prefer its pitches. tempo (quarter notes per
    minute), metre (such as (3, 4)): by default the primer's, or the corpus's and 4/4. Raises
    ValueError for a number out of range.

    >>> Control(recall=2)
    Traceback (most recent call last):
    ValueError: recall is 2: use a number from 0 (off) to 1
    """

    recall: float = 0.8
    rhythm_temperature: float | None = 1.0
    silence: float = 4.0
    cadence: bool = True
    max_copied: int = 0
    key: Key | None = None
    tempo: float | None = None
    metre: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.recall <= 1:
            raise ValueError(f"recall is {self.recall}: use a number from 0 (off) to 1")
        rhythm = self.rhythm_temperature
        if rhythm is not None and not 0 < rhythm < np.inf:
            raise ValueError(f"rhythm_temperature is {rhythm}: use a positive number")
        if self.silence and not 1 <= self.silence < np.inf:
            raise ValueError(f"silence is {self.silence}: use 0 (any) or 1 quarter note or more")
        if self.max_copied and self.max_copied < SPAN:
            raise ValueError(f"max_copied is {self.max_copied}: use 0 (any), or {SPAN} or more")
        if self.tempo is not None and not 10 <= self.tempo <= 1000:
            raise ValueError(f"tempo is {self.tempo}: use 10 to 1000 quarter notes per minute")


PLAIN = Control(recall=0, rhythm_temperature=None, silence=0, cadence=False)  # the net and grammar
