"""What music21 makes of a file when it builds a whole score of it: slow, and thorough."""

from __future__ import annotations

import os
import warnings

from tinylstm.music.midi.errors import UnreadableFileError


def first_part_tokens(path: str | os.PathLike[str]) -> list[str]:
    """The article's own reading: the first part that music21 makes of a file, note by note.

    On many files that part is empty; then so is the list.

    Raises:
        UnreadableFileError: music21 cannot read the file.
    """
    from music21 import chord, converter, instrument, note

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about names of instruments
            score = converter.parse(path, forceSource=True)
    except Exception as error:  # music21 raises whatever it stumbles over
        raise UnreadableFileError(path, f"music21 cannot read it ({error})") from error
    try:
        elements = instrument.partitionByInstrument(score).parts[0].recurse()
    except (AttributeError, IndexError):  # no parts
        elements = score.flatten().notes
    tokens = []
    for element in elements:
        if isinstance(element, note.Note):
            tokens.append(str(element.pitch))
        elif isinstance(element, chord.Chord):
            tokens.append(".".join(str(number) for number in element.normalOrder))
    return tokens
