"""A page that plays composed pieces and holds the net that composed them: one HTML file that needs
no network.

`bundle.py` puts it together from page.html, page.css and the scripts. What is not ours is in
`vendored.json`: Tone.js (MIT), which makes the sound, and @tonejs/midi (MIT), which reads and
writes MIDI files. Next: data.py, the data in the page; net.py, the net in the page.
"""

import json
import os
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from ..files import replacing
from ..music.composing.compose import Take
from ..music.evaluation.compare import Judge, Judgement
from .bundle import page
from .data import page_data
from .net import Precision, net_data, obstacle

__all__ = ["net_data", "page_data", "write_page"]


def write_page(
    path: str | os.PathLike[str],
    takes: Sequence[Take],
    checkpoint: Any = None,
    judge: Judge | None = None,
    judgements: Sequence[Judgement] = (),
    title: str = "Composed by tinylstm",
    net: Precision | None = "float16",
) -> Path:
    """Write the page for some takes.

    checkpoint: for the net itself, the loss curve and the view inside the net. judge, judgements:
    for the figures of each take beside human pieces. net: the precision of the weights in the page
    (float16 halves its size); None leaves the net out, and the page only plays. Raises ValueError
    without a take.

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
    data = page_data(takes, checkpoint, judge, judgements)
    texts: dict[str, str] = {}
    reason = obstacle(checkpoint)
    if net and not reason:
        found = net_data(checkpoint, net)
        texts = {name: _json(found.pop(name)) for name in ("weights", "tables")}
        data["net"] = found | {"digest": sha256(texts["weights"].encode()).hexdigest()[:16]}
    elif net and checkpoint is not None:
        data["obstacle"] = f"No net in this page: {reason}."
    path = Path(path)
    with replacing(path) as stream:
        stream.write(page(title, _json(data), texts).encode())
    return path


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
