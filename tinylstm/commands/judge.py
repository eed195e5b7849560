"""The command `tinylstm judge`: pieces compared with human music."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .shared import FILE, INSTRUMENTS, JSON, SEED, write_json

if TYPE_CHECKING:
    from ..music import Corpus
    from ..music.evaluation import Excerpt
    from ..music.notes import Instruments

AT_ONCE = 25  # pieces composed in one batch
ENOUGH = 20  # held-out pieces: with fewer, all pieces of the folder are the human ones


@click.command("judge")
@click.argument("pieces", type=FILE)
@click.option("--midi", type=FILE, required=True, help="Folder of human music to compare with.")
@click.option("--count", type=click.IntRange(5), default=100, show_default=True,
              help="Pieces to compose, if PIECES is a network.")  # fmt: skip
@click.option("--length", type=click.IntRange(50), default=500, show_default=True,
              help="Of pieces and human excerpts, in notes.")  # fmt: skip
@click.option("--temperature", type=float, help="Default: the preset's.")
@click.option("--seed", type=SEED, default=0, show_default=True, help="Of the first piece.")
@INSTRUMENTS
@JSON
def judge_command(
    pieces: Path,
    midi: Path,
    count: int,
    length: int,
    temperature: float | None,
    seed: int,
    instruments: Instruments | None,
    json_path: Path | None,
) -> None:
    """Compare PIECES with human music: a network that composes them, or a folder of music files.

    Reports figures, endings, copies, stuck pieces, and how well a classifier tells the pieces from
    human ones (that needs scikit-learn: the extra `judge`).

    \b
    tinylstm judge out/model.npz --midi my_songs
    tinylstm judge composed --midi my_songs --length 200 --json figures.json
    """
    from ..music.evaluation import table
    from ..music.evaluation.compare import ENDINGS, Judge

    composed = pieces.suffix == ".npz"
    if composed:
        corpus, found = _composed(pieces, midi, count, length, temperature, seed)
    else:
        corpus, found = _read(pieces, midi, instruments)
    everyone = len(corpus.validation_pieces) < ENOUGH
    judge = Judge(corpus, length, everyone)
    judgements = [judge.judge(excerpt) for excerpt in found]
    summary = judge.summary(judgements)
    which = "all" if everyone else "held-out"
    click.echo(f"{len(found)} pieces, {len(judge.human)} excerpts of {which} human pieces\n")
    click.echo(table(judge.compare(judgements)))
    click.echo(f"\nstuck: {len(summary['stuck'])} of {len(found)}")
    for name, label in ENDINGS.items():
        click.echo("{}: {:.0%}; human {:.0%}".format(label, *summary[name]))
    try:
        distinction = judge.distinguish(found)
        click.echo(f"\n{distinction}")
        summary["distinction"] = distinction.plain()
    except ImportError as error:
        click.echo(f"\nhow well a classifier tells them apart: {error}")
    write_json(json_path, summary)


def _composed(
    path: Path, midi: Path, count: int, length: int, temperature: float | None, seed: int
) -> tuple[Corpus, list[Excerpt]]:
    """The music that a network was trained on, and pieces that it composes."""
    from .. import PRESETS, load_checkpoint
    from ..music import Sampling, compose_takes, load_corpus, tokenizer_from_config
    from ..music.evaluation.compare import excerpt_of

    checkpoint = load_checkpoint(path)
    preset = PRESETS.get(checkpoint.settings.get("preset", ""), PRESETS["default"])
    tokenizer = tokenizer_from_config(checkpoint.tokenizer or {})
    corpus = load_corpus(midi, tokenizer, transpositions=preset.transpositions)
    sampling, found = None if temperature is None else Sampling(temperature), []
    for first in range(seed, seed + count, AT_ONCE):
        seeds = range(first, min(first + AT_ONCE, seed + count))
        takes = compose_takes(checkpoint, seeds, length, sampling, progress=True)
        found += [excerpt_of(take) for take in takes]
    return corpus, found


def _read(
    folder: Path, midi: Path, instruments: Instruments | None
) -> tuple[Corpus, list[Excerpt]]:
    """A folder of human music, and the pieces of another folder on the same grid."""
    from ..music import EventTokenizer, load_corpus
    from ..music.evaluation.compare import whole_pieces

    tokenizer = EventTokenizer(instruments=instruments or "piano")
    return load_corpus(midi, tokenizer), whole_pieces(
        load_corpus(folder, EventTokenizer(instruments=instruments or "piano"), validation=0)
    )
