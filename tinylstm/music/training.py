"""A preset trained on a corpus: `fit`, with all that its checkpoint needs in order to compose.

`examples/train_ff.py` and `tinylstm train` call these two functions. Next: composing/compose.py.
"""

from pathlib import Path

from ..callbacks import LearningRateScheduler, ModelCheckpoint, ProgressBar
from ..model import Sequential
from ..presets import Preset
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
) -> History:
    """Train the model on the corpus; the best weights so far are always in the checkpoint `path`.

    epochs: the preset's, if None. resume: go on from `path` if that exists; otherwise a file there
    is kept as previous.npz. Returns the history. Raises what `tinylstm.fit` raises.
    """
    train, held_out, tokenizer = corpus.train, corpus.validation, corpus.tokenizer
    resume = resume and path.exists()
    if path.exists() and not resume:
        path.replace(path.with_name("previous.npz"))
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
    )
