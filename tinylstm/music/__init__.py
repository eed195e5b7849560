"""Music in and out: MIDI files, tokenizers, corpora.

Read in this order: :mod:`~tinylstm.music.notes`, :mod:`~tinylstm.music.midi`,
:mod:`~tinylstm.music.tokenizer`, :mod:`~tinylstm.music.alphabet`,
:mod:`~tinylstm.music.article`, :mod:`~tinylstm.music.events`, :mod:`~tinylstm.music.corpus`.
"""

from tinylstm.music.article import ArticleTokenizer
from tinylstm.music.choosing import Sampling
from tinylstm.music.corpus import Corpus, EmptyCorpusError, load_corpus
from tinylstm.music.events import EventTokenizer
from tinylstm.music.midi import UnreadableFileError, read_midi, write_midi
from tinylstm.music.notes import DRUMS, Note, Piece
from tinylstm.music.rules import Length
from tinylstm.music.sampling import Take, compose, compose_notes, compose_takes, openings
from tinylstm.music.tokenizer import Tokenizer, UnknownTokenWarning
from tinylstm.music.tokenizers import tokenizer_from_config

__all__ = [
    "DRUMS",
    "ArticleTokenizer",
    "Corpus",
    "EmptyCorpusError",
    "EventTokenizer",
    "Length",
    "Note",
    "Piece",
    "Sampling",
    "Take",
    "Tokenizer",
    "UnknownTokenWarning",
    "UnreadableFileError",
    "compose",
    "compose_notes",
    "compose_takes",
    "load_corpus",
    "openings",
    "read_midi",
    "tokenizer_from_config",
    "write_midi",
]
