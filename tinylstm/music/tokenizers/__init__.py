"""All tokenizers by name, as checkpoints and the command line know them."""

from __future__ import annotations

from typing import Any

from .article import ArticleTokenizer
from .base import Tokenizer
from .events import EventTokenizer

TOKENIZERS: dict[str, type[Tokenizer]] = {
    tokenizer.name: tokenizer for tokenizer in (EventTokenizer, ArticleTokenizer)
}


def tokenizer_from_config(config: dict[str, Any]) -> Tokenizer:
    """The tokenizer whose `to_config` this is.

    Raises:
        ValueError: no tokenizer has such a configuration.

    >>> tokenizer_from_config({"name": "article", "strict": True, "instruments": "all",
    ...                        "vocabulary": ["C4", "D4"]})
    ArticleTokenizer(strict=True, 2 classes)
    """
    name = config.get("name")
    if not isinstance(name, str) or name not in TOKENIZERS:
        raise ValueError(f"tokenizer is {name!r}: want one of {', '.join(TOKENIZERS)}")
    return TOKENIZERS[name].from_config(config)
