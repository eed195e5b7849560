"""From notes to token ids and back. Read base.py first, then events.py."""

from .article import ArticleTokenizer, UnknownTokenWarning
from .bars import BarTokenizer
from .base import TOKENIZERS, Tokenizer, tokenizer_from_config
from .events import EventTokenizer

__all__ = [
    "TOKENIZERS",
    "ArticleTokenizer",
    "BarTokenizer",
    "EventTokenizer",
    "Tokenizer",
    "UnknownTokenWarning",
    "tokenizer_from_config",
]
