"""Music files in and out. Only this room imports music21, when a function is called.

Read midi.py first; scores.py reads notation, writing.py and export.py write.
"""

import os
from pathlib import Path

from ..notes import Piece
from .midi import UnreadableFileError, read_midi
from .writing import write_midi

__all__ = [
    "MIDI_SUFFIXES",
    "SCORE_SUFFIXES",
    "UnreadableFileError",
    "read_midi",
    "read_music",
    "write_midi",
]

MIDI_SUFFIXES = (".mid", ".midi", ".kar", ".rmi")
SCORE_SUFFIXES = (".musicxml", ".mxl", ".xml", ".krn", ".abc", ".mei")


def read_music(path: str | os.PathLike[str], name: str | None = None) -> Piece:
    """The piece in a file of any format that music21 reads: MIDI as events, notation as a score.

    Raises UnreadableFileError if the file cannot be read, or has no notes.
    """
    if Path(path).suffix.lower() in MIDI_SUFFIXES:
        return read_midi(path, name)
    from .scores import read_score

    return read_score(path, name)
