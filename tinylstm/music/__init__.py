"""Music in and out: MIDI files, tokenizers, corpora.

Read in this order: :mod:`~tinylstm.music.notes`, :mod:`~tinylstm.music.midi`,
:mod:`~tinylstm.music.alphabet`, :mod:`~tinylstm.music.article`, :mod:`~tinylstm.music.corpus`.
"""

from tinylstm.music.article import ArticleTokenizer, UnknownTokenWarning
from tinylstm.music.corpus import Corpus, EmptyCorpusError, load_corpus
from tinylstm.music.midi import UnreadableFileError, read_midi, write_midi
from tinylstm.music.notes import DRUMS, Note, Piece
from tinylstm.music.sampling import compose, compose_notes, openings

__all__ = [
    "DRUMS",
    "ArticleTokenizer",
    "Corpus",
    "EmptyCorpusError",
    "Note",
    "Piece",
    "UnknownTokenWarning",
    "UnreadableFileError",
    "compose",
    "compose_notes",
    "load_corpus",
    "openings",
    "read_midi",
    "write_midi",
]
