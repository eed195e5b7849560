"""A folder of music as training and validation tokens: parsed once, cached, split by piece.

The arrays are files in the cache folder, mapped into memory and not read: a corpus can be larger
than memory. parse.py turns files into symbols, building.py symbols into these arrays, tinylstm's
data.py arrays into batches.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import unicodedata
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np

from ...data import Tokens
from ..tokenizers import tokenizer_from_config
from ..tokenizers.base import Tokenizer
from ..tokenizers.events import EventTokenizer
from .building import (
    EmptyCorpusError,
    LostError,
    Place,
    build,
    open_tokens,
    read_description,
)
from .cache import Store, reader_version
from .parse import SUFFIXES, File, parse_files
from .report import Report

_COMMIT_EVERY = 50  # files: so much work a crash may cost


@dataclass
class Corpus:
    """Pieces as tokens, training and validation apart.

    train, validation: ids, targets and piece boundaries, mapped from disk. A validation token that
    the vocabulary lacks is fed as the most similar known one and is IGNORED as a target.
    tokenizer: trained on the training pieces. report: what became of each file.
    """

    tokenizer: Tokenizer
    train: Tokens
    validation: Tokens | None
    train_pieces: list[str]
    validation_pieces: list[str]
    report: Report

    @property
    def tokens_per_note(self) -> float:
        """Of the held-out pieces, if there are any: makes nats a token into bits a note."""
        names = set(self.validation_pieces or self.train_pieces)
        files = [file for file in self.report.kept if file.name in names]
        return sum(file.tokens for file in files) / max(sum(file.notes_kept for file in files), 1)

    @property
    def tempo(self) -> float:
        """The median of the pieces' tempos at their beginning, quarter notes a minute."""
        return float(np.median([file.tempo or 120 for file in self.report.kept]))


def find_files(folder: str | PathLike[str]) -> list[File]:
    """All files of music in a folder and those below it, by name; hidden ones are left out.

    The order depends on the names alone, not on the system.

    Raises:
        EmptyCorpusError: there are none.
    """
    root = Path(folder)
    if not root.is_dir():
        raise EmptyCorpusError(f"{root} is not a folder: name one that holds MIDI files")
    files = []
    for base, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = Path(base, name)
            if path.suffix.lower() in SUFFIXES and not name.startswith(".") and path.is_file():
                below = path.relative_to(root).as_posix()
                files.append(File(unicodedata.normalize("NFC", below), path))
    if not files:
        raise EmptyCorpusError(f"no music in {root}: want {' '.join(SUFFIXES)}")
    return sorted(files)


def load_corpus(
    folder: str | PathLike[str],
    tokenizer: Tokenizer | None = None,
    *,
    validation: float = 0.1,
    transpositions: range = range(1),
    workers: int | None = None,
    limit: float = 60.0,
    progress: bool = True,
) -> Corpus:
    """Read a folder of music, or take what the cache knows of it; train the tokenizer on it.

    Whole pieces are held out for validation: every tenth, in order of name. Near-duplicates stay
    on one side.

    Arguments:
        tokenizer: an EventTokenizer, if none is given.
        validation: share of the pieces to hold out.
        transpositions: the semitones by which training will move pieces: the vocabulary then
            holds what they are moved to.
        workers: processes that parse; by default one a core. limit: seconds for each file.
        progress: show a bar on stderr while files are parsed.

    Raises:
        EmptyCorpusError: not one file could be used.
    """
    tokenizer = EventTokenizer() if tokenizer is None else tokenizer  # one untrained is falsy
    job = _Job(folder, tokenizer, validation, transpositions, workers, limit)
    try:
        return job.load(progress)
    except sqlite3.OperationalError:  # no room, no right, or another process holds it
        raise
    except sqlite3.DatabaseError:
        Store().discard()
    except LostError:
        pass  # the damaged entry is gone: now it is parsed again
    return job.load(progress)


@dataclass
class _Job:
    """The arguments of `load_corpus`."""

    folder: str | PathLike[str]
    tokenizer: Tokenizer
    validation: float
    transpositions: range
    workers: int | None
    limit: float

    def load(self, progress: bool) -> Corpus:
        """Take the corpus from the cache, or parse what is missing there and build it."""
        files = find_files(self.folder)
        with Store() as store:
            digests = list(store.digests(file.path for file in files))
            place = self.place(store, files, digests)
            if corpus := _open(place):
                return corpus
            self.parse_missing(store, files, digests, progress)
            entries = list(zip([file.name for file in files], digests, strict=True))
            build(place, store, entries, self.tokenizer, self.validation, self.transpositions)
            if corpus := _open(place):
                return corpus
            raise LostError(f"{place.folder} changed while it was written")

    def place(self, store: Store, files: list[File], digests: list[str]) -> Place:
        """Where the cache has this corpus, if it has it."""
        recipe = [self.tokenizer.symbol_key, self.validation, list(self.transpositions)]
        names = [file.name for file in files]
        return Place(
            folder=store.path.parent / "corpora" / _hash([os.path.abspath(self.folder), *recipe]),
            key=_hash([*recipe, reader_version(), self.limit, names, digests]),
        )

    def parse_missing(
        self, store: Store, files: list[File], digests: list[str], progress: bool
    ) -> None:
        """Parse what the store lacks; what is done stays done if this is interrupted."""
        key = self.tokenizer.symbol_key
        missing: dict[str, File] = {}  # files of equal content are parsed once
        for file, digest in zip(files, digests, strict=True):
            if not store.has(digest, key, self.limit):
                missing.setdefault(digest, file)
        if not missing:
            return
        from tqdm import tqdm

        digest_of = {file: digest for digest, file in missing.items()}
        results = parse_files(list(missing.values()), self.tokenizer, self.workers, self.limit)
        bar = tqdm(results, "parsing", len(missing), unit="file", disable=not progress or None)
        try:
            for done, (file, parsed) in enumerate(bar, 1):
                store.put(digest_of[file], key, parsed)
                if done % _COMMIT_EVERY == 0:
                    store.commit()
        finally:
            store.commit()


def _hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:32]


def _open(place: Place) -> Corpus | None:
    """A corpus from the cache, or None if it is not there or not whole."""
    try:
        description = read_description(place)
        return Corpus(
            tokenizer=tokenizer_from_config(description["tokenizer"]),
            train=open_tokens(place, "train", description["train"]["lengths"]),
            validation=(
                open_tokens(place, "validation", description["validation"]["lengths"])
                if description["validation"]["lengths"]
                else None
            ),
            train_pieces=description["train"]["pieces"],
            validation_pieces=description["validation"]["pieces"],
            report=Report.from_config(description["report"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
