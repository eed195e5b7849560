"""Exercise 14: pieces to be encoded and decoded, each of which shows one thing that gets lost."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..calls import Outcome, refused
from ..checks import Answer, Task, Wrong

Note = tuple[int, int, int]
LARGEST = 511


@dataclass(frozen=True)
class RoundTrip:
    """One piece there and back; `hint` says what this piece has that others have not."""

    name: str
    notes: tuple[Note, ...]
    hint: str
    function: str = "encode"

    def attempt(self, answer: Answer) -> Outcome:
        """Encode, look at the ids, decode, compare."""
        notes = sorted(self.notes, key=lambda n: (n[0], n[2], n[1]))
        try:
            ids = answer.encode(list(notes))
            if outcome := unusable(ids):
                return outcome
            found = answer.decode([int(token) for token in ids])
            values = np.array(found, int).reshape(len(found), -1 if len(found) else 3)  # (N, 3)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            return refused(error)
        wanted = np.array(notes, int).reshape(len(notes), 3)  # (N, 3)
        if values.shape == wanted.shape and (values == wanted).all():
            return Outcome((values,))
        return Outcome((values,), "differs", difference(values.tolist(), wanted.tolist()), "notes")


def unusable(ids: Any) -> Outcome | None:
    """Why these are not ids; None if they are."""
    if not isinstance(ids, list | tuple | np.ndarray):
        what = f"returns a {type(ids).__name__}, not a list of ids"
        return Outcome(kind="returned", message=what)
    for token in ids:
        if not isinstance(token, int | np.integer) or isinstance(token, bool):
            what = f"returns {token!r} among its ids: they are whole numbers"
            return Outcome(kind="returned", message=what, detail="not whole")
        if not 0 <= token <= LARGEST:
            what = f"returns the id {token}: the vocabulary is 0 to {LARGEST}"
            return Outcome(kind="returned", message=what, detail="too large")
    return None


def difference(found: list, wanted: list) -> str:
    """In words: a note that was lost, one that was made up, or the order."""
    lost = [note for note in wanted if note not in found]
    new = [note for note in found if note not in wanted]
    if not lost and not new:
        count = f"{len(wanted)} notes went in, {len(found)} came out"
        return "the order of the notes has changed" if len(found) == len(wanted) else count
    text = f"lost the note {tuple(lost[0])}" if lost else "lost nothing"
    text += f", made up {tuple(new[0])}" if new else ""
    return f"{text} (onset, duration, pitch); {len(lost)} of {len(wanted)} notes lost"


def anything(seed: int) -> tuple[Note, ...]:
    """A random piece, with all of it at once."""
    rng = np.random.default_rng(seed)
    onsets = np.sort(rng.integers(0, 300, 60))
    return tuple((int(t), int(rng.integers(1, 90)), int(rng.integers(0, 128))) for t in onsets)


TASK = Task(
    title="a tokenizer that loses nothing",
    functions=("encode", "decode"),
    checks=(
        RoundTrip("a scale", tuple((4 * k, 4, 60 + k) for k in range(8)), "begin with pitches"),
        RoundTrip("no notes at all", (), "an empty list must come back empty"),
        RoundTrip(
            "different durations",
            ((0, 4, 60), (4, 2, 62), (6, 1, 64), (7, 9, 65)),
            "each note has a duration of its own",
        ),
        RoundTrip(
            "a rest", ((0, 2, 60), (8, 2, 62)), "a note need not begin where the one before it ends"
        ),
        RoundTrip("a late beginning", ((12, 4, 60),), "a piece may begin with a rest"),
        RoundTrip("a chord", ((0, 4, 60), (0, 4, 64), (0, 4, 67)), "notes may begin together"),
        RoundTrip(
            "a chord held unevenly",
            ((0, 4, 60), (0, 8, 64), (0, 1, 67)),
            "each note of a chord has a duration of its own",
        ),
        RoundTrip("two octaves", ((0, 4, 48), (0, 4, 72)), "C3 and C5 are two notes: 48 and 72"),
        RoundTrip(
            "notes that overlap", ((0, 8, 60), (2, 8, 64), (4, 8, 67)), "an onset is not an end"
        ),
        RoundTrip(
            "the same note again",
            ((0, 4, 60), (4, 4, 60), (8, 4, 60)),
            "a note that is struck again is not one that is held",
        ),
        RoundTrip(
            "the same note twice at once", ((0, 4, 60), (0, 4, 60)), "count notes, not pitches"
        ),
        RoundTrip("the lowest and the highest", ((0, 1, 0), (1, 1, 127)), "0 and 127 are pitches"),
        RoundTrip("a very long note", ((0, 1000, 60), (4, 4, 62)), "several tokens, added up"),
        RoundTrip("a very long rest", ((0, 4, 60), (5000, 4, 62)), "several tokens, added up"),
        RoundTrip("anything", anything(0), "all of it at once"),
    ),
    wrong=(
        Wrong(
            "ids += [*steps(SHIFT, onset - now), pitch, *steps(DURATION, duration)]\n"
            "        now = onset",
            "ids += [*steps(SHIFT, onset - now), pitch, *steps(DURATION, duration)]\n"
            "        now = onset if onset == now else onset - onset % 4",
            "onsets are rounded to whole quarter notes: sixteenths are the unit",
        ),
        Wrong(
            "ids, now = [], 0\n    for onset",
            "ids, now = [], notes[0][0] if notes else 0\n    for onset",
            "the rest before the first note is lost: time begins at 0, not at the first onset",
        ),
        Wrong(
            "        ids += [*steps(SHIFT, onset - now)",
            "        if ids and onset == now:\n            continue\n"
            "        ids += [*steps(SHIFT, onset - now)",
            "of notes that begin together only one is left: a chord is several notes with no time "
            "in between",
        ),
        Wrong(
            ", pitch, *",
            ", 60 + pitch % 12, *",
            "the octave is lost: 48 and 72 are both C, but not the same note. The 2017 tutorial's "
            "chords are encoded like this",
        ),
        Wrong(
            "    return [kind + LONGEST] * (n // LONGEST) + [kind + n % LONGEST] * (n % LONGEST "
            "> 0)",
            "    return [kind + min(n, LONGEST)] * (n > 0)",
            "what is longer than the longest token is cut off: use several tokens, and add them up",
        ),
        Wrong(
            "    return [kind + LONGEST] * (n // LONGEST) + [kind + n % LONGEST] * (n % LONGEST "
            "> 0)",
            "    return [kind + n] * (n > 0)",
            "a time that is longer than your tokens makes an id outside the vocabulary, or one "
            "that "
            "means something else: use several tokens",
        ),
        Wrong(
            "*steps(DURATION, duration)",
            "*steps(DURATION, 4)",
            "every note comes back with the same duration: encode it, too",
        ),
        Wrong(
            "    ids, now = [], 0\n    for onset, duration, pitch in notes:",
            "    ids, now = [], 0\n    for onset, duration, pitch in sorted(set(notes)):",
            "a note that stands there twice comes back once: a set keeps no doubles",
        ),
        Wrong(
            "        now = onset\n",
            "        now = onset + duration\n",
            "you count the rest from the end of the note before, which goes wrong where notes "
            "overlap or begin together: count from its onset",
        ),
    ),
    after="The house's own: EventTokenizer in tinylstm/music/tokenizers/events.py, by the same "
    "idea. "
    "The 2017 tutorial's loses durations, rests and the octaves of chords: docs/tokenizers.md.",
)
