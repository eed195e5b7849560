"""The commands: train, compose, inspect, gradcheck, bench. Each reads its arguments and calls the
library, as the files in examples/ do: those are the readable way, these the quick one.

Exit codes: 0 done, 1 could not be done (the message says why), 2 wrong arguments, 130 interrupted.
"""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tinylstm import __version__

if TYPE_CHECKING:
    from tinylstm.music.corpus.report import Report

JSON = click.option(
    "--json", "json_path", type=click.Path(path_type=Path), help="Write the numbers here."
)
PASSED_ON = {"ignore_unknown_options": True, "help_option_names": []}


class Commands(click.Group):
    """Turns the errors that the library explains into a message and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        from tinylstm import DivergedError, FileError
        from tinylstm.music import EmptyCorpusError, UnreadableFileError

        try:
            return super().invoke(ctx)
        except (
            EmptyCorpusError,
            UnreadableFileError,
            FileError,
            DivergedError,
            ValueError,
        ) as error:
            raise click.ClickException(str(error)) from error
        except KeyboardInterrupt:
            ctx.exit(130)


@click.group(cls=Commands)
@click.version_option(__version__)
def main() -> None:
    """The LSTM you can read, check and break.

    \b
    tinylstm inspect my_songs              what is in a folder of music
    tinylstm train my_songs                learn from it, into out/
    tinylstm compose out/model.npz         new pieces, and a page that plays them

    Completion of these words by the shell: eval "$(_TINYLSTM_COMPLETE=bash_source tinylstm)", or
    zsh_source, or fish_source.
    """


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--preset", default="default", show_default=True, help="quick, default, best, article."
)
@click.option(
    "--tokenizer", type=click.Choice(["events", "article"]), help="The preset's if left out."
)
@click.option(
    "--instruments", type=click.Choice(["piano", "all"]), default="piano", show_default=True
)
@click.option(
    "--epochs", type=click.IntRange(1), help="Passes over the music; the preset's if left out."
)
@click.option("--seed", default=0, show_default=True, help="Same seed, same network.")
@click.option("--resume", is_flag=True, help="Go on from the network in --out, if there is one.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("out"), show_default=True)
@JSON
def train(folder: Path, out: Path, json_path: Path | None, **options: Any) -> None:
    """Learn from the music in FOLDER; the network is in model.npz in the folder --out.

    \b
    tinylstm train my_songs --preset quick
    tinylstm train my_songs --resume         go on after Ctrl-C
    """
    from tinylstm.commands import train

    path = out / "model.npz"
    try:
        history = train(folder, path, **options)
    except KeyboardInterrupt:
        click.echo(f"\ninterrupted; {path} has the best network so far, if there is one.", err=True)
        raise
    _write(json_path, {"checkpoint": str(path), "history": history})
    click.echo(f"{path}: the network. Compose: tinylstm compose {path}")


@main.command()
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option(
    "--length",
    default="500 notes",
    show_default=True,
    help='"500 notes", "32 bars", "90 seconds", or "free": until the network ends it.',
)
@click.option("--seed", default=0, show_default=True, help="Same seed, same piece.")
@click.option(
    "--takes",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="How many pieces, with this seed and those after it.",
)
@click.option(
    "--temperature",
    type=float,
    help="Above 1 wilder, below 1 safer, 0 always the likeliest; the preset's if left out.",
)
@click.option("--top-k", default=0, help="Only the k likeliest tokens; 0: all.")
@click.option(
    "--top-p", default=1.0, help="Only the likeliest that have this probability together."
)
@click.option("--min-p", default=0.0, help="Only tokens so likely, as a share of the likeliest.")
@click.option("--max-repeat", default=0, help="Tokens that a cycle may fill; 0: any number.")
@click.option("--primer", type=click.Path(path_type=Path), help="A file with music to continue.")
@click.option("--bars", type=click.IntRange(1), help="How much of the primer is read; else all.")
@click.option("--drop-primer", is_flag=True, help="Leave the primer out of what is written.")
@click.option(
    "--midi",
    type=click.Path(path_type=Path),
    help="The folder that was trained on: report on copies, beside human pieces.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    multiple=True,
    help="What to write: .mid .musicxml .wav .png .html; may be given again. "
    "Default: song-SEED.mid and song-SEED.html beside the checkpoint.",
)
@JSON
def compose(
    checkpoint: Path, out: tuple[Path, ...], json_path: Path | None, **options: Any
) -> None:
    """Compose pieces with the network in CHECKPOINT, the model.npz that training wrote.

    \b
    tinylstm compose out/model.npz --takes 4 --temperature 0.9 --out page.html
    tinylstm compose out/model.npz --primer some.mid --bars 4 --length "16 bars" --out new.mid
    tinylstm compose out/model.npz --midi my_songs --out song.wav --out song.musicxml
    """
    from tinylstm.commands import compose

    if options["bars"] and not options["primer"]:
        raise click.UsageError('--bars says how much of --primer is read; see --length "8 bars"')
    summary = compose(checkpoint, out, **options)
    click.echo(summary.pop("text"))
    _write(json_path, summary)


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
@JSON
@click.option(
    "--picture",
    type=click.Path(path_type=Path),
    default=Path("inspect.png"),
    show_default=True,
    help="Write the picture here; the suffix says in which format.",
)
@click.option("--tokenizer", type=click.Choice(["events", "article"]), default="events")
@click.option(
    "--instruments", type=click.Choice(["piano", "all"]), default="all", show_default=True
)
@click.option("--limit", type=float, default=60.0, show_default=True, help="Seconds for each file.")
def inspect(
    folder: Path,
    json_path: Path | None,
    picture: Path,
    tokenizer: str,
    instruments: str,
    limit: float,
) -> None:
    """Report on the music in FOLDER: what is kept, what is skipped and why, what is twice there.

    \b
    tinylstm inspect my_songs --json report.json
    """
    from tinylstm.music import ArticleTokenizer, EmptyCorpusError, EventTokenizer, load_corpus
    from tinylstm.music.corpus.inspect import draw, repeated_passage

    kind = {"events": EventTokenizer, "article": ArticleTokenizer}[tokenizer]
    try:
        corpus = load_corpus(folder, kind(instruments=instruments), limit=limit)
    except EmptyCorpusError as error:
        _tell(error.report, json_path)
        raise
    _tell(corpus.report, json_path)
    click.echo(f"\n{corpus.report}")
    passage = repeated_passage(corpus)
    click.echo(f"longest repeated passage: {passage[0] if passage else 'none'}")
    draw(corpus, passage, picture)
    click.echo(f"picture: {picture}")


def _tell(report: Report | None, json_path: Path | None) -> None:
    """Print what became of every file, and write it down if there is a path to write to."""
    from tinylstm.music.corpus.inspect import summary

    if report is not None:
        click.echo(report.table())
        _write(json_path, summary(report))


def _write(path: Path | None, values: object) -> None:
    """Write plain values as JSON, if there is a path to write to."""
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
    """Measure how fast it is, beside its peers: benchmarks/run.py of a checkout.

    \b
    tinylstm bench train_step                one row
    tinylstm bench --json figures.json       all of them, as numbers
    """
    script = Path(__file__).resolve().parent.parent / "benchmarks" / "run.py"
    if not script.exists():
        raise click.ClickException(
            f"{script} is not there: benchmarks are in the project's checkout, not in the "
            "installed package; run them from there"
        )
    sys.argv = [str(script), *arguments]
    runpy.run_path(str(script), run_name="__main__")
