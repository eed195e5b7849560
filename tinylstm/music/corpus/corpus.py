"""A folder of music as training and validation tokens, split by piece.

`load_corpus` finds the files, parses the new ones, holds pieces out, trains the tokenizer, writes
the arrays to the cache and maps them into memory: a corpus can be larger than memory.
Next: ../training.py.
"""

import json
import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray

from ...alone import Alone, ranks_of
from ...data import Tokens
from ...files import FileError, cache_folder, printable, quoted, replacing
from ...ngram import bigram_nats, ngram_nats, unigram_nats
from ..tokenizers import tokenizer_from_config
from ..tokenizers.base import Tokenizer
from ..tokenizers.events import EventTokenizer
from . import cache
from .cache import ParsedFiles
from .duplicates import SIZE, near_duplicates
from .find import find_files, folder_of, licence_of, stamp, with_digest
from .parse import File, Parsed, parse_files, skipped
from .report import EmptyCorpusError, Report
from .split import split_pieces

TOGETHER = 64  # files that a rank parses before it sends them to the others


@dataclass
class Corpus:
    """Pieces as tokens, for training and for validation.

    train, validation: ids, targets and the beginnings of pieces, mapped from disk. A held-out token
    that the vocabulary lacks is fed to the net as the most similar known one, and is IGNORED as a
    target. validation is None if no piece is held out.
    tokenizer: trained on the training pieces. report: what became of each file.

    >>> from tinylstm.music.corpus.report import FileReport
    >>> report = Report([FileReport("a.mid", notes_kept=2, tokens=7)])
    >>> corpus = Corpus(EventTokenizer(), Tokens(np.arange(7), [0]), None, ["a.mid"], [], report)
    >>> corpus.tokens_per_note
    3.5
    """

    tokenizer: Tokenizer
    train: Tokens
    validation: Tokens | None
    train_pieces: list[str]
    validation_pieces: list[str]
    report: Report

    @property
    def tokens_per_note(self) -> float:
        """Of the held-out pieces, if any: with it, nats per token become bits per note."""
        names = set(self.validation_pieces or self.train_pieces)
        files = [file for file in self.report.kept if file.name in names]
        return sum(file.tokens for file in files) / max(sum(file.notes_kept for file in files), 1)

    def baselines(self) -> dict[str, float]:
        """What counting reaches on the held-out pieces, in nats per token: see `ngram.py`."""
        held_out = self.validation or self.train
        five = ngram_nats(self.train, held_out, len(self.tokenizer), order=5)
        report = self.report
        found = {"unigram": report.unigram_nats, "bigram": report.bigram_nats, "5-gram": five}
        return {name: nats for name, nats in found.items() if nats is not None}

    @property
    def tempo(self) -> float:
        """The median of the tempos at the beginning of each piece, in quarter notes per minute."""
        return float(np.median([file.tempo or 120 for file in self.report.kept]))


