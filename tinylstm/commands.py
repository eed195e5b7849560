"""What `tinylstm train` and `tinylstm compose` do: the steps of examples/train_ff.py and
generate_ff.py, with a report and a page. cli.py reads the arguments; nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tinylstm as tl

from . import music
from .music.files import read_music
from .music.notes import Instruments


def train(
    folder: Path,
    path: Path,
    preset: str = "default",
    tokenizer: str | None = None,
    instruments: Instruments = "piano",
    epochs: int | None = None,
    seed: int = 0,
    resume: bool = False,
) -> list[dict[str, float]]:
    """Train a preset on a folder, with the best weights always in `path`; returns the history."""
    if preset not in tl.PRESETS:
        raise ValueError(f"preset is {preset!r}: use one of {', '.join(tl.PRESETS)}")
    recipe = tl.PRESETS[preset]
    alphabet: music.Tokenizer = music.EventTokenizer(instruments=instruments)
    if (tokenizer or recipe.tokenizer) == "article":
        alphabet = music.ArticleTokenizer(strict=recipe.strict)
    corpus = music.load_corpus(folder, alphabet, transpositions=recipe.transpositions)
    held_out, V = corpus.validation, len(corpus.tokenizer)
    baselines = {} if held_out is None else tl.baselines(corpus.train, held_out, V)
    model = tl.Sequential(recipe.layers(V), seed=seed)
    print(corpus.report, model.summary(), sep="\n")
    go_on = path if resume and path.exists() else None
    if path.exists() and not resume:
        path.replace(path.with_name("previous.npz"))
    settings = recipe.settings() | {
        "baselines": baselines, "tempo": corpus.tempo, "primers": music.openings(corpus.train)
    }  # fmt: skip
    vocabulary = corpus.tokenizer.to_config()
    keys = corpus.tokenizer.transpositions(recipe.transpositions)
    return tl.fit(
        model,
        recipe.data(corpus.train, seed, keys),
        epochs or recipe.epochs,
        None if held_out is None else recipe.validation(held_out),
        recipe.optimizer(),
        seed=seed,
        callbacks=[
            tl.ModelCheckpoint(path, recipe.monitor, settings=settings, tokenizer=vocabulary),
            tl.ProgressBar(baselines, corpus.tokens_per_note),
            tl.LearningRateScheduler(recipe.schedule),
        ],
        resume=go_on,
    )


def compose(
    path: Path,
    out: Sequence[Path] = (),
    length: str = "500 notes",
    seed: int = 0,
    takes: int = 1,
    primer: Path | None = None,
    bars: int | None = None,
    drop_primer: bool = False,
    midi: Path | None = None,
    temperature: float | None = None,
    **sampling: Any,
) -> dict[str, Any]:
    """Compose takes, write them, and report on them: plain values, and the report as `text`."""
    checkpoint = tl.load_checkpoint(path)
    if temperature is None:
        temperature = checkpoint.settings.get("temperature", 1.0)
    start = read_music(primer) if primer else None
    made = music.compose_takes(
        checkpoint, range(seed, seed + takes), length, music.Sampling(temperature, **sampling),
        start, bars, not drop_primer,
    )  # fmt: skip
    judge, judgements = _judge(checkpoint, midi, made) if midi else (None, [])
    out = out or [path.with_name(f"song-{seed}.mid"), path.with_name(f"song-{seed}.html")]
    files = [file for target in out for file in _write(target, made, checkpoint, judge, judgements)]
    lines = [f"seed {take.seed}: {len(take.notes)} notes" for take in made]
    if judge:
        from .music.evaluation.compare import table

        lines.append(table(judge.compare(judgements)))
        lines += [f"{j.name}: longest passage in common is with {j.source}" for j in judgements]
    summary = {"takes": [{"seed": t.seed, "notes": len(t.notes), "tempo": t.tempo} for t in made],
               "sampling": made[0].sampling.__dict__, "files": [str(file) for file in files],
               "judgements": [judgement._asdict() for judgement in judgements]}  # fmt: skip
    return summary | {"text": "\n".join([*lines, *(f"wrote {file}" for file in files)])}


def _judge(checkpoint: Any, midi: Path, takes: Sequence[music.Take]) -> tuple[Any, list[Any]]:
    """The judge of the music that was trained on, and what it says of the takes."""
    from .music.evaluation.compare import Excerpt, Judge

    recipe = tl.PRESETS.get(checkpoint.settings.get("preset"), tl.PRESETS["default"])
    tokenizer = music.tokenizer_from_config(checkpoint.tokenizer)
    corpus = music.load_corpus(midi, tokenizer, transpositions=recipe.transpositions)
    judge = Judge(corpus, min(500, max(50, min(len(take.notes) for take in takes))))
    return judge, [judge.judge(Excerpt(f"seed {t.seed}", t.ids, t.notes)) for t in takes]


def _write(
    target: Path, takes: Sequence[music.Take], checkpoint: Any, judge: Any, judgements: list[Any]
) -> list[Path]:
    """One file for all takes where it is a page, else one for each take."""
    if target.suffix.lower() in (".html", ".htm"):
        from .page import write_page

        return [write_page(target, takes, checkpoint, judge, judgements)]
    from .music.files.export import write_piece

    if len(takes) == 1:
        return [write_piece(target, takes[0].piece())]
    return [
        write_piece(target.with_stem(f"{target.stem}-{take.seed}"), take.piece()) for take in takes
    ]
