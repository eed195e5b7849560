"""What the commands share: their options, and how errors and Ctrl-C end them."""

from __future__ import annotations

import json
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import click

from tinylstm import PRESETS

FILE = click.Path(path_type=Path)
ALPHABET = click.option(
    "--tokenizer", type=click.Choice(["events", "bars", "article"]), help="Default: the preset's."
)
JSON = click.option("--json", "json_path", type=FILE, help="Write the numbers here.")
SEED = click.IntRange(0)
INSTRUMENTS = click.option(
    "--instruments",
    type=click.Choice(["piano", "all"]),
    help="Whose notes the events take. Default: piano.",
)
PRESET = click.option(
    "--preset", type=click.Choice(list(PRESETS)), default="default", show_default=True
)
PASSED_ON = {"ignore_unknown_options": True, "help_option_names": []}


class Commands(click.Group):
    """Turns the errors that the library explains into a message and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            from tinylstm import DivergedError, FileError
            from tinylstm.music import EmptyCorpusError, UnreadableFileError

            explained = EmptyCorpusError, UnreadableFileError, FileError, DivergedError, ValueError
            try:
                return super().invoke(ctx)
            except explained as error:
                raise click.ClickException(str(error)) from error
        except KeyboardInterrupt as interrupt:
            click.echo(str(interrupt) or "interrupted", err=True)
            ctx.exit(130)


def write_json(path: Path | None, values: object) -> None:
    """Write plain values as JSON to the path, if one is given."""
    from tinylstm.files import replacing

    if path:
        with replacing(path) as stream:
            stream.write(json.dumps(values, indent=1).encode())


def run() -> None:
    """Run the command line in a process of its own."""
    from tinylstm.cli import main

    sys.unraisablehook = ask_again
    try:
        main(prog_name="tinylstm")
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # what is left is to clean up


def ask_again(unraisable: Any) -> None:
    """Ctrl-C may arrive in a destructor or a callback, which cannot raise it: then it comes again
    a moment later.
    """
    if unraisable.exc_type is KeyboardInterrupt:
        threading.Timer(0.05, signal.raise_signal, [signal.SIGINT]).start()
    else:
        sys.__unraisablehook__(unraisable)
