"""The commands: `tinylstm inspect`. Each only reads its arguments and calls the library."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tinylstm import __version__

if TYPE_CHECKING:
    from tinylstm.music.report import Report


@click.group()
@click.version_option(__version__)
def main() -> None:
    """The LSTM you can read, check and break."""


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--json", "json_path", type=click.Path(path_type=Path), help="Write the numbers here."
)
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
    """Report on the music in FOLDER: what is kept, what is skipped and why, what is twice there."""
    from tinylstm.files import FileError
    from tinylstm.music import ArticleTokenizer, EmptyCorpusError, EventTokenizer, load_corpus
    from tinylstm.music.inspection import draw, repeated_passage

    kind = {"events": EventTokenizer, "article": ArticleTokenizer}[tokenizer]
    try:
        corpus = load_corpus(folder, kind(instruments=instruments), limit=limit)
        _tell(corpus.report, json_path)
        click.echo(f"\n{corpus.report}")
        passage = repeated_passage(corpus)
        click.echo(f"longest repeated passage: {passage[0] if passage else 'none'}")
        draw(corpus, passage, picture)
        click.echo(f"picture: {picture}")
    except EmptyCorpusError as error:
        _tell(error.report, json_path)
        raise click.ClickException(str(error)) from error
    except FileError as error:
        raise click.ClickException(str(error)) from error


def _tell(report: Report | None, json_path: Path | None) -> None:
    """Print what became of every file, and write it down if there is a path to write to."""
    from tinylstm.files import replacing
    from tinylstm.music.inspection import summary

    if report is None:
        return
    click.echo(report.table())
    if json_path:
        with replacing(json_path) as stream:
            stream.write(json.dumps(summary(report), indent=1).encode())
