"""Music: files to notes to tokens, and back; training on a folder; composing; evaluation.

Read in this order: notes.py, files/midi.py, tokenizers/base.py, tokenizers/events.py,
corpus/corpus.py, composing/compose.py, evaluation/compare.py. Next: notes.py.
"""

from ..generate import Sampling
from ..generate import generate_columns as compose
from .composing import (
    Control,
    Key,
    Length,
    Take,
    compose_form,
    compose_notes,
    compose_takes,
    openings,
)
from .corpus import Corpus, EmptyCorpusError, load_corpus
from .files import UnreadableFileError, read_midi, write_midi
from .notes import DRUMS, Note, Piece
from .tokenizers import (
    ArticleTokenizer,
    BarTokenizer,
    EventTokenizer,
    Tokenizer,
    UnknownTokenWarning,
    tokenizer_from_config,
)
from .training import fit_preset, tokenizer_for

__all__ = [
    "DRUMS",
    "ArticleTokenizer",
    "BarTokenizer",
    "Control",
    "Corpus",
    "EmptyCorpusError",
    "EventTokenizer",
    "Key",
    "Length",
    "Note",
    "Piece",
    "Sampling",
    "Take",
    "Tokenizer",
    "UnknownTokenWarning",
    "UnreadableFileError",
    "compose",
    "compose_form",
    "compose_notes",
    "compose_takes",
    "fit_preset",
    "load_corpus",
    "openings",
    "read_midi",
    "tokenizer_for",
    "tokenizer_from_config",
    "write_midi",
]
