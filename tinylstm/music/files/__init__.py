"""Music files in and out. Only this room imports music21, when a function is called.

Read midi.py first; scores.py reads notation, writing.py and export.py write.
"""

from ..notes import UnreadableFileError
from .midi import MIDI_SUFFIXES, SCORE_SUFFIXES, read_midi, read_music
from .writing import write_midi

__all__ = [
    "MIDI_SUFFIXES",
    "SCORE_SUFFIXES",
    "UnreadableFileError",
    "read_midi",
    "read_music",
    "write_midi",
]
