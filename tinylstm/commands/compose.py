"""The command `tinylstm compose`: its options, what they ask for, and what is said of the takes."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from tinylstm.commands.shared import FILE, JSON, SEED, write_json

if TYPE_CHECKING:
    from tinylstm.music import Control, Length, Take

STUCK = 64  # tokens that repeat one cycle of up to 8: longer than people do
OPTIONS = [
    click.option("--form", help='Sections of --length each, such as AABA and "8 bars".'),
    click.option(
        "--rhythm-temperature",
        default=1.0,
        show_default=True,
        help="For all choices but that of a pitch; 0: --temperature is for all.",
    ),
    click.option(
        "--recall",
        default=0.8,
        show_default=True,
        help="How much its own past counts for a piece's pitches, 0 to 1.",
    ),
    click.option("--key", help='Prefer the pitches of a key, such as "Eb minor".'),
    click.option("--tempo", type=click.FloatRange(10, 1000), help="Quarter notes per minute."),
    click.option("--metre", help='Such as "3/4". Default: the primer\'s, or 4/4.'),
    click.option(
        "--silence", default=4.0, show_default=True, help="The longest, in quarters; 0: any."
    ),
    click.option("--no-cadence", is_flag=True, help="Do not end on the held chord of the tonic."),
    click.option(
        "--max-copied",
        default=0,
        help="Most notes in a row that are those of a training piece, in any key; 0: any.",
    ),
]


def CONTROL(command: Callable[..., Any]) -> Callable[..., Any]:
    """The command with these options."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


@click.command()
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
    write_json(json_path, summary)


def is_page(path: Path) -> bool:
    """Whether a file to write is a web page."""
    return path.suffix.lower() in (".html", ".htm")


def control_of(options: dict[str, Any]) -> tuple[Control, dict[str, Any]]:
    """The `Control` that the options of `compose` ask for, and the options that are left."""
    from tinylstm.music import Control, Key

    rest = dict(options)
    key, metre = rest.pop("key"), rest.pop("metre")
    if metre and not re.fullmatch(r"[1-9]\d?/(1|2|4|8|16|32)", metre):
        raise ValueError(f"metre is {metre!r}: want two numbers, such as 3/4")
    beats, _, unit = (metre or "").partition("/")
    names = "recall", "silence", "max_copied", "tempo"
    found = Control(
        **{name: rest.pop(name) for name in names},
        rhythm_temperature=rest.pop("rhythm_temperature") or None,
        cadence=not rest.pop("no_cadence"),
        key=Key.parse(key) if key else None,
        metre=(int(beats), int(unit)) if metre else None,
    )
    return found, rest


def warnings_of(takes: list[Take], length: Length) -> list[str]:
    """What the user of `compose` should know of the takes."""
    from tinylstm.music.composing.limits import FREE
    from tinylstm.music.evaluation.statistics import longest_cycle

    found = []
    for take in takes:
        cycle = longest_cycle(take.ids[take.primed :])
        if cycle.length > STUCK:
            found.append(
                f"seed {take.seed} is stuck: {cycle.length} tokens repeat a cycle of "
                f"{cycle.period}; use --max-repeat 48, or a higher --temperature"
            )
        if length.unit == "free" and len(take.notes) >= FREE:
            found.append(f"seed {take.seed} was ended at {FREE} notes: the net found no end")
    return found
