"""MIDI files in and out. Only this package imports music21, and only when it is called.

Read :mod:`~tinylstm.music.midi.reading` first. The notes it gives are turned into tokens by
:mod:`tinylstm.music.article`.
"""

from tinylstm.music.midi.errors import UnreadableFileError
from tinylstm.music.midi.reading import read_midi
from tinylstm.music.midi.scores import (
    MIDI_SUFFIXES,
    SCORE_SUFFIXES,
    first_part_tokens,
    read_music,
    read_score,
)
from tinylstm.music.midi.writing import write_midi

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
