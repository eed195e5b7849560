"""Form: a piece in sections, such as AABA, of which some return note for note.

Each new section goes on from all that came before it, and recalls its themes (recall.py). Every
section ends on the held chord of the tonic, unless the `Control` says no. Next: limits.py.
"""

import re
from collections.abc import Iterable
from dataclasses import replace
from math import ceil

from ...checkpoint import Checkpoint
from ...generate import Sampling
from ..notes import Note, Piece, quarters_in
from .compose import Take, compose_takes, tokenizer_of
from .control import Control
from .limits import Length


def compose_form(
    checkpoint: Checkpoint,
    form: str,
    section: Length | str = "8 bars",
    seeds: Iterable[int] = (0,),
    sampling: Sampling | None = None,
    control: Control | None = None,
) -> list[Take]:
    """One piece for each seed. form: a letter for each section. section: its length, in bars.

    Raises ValueError for a form that is none, or a length that is not in bars.

    >>> from tinylstm import LSTM, Checkpoint, Dense, Embedding, Sequential
    >>> from tinylstm.music import EventTokenizer
    >>> tokenizer = EventTokenizer()
    >>> model = Sequential([Embedding(240, 4), LSTM(4, return_sequences=True), Dense(240)])
    >>> checkpoint = Checkpoint(model, tokenizer.to_config())
    >>> (take,) = compose_form(checkpoint, "ABA", "2 bars")
    >>> first = [note.pitch for note in take.notes if note.onset < 8]
    >>> first == [note.pitch for note in take.notes if note.onset >= 16]
    True
    """
    length, control = Length.parse(section), control or Control()
    if not re.fullmatch(r"[A-Za-z]{1,64}", form):
        raise ValueError(f"form is {form!r}: want a letter for each section, such as AABA")
    if length.unit != "bars":
        raise ValueError(f"a section of {length.amount:g} {length.unit}: want bars")
    return [_sections(checkpoint, form, length, seed, sampling, control) for seed in seeds]


def _sections(
    checkpoint: Checkpoint,
    form: str,
    length: Length,
    seed: int,
    sampling: Sampling | None,
    control: Control,
) -> Take:
    """The piece of one seed."""
    known, notes, take = dict[str, list[Note]](), list[Note](), None
    for place, letter in enumerate(form):
        if letter not in known or take is None:
            before = Piece("so far", tuple(notes)) if notes else None
            if take:
                control = replace(control, tempo=take.tempo, metre=take.time_signature)
            bar = quarters_in(control.metre or (4, 4))
            reached = ceil(max((note.onset for note in notes), default=0.0) / bar)  # whole bars
            asked = Length((place + 1) * length.amount - reached, "bars"), sampling, before
            (take,) = compose_takes(checkpoint, [seed], *asked, control=control)
            begin = place * length.amount * bar
            new = [note for note in take.notes[len(notes) :] if note.onset >= begin]  # no upbeat
            known[letter] = [note._replace(onset=note.onset - begin) for note in new]
        begin = place * length.amount * quarters_in(take.time_signature)
        notes += [note._replace(onset=note.onset + begin) for note in known[letter]]
    assert take is not None
    ids = tokenizer_of(checkpoint).encode(Piece("form", tuple(notes)))
    return replace(take, ids=ids, primed=0, notes=notes)
