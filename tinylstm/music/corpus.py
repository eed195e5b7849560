"""A folder of music as training and validation tokens: parsed once, cached, split by piece.

The arrays are files in the cache folder, mapped into memory and not read: a corpus can be larger
than memory. Read :mod:`tinylstm.music.parsing` for how files become symbols and
:mod:`tinylstm.data` for how these tokens become batches.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from tinylstm.data import IGNORED, Tokens
from tinylstm.files import replacing
from tinylstm.music.article import ArticleTokenizer
from tinylstm.music.parsing import SUFFIXES, File, parse_files
from tinylstm.music.report import FileReport, Report
from tinylstm.music.store import Parsed, Store, reader_version

_COMMIT_EVERY = 50  # files: so much work a crash may cost


class EmptyCorpusError(Exception):
    """A folder from which not one piece can be learnt; the message says why."""


@dataclass
class Corpus:
    """Pieces as tokens, training and validation apart.

    train, validation: ids, targets and piece boundaries. A validation token that the vocabulary
    lacks is fed as the most similar known one and is IGNORED as a target.
    tokenizer: trained on the training pieces. report: what became of each file.
    """

    tokenizer: ArticleTokenizer
    train: Tokens
    validation: Tokens | None
    train_pieces: list[str]
    validation_pieces: list[str]
    report: Report


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
    for path in root.rglob("*"):
        below = path.relative_to(root)
        hidden = any(part.startswith(".") for part in below.parts)
        if path.suffix.lower() in SUFFIXES and not hidden and path.is_file():
            files.append(File(unicodedata.normalize("NFC", below.as_posix()), path))
    if not files:
        raise EmptyCorpusError(f"no {' '.join(SUFFIXES)} files in {root}")
    return sorted(files)


def split_pieces(count: int, validation: float = 0.1) -> tuple[list[int], list[int]]:
    """Which of `count` pieces are for training and which for validation: every tenth, whole.

    >>> split_pieces(5, validation=0.5)
    ([0, 2, 4], [1, 3])
    >>> split_pieces(30)[1], split_pieces(1)[1]
    ([3, 13, 23], [])
    """
    if not 0 <= validation < 1:
        raise ValueError(f"validation is {validation}: want a share from 0 up to 1")
    if validation == 0 or count < 2:
        return list(range(count)), []
    every = max(2, round(1 / validation))
    first = min(3, every - 1, count - 1)
    chosen = list(range(first, count, every))
    return [i for i in range(count) if i not in set(chosen)], chosen


def load_corpus(
    folder: str | PathLike[str],
    tokenizer: ArticleTokenizer,
    *,
    validation: float = 0.1,
    workers: int | None = None,
    limit: float = 60.0,
    progress: bool = True,
) -> Corpus:
    """Read a folder of music, or take what the cache knows of it; train the tokenizer on it.

    Arguments:
        validation: share of the pieces to hold out.
        workers: processes that parse; by default one a core. limit: seconds for each file.
        progress: show a bar on stderr while files are parsed.

    Raises:
        EmptyCorpusError: not one file could be read, or only one and it is held out.
    """
    files = find_files(folder)
    with Store() as store:
        digests = list(store.digests(file.path for file in files))
        recipe = [reader_version(), tokenizer.symbol_key, validation, limit]
        recipe += [[file.name, digest] for file, digest in zip(files, digests, strict=True)]
        key = hashlib.sha256(json.dumps(recipe).encode()).hexdigest()[:32]
        target = store.path.parent / "corpora" / key
        corpus = _open(target)
        if corpus is None:
            _parse_missing(store, files, digests, tokenizer, workers, limit, progress)
            _build(target, store, files, digests, tokenizer, validation, folder)
            corpus = _open(target)
    assert corpus is not None
    return corpus


def _parse_missing(
    store: Store,
    files: list[File],
    digests: list[str],
    tokenizer: ArticleTokenizer,
    workers: int | None,
    limit: float,
    progress: bool,
) -> None:
    """Parse what the store lacks; what is done stays done if this is interrupted."""
    missing: dict[str, File] = {}  # files of equal content are parsed once
    for file, digest in zip(files, digests, strict=True):
        parsed = store.get(digest, tokenizer.symbol_key)
        if parsed is None or (parsed.limit is not None and parsed.limit < limit):
            missing.setdefault(digest, file)
    if not missing:
        return
    from tqdm import tqdm

    digest_of = {file: digest for digest, file in missing.items()}
    results = parse_files(list(missing.values()), tokenizer, workers, limit)
    bar = tqdm(results, "parsing", len(missing), unit="file", disable=None if progress else True)
    try:
        for done, (file, parsed) in enumerate(bar, 1):
            store.put(digest_of[file], tokenizer.symbol_key, parsed)
            if done % _COMMIT_EVERY == 0:
                store.commit()
    finally:
        store.commit()


def _build(
    target: Path,
    store: Store,
    files: list[File],
    digests: list[str],
    tokenizer: ArticleTokenizer,
    validation: float,
    folder: str | PathLike[str],
) -> None:
    """Write the arrays of a corpus and their description."""
    reports, kept = [], []
    for file, digest in zip(files, digests, strict=True):
        parsed = _get(store, digest, tokenizer)
        facts = parsed.facts()
        facts.pop("limit")
        reports.append(FileReport(file.name, tokens=len(parsed.symbols), **facts))
        if parsed.skipped is None:
            kept.append((file.name, digest))
    if not kept:
        reasons = "; ".join(f"{r.name}: {r.skipped}" for r in reports[:3])
        raise EmptyCorpusError(f"none of the {len(files)} files in {folder} can be used: {reasons}")
    chosen = split_pieces(len(kept), validation)

    def symbols(part: list[int]) -> Iterator[np.ndarray]:
        return (_get(store, kept[place][1], tokenizer).symbols for place in part)

    tokenizer.train(symbols(chosen[0]))
    description: dict[str, Any] = {"files": [asdict(report) for report in reports]}
    description["tokenizer"] = tokenizer.to_config()
    substitutes: dict[str, str] = {}
    for part, places in zip(("train", "validation"), chosen, strict=True):
        lengths = []
        with replacing(target / f"{part}.ids") as ids, replacing(target / f"{part}.targets") as out:
            for piece in symbols(places):
                marked = tokenizer.ids(piece, unknown="mark")
                ids.write(tokenizer.ids(piece).astype("<i2").tobytes())
                out.write(np.where(marked < 0, IGNORED, marked).astype("<i2").tobytes())
                substitutes |= tokenizer.substitutes(piece)
                lengths.append(len(piece))
        description[part] = {"pieces": [kept[place][0] for place in places], "lengths": lengths}
    description["substitutes"] = substitutes
    with replacing(target / "corpus.json") as stream:  # last: its presence says that all is there
        stream.write(json.dumps(description).encode())


def _get(store: Store, digest: str, tokenizer: ArticleTokenizer) -> Parsed:
    parsed = store.get(digest, tokenizer.symbol_key)
    if parsed is None:
        raise RuntimeError(f"{store.path} lost what was just put in: another process deleted it?")
    return parsed


def _open(target: Path) -> Corpus | None:
    """A corpus from the cache, or None if it is not there or not whole."""
    try:
        description = json.loads((target / "corpus.json").read_bytes())
        files = [
            FileReport(**{**row, "faults": tuple(row["faults"])}) for row in description["files"]
        ]
        return Corpus(
            tokenizer=ArticleTokenizer.from_config(description["tokenizer"]),
            train=_tokens(target, "train", description["train"]["lengths"]),
            validation=(
                _tokens(target, "validation", description["validation"]["lengths"])
                if description["validation"]["lengths"]
                else None
            ),
            train_pieces=description["train"]["pieces"],
            validation_pieces=description["validation"]["pieces"],
            report=Report(files, description["substitutes"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _tokens(target: Path, part: str, lengths: list[int]) -> Tokens:
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    arrays = []
    for kind in ("ids", "targets"):
        path = target / f"{part}.{kind}"
        if path.stat().st_size != 2 * starts[-1]:
            raise ValueError(f"{path} has the wrong size")
        arrays.append(np.memmap(path, "<i2", "r"))
    return Tokens(arrays[0], starts[:-1], arrays[1])
