"""The options of `tinylstm compose` that make a `Control`, and what is said of the takes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

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
