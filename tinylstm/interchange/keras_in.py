"""Keras 3, in: .keras archives and .weights.h5 files, without Keras.

What the arguments of its layers mean is in keras_layers.py, how arrays are read in keras_h5.py.
Writing: keras.py.
"""

import io
import json
import os
import re
import zipfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ..checkpoint import Checkpoint
from ..layers import Layer, OneHot, Reverse, ScaledInteger, TiedDense
from .keras import CONFIG, METADATA, PATHS, WEIGHTS, layer_object, weights_names
from .keras_h5 import Store, opened
from .keras_layers import READERS, Arguments, Arrays
from .order import Found, described, in_order
from .parts import KEY, Part, assemble, reading, recalled
from .tables import ORDERS

CLASSES = {path: kind for kind, path in PATHS.items()}
WRITTEN_AS = {OneHot: "Embedding", ScaledInteger: "Embedding", TiedDense: "Dense"}
HISTORY = re.compile(r'"keras_history": \["([^"]*)", 0, 0\]')


def from_keras(path: str | Path, layers: Sequence[str | Layer] | None = None) -> Checkpoint:
    """Read a .keras file, or the weights in a .weights.h5 file.

    layers: for a .weights.h5 that `to_keras` did not write, the names that it has ("embedding",
    "lstm", "lstm_1", ...) in order, with what stands between them: "relu", "tanh", "sigmoid",
    "softmax", "last" where only the last output of a recurrent layer goes on, or a layer without
    weights.

    A model must be a Sequential, or a Functional that is a chain. Raises FileError that names the
    file, the layer and its argument that cannot be expressed. Warns of an argument that acts only
    in training and is left out.

    >>> import tempfile, tinylstm as tl
    >>> path = Path(tempfile.mkdtemp()) / "net.keras"
    >>> tl.to_keras(tl.Sequential([tl.Embedding(9, 4), tl.Dense(9, "relu")]), path)
    >>> tl.from_keras(path).model.layers
    [Embedding(vocabulary=9, units=4), Dense(units=9, activation='relu')]
    """
    with reading(path):
        size = os.path.getsize(path)
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                config = json.loads(member(archive, CONFIG, size))
                known = json.loads(member(archive, METADATA, size)).get(KEY)
                weights = member(archive, WEIGHTS, size)
            with opened(io.BytesIO(weights), len(weights)) as store:
                return recalled(assemble(parts_of_config(config, store)), known)
        with opened(path, size) as store:
            found: Found = {n: partial(parts_of_name, n, store) for n in store.names()}
            text = store.description()
            if layers is None and text:
                parts = described(json.loads(text)["model"], found, place_of)
            else:
                parts = in_order(found, layers)
            return recalled(assemble(parts), text)


def member(archive: zipfile.ZipFile, name: str, size: int) -> bytes:
    """A file in an archive of `size` bytes. Raises ValueError, before it is read, if it is said to
    be far larger than that.
    """
    info = archive.getinfo(name)
    if info.file_size > max(20 * size, 2**20):
        raise ValueError(f"{name} is said to have {info.file_size:,} bytes, in {size:,}")
    return archive.read(info)


def parts_of_config(config: dict[str, Any], store: Store) -> list[Part]:
    """The parts of a model that config.json describes."""
    entries, parts = chain(config), list[Part]()
    for entry in entries:
        if entry["class_name"] not in PATHS:
            known = ", ".join(sorted(PATHS))
            name, kind = entry["config"].get("name"), entry["class_name"]
            raise ValueError(f"layer {name!r} is a {kind}, which has no counterpart here; those "
                             f"that have: {known}")  # fmt: skip
    names = weights_names([entry["class_name"] for entry in entries])
    for name, entry in zip(names, entries, strict=True):
        arguments = Arguments(entry)
        try:
            made = READERS[entry["class_name"]](arguments, store.arrays(name))
            arguments.done()
        except (ValueError, IndexError) as error:
            raise ValueError(f"{arguments.label}: {error}") from error
        made[-1].layer.name = arguments.name
        parts += made
    return parts


def chain(config: dict[str, Any]) -> list[dict[str, Any]]:
    """The layers of a Sequential, or of a Functional in which each takes what the last one made."""
    kind, entries = config["class_name"], config["config"]["layers"]
    if kind not in ("Sequential", "Functional"):
        raise ValueError(f"it is a {kind}: only a Sequential or a chain can be read")
    names = [entry["config"]["name"] for entry in entries]
    for before, entry in zip(names, entries[1:], strict=False):
        if kind == "Functional":
            sources = HISTORY.findall(json.dumps(entry["inbound_nodes"]))
            if sources != [before] or len(entry["inbound_nodes"]) != 1:
                raise ValueError(f"layer {entry['config']['name']!r} takes {sources}: only a "
                                 "chain of layers can be read")  # fmt: skip
    return [entry for entry in entries if entry["class_name"] != "InputLayer"]


def place_of(layer: Layer, layers: list[Layer]) -> str:
    """The name that the weights of the last of some layers have in a file."""
    kinds = [type(each) for each in layers if not isinstance(each, Reverse)]
    named = [WRITTEN_AS.get(kind, kind.__name__) for kind in kinds]
    return "" if isinstance(layer, Reverse) else weights_names(named)[-1]


def parts_of_name(name: str, store: Store, first: bool) -> list[Part]:
    """The parts of the arrays that stand under a name, without a configuration."""
    kind, arrays = CLASSES.get(re.sub(r"_\d+$", "", name)), store.arrays(name)
    if kind is None:
        raise ValueError(f"{name!r} has no counterpart here; those that have: {sorted(CLASSES)}")
    try:
        made = READERS[kind](Arguments(layer_object(kind, inferred(kind, arrays))), arrays)
    except (ValueError, IndexError) as error:
        raise ValueError(f"{name!r}: {error}") from error
    made[-1].layer.name = name
    return made


def inferred(kind: str, arrays: Arrays) -> dict[str, Any]:
    """The arguments of a layer that its arrays tell. Raises ValueError if they do not."""
    own = arrays[""]
    if kind == "Embedding":
        return dict(zip(("input_dim", "output_dim"), own[0].shape, strict=True))
    if kind == "Dense":
        return {"units": own[0].shape[-1], "use_bias": len(own) == 2}
    if kind == "TimeDistributed":
        return {"layer": layer_object("Dense", inferred("Dense", {"": arrays["layer"]}))}
    if kind == "Bidirectional":
        cells = [arrays[f"{direction}_layer/cell"] for direction in ("forward", "backward")]
        blocks = {len(order["Keras"]): name for name, order in ORDERS.items()}
        inner = blocks[cells[0][1].shape[1] // len(cells[0][1])]
        ahead, back = (layer_object(inner, inferred(inner, {"": [], "cell": c})) for c in cells)
        back["config"]["go_backwards"] = True
        return {"layer": ahead, "backward_layer": back}
    if kind in ORDERS:
        cell = arrays["cell"]
        if kind == "GRU" and len(cell) < 3:
            raise ValueError("without a bias its arrays do not say whether reset_after is True: "
                             "give a .keras file")  # fmt: skip
        found = {"return_sequences": True, "use_bias": len(cell) == 3, "units": len(cell[1])}
        return found | ({"reset_after": cell[2].ndim == 2} if kind == "GRU" else {})
    return {}
