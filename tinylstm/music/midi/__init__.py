"""MIDI files in and out. Only this package imports music21, and only when it is called.

Read :mod:`~tinylstm.music.midi.reading` first. The notes it gives are turned into tokens by
:mod:`tinylstm.music.article`.
"""

from tinylstm.music.midi.errors import UnreadableFileError
from tinylstm.music.midi.reading import read_midi
from tinylstm.music.midi.scores import first_part_tokens
from tinylstm.music.midi.writing import write_midi

__all__ = ["UnreadableFileError", "first_part_tokens", "read_midi", "write_midi"]
