"""A preset trained on a corpus: `fit`, with all that its checkpoint needs in order to compose.

`examples/train_ff.py` and `tinylstm train` call these two functions. Next: composing/compose.py.
"""

from pathlib import Path
from typing import Any

from ..callbacks import LearningRateScheduler, ModelCheckpoint, ProgressBar
from ..model import Sequential
from ..presets import Preset
from ..ranks import ranks_of
from ..training import History, fit
from .composing import openings
from .corpus import Corpus
from .notes import Instruments
from .tokenizers import ArticleTokenizer, EventTokenizer, Tokenizer


def tokenizer_for(
    preset: Preset, name: str | None = None, instruments: Instruments = "piano"
) -> Tokenizer:
    """The tokenizer to train a preset with: "events" or "article", or the preset's own.

    instruments: whose notes the events take, "piano" or "all".

    >>> from tinylstm import PRESETS
    >>> tokenizer_for(PRESETS["article"])
    ArticleTokenizer(strict=True, 0 classes)
    """
    if (name or preset.tokenizer) == "article":
        return ArticleTokenizer(strict=preset.strict)
    return EventTokenizer(instruments=instruments)


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
    is kept as previous.npz. shards, communicator: as in `tinylstm.fit`; the file is the first
    rank's. Returns the history. Raises what `tinylstm.fit` raises.

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
    ranks = ranks_of(communicator)
    resume = ranks.first(lambda: ready(path, resume))
    beaten = {} if held_out is None else corpus.baselines()
    settings = preset.settings() | {
        "baselines": beaten, "tempo": corpus.tempo, "primers": openings(train)
    }  # fmt: skip
    return fit(
        model,
        preset.data(train, seed, tokenizer.transpositions(preset.transpositions)),
        epochs or preset.epochs,
        None if held_out is None else preset.validation(held_out),
        preset.optimizer(),
        seed=seed,
        callbacks=[
            ModelCheckpoint(
                path, preset.monitor, settings=settings, tokenizer=tokenizer.to_config()
            ),
            ProgressBar(beaten, corpus.tokens_per_note),
            LearningRateScheduler(preset.schedule),
        ],
        resume=path if resume else None,
        shards=shards,
        communicator=communicator,
    )


def ready(path: Path, resume: bool) -> bool:
    """Whether there is a run to go on with; otherwise a file at `path` becomes previous.npz."""
    if path.exists() and not resume:
        path.replace(path.with_name("previous.npz"))
    return resume and path.exists()
