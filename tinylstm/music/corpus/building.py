"""From cached symbols to the arrays of a corpus, one piece in memory at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...data import IGNORED, Tokens
from ...files import replacing
from ...ngram import bigram_nats, unigram_nats
from ..tokenizers.base import Tokenizer
from .cache import Parsed, Store
from .duplicates import SIZE, near_duplicates
from .report import FileReport, Report


class EmptyCorpusError(Exception):
    """A folder from which not one piece can be learnt; the message says why.

    `report` has every file and its reason, if there are files at all.
    """

    def __init__(self, message: str, report: Report | None = None) -> None:
        super().__init__(message)
        self.report = report


class LostError(Exception):
    """Something that was in the store is not there any more, or is damaged."""


class Place(NamedTuple):
    """Where a corpus is cached: `key` changes with any file, `folder` holds the newest key."""

    folder: Path
    key: str

    def file(self, name: str) -> Path:
        """The path of one of its files."""
        return self.folder / f"{self.key}.{name}"


class _Source(NamedTuple):
    """Where the symbols of pieces come from."""

    store: Store
    tokenizer: Tokenizer

    def parsed(self, digest: str) -> Parsed:
        parsed = self.store.get(digest, self.tokenizer.symbol_key)
        if parsed is None:
            raise LostError(f"{self.store.path} lost an entry: does another process delete it?")
        return parsed

    def symbols(self, digests: list[str]) -> Iterator[np.ndarray]:
        return (self.parsed(digest).symbols for digest in digests)


def split_pieces(
    count: int, validation: float = 0.1, groups: list[list[int]] | None = None
) -> tuple[list[int], list[int]]:
    """Which of `count` pieces are for training and which for validation: every tenth, whole.

    The pieces of a group stay together, at the place of the first.

    >>> split_pieces(5, validation=0.5)
    ([0, 2, 4], [1, 3])
    >>> split_pieces(30)[1], split_pieces(1)[1]
    ([3, 13, 23], [])
    >>> split_pieces(12, groups=[[3, 7], [1, 11]])[1]
    [3, 7]
    """
    if not 0 <= validation < 1:
        raise ValueError(f"validation is {validation}: want a share from 0 up to 1")
    together = {group[0]: group for group in groups or []}
    grouped = {piece for group in together.values() for piece in group[1:]}
    units = [together.get(piece, [piece]) for piece in range(count) if piece not in grouped]
    if validation == 0 or len(units) < 2:
        return list(range(count)), []
    every = max(2, round(1 / validation))
    first = min(3, every - 1, len(units) - 1)
    chosen = sorted(piece for unit in units[first::every] for piece in unit)
    held = set(chosen)
    return [piece for piece in range(count) if piece not in held], chosen


def build(
    place: Place,
    store: Store,
    files: list[tuple[str, str]],
    tokenizer: Tokenizer,
    validation: float,
    transpositions: range,
) -> None:
    """Write the arrays of a corpus and their description; train the tokenizer on the way.

    Arguments:
        files: name and digest of each, in order of name.

    Raises:
        EmptyCorpusError: none of the files has tokens.
        LostError: the store does not have them all, or not whole.
    """
    source = _Source(store, tokenizer)
    report, kept = _account(source, files)
    groups = _groups(source, [digest for _, digest in kept])
    parts = split_pieces(len(kept), validation, groups)
    tokenizer.train(source.symbols([kept[piece][1] for piece in parts[0]]), transpositions)
    description: dict[str, Any] = {"tokenizer": tokenizer.to_config()}
    for part, pieces in zip(("train", "validation"), parts, strict=True):
        lengths = _write(place, part, source, [kept[piece][1] for piece in pieces], report)
        names = [kept[piece][0] for piece in pieces]
        description[part] = {"pieces": names, "lengths": lengths}
    report.near_duplicates = [[kept[piece][0] for piece in group] for group in groups]
    report.tokens = sum(sum(description[part]["lengths"]) for part in ("train", "validation"))
    report.classes = len(tokenizer)
    _judge(report, place, description)
    description["report"] = report.to_config()
    with replacing(place.file("json")) as stream:  # last: its presence says that all is there
        stream.write(json.dumps(description).encode())
    for stale in set(place.folder.iterdir()) - set(place.folder.glob(f"{place.key}.*")):
        with suppress(OSError):  # another process may still use it
            stale.unlink()


def _judge(report: Report, place: Place, description: dict[str, Any]) -> None:
    """What counting alone reaches on the held-out pieces, or on all if none are held out."""
    train = held_out = open_tokens(place, "train", description["train"]["lengths"])
    if lengths := description["validation"]["lengths"]:
        held_out = open_tokens(place, "validation", lengths)
    if any(len(targets) for _, targets in held_out.pairs()):
        report.unigram_nats = unigram_nats(train, held_out, report.classes)
        report.bigram_nats = bigram_nats(train, held_out, report.classes)


def _account(source: _Source, files: list[tuple[str, str]]) -> tuple[Report, list[tuple[str, str]]]:
    """What became of each file, and the names and digests of those that have tokens."""
    report, kept, lost = Report(), [], 0
    for name, digest in files:
        parsed = source.store.get(digest, source.tokenizer.symbol_key)
        if parsed is None:
            lost += 1
            continue
        facts = parsed.facts()
        del facts["limit"]
        report.files.append(FileReport(name, tokens=len(parsed.symbols), **facts))
        if parsed.skipped is None:
            kept.append((name, digest))
    if lost:
        raise LostError(f"{lost} of {len(files)} entries of {source.store.path} are damaged")
    if not kept:
        reasons = "; ".join(f"{row.name}: {row.skipped}" for row in report.files[:3])
        more = "; ..." if len(files) > 3 else ""
        message = f"none of the {len(files)} files can be used: {reasons}{more}"
        raise EmptyCorpusError(message, report)
    return report, kept


def _groups(source: _Source, digests: list[str]) -> list[list[int]]:
    """Near-duplicates, by place among the digests; equal files and short pieces included."""
    signatures = np.empty((len(digests), SIZE), np.uint32)  # (pieces, SIZE)
    for row, digest in enumerate(digests):
        found = source.parsed(digest).signature
        if len(found) != SIZE:  # too short to say: like none but its own copy
            seed = np.frombuffer(bytes.fromhex(digest), np.uint32)
            found = np.random.default_rng(seed).integers(0, 2**32, SIZE, np.uint32)
        signatures[row] = found
    return near_duplicates(signatures)


def _write(
    place: Place, part: str, source: _Source, digests: list[str], report: Report
) -> list[int]:
    """Write the ids and targets of some pieces, one after the other; their lengths."""
    lengths = []
    tokenizer = source.tokenizer
    with (
        replacing(place.file(f"{part}.ids")) as ids,
        replacing(place.file(f"{part}.targets")) as targets,
    ):
        for symbols in source.symbols(digests):
            marked = tokenizer.ids(symbols, unknown="mark")
            ids.write(tokenizer.ids(symbols).astype("<i2").tobytes())
            targets.write(np.where(marked < 0, IGNORED, marked).astype("<i2").tobytes())
            report.substitutes |= tokenizer.substitutes(symbols)
            lengths.append(len(symbols))
    return lengths


def read_description(place: Place) -> dict[str, Any]:
    """What `build` wrote besides the arrays."""
    description = json.loads(place.file("json").read_bytes())
    if not isinstance(description, dict):
        raise ValueError(f"{place.file('json')} is damaged")
    return description


def open_tokens(place: Place, part: str, lengths: list[int]) -> Tokens:
    """The arrays of one part, mapped from disk."""
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    arrays = []
    for kind in ("ids", "targets"):
        path = place.file(f"{part}.{kind}")
        if path.stat().st_size != 2 * starts[-1]:
            raise ValueError(f"{path} has the wrong size")
        arrays.append(np.memmap(path, "<i2", "r"))
    return Tokens(arrays[0], starts[:-1], arrays[1])
