"""The commands: train, inspect, gradcheck, bench, and those of commands/. Each reads its arguments
and calls the library, as the files in examples/ do.

Exit codes: 0 done, 1 failed (the message says why), 2 wrong arguments, 130 interrupted.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tinylstm import PRESETS, __version__
from tinylstm.commands.compose import compose
from tinylstm.commands.exchange import export_command, import_command
from tinylstm.commands.harmonise import harmonise_command
from tinylstm.commands.judge import judge_command
from tinylstm.commands.shared import (
    ALPHABET,
    FILE,
    INSTRUMENTS,
    JSON,
    PASSED_ON,
    PRESET,
    SEED,
    Commands,
    write_json,
)

if TYPE_CHECKING:
    from tinylstm.music.corpus.report import Report
    from tinylstm.music.notes import Instruments


@click.group(cls=Commands)
@click.version_option(__version__)
def main() -> None:
    """The LSTM you can read, check and break.

    \b
    tinylstm inspect my_songs              what is in a folder of music
    tinylstm train my_songs                learn from it, into out/
    tinylstm compose out/model.npz         new pieces, and a page that plays them
    tinylstm judge out/model.npz --midi my_songs
                                           compare them with human music
    tinylstm export out/model.npz --to net.onnx

    Shell completion: eval "$(_TINYLSTM_COMPLETE=bash_source tinylstm)", or zsh_source, or
    fish_source.
    """


for command in (compose, harmonise_command, judge_command, export_command, import_command):
    main.add_command(command)


@main.command()
@click.argument("folder", type=FILE)
@PRESET
@ALPHABET
@INSTRUMENTS
@click.option(
    "--epochs", type=click.IntRange(1), help="Passes over the music. Default: the preset's."
)
@click.option("--seed", type=SEED, default=0, show_default=True, help="Same seed, same network.")
@click.option("--resume", is_flag=True, help="Go on from the network in --out, if there is one.")
@click.option("--shards", type=click.IntRange(1), help="Parts of a batch; with mpiexec 8.")
@click.option("--out", type=FILE, default=Path("out"), show_default=True)
@JSON
def train(
    folder: Path,
    preset: str,
    tokenizer: str | None,
    instruments: Instruments | None,
    epochs: int | None,
    seed: int,
    resume: bool,
    shards: int | None,
    out: Path,
    json_path: Path | None,
) -> None:
    """Train on the music in FOLDER; writes the network to model.npz in the folder --out.

    \b
    tinylstm train my_songs --preset quick
    tinylstm train music21:bach              music that music21 has installed
    tinylstm train my_songs --resume         go on after Ctrl-C
    mpiexec -n 4 tinylstm train my_songs     on four processes
    """
    import tinylstm as tl
    from tinylstm import music
    from tinylstm.files import alone_with, check_writable, quoted

    path, chosen, world = out / "model.npz", tl.PRESETS[preset], tl.world()
    first = world is None or world.rank == 0
    try:  # the steps of examples/train_ff.py
        alphabet = music.tokenizer_for(chosen, tokenizer, instruments)
        if first:
            check_writable(json_path or path)
            with alone_with(path):  # refused now, not after an hour of parsing
                pass
        keys = chosen.transpositions
        corpus = music.load_corpus(folder, alphabet, transpositions=keys, communicator=world)
        model = tl.Sequential(chosen.layers(len(corpus.tokenizer)), seed=seed)
        print(corpus.report, model.summary(), sep="\n")
        options = epochs, seed, resume, shards, world
        history = music.fit_preset(chosen, model, corpus, path, *options)
    except KeyboardInterrupt:
        said = f"interrupted; {quoted(path)} has the best network so far, if there is one"
        raise KeyboardInterrupt(said) from None
    if not first:
        return
    write_json(json_path, {"checkpoint": str(path), "history": history})
    click.echo(f"{quoted(path)}: the network. Compose: tinylstm compose {quoted(path)}")


@main.command()
@click.argument("folder", type=FILE)
@JSON
@click.option(
    "--picture",
    type=FILE,
    default=Path("inspect.png"),
    show_default=True,
    help="Write the picture here; the suffix says in which format.",
)
@PRESET
@ALPHABET
@INSTRUMENTS
@click.option("--limit", type=float, default=60.0, show_default=True, help="Seconds for each file.")
def inspect(
    folder: Path,
    json_path: Path | None,
    picture: Path,
    preset: str,
    tokenizer: str | None,
    instruments: Instruments | None,
    limit: float,
) -> None:
    """Report on the music in FOLDER, as training with the same options would read it: what is kept,
    what is skipped and why, and duplicates.

    \b
    tinylstm inspect my_songs --json report.json
    """
    from tinylstm.files import check_writable, quoted
    from tinylstm.music import EmptyCorpusError, load_corpus, tokenizer_for
    from tinylstm.music.corpus.inspect import draw, repeated_passage

    chosen = PRESETS[preset]
    alphabet = tokenizer_for(chosen, tokenizer, instruments)
    for path in (picture, json_path):
        if path:
            check_writable(path)
    try:
        corpus = load_corpus(folder, alphabet, transpositions=chosen.transpositions, limit=limit)
    except EmptyCorpusError as error:
        _report(error.report, json_path)
        raise
    _report(corpus.report, json_path)
    click.echo(f"\n{corpus.report}")
    passage = repeated_passage(corpus)
    click.echo(f"longest repeated passage: {passage[0] if passage else 'none'}")
    draw(corpus, passage, picture)
    click.echo(f"picture: {quoted(picture)}")


def _report(report: Report | None, json_path: Path | None) -> None:
    """Print what became of every file, and write it to the path, if one is given."""
    from tinylstm.music.corpus.inspect import summary

    if report is not None:
        click.echo(report.table())
        write_json(json_path, summary(report))


@main.command(context_settings=PASSED_ON)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def gradcheck(arguments: tuple[str, ...]) -> None:
    """Check the gradients of a layer, a net, your own class or a model file.

    \b
    tinylstm gradcheck lstm units=4
    tinylstm gradcheck --help                all that it can do
    """
    from tinylstm.gradcheck.__main__ import main as check

    sys.exit(check(arguments))


@main.command(context_settings=PASSED_ON)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def bench(arguments: tuple[str, ...]) -> None:
    """Measure the speed beside PyTorch and Keras: runs benchmarks/run.py of a checkout.

    \b
    tinylstm bench train_step                one row
    tinylstm bench --json figures.json       all of them, as numbers
    """
    script = Path(__file__).resolve().parent.parent / "benchmarks" / "run.py"
    if not script.exists():
        raise click.ClickException(
            f"{script} does not exist: benchmarks come with the project's checkout, not with the "
            "installed package; run them there"
        )
    sys.argv = [str(script), *arguments]
    runpy.run_path(str(script), run_name="__main__")
