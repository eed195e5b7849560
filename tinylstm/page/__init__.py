"""A page that shows and plays composed pieces: one HTML file that needs no network.

`page.html`, `page.css` and `page.js` are ours; `tone.min.js` is Tone.js (MIT), which makes the
sound. To update it: `npm install tone`, then copy `node_modules/tone/build/Tone.js` and its licence
here. Next: data.py, the data in the page.
"""

import html
import json
import os
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from ..files import replacing
from ..music.composing.compose import Take
from ..music.evaluation.compare import Judge, Judgement
from .data import page_data

__all__ = ["page_data", "write_page"]


def write_page(
    path: str | os.PathLike[str],
    takes: Sequence[Take],
    checkpoint: Any = None,
    judge: Judge | None = None,
    judgements: Sequence[Judgement] = (),
    title: str = "Composed by tinylstm",
) -> Path:
    """Write the page for some takes.

    checkpoint: for the loss curve and the view inside the net. judge, judgements: for the figures
    of each take beside human pieces. Raises ValueError without a take.

    >>> import tempfile
    >>> import numpy as np
    >>> from tinylstm.music import Note, Sampling
    >>> take = Take(1, Sampling(), np.zeros(0, int), 0, [Note(0, 1, 60)], 120.0, (4, 4))
    >>> page = write_page(Path(tempfile.mkdtemp()) / "page.html", [take])
    >>> page.read_text(encoding="utf-8")[:15]
    '<!doctype html>'
    """
    if not takes:
        raise ValueError(f"no takes to write to {path}")
    data = json.dumps(page_data(takes, checkpoint, judge, judgements), separators=(",", ":"))
    text = Template(_read("page.html")).substitute(
        title=html.escape(title),
        style=_read("page.css"),
        data=data.replace("<", "\\u003c"),  # nothing in it can end the script element
        tone=_read("tone.min.js").replace("//# sourceMappingURL=Tone.js.map", ""),
        script=_read("page.js"),
    )
    path = Path(path)
    with replacing(path) as stream:
        stream.write(text.encode())
    return path


def _read(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")
