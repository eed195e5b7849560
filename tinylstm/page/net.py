"""The net in the page: its weights, its alphabet, the grammar's tables and the sampler's rules.

net.js, sampler.js, grammar.js and rules.js compute with what is written here, and give the tokens
that `compose_takes` gives. Plain JSON values, and arrays packed as base64 text. Next: net.js.
"""

from base64 import b64encode
from fractions import Fraction
from typing import Any, Literal

import numpy as np
from numpy import ndarray

from ..checkpoint import Checkpoint
from ..generate import LONGEST_CYCLE, Sampling
from ..layers import (
    GRU,
    LSTM,
    Dense,
    Dropout,
    Embedding,
    OneHot,
    ScaledInteger,
    SimpleRNN,
    TiedDense,
)
from ..model import Sequential
from ..music.composing.compose import TEMPO, default_sampling
from ..music.composing.control import MAJOR, MINOR, PLAIN, PROFILES, Control
from ..music.composing.limits import DENSEST, FREE, TOKENS
from ..music.notes import LONGEST, Note, Piece
from ..music.tokenizers import EventTokenizer, tokenizer_from_config
from ..music.tokenizers.events import BEATS, LONG
from ..music.tokenizers.grammar import FAMILIES, Kind

Precision = Literal["float16", "float32"]
PLAYABLE = Embedding, OneHot, ScaledInteger, LSTM, GRU, SimpleRNN, Dense, TiedDense, Dropout
PITCHES = "C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"


def obstacle(checkpoint: Checkpoint | None) -> str:
    """Why the page cannot play this net, in words; empty if it can."""
    if checkpoint is None or checkpoint.tokenizer is None:
        return "no network with a tokenizer was given"
    if checkpoint.tokenizer["name"] != EventTokenizer.name:
        return "the page plays networks of the events tokenizer only"
    if checkpoint.settings.get("window"):
        return "this network reads a whole window of tokens for each new one, too slow for a page"
    layers = checkpoint.model.layers
    other = [type(layer).__name__ for layer in layers if not isinstance(layer, PLAYABLE)]
    if other:
        return f"the page has no {' and no '.join(sorted(set(other)))} layer"
    if not isinstance(layers[0], Embedding | OneHot):
        return "this network does not read tokens"
    silent = [x.name for x in layers if isinstance(x, Dense) and x.activation == "softmax"]
    return f"{silent[0]} gives probabilities, but the sampler needs logits" if silent else ""


def net_data(checkpoint: Checkpoint, precision: Precision = "float16") -> dict[str, Any]:
    """All that the page needs to compose. `weights` and `tables` are packed arrays, the rest is
    plain. Raises ValueError, with the reason, for a network that the page cannot play.

    >>> from tinylstm.layers import Embedding, LSTM
    >>> tokenizer = EventTokenizer()
    >>> model = Sequential([Embedding(240, 4), LSTM(240, return_sequences=True)])
    >>> found = net_data(Checkpoint(model, tokenizer.to_config()))
    >>> [layer["type"] for layer in found["layers"]], found["weights"]["index"][0]["name"]
    (['Embedding', 'LSTM'], 'embedding_1.table')
    """
    if reason := obstacle(checkpoint):
        raise ValueError(f"the network cannot be put into the page: {reason}")
    tokenizer = tokenizer_from_config(checkpoint.tokenizer or {})
    assert isinstance(tokenizer, EventTokenizer)
    settings = checkpoint.settings
    return {
        "layers": _layers(checkpoint.model),
        "weights": pack(checkpoint.model.params, precision),
        "alphabet": alphabet(tokenizer),
        "tables": pack({"next": tokenizer.grammar.table}),
        "settings": sampling_data(default_sampling(settings), Control())
        | {"key": None, "cuts": []},
        "tempo": settings.get("tempo", TEMPO),
        "scales": {"major": list(MAJOR), "minor": list(MINOR)},
        "profiles": PROFILES,
    }


def _layers(model: Sequential) -> list[dict[str, Any]]:
    return [
        {
            "type": type(layer).__name__,
            "name": layer.name,
            "units": size,
            "blocks": getattr(layer, "blocks", 0),
            "activation": getattr(layer, "activation", None) or "none",
            "embedding": layer.config().get("embedding", ""),
        }
        for layer, size in zip(model.layers, model.output_sizes, strict=True)
        if not isinstance(layer, Dropout)  # it does nothing here
    ]