def load_corpus(
    folder: str | PathLike[str],
    tokenizer: Tokenizer | None = None,
    *,
    validation: float = 0.1,
    transpositions: range = range(1),
    workers: int | None = None,
    limit: float = 60.0,
    progress: bool = True,
    communicator: Any = None,
) -> Corpus:
    """Read a folder of music, or what the cache has of it, and train the tokenizer.

    folder: a path, or the name of a folder of music21's corpus, such as "music21:bach". tokenizer:
    by default an EventTokenizer. validation: the share of pieces to hold out, whole, every tenth by
    name; near-duplicates stay on one side. transpositions: the semitones by which training will
    transpose, so that the vocabulary has these tokens too. workers: processes that parse, by
    default one per core. limit: seconds per file. progress: show a bar on stderr. communicator:
    mpi4py's, of processes that share the parsing; every machine fills its own cache.

    Raises EmptyCorpusError if no file can be used, ValueError for an argument that makes no sense.
    A cache that cannot be written is replaced by a temporary one, with a warning.

    >>> import tempfile
    >>> from tinylstm.music import Note, write_midi
    >>> folder = Path(tempfile.mkdtemp())
    >>> path = write_midi(folder / "a.mid", [Note(0, 1, 60), Note(1, 1, 64)])
    >>> corpus = load_corpus(folder, validation=0, progress=False)
    >>> corpus.train_pieces, len(corpus.train)
    (['a.mid'], 7)
    """
    tokenizer = EventTokenizer() if tokenizer is None else tokenizer  # an untrained one is falsy
    check_limits(validation, workers, limit)
    ranks = ranks_of(communicator)
    folder = folder_of(folder)
    files = ranks.all(lambda: find_files(folder))
    settings = [os.path.abspath(folder), tokenizer.symbol_key, validation, list(transpositions)]
    cached = cache_folder() / "corpora" / cache.hashed(settings)
    made_from = cache.hashed([cache.reader_version(), limit, [stamp(file) for file in files]])
    corpus = _open(cached, made_from)
    everywhere = not ranks.any(corpus is None)
    if corpus and everywhere:
        return corpus
    root = cache.writable(cache_folder())
    cached = root / "corpora" / cached.name
    files = [with_digest(file) for file in files]
    store = ParsedFiles(tokenizer, root)
    _parse_new(files, store, workers, limit, progress, ranks)

    def build() -> list[Corpus]:
        licence = licence_of(folder)
        return [_build(cached, made_from, files, store, validation, transpositions, licence)]

    built = ranks.on_each_machine(build)
    if corpus := built[0] if built else _open(cached, made_from):
        return corpus
    raise FileError(f"{quoted(cached)} was written by another process, but cannot be read")


def check_limits(validation: float, workers: int | None, limit: float) -> None:
    """Raise ValueError for an argument that can only fail later."""
    if not 0 <= validation < 1:
        raise ValueError(f"validation is {validation}: use a share in [0, 1)")
    if workers is not None and workers < 1:
        raise ValueError(f"workers is {workers}: use at least 1 process")
    if not 0 < limit < float("inf"):
        raise ValueError(f"limit is {limit}: use a positive number of seconds for each file")


