"""The cache on disk: what was read from a music file is never read again.

It lies in the folder that TINYLSTM_CACHE names, or where the system keeps caches:

    parsed/2f/2f6c....npz    a parsed file, named after its content, the tokenizer and the reader
    corpora/91ab.../         a corpus: ids, targets, and corpus.json, which describes them

You may delete it at any time; what is damaged is made again. It contains the music, so the music's
licence holds for it too.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy import ndarray

from ... import __version__
from ...files import FileError, cache_folder, load_arrays, replacing, save_arrays
from ..tokenizers.base import Tokenizer
from .parse import Parsed
from .report import FileReport

READER = 1  # raise it when the same file gives something else than before


def reader_version() -> str:
    """What a parsed file depends on, besides its content and the tokenizer."""
    return f"tinylstm {__version__}, reader {READER}, music21 {version('music21')}"


def hashed(value: object) -> str:
    """A file name for a plain JSON value."""
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:32]


def file_digest(path: Path) -> str:
    """The SHA-256 of a file's content."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class ParsedFiles:
    """What a tokenizer made of files, by the digest of their content."""

    def __init__(self, tokenizer: Tokenizer):
        self.tokenizer = tokenizer
        self.key = [tokenizer.symbol_key, reader_version()]

    def path(self, digest: str) -> Path:
        """Where the file with this content is kept."""
        name = hashed([digest, *self.key])
        return cache_folder() / "parsed" / name[:2] / f"{name}.npz"

    def put(self, parsed: Parsed) -> None:
        """Keep a parsed file. Raises FileError if the cache cannot be written."""
        arrays = {"symbols": parsed.symbols, "signature": parsed.signature}
        try:
            save_arrays(self.path(parsed.report.digest), arrays, asdict(parsed.report))
        except FileError as error:
            raise FileError(f"{error}: set TINYLSTM_CACHE to a folder you can write to") from error

    def get(self, digest: str) -> Parsed:
        """A parsed file. Raises FileError if it is missing or damaged."""
        arrays, facts = load_arrays(self.path(digest))
        try:
            return Parsed(FileReport(**facts), arrays["symbols"], arrays["signature"])
        except (KeyError, TypeError) as error:
            raise FileError(f"{self.path(digest)} is not a parsed file: {error}") from error

    def has(self, digest: str, limit: float) -> bool:
        """Whether the file is here whole, and was not given up before `limit` seconds."""
        try:
            tried = self.get(digest).report.tried
        except FileError:
            return False
        return tried is None or tried >= limit


def write_tokens(folder: Path, tokenizer: Tokenizer, pieces: Iterable[ndarray]) -> dict[str, str]:
    """Write the ids and targets of pieces, given as symbols (T,), one after the other.

    Returns the tokens that the vocabulary lacks, each with the known one that replaces it.
    """
    substitutes: dict[str, str] = {}
    with replacing(folder / "ids") as ids, replacing(folder / "targets") as targets:
        for symbols in pieces:
            ids.write(tokenizer.ids(symbols).astype("<i2").tobytes())
            marked = tokenizer.ids(symbols, unknown="mark")  # -1, which is IGNORED, where unknown
            targets.write(marked.astype("<i2").tobytes())
            substitutes |= tokenizer.substitutes(symbols)
    return substitutes


def map_tokens(folder: Path) -> list[ndarray]:
    """The ids and the targets (N,) of all pieces, mapped into memory."""
    return [np.memmap(folder / name, "<i2", "r") for name in ("ids", "targets")]


def token_digests(folder: Path) -> list[str]:
    """The digests of these two files."""
    return [file_digest(folder / name) for name in ("ids", "targets")]
