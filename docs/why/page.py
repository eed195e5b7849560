"""What the parts of why.md share: a canvas, a place for pictures, tables."""

import re
from pathlib import Path

import numpy as np

from tinylstm import plots

HERE = Path(__file__).parent
SONGS = HERE.parents[1] / "midi_songs"
INK, ACCENT, SOFT = plots.INK, plots.ACCENT, plots.SOFT
Table = list[tuple[str, ...]]


def canvas(rows: int, columns: int, width: float, height: float):
    """A figure of width x height inches and its axes."""
    from matplotlib.figure import Figure

    fig = Figure(figsize=(width, height), layout="constrained")
    axes = fig.subplots(rows, columns)
    for one in np.ravel(axes):
        one.spines[["top", "right"]].set_visible(False)
    return fig, axes


def keep(fig, name: str) -> None:
    """Write the picture beside the page."""
    fig.savefig(HERE / name, dpi=100)
    print(HERE / name, flush=True)


def put(part: str, rows: Table) -> None:
    """Replace the table of a part in why.md."""
    lines = [rows[0], ("---",) * len(rows[0]), *rows[1:]]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    page = HERE.parent / "why.md"
    pattern = rf"(<!-- {part} -->\n).*?(<!-- /{part} -->)"
    text, found = re.subn(pattern, rf"\g<1>\n{table}\n\n\g<2>", page.read_text(), flags=re.DOTALL)
    if found != 1:
        raise ValueError(f"why.md holds {found} places for {part}, not one: <!-- {part} -->")
    page.write_text(text)
