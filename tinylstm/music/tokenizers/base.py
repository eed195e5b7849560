"""What every tokenizer can do: the contract of `EventTokenizer` and `ArticleTokenizer`.

A tokenizer works in two steps. `symbols` turns a piece into integers without knowing other pieces,
so it can run in parallel and be cached; `ids` looks these up in the vocabulary, which `train` takes
from the training pieces. Where the vocabulary is fixed, symbols are ids already. Next: events.py.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy import ndarray

from ...files import replacing
from ..notes import Note, Piece
from .grammar import Grammar

Unknown = Literal["nearest", "mark"]
TOKENIZERS: dict[str, type["Tokenizer"]] = {}  # by name, as checkpoints have it


class Tokenizer(ABC):
    """From a piece to ids and back. `vocabulary` lists the tokens' names in order of id.

    arguments: those of the constructor, attributes with plain JSON values; with `name`, they are
    the configuration. grammar: which token may follow which; None if any token may, each of `step`
    quarter notes.

    >>> import tempfile
    >>> from tinylstm.music import EventTokenizer
    >>> path = Path(tempfile.mkdtemp()) / "tokenizer.json"
    >>> EventTokenizer(grid=24).save(path)
    >>> EventTokenizer.load(path).to_config()
    {'name': 'events', 'grid': 24, 'velocities': 0, 'instruments': 'piano'}
    """

    name: str
    arguments: tuple[str, ...]
    vocabulary: list[str]
    grammar: Grammar | None = None
    step = 0.0  # quarter notes per token, where there is no grammar

    def __init_subclass__(cls) -> None:
        TOKENIZERS[cls.name] = cls

    def __len__(self) -> int:
        return len(self.vocabulary)

    @property
    @abstractmethod
    def symbol_key(self) -> str:
        """What `symbols` depends on besides the piece: part of the name of cached symbols."""

    @abstractmethod
    def symbols(self, piece: Piece) -> ndarray:
        """A piece as integers (T,), before any vocabulary; empty if it has no usable notes."""

    @abstractmethod
    def notes_kept(self, piece: Piece, symbols: ndarray) -> int:
        """How many notes of a piece its symbols encode."""

    @abstractmethod
    def train(
        self, pieces: Iterable[Piece | ndarray], transpositions: Iterable[int] = (0,)
    ) -> Self:
        """Take the vocabulary from pieces, or from their symbols.

        transpositions: adds all tokens transposed by each of these semitones, so that transposed
        training pieces have no unknown tokens.
        """

    @abstractmethod
    def ids(self, symbols: ndarray, unknown: Unknown = "nearest") -> ndarray:
        """Ids (T,) of symbols (T,); an unknown symbol becomes the most similar, or -1 ("mark")."""

    @abstractmethod
    def decode(self, ids: Iterable[int]) -> list[Note]:
        """The notes of a sequence of ids, in order of onset."""

    @abstractmethod
    def transposition(self, semitones: int) -> ndarray:
        """A table (V,): the id of each token some semitones higher; -1 where there is none."""

    @abstractmethod
    def primer(self, piece: Piece) -> ndarray:
        """The ids (T,) of a piece that the network is to continue."""

    @abstractmethod
    def beginning(self) -> ndarray:
        """The ids that every piece begins with; empty if the vocabulary has no such mark."""

    @abstractmethod
    def continuation(self, ids: ndarray, primed: int) -> list[Note]:
        """The notes that ids (T,) add to those of their first `primed`, beginning at onset 0."""

    def rounding(self, piece: Piece) -> ndarray:
        """By how many quarter notes each onset (N,) is moved; empty if time is not encoded."""
        return np.zeros(0)

    def substitutes(self, symbols: ndarray) -> dict[str, str]:
        """The names of unknown symbols, each with the known name that replaces it."""
        return {}

    def encode(self, piece: Piece, unknown: Unknown = "nearest") -> ndarray:
        """Ids (T,) of a piece."""
        return self.ids(self.symbols(piece), unknown)

    def transpositions(self, semitones: Iterable[int]) -> ndarray:
        """The tables (S, V) of transpositions, that of 0 first: for `Streams(variants=...)`."""
        return np.array([self.transposition(s) for s in (0, *(s for s in semitones if s))])

    def to_config(self) -> dict[str, Any]:
        """The tokenizer as plain JSON values."""
        return {"name": self.name, **{key: getattr(self, key) for key in self.arguments}}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The inverse of `to_config`. Raises ValueError that says what is wrong."""
        if config.get("name") != cls.name:
            raise ValueError(f"tokenizer is {config.get('name')!r}: want {cls.name!r}")
        if missing := [key for key in cls.arguments if key not in config]:
            raise ValueError(f"the tokenizer's configuration lacks {' and '.join(missing)}")
        return cls(**{key: config[key] for key in cls.arguments})

    def save(self, path: str | PathLike[str]) -> None:
        """Write `to_config` as JSON."""
        with replacing(Path(path)) as stream:
            stream.write(json.dumps(self.to_config(), indent=1).encode())

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """The tokenizer that `save` wrote."""
        return cls.from_config(json.loads(Path(path).read_text(encoding="utf-8")))


def tokenizer_from_config(config: dict[str, Any]) -> Tokenizer:
    """The tokenizer whose `to_config` this is. Raises ValueError if it is none's.

    >>> tokenizer_from_config({"name": "article", "strict": True, "instruments": "all",
    ...                        "vocabulary": ["C4", "D4"]})
    ArticleTokenizer(strict=True, 2 classes)
    """
    name = config.get("name")
    if not isinstance(name, str) or name not in TOKENIZERS:
        raise ValueError(f"tokenizer is {name!r}: want one of {', '.join(sorted(TOKENIZERS))}")
    return TOKENIZERS[name].from_config(config)
