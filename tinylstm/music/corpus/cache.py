"""The cache on disk: what was read from a music file is never read again.

It lies in the folder that TINYLSTM_CACHE names, or where the system keeps caches:

    parsed/2f/2f6c....npz    a parsed file, named after its content, the tokenizer and the reader
    corpora/91ab.../         a corpus: ids, targets, and corpus.json, which describes them

Each part is kept with a digest: what is damaged, half written or from elsewhere is made again. You
may delete all of it at any time. It contains the music, so the music's
licence holds for it too.
"""

import atexit
import hashlib
import json
import shutil
import tempfile
import warnings
from collections.abc import Iterable
from dataclasses import asdict
from functools import cache
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy import ndarray

from ... import __version__
from ...files import FileError, opened, quoted, replacing, save_arrays
from ..tokenizers.base import Tokenizer
from .parse import Parsed
from .report import FileReport

READER = 3  # raise it when the same file gives something else than before


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


def writable(folder: Path) -> Path:
    """The folder, or a temporary one until the program ends if it cannot be written, said once."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        return _instead(folder, error.strerror or str(error))


@cache
def _instead(folder: Path, why: str) -> Path:
    temporary = Path(tempfile.mkdtemp(prefix="tinylstm-"))
    atexit.register(shutil.rmtree, temporary, ignore_errors=True)
    warnings.warn(
        f"cannot write the cache {quoted(folder)} ({why}): files are parsed again each time; set "
        "TINYLSTM_CACHE to a folder you can write to",
        stacklevel=4,
    )
    return temporary


class ParsedFiles:
    """What a tokenizer made of files, by the digest of their content, in a folder.

    damaged: how many files there were not what was put there, and will be made again.
    """

    def __init__(self, tokenizer: Tokenizer, folder: Path):
        self.tokenizer, self.folder, self.damaged = tokenizer, folder, 0
        self.key = [tokenizer.symbol_key, reader_version()]

    def path(self, digest: str) -> Path:
        """Where the file with this content is kept."""
        name = hashed([digest, *self.key])
        return self.folder / "parsed" / name[:2] / f"{name}.npz"

    def put(self, parsed: Parsed) -> None:
        """Keep a parsed file. Raises FileError if the cache cannot be written."""
        arrays = {"symbols": parsed.symbols, "signature": parsed.signature}
        facts = asdict(parsed.report)
        save_arrays(
            self.path(parsed.report.digest), arrays, {"digest": digest_of(parsed), "report": facts}
        )

    def get(self, digest: str) -> Parsed:
        """A parsed file. Raises FileError if it is missing or damaged."""
        with opened(self.path(digest)) as file:
            facts = FileReport(**file.description["report"])
            parsed = Parsed(facts, file.read("symbols"), file.read("signature"))
            if file.description["digest"] != digest_of(parsed) or facts.digest != digest:
                raise FileError(f"{quoted(self.path(digest))} is not what was written there")
        return parsed

    def has(self, digest: str, limit: float) -> bool:
        """Whether the file is here whole, and was not given up before `limit` seconds."""
        try:
            tried = self.get(digest).report.tried
        except FileError:
            self.damaged += self.path(digest).exists()
            return False
        return tried is None or tried >= limit


def digest_of(parsed: Parsed) -> str:
    """A hash of all that a parsed file is."""
    arrays = [(a.shape, a.dtype.str, a.tobytes().hex()) for a in parsed[1:]]
    return hashed([asdict(parsed.report), *arrays])


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
