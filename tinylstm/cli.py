"""The commands: train, compose, inspect, gradcheck, bench. Each reads its arguments and calls the
library, as the files in examples/ do. export and import are in interchange/commands.py,
judge in judge.py.

Exit codes: 0 done, 1 failed (the message says why), 2 wrong arguments, 130 interrupted.
"""

from __future__ import annotations

import json
import runpy
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from tinylstm import PRESETS, __version__
from tinylstm.command import ALPHABET, FILE, INSTRUMENTS, JSON, PASSED_ON, PRESET, SEED, Commands
from tinylstm.composing_options import CONTROL, control_of, warnings_of
from tinylstm.interchange.commands import export_command, import_command
from tinylstm.judge import judge_command
from tinylstm.music.composing.command import harmonise_command

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


main.add_command(export_command)
main.add_command(import_command)
main.add_command(harmonise_command)
main.add_command(judge_command)


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
    _write_json(json_path, {"checkpoint": str(path), "history": history})
    click.echo(f"{quoted(path)}: the network. Compose: tinylstm compose {quoted(path)}")


@main.command()
@click.argument("checkpoint", type=FILE)
@click.option(
    "--length",
    default="500 notes",
    show_default=True,
    help='"500 notes", "32 bars", "90 seconds", or "free": until the network ends the piece. '
    "At most 100000 notes.",
)
@click.option("--seed", type=SEED, default=0, show_default=True, help="Same seed, same piece.")
@click.option(
    "--takes",
    type=click.IntRange(1, 1000),
    default=1,
    show_default=True,
    help="How many pieces: seeds --seed, --seed + 1, ...",
)
@click.option(
    "--temperature",
    type=float,
    help="Above 1 is wilder, below 1 safer, 0 takes the most likely token. Default: the preset's.",
)
@click.option("--top-k", default=0, help="Keep the k most likely tokens; 0 keeps all.")
@click.option("--top-p", default=1.0, help="Keep the smallest set of tokens that sums to p.")
@click.option(
    "--min-p", default=0.0, help="Minimum probability, as a fraction of the most likely token's."
)
@click.option(
    "--max-repeat", default=48, show_default=True, help="Most tokens that a cycle may fill; 0: any."
)
@CONTROL
@click.option("--primer", type=FILE, help="A music file to continue.")
@click.option("--bars", type=click.IntRange(1), help="Read only the first bars of the primer.")
@click.option("--drop-primer", is_flag=True, help="Write only the new notes, not the primer.")
@click.option(
    "--midi",
    type=FILE,
    help="The folder trained on: reports statistics and copies, compared with human pieces.",
)
@click.option(
    "--out",
    type=FILE,
    multiple=True,
    help="A file to write: .mid .musicxml .wav .png .html; repeatable, the suffix sets the format. "
    "Default: song-SEED.mid and song-SEED.html next to the checkpoint.",
)
@click.option(
    "--net",
    type=click.Choice(["float16", "float32"]),
    default="float16",
    show_default=True,
    help="Precision of the network in an .html page; float32 is exact, and twice as large.",
)
@click.option("--no-net", is_flag=True, help="A small .html page that only plays.")
@JSON
def compose(
    checkpoint: Path,
    length: str,
    seed: int,
    takes: int,
    temperature: float | None,
    primer: Path | None,
    bars: int | None,
    drop_primer: bool,
    midi: Path | None,
    out: tuple[Path, ...],
    json_path: Path | None,
    net: Literal["float16", "float32"],
    no_net: bool,
    form: str | None,
    **others: Any,
) -> None:
    """Compose pieces with the network in CHECKPOINT, the model.npz that training wrote.

    \b
    tinylstm compose out/model.npz --takes 4 --temperature 0.9 --out page.html
    tinylstm compose out/model.npz --primer some.mid --bars 4 --length "16 bars" --out new.mid
    tinylstm compose out/model.npz --midi my_songs --out song.wav --out song.musicxml
    mpiexec -n 4 tinylstm compose out/model.npz --takes 100      on four processes
    """
    import tinylstm as tl
    from tinylstm import music
    from tinylstm.alone import ranks_of
    from tinylstm.files import check_writable, printable, quoted
    from tinylstm.music.composing.compose import tokenizer_of
    from tinylstm.music.evaluation import judge_takes, table
    from tinylstm.music.files import read_music
    from tinylstm.music.files.export import check_export, write_piece

    if form and primer:
        raise click.UsageError("--form begins from nothing: leave out --primer")
    if bars and not primer:
        raise click.UsageError('--bars shortens --primer; for the new piece use --length "8 bars"')
    out = out or tuple(checkpoint.with_name(f"song-{seed}{kind}") for kind in (".mid", ".html"))
    wanted = music.Length.parse(length)
    control, sampling = control_of(others)
    music.Sampling(1.0 if temperature is None else temperature, **sampling)  # raises
    loaded = tl.load_checkpoint(checkpoint)
    tokenizer_of(loaded)
    if temperature is None:
        temperature = loaded.settings.get("temperature", 1.0)
    how = music.Sampling(temperature, **sampling)
    for path in out:  # what cannot be written is said before the piece is composed
        (check_writable if is_page(path) else check_export)(path)
    start, seeds = read_music(primer) if primer else None, range(seed, seed + takes)
    ranks = ranks_of(tl.world())
    asked = wanted, how, start, bars, not drop_primer, ranks.rank == 0, control

    def made_of(some: list[int]) -> list[Any]:
        if form:
            return music.compose_form(loaded, form, wanted, some, how, control)
        return music.compose_takes(loaded, some, *asked)

    made = ranks.spread(made_of, list(seeds))
    if ranks.rank:
        return
    for warning in warnings_of(made, wanted):
        click.echo(f"warning: {warning}", err=True)
    judge, judgements = judge_takes(loaded, midi, made) if midi else (None, [])
    written: list[Path] = []
    for path in out:
        if is_page(path):
            from tinylstm.page import write_page

            inside = None if no_net else net
            written.append(write_page(path, made, loaded, judge, judgements, net=inside))
        else:  # one file for each take
            for take in made:
                name = path if takes == 1 else path.with_stem(f"{path.stem}-{take.seed}")
                written.append(write_piece(name, take.piece()))
    click.echo("\n".join(f"seed {take.seed}: {len(take.notes)} notes" for take in made))
    if judge:
        click.echo(table(judge.compare(judgements)))
    for judgement in judgements:
        source = printable(judgement.source)
        click.echo(f"{judgement.name}: longest passage in common is with {source}")
    click.echo("\n".join(f"wrote {quoted(path)}" for path in written))
    summary = {
        "takes": [{"seed": t.seed, "notes": len(t.notes), "tempo": t.tempo} for t in made],
        "sampling": vars(how),
        "control": asdict(control),
        "files": [str(path) for path in written],
        "judgements": [judgement._asdict() for judgement in judgements],
    }
    _write_json(json_path, summary)


def is_page(path: Path) -> bool:
    """Whether a file to write is a web page."""
    return path.suffix.lower() in (".html", ".htm")


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
        _write_json(json_path, summary(report))


def _write_json(path: Path | None, values: object) -> None:
    """Write plain values as JSON to the path, if one is given."""
    from tinylstm.files import replacing

    if path:
        with replacing(path) as stream:
            stream.write(json.dumps(values, indent=1).encode())


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
