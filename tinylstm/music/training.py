"""A preset trained on a corpus: `fit`, with all that its checkpoint needs in order to compose.

`examples/train_ff.py` and `tinylstm train` call these two functions. Next: composing/compose.py.
"""

from contextlib import ExitStack
from itertools import chain, count
from pathlib import Path
from typing import Any

from ..alone import ranks_of
from ..callbacks import LearningRateScheduler, ModelCheckpoint, ProgressBar
from ..files import alone_with
from ..model import Sequential
from ..presets import Preset
from ..resume import check_numbers
from ..training import History, fit
from .composing import openings
from .composing.known import known_passages
from .corpus import Corpus
from .notes import Instruments
from .tokenizers import ArticleTokenizer, BarTokenizer, EventTokenizer, Tokenizer


def tokenizer_for(
    preset: Preset, name: str | None = None, instruments: Instruments | None = None
) -> Tokenizer:
    """The tokenizer to train a preset with: "events", "bars" or "article", or the preset's.

    instruments: whose notes the events take, "piano" (the default) or "all". Raises ValueError if
    it is given with the tutorial's alphabet, which has no instruments.

    >>> from tinylstm import PRESETS
    >>> tokenizer_for(PRESETS["article"])
    ArticleTokenizer(strict=True, 0 classes)
    """
    if (name or preset.tokenizer) == "article":
        if instruments is not None:
            raise ValueError(
                f"instruments is {instruments!r}, but the article tokenizer knows no instruments: "
                "leave it out, or use the events tokenizer"
            )
        return ArticleTokenizer(strict=preset.strict)
    kind = BarTokenizer if (name or preset.tokenizer) == "bars" else EventTokenizer
    return kind(instruments=instruments or "piano")


def fit_preset(
    preset: Preset,
    model: Sequential,
    corpus: Corpus,
    path: Path,
    epochs: int | None = None,
    seed: int = 0,
    resume: bool = False,
    shards: int | None = None,
    communicator: Any = None,
) -> History:
    """Train the model on the corpus; the best weights so far are always in the checkpoint `path`.

    epochs: the preset's, if None. resume: go on from `path` if that exists; otherwise a file there
    is kept as previous.npz, or previous-2.npz, ... Nothing is moved before all arguments have been
    checked. shards, communicator: as in `tinylstm.fit`; the file is the first rank's. Returns the
    history. Raises what `tinylstm.fit` raises, and FileError if another process trains into this
    folder.

    >>> import contextlib, io, tempfile
    >>> from tinylstm import PRESETS, Tokens
    >>> from tinylstm.music import Corpus, EventTokenizer, Note, Piece
    >>> from tinylstm.music.corpus.report import FileReport, Report
    >>> tokenizer = EventTokenizer()
    >>> ids = tokenizer.encode(Piece("scale", tuple(Note(t, 1, 60 + t) for t in range(12))))
    >>> report = Report([FileReport("scale", notes_kept=12, tokens=len(ids))])
    >>> corpus = Corpus(tokenizer, Tokens(ids, [0]), None, ["scale"], [], report)
    >>> model = Sequential(PRESETS["quick"].layers(len(tokenizer)))
    >>> path = Path(tempfile.mkdtemp()) / "model.npz"
    >>> with contextlib.redirect_stdout(io.StringIO()):    # the log
    ...     history = fit_preset(PRESETS["quick"], model, corpus, path, epochs=1)
    >>> len(history), path.exists()
    (1, True)
    """
    train, held_out, tokenizer = corpus.train, corpus.validation, corpus.tokenizer
    ranks, epochs = ranks_of(communicator), preset.epochs if epochs is None else epochs
    check_numbers(epochs, 1.0, seed)
    with ExitStack() as stack:  # of the first rank, which writes the file
        ranks.first(lambda: stack.enter_context(alone_with(path)))
        go_on = ranks.first(lambda: resume and path.exists())
        beaten = {} if held_out is None else corpus.baselines()
        settings = preset.settings() | {
            "baselines": beaten, "tempo": corpus.tempo, "primers": openings(train)
        }  # fmt: skip
        if corpus.report.licence:
            settings["licence"] = corpus.report.licence
        if tokenizer.grammar:
            ends = zip(train.starts, train.ends, strict=True)
            pieces = (tokenizer.decode(train.ids[a:b].tolist()) for a, b in ends)
            settings["passages"] = known_passages(pieces, tokenizer.grammar.grid)
        data = preset.data(train, seed, tokenizer.transpositions(preset.transpositions))
        validation = None if held_out is None else preset.validation(held_out)
        ranks.first(lambda: go_on or set_aside(path))
        return fit(
            model,
            data,
            epochs,
            validation,
            preset.optimizer(),
            seed=seed,
            callbacks=[
                ModelCheckpoint(
                    path, preset.monitor, settings=settings, tokenizer=tokenizer.to_config()
                ),
                ProgressBar(beaten, corpus.tokens_per_note),
                LearningRateScheduler(preset.schedule),
            ],
            resume=path if go_on else None,
            shards=shards,
            communicator=communicator,
        )


def set_aside(path: Path) -> bool:
    """Let a file at `path` become previous.npz, or previous-2.npz, ...; whether there was one."""
    if path.exists():
        path.replace(unused(path.with_name("previous.npz")))
        return True
    return False


def unused(path: Path) -> Path:
    """The path, or if there is a file, the first of path-2, path-3, ... without one."""
    others = (path.with_stem(f"{path.stem}-{n}") for n in count(2))
    return next(p for p in chain([path], others) if not p.exists())
