"""The data in the page: notes, figures, loss, and what selected units did at each note."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from ..functional import LSTMCache
from ..generate import LONGEST_CYCLE
from ..music.composing.compose import Take
from ..music.evaluation.compare import LABELS, Judge, Judgement
from ..music.evaluation.statistics import MAJOR, MINOR
from ..music.tokenizers import Tokenizer, tokenizer_from_config
from ..music.tokenizers.grammar import Kind


def page_data(
    takes: Sequence[Take],
    checkpoint: Any = None,
    judge: Judge | None = None,
    judgements: Sequence[Judgement] = (),
) -> dict[str, Any]:
    """Plain JSON values. Times are in quarter notes; gates and cells in hundredths."""
    settings = {} if checkpoint is None else checkpoint.settings
    history = [] if checkpoint is None else checkpoint.history
    found = []
    for number, take in enumerate(takes):
        entry = _take(take)
        if checkpoint is not None and checkpoint.tokenizer is not None and len(take.ids):
            tokenizer = tokenizer_from_config(checkpoint.tokenizer)
            places = note_places(tokenizer, take.ids)[-len(take.notes) :]  # (N,)
            entry["inside"] = inside(checkpoint.model, take, places)
            entry["primed"] = int((places < take.primed).sum())
        if judge is not None and judgements:
            entry |= _figures(judgements[number])
        found.append(entry)
    return {
        "about": f"{len(takes)} take{'s' if len(takes) > 1 else ''}"
        + (f" by a network of the preset {settings['preset']}" if "preset" in settings else ""),
        "takes": found,
        "figures": _human(judge),
        "scales": [list(MAJOR), list(MINOR)],
        "cycle": LONGEST_CYCLE,
        "net": None,
        "obstacle": "",
        "history": [{k: v for k, v in row.items() if "loss" in k} for row in history],
        "baselines": settings.get("baselines", {}),
    }


def _take(take: Take) -> dict[str, Any]:
    sampling = take.sampling
    extra = {"top-k": sampling.top_k or "", "top-p": sampling.top_p if sampling.top_p < 1 else "",
             "min-p": sampling.min_p or ""}  # fmt: skip
    said = "".join(f", {name} {value}" for name, value in extra.items() if value)
    return {
        "seed": take.seed,
        "label": f"seed {take.seed}",
        "about": f"temperature {sampling.temperature:g}{said}, {len(take.notes)} notes",
        "tempo": round(take.tempo, 3),
        "metre": list(take.time_signature),
        "notes": [
            [round(n.onset, 6), round(n.duration, 6), n.pitch, n.velocity, n.program]
            for n in take.notes
        ],
        "primed": 0,
        "inside": [],
        "figures": {},
        "source": "",
        "ids": take.ids.tolist(),
    }


def _human(judge: Judge | None) -> list[dict[str, Any]]:
    """The figures with what they are in human pieces, if there are any."""
    if judge is None:
        return [
            {"name": name, "label": label, "unit": unit, "low": None, "median": None, "high": None}
            for name, (label, unit) in LABELS.items()
            if not name.startswith("copied")  # nothing to compare with
        ]
    return [
        {key: value for key, value in row._asdict().items() if key != "ours"}
        for row in judge.compare(judge.human)
        if row.name in LABELS
    ]


def _figures(judgement: Judgement) -> dict[str, Any]:
    source = (
        f"The longest passage in common is with {judgement.source}." if judgement.source else ""
    )
    return {"figures": judgement.figures, "source": source}


def note_places(tokenizer: Tokenizer, ids: ndarray) -> ndarray:
    """The token with which each note of `tokenizer.decode(ids)` was complete, (N,).

    >>> from tinylstm.music import EventTokenizer, Note, Piece
    >>> tokenizer = EventTokenizer()
    >>> ids = tokenizer.encode(Piece("two", (Note(0, 1, 60), Note(1, 1, 62))))
    >>> [tokenizer.vocabulary[ids[place]] for place in note_places(tokenizer, ids)]
    ['Duration_12', 'Duration_12']
    """
    if tokenizer.grammar is None:
        counts = [len(tokenizer.decode([int(i)])) for i in ids]
        return np.repeat(np.arange(len(ids)), counts)  # (N,)
    opened = np.flatnonzero(tokenizer.grammar.values(Kind.PITCH, Kind.DRUM, other=-1)[ids] >= 0)
    lasting = np.flatnonzero(tokenizer.grammar.values(Kind.DURATION)[ids])  # duration tokens
    following = np.searchsorted(lasting, opened)  # (N,) the first of these after each note-on
    return lasting[following[following < len(lasting)]]  # (N,)


def inside(model: Any, take: Take, places: ndarray) -> list[dict[str, Any]]:
    """The gates and the cell state of some units of each LSTM, at the end of each note.

    Of each layer, the units whose cell state correlates most strongly with the pitch, the time
    between notes, the position in the bar and in the piece; r is given, so that a weak correlation
    shows as weak.
    """
    _, _, caches = model.forward(take.ids[:, None])
    found = []
    aspects = _aspects(take)
    for layer, cache in zip(model.layers, caches, strict=True):
        if not isinstance(cache, LSTMCache):
            continue
        cells = cache.c[1:][places, 0]  # (N, H)
        gates = cache.gates[places, 0]  # (N, 4H)
        H = cells.shape[1]
        for what, values in aspects.items():
            r = correlations(cells, values)  # (H,)
            unit = int(np.abs(r).argmax())
            series = dict(zip("ifgo", gates[:, unit::H].T, strict=True)) | {"c": cells[:, unit]}
            found.append(
                {
                    "name": f"{layer.name}, unit {unit}: {what}",
                    "layer": layer.name,
                    "unit": unit,
                    "remembers": f"Of all units of {layer.name}, this one's cell state correlates "
                    f"most strongly with {what} (r = {r[unit]:+.2f}).",
                    **{key: np.round(100 * v).astype(int).tolist() for key, v in series.items()},
                }
            )
    return found


def _aspects(take: Take) -> dict[str, ndarray]:
    """What a unit might follow: a number for each note, (N,)."""
    onsets = np.array([note.onset for note in take.notes])  # (N,)
    bar = take.time_signature[0] * 4 / take.time_signature[1]
    return {
        "the pitch": np.array([note.pitch for note in take.notes], float),
        "the time since the last note": np.diff(onsets, prepend=onsets[:1]),
        "the position in the bar": onsets % bar,
        "the time since the beginning": onsets,
    }


def correlations(columns: ndarray, values: ndarray) -> ndarray:
    """Pearson's r of every column (N, H) with values (N,): (H,), 0 where either is constant.

    >>> correlations(np.array([[1.0, 3.0, 1.0], [2.0, 2.0, 1.0]]), np.array([5.0, 6.0])).tolist()
    [1.0, -1.0, 0.0]
    """
    x = columns.astype(float) - columns.mean(axis=0)  # (N, H)
    y = values - values.mean()  # (N,)
    size = np.sqrt((x**2).sum(axis=0) * (y**2).sum())  # (H,)
    return np.where(size > 1e-12, (x * y[:, None]).sum(axis=0) / np.maximum(size, 1e-12), 0.0)