def _parse_new(
    files: list[File],
    store: ParsedFiles,
    workers: int | None,
    limit: float,
    progress: bool,
    ranks: Alone,
) -> None:
    """Parse what the store lacks. An interrupted run goes on where it stopped."""
    from joblib import cpu_count  # respects CPU affinity and container limits
    from tqdm import tqdm

    files = [file for file in files if file.digest]
    missing = {file.digest for file in files if not store.has(file.digest, limit)}
    if store.damaged:
        _say_again(store.folder, f"{store.damaged} of its parsed files are not what was written")
    needed = {*ranks.gather(lambda: [*missing])}  # on any machine
    new = [*{file.digest: file for file in files if file.digest in needed}.values()]
    workers = workers or max(cpu_count() // ranks.local, 1)
    results = parse_files(new[ranks.rank :: ranks.size], store.tokenizer, workers, limit)
    hidden = None if progress and new and not ranks.rank else True  # None: unless stderr is a tty
    with tqdm(total=len(new), desc="parsing", unit="file", disable=hidden) as bar:
        rounds = range(0, len(new), ranks.size * (1 if ranks.size == 1 else TOGETHER))
        for _ in rounds:
            some = list(islice(results, 1 if ranks.size == 1 else TOGETHER))
            pairs: list[tuple[File, Parsed]] = ranks.gather(partial(list, some))
            for _, parsed in pairs:
                if ranks.leader and parsed.report.digest in missing:
                    store.put(parsed)
                bar.update()


def _account(files: list[File], store: ParsedFiles) -> tuple[Report, ndarray]:
    """What became of each file, and the signatures (pieces, 128) of those that gave tokens."""
    report, signatures = Report(), np.empty((len(files), SIZE), np.uint32)
    for row, file in enumerate(files):
        parsed = store.get(file.digest) if file.digest else skipped(file, file.unreadable)
        report.files.append(replace(parsed.report, name=file.name))
        signatures[row] = parsed.signature
    if not report.kept:
        why = "; ".join(f"{printable(file.name)}: {file.skipped}" for file in report.files[:3])
        why += "; ..." if len(files) > 3 else ""
        raise EmptyCorpusError(f"none of the {len(files)} files can be used: {why}", report)
    return report, signatures[[file.skipped is None for file in report.files]]


def _build(
    cached: Path,
    made_from: str,
    files: list[File],
    store: ParsedFiles,
    share: float,
    keys: range,
    licence: str,
) -> Corpus:
    """Hold pieces out, train the tokenizer and write the arrays, with one piece in memory."""
    report, signatures = _account(files, store)
    kept, tokenizer = report.kept, store.tokenizer
    groups = near_duplicates(signatures)
    parts = split_pieces(len(kept), share, groups)

    def symbols(pieces: list[int]) -> Iterator[ndarray]:
        return (store.get(kept[piece].digest).symbols for piece in pieces)

    tokenizer.train(symbols(parts[0]), keys)
    report.substitutes = cache.write_tokens(cached, tokenizer, symbols([*parts[0], *parts[1]]))
    report.near_duplicates = [[kept[piece].name for piece in group] for group in groups]
    report.classes, report.licence = len(tokenizer), licence
    corpus = _corpus(cached, tokenizer.to_config(), parts, report)
    judged = corpus.validation or corpus.train
    if any(len(targets) for _, targets in judged.pairs()):
        report.unigram_nats = unigram_nats(corpus.train, judged, report.classes)
        report.bigram_nats = bigram_nats(corpus.train, judged, report.classes)
    described = {
        "made_from": made_from,
        "digests": cache.token_digests(cached),
        "tokenizer": tokenizer.to_config(),
        "parts": parts,
        "report": asdict(report),
    }
    described["digest"] = cache.hashed(described)
    with replacing(cached / "corpus.json") as stream:  # last: it says that the arrays are whole
        stream.write(json.dumps(described).encode())
    return corpus


def _open(cached: Path, made_from: str) -> Corpus | None:
    """The cached corpus; None if there is none, or one of other files, or a damaged one."""
    try:
        described = json.loads((cached / "corpus.json").read_bytes())
        if described.pop("digest", "none") != cache.hashed(described):
            raise ValueError("corpus.json is not what was written")
        if described["made_from"] != made_from:
            return None
        if described["digests"] != cache.token_digests(cached):
            raise ValueError("its arrays are not those that were written")
        report = Report.from_config(described["report"])
        return _corpus(cached, described["tokenizer"], described["parts"], report)
    except OSError:  # none yet
        return None
    except Exception as error:  # an older version's, or a stranger's
        _say_again(cached, str(error) or type(error).__name__)
        return None


def _say_again(folder: Path, why: str) -> None:
    """Warn that a part of the cache is made again."""
    said = f"{quoted(folder)} is damaged ({why}): the corpus is built again"
    warnings.warn(said, stacklevel=5)


def _corpus(cached: Path, config: Any, parts: Sequence[list[int]], report: Report) -> Corpus:
    """Map the arrays into memory. parts: the numbers of the training and the held-out pieces."""
    ids, targets = cache.map_tokens(cached)  # (N,) each
    kept = report.kept
    train, held_out = ([kept[piece] for piece in part] for part in parts)
    starts = [np.cumsum([0, *(file.tokens for file in part)]) for part in (train, held_out)]
    cut = starts[0][-1]
    return Corpus(
        tokenizer_from_config(config),
        Tokens(ids[:cut], starts[0][:-1], targets[:cut]),
        Tokens(ids[cut:], starts[1][:-1], targets[cut:]) if held_out else None,
        [file.name for file in train],
        [file.name for file in held_out],
        report,
    )
