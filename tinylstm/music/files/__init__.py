"""Music files in and out. Only this room imports music21, and only when it is called.

Read midi.py first.
"""

from .midi import UnreadableFileError, read_midi
from .scores import (
    MIDI_SUFFIXES,
    SCORE_SUFFIXES,
    first_part_tokens,
    read_music,
    read_score,
)
from .writing import write_midi

__all__ = [
    "MIDI_SUFFIXES",
    "SCORE_SUFFIXES",
    "UnreadableFileError",
    "first_part_tokens",
    "read_midi",
    "read_music",
    "read_score",
    "write_midi",
]
