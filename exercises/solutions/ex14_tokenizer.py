"""14. A tokenizer that loses nothing.

A net reads numbers, not music. A tokenizer turns the notes of a piece into ids, and ids into notes;
and what is lost on the way in, no net can compose. Here a note is (onset, duration, pitch): onset
and duration in sixteenths, whole numbers, onset >= 0, duration >= 1, pitch 0 to 127.

The one law:    decode(encode(notes)) == notes        for every piece: rests, chords, long notes,
                                                      repeated notes, notes that overlap

The vocabulary must be small and fixed: ids are whole numbers from 0 to 511. So no id for each
chord, as in the 2017 tutorial, and none for each onset: a piece may be longer than any before it.

How is up to you. One way is to think of a typist: move on by so many steps, strike this key, hold
it for so long. What is longer than your longest token takes several.

    python -m exercises 14
"""

Note = tuple[int, int, int]  # onset, duration, pitch

LONGEST = 64  # steps that one token can tell
SHIFT, DURATION = 127, 127 + LONGEST  # a pitch is its own id; SHIFT + n, DURATION + n: n steps


def encode(notes: list[Note]) -> list[int]:
    """The ids, 0 to 511, of notes sorted by onset and pitch."""
    ids, now = [], 0
    for onset, duration, pitch in notes:
        ids += [*steps(SHIFT, onset - now), pitch, *steps(DURATION, duration)]
        now = onset
    return ids


def decode(ids: list[int]) -> list[Note]:
    """The notes, sorted by onset and pitch, of ids that encode has made."""
    notes, now = [], 0
    for token in ids:
        if token <= SHIFT:
            notes.append((now, 0, token))
        elif token <= DURATION:
            now += token - SHIFT
        else:
            onset, duration, pitch = notes[-1]
            notes[-1] = (onset, duration + token - DURATION, pitch)
    return notes


def steps(kind: int, n: int) -> list[int]:
    """n steps as tokens of at most LONGEST; none for 0."""
    return [kind + LONGEST] * (n // LONGEST) + [kind + n % LONGEST] * (n % LONGEST > 0)