def sampling_data(sampling: Sampling, control: Control = PLAIN) -> dict[str, float]:
    """A `Sampling` and a `Control` with JavaScript's names; the page has no `max_copied`."""
    return {
        "temperature": sampling.temperature,
        "topK": sampling.top_k,
        "topP": sampling.top_p,
        "minP": sampling.min_p,
        "maxRepeat": sampling.max_repeat,
        "recall": control.recall,
        "rhythm": control.rhythm_temperature or 0,
        "silence": control.silence,
        "cadence": int(control.cadence),
    }


def alphabet(tokenizer: EventTokenizer) -> dict[str, Any]:
    """The tokens: kind and value of each, its name, and its name as a musician says it.

    >>> found = alphabet(EventTokenizer())
    >>> [(found["names"][v], found["said"][v]) for v in (2, 13, 172)]
    [('TimeShift_1', 'wait 1/12'), ('TimeShift_12', 'wait 1'), ('Pitch_60', 'C4')]
    """
    grammar = tokenizer.grammar
    return {
        "kinds": [kind.value for kind, _ in grammar.tokens],
        "values": [value for _, value in grammar.tokens],
        "names": tokenizer.vocabulary,
        "said": [said(kind, value, grammar.grid) for kind, value in grammar.tokens],
        "bos": grammar.bos,
        "eos": grammar.eos,
        "anywhere": grammar.anywhere,
        "grid": grammar.grid,
        "bar": BEATS * grammar.grid,
        "longest": LONG * BEATS * grammar.grid,
        "loudness": loudness(tokenizer),
        "limits": {
            "free": FREE,
            "tokens": TOKENS,
            "densest": DENSEST,
            "longest": LONGEST,
            "cycle": LONGEST_CYCLE,
        },
        "profiles": PROFILES,
    }


def loudness(tokenizer: EventTokenizer) -> dict[str, Any]:
    """The velocity of a note without a velocity token, and of one with each.

    >>> loudness(EventTokenizer(velocities=2))
    {'default': 80, 'levels': [32, 96]}
    """
    kinds = [kind for kind, _ in tokenizer.grammar.tokens]
    note = [kinds.index(Kind.PITCH), kinds.index(Kind.DURATION)]
    levels = [v for v, kind in enumerate(kinds) if kind is Kind.VELOCITY]
    plain = EventTokenizer().decode(EventTokenizer().encode(Piece("one", (Note(0, 1, 60),))))
    return {
        "default": plain[0].velocity,
        "levels": [tokenizer.decode([note[0], v, note[1]])[0].velocity for v in levels],
    }


def said(kind: Kind, value: int, grid: int) -> str:
    """A token in a musician's words; times are in quarter notes.

    >>> said(Kind.DURATION, 18, 12), said(Kind.PITCH, 70, 12)
    ('hold 1 1/2', 'Bb4')
    """
    whole, rest = divmod(Fraction(value, grid), 1)
    time = " ".join(str(part) for part in (whole, rest) if part)
    return {
        Kind.BOS: "beginning",
        Kind.EOS: "end",
        Kind.SHIFT: f"wait {time}",
        Kind.DURATION: f"hold {time}",
        Kind.PITCH: f"{PITCHES[value % 12]}{value // 12 - 1}",
        Kind.VELOCITY: f"loudness {value + 1}",
        Kind.FAMILY: FAMILIES[value] if kind is Kind.FAMILY else "",
        Kind.DRUM: f"drum {value}",
    }[kind]


def pack(arrays: dict[str, ndarray], precision: Precision = "float32") -> dict[str, Any]:
    """Arrays as one base64 text, little-endian, and an index by name: type, first byte, size.

    Floats are stored in `precision`; an array that float16 cannot hold stays in float32. Integers
    must be int16.

    >>> pack({"a": np.array([1.0, 2.0])}, "float16")["index"]
    [{'name': 'a', 'type': 'float16', 'start': 0, 'size': 2}]
    """
    index, parts, start = [], list[bytes](), 0
    for name, array in arrays.items():
        kind = "int16" if array.dtype.kind == "i" else precision
        if kind == "float16" and np.abs(array).max(initial=0) > np.finfo(np.float16).max:
            kind = "float32"
        stored = array.astype(np.dtype(kind).newbyteorder("<")).tobytes()
        index.append({"name": name, "type": kind, "start": start, "size": array.size})
        parts.append(stored + bytes(-len(stored) % 4))  # typed arrays begin at whole numbers
        start += len(parts[-1])
    return {"index": index, "text": b64encode(b"".join(parts)).decode()}
