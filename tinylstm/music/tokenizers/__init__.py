"""All tokenizers, and how checkpoints name them. Read base.py first, then events.py."""

from typing import Any

from .article import ArticleTokenizer
from .base import Tokenizer, UnknownTokenWarning
from .events import EventTokenizer

__all__ = [
    "TOKENIZERS",
    "ArticleTokenizer",
    "EventTokenizer",
    "Tokenizer",
    "UnknownTokenWarning",
    "tokenizer_from_config",
]

TOKENIZERS: dict[str, type[Tokenizer]] = {
    kind.name: kind for kind in (EventTokenizer, ArticleTokenizer)
}


def tokenizer_from_config(config: dict[str, Any]) -> Tokenizer:
    """The tokenizer whose `to_config` this is. Raises ValueError if it is none's.

    >>> tokenizer_from_config({"name": "article", "strict": True, "instruments": "all",
    ...                        "vocabulary": ["C4", "D4"]})
    ArticleTokenizer(strict=True, 2 classes)
    """
    name = config.get("name")
    if not isinstance(name, str) or name not in TOKENIZERS:
        raise ValueError(f"tokenizer is {name!r}: want one of {', '.join(TOKENIZERS)}")
    return TOKENIZERS[name].from_config(config)
