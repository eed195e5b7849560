"""What every tokenizer can do: the contract of :class:`ArticleTokenizer` and `EventTokenizer`.

A tokenizer works in two steps. `symbols` turns a piece into integers without knowing any other
piece, so it can be done in parallel and cached; `ids` looks these up in the vocabulary, which
`train` takes from the symbols of the training pieces. Where the vocabulary is fixed, symbols are
ids already.
"""

from __future__ import annotations

import json
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np

from ...files import replacing
from ..notes import Note, Piece

KEYBOARD = (21, 108)  # the piano's lowest and highest key

Unknown = Literal["nearest", "mark"]


class UnknownTokenWarning(UserWarning):
    """A piece has tokens that the vocabulary lacks; the most similar known ones stand for them."""


class Tokenizer(ABC):
    """From a piece to ids and back. `vocabulary` lists the tokens' names in order of id."""

    name: str
    vocabulary: list[str]

    def __len__(self) -> int:
        return len(self.vocabulary)

    @property
    @abstractmethod
    def symbol_key(self) -> str:
        """What `symbols` depends on, besides the piece: part of the name of what is cached."""

    @abstractmethod
    def symbols(self, piece: Piece) -> np.ndarray:
        """A piece as integers (T,), before any vocabulary; none if it holds nothing to say."""

    @abstractmethod
    def notes_kept(self, piece: Piece, symbols: np.ndarray) -> int:
        """How many notes of a piece its symbols stand for."""

    @abstractmethod
    def train(
        self, pieces: Iterable[Piece | np.ndarray], transpositions: Iterable[int] = (0,)
    ) -> Self:
        """Take the vocabulary from pieces, or from symbols that `symbols` has made of them.

        With `transpositions`, it also holds every token moved by each of these semitones, so that
        music moved by any of them meets no unknown token.
        """

    @abstractmethod
    def ids(self, symbols: np.ndarray, unknown: Unknown = "nearest") -> np.ndarray:
        """Ids (T,) of symbols (T,); an unknown one becomes the most similar, or -1 (`mark`)."""

    @abstractmethod
    def decode(self, ids: Iterable[int]) -> list[Note]:
        """The notes that ids stand for, in order of onset."""

    @abstractmethod
    def transposition(self, semitones: int) -> np.ndarray:
        """A table (V,): the id of each token some semitones higher; -1 where there is none."""

    @abstractmethod
    def pitches(self, ids: np.ndarray) -> list[int]:
        """The distinct pitches among ids that have an octave: what limits their transposition."""

    @abstractmethod
    def to_config(self) -> dict[str, Any]:
        """All there is to know, as plain JSON values."""

    @classmethod
    @abstractmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The inverse of `to_config`.

        Raises:
            ValueError: the configuration is not one of this tokenizer.
        """

    def rounding(self, piece: Piece) -> np.ndarray:
        """By how many quarter notes each onset (N,) is moved; none if time is not kept at all."""
        return np.zeros(0)

    def substitutes(self, symbols: np.ndarray) -> dict[str, str]:
        """Which unknown names there are among symbols, and the known name that stands for each."""
        return {}

    def encode(self, piece: Piece, unknown: Unknown = "nearest") -> np.ndarray:
        """Ids (T,) of a piece.

        A token outside the vocabulary becomes the most similar known one, with one
        UnknownTokenWarning a piece; with ``unknown="mark"`` it becomes -1.
        """
        symbols = self.symbols(piece)
        ids = self.ids(symbols, unknown)
        if unknown == "nearest" and (replaced := self.substitutes(symbols)):
            count = int((self.ids(symbols, "mark") < 0).sum())
            listed = ", ".join(f"{old} by {new}" for old, new in list(replaced.items())[:5])
            more = ", ..." if len(replaced) > 5 else ""
            message = f"{piece.name}: {count} unknown tokens replaced ({listed}{more})"
            warnings.warn(message, UnknownTokenWarning, stacklevel=2)
        return ids

    def transpositions(self, semitones: Iterable[int]) -> np.ndarray:
        """The tables (S, V) of some transpositions, that by 0 first: `Streams(variants=...)`."""
        return np.array([self.transposition(s) for s in (0, *(s for s in semitones if s))])

    def transposable(self, ids: np.ndarray, low: int = -12, high: int = 12) -> list[int]:
        """By how many semitones from `low` to `high` these ids can move.

        They stay on the piano's keyboard, or as far off it as they are, and in the vocabulary.
        """
        found, pitches = np.unique(ids), self.pitches(ids)
        bottom, top = min([KEYBOARD[0], *pitches]), max([KEYBOARD[1], *pitches])
        return [
            semitones
            for semitones in range(low, high + 1)
            if all(bottom <= pitch + semitones <= top for pitch in pitches)
            and (self.transposition(semitones)[found] >= 0).all()
        ]

    def transpose(self, ids: np.ndarray, semitones: int) -> np.ndarray:
        """Ids (T,) of the same music, some semitones higher.

        Raises:
            ValueError: a token would leave the keyboard or the vocabulary: `transposable` tells.
        """
        moved = self.transposition(semitones)[ids]  # (T,)
        if (moved < 0).any():
            name = self.vocabulary[int(np.asarray(ids)[moved < 0][0])]
            raise ValueError(f"{name} moved by {semitones} semitones is not in the vocabulary")
        return moved

    def save(self, path: str | PathLike[str]) -> None:
        """Write `to_config` as JSON."""
        with replacing(Path(path)) as stream:
            stream.write(json.dumps(self.to_config(), indent=1).encode())

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """What `save` wrote."""
        return cls.from_config(json.loads(Path(path).read_text(encoding="utf-8")))


def require(config: dict[str, Any], name: str, keys: Sequence[str]) -> list[Any]:
    """The values of a tokenizer's configuration, or a ValueError that says what is wrong."""
    if config.get("name") != name:
        raise ValueError(f"tokenizer is {config.get('name')!r}: want {name!r}")
    if missing := [key for key in keys if key not in config]:
        raise ValueError(f"the tokenizer's configuration lacks {' and '.join(missing)}")
    return [config[key] for key in keys]
