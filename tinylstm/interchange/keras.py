"""Keras 3, out: a .keras archive, or the weights alone as .weights.h5. Reading: keras_in.py.

A .keras file is a zip archive of config.json, which names the layers and their arguments, and of
model.weights.h5, where layer k's arrays are below layers/NAME/vars: NAME is made of the class, as
"lstm", "lstm_1", not of the layer's own name. Keras itself is not needed.

Source: keras.io/api/models/model_saving_apis, and files that Keras 3.15 wrote.
"""

import io
import json
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray

from ..checkpoint import Checkpoint
from ..files import replacing
from ..layers import (
    GRU,
    LSTM,
    Activation,
    BatchNormalization,
    Bidirectional,
    Dense,
    Dropout,
    Embedding,
    Layer,
    LayerNormalization,
    OneHot,
    Reverse,
    ScaledInteger,
    SimpleRNN,
    TiedDense,
)
from ..layers.sequences import Recurrent
from ..model import Sequential
from .parts import KEY, TABLES, as_checkpoint, need, remembered, rows, unsupported
from .tables import to_framework

CONFIG, WEIGHTS, METADATA = "config.json", "model.weights.h5", "metadata.json"
VERSION = "3.0.0"  # the first that reads this format
PATHS = {  # Keras's class: the first part of the path of its weights
    "Activation": "activation",
    "BatchNormalization": "batch_normalization",
    "Bidirectional": "bidirectional",
    "Dense": "dense",
    "Dropout": "dropout",
    "Embedding": "embedding",
    "GRU": "gru",
    "LSTM": "lstm",
    "LayerNormalization": "layer_normalization",
    "ReLU": "re_lu",
    "SimpleRNN": "simple_rnn",
    "Softmax": "softmax",
    "TimeDistributed": "time_distributed",
}
Arrays = dict[str, list[ndarray]]  # below a layer: the path, and its arrays in Keras's order
Entry = tuple[str, dict[str, Any], Arrays]  # Keras's class, its arguments, its arrays


def to_keras(model: Sequential | Checkpoint, path: str | Path, batch: int | None = None) -> None:
    """Write a model for Keras: a .keras file, or the weights alone if the path ends in .weights.h5.

    batch: with a number of sequences, the recurrent layers are `stateful`: each call goes on from
    the state of the one before. Raises ValueError, by name, for a layer that Keras has not.

    A OneHot or a ScaledInteger becomes an Embedding that is not trained, with the same rows. A
    TiedDense becomes a Dense with a copy of the table: a Sequential of Keras cannot tie the two.

    >>> import tempfile, tinylstm as tl
    >>> model = tl.Sequential([tl.Embedding(9, 4), tl.LSTM(5), tl.Dense(9)])
    >>> path = Path(tempfile.mkdtemp()) / "net.keras"
    >>> tl.to_keras(model, path)
    >>> zipfile.ZipFile(path).namelist()
    ['metadata.json', 'config.json', 'model.weights.h5']
    """
    checkpoint, whole = as_checkpoint(model), Path(path).suffix == ".keras"
    if not whole and not str(path).endswith(".weights.h5"):
        raise ValueError(f"{path} ends neither in .keras nor in .weights.h5, which Keras wants")
    entries = entries_of(checkpoint.model, batch)
    description = None if whole else remembered(checkpoint, model=checkpoint.model.config())
    content = h5_of(entries, description)
    if whole:
        config = json.dumps(config_of(checkpoint.model, entries, batch))
        metadata = json.dumps({"keras_version": VERSION, KEY: remembered(checkpoint)})
        members: dict[str, Any] = {METADATA: metadata, CONFIG: config, WEIGHTS: content}
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:  # stored, and with the date of 1980
            for name, data in members.items():
                archive.writestr(zipfile.ZipInfo(name), data)
        content = buffer.getvalue()
    with replacing(path) as file:
        file.write(content)


def entries_of(model: Sequential, batch: int | None) -> list[Entry]:
    """Keras's layers for a model. Reverse is an argument of the layer after it."""
    found, backwards = list[Entry](), None
    for layer in model.layers:
        if type(layer) not in WRITERS:
            raise unsupported(layer, "Keras", {*WRITERS, Reverse})
        if backwards and not isinstance(layer, Recurrent):
            break
        kind, arguments, arrays = WRITERS[type(layer)](layer)
        if isinstance(layer, Reverse):
            backwards = layer
            continue
        readers = [arguments[k]["config"] for k in ("layer", "backward_layer") if k in arguments]
        for reader in readers or [arguments] * isinstance(layer, Recurrent):
            reader["stateful"] = batch is not None
        if backwards:
            arguments, backwards = arguments | {"go_backwards": True}, None
        general = {"name": layer.name, "trainable": True, "dtype": model.dtype.name}
        found.append((kind, general | arguments, arrays))
    if backwards:
        raise ValueError(f"{backwards.name}: in Keras, only a recurrent layer can read backwards: "
                         "put an LSTM, GRU or SimpleRNN after every Reverse")  # fmt: skip
    return found


def weights_names(kinds: list[str]) -> list[str]:
    """The path of each layer's weights: its class, and which of that class it is.

    >>> weights_names(["Embedding", "LSTM", "LSTM"])
    ['embedding', 'lstm', 'lstm_1']
    """
    seen, names = Counter[str](), list[str]()
    for kind in kinds:
        name = PATHS[kind]
        names.append(f"{name}_{seen[name]}" if seen[name] else name)
        seen[name] += 1
    return names


def h5_of(entries: list[Entry], description: str | None) -> bytes:
    """The HDF5 file with all arrays, and with a description for a file that has no config.json."""
    buffer, names = io.BytesIO(), weights_names([kind for kind, _, _ in entries])
    with need("h5py").File(buffer, "w") as file:
        for name, (_, _, arrays) in zip(names, entries, strict=True):
            for below, values in arrays.items():
                group = file.create_group("/".join(["layers", name, *below.split(), "vars"]))
                for k, array in enumerate(values):
                    group.create_dataset(str(k), data=np.ascontiguousarray(array))
        if description is not None:
            file.create_dataset(KEY, data=np.frombuffer(description.encode(), np.uint8))
    return buffer.getvalue()


def config_of(model: Sequential, entries: list[Entry], batch: int | None) -> dict[str, Any]:
    """The model as Keras describes it."""
    ids = isinstance(model.layers[0], TABLES)
    shape = [batch, None] if ids else [batch, None, model.input_size]
    start = {"batch_shape": shape, "dtype": "int32" if ids else model.dtype.name, "name": "input"}
    layers = [("InputLayer", start), *((kind, arguments) for kind, arguments, _ in entries)]
    return described_object(
        "keras", "Sequential", {"name": KEY, "layers": [layer_object(*layer) for layer in layers]}
    )


def described_object(module: str, kind: str, config: dict[str, Any]) -> dict[str, Any]:
    """An object as Keras describes it."""
    return {"module": module, "class_name": kind, "config": config, "registered_name": None}


def layer_object(kind: str, config: dict[str, Any]) -> dict[str, Any]:
    """A layer as Keras describes it."""
    return described_object("keras.layers", kind, config)


def write_recurrent(layer: Recurrent) -> Entry:
    kind = type(layer).__name__
    Wx, Wh, b, bh = to_framework(layer, "Keras")
    arguments: dict[str, Any] = {"units": layer.units, "return_sequences": layer.return_sequences}
    arguments |= {"activation": "tanh", "use_bias": True}
    if isinstance(layer, LSTM):
        arguments |= {"recurrent_activation": "sigmoid"}
        arguments |= {"recurrent_dropout": layer.recurrent_dropout}
    if isinstance(layer, GRU):
        arguments |= {"recurrent_activation": "sigmoid", "reset_after": layer.reset_after}
        b = np.stack([b, bh]) if layer.reset_after else b
    return kind, arguments, {"cell": [Wx, Wh, b]}


def write_bidirectional(layer: Bidirectional) -> Entry:
    arguments: dict[str, Any] = {"merge_mode": "concat"}
    arrays = Arrays()
    for direction, name in (("forward", "layer"), ("backward", "backward_layer")):
        kind, own, weights = write_recurrent(layer.readers[direction])
        own |= {"name": f"{direction}_{layer.name}", "go_backwards": direction == "backward"}
        own |= {"dtype": layer.dtype.name}
        arguments[name] = layer_object(kind, own)
        arrays[f"{direction}_layer cell"] = weights["cell"]
    return "Bidirectional", arguments, arrays


def write_table(layer: Layer) -> Entry:
    table = rows(layer, layer.dtype)
    arguments = dict(zip(("input_dim", "output_dim"), table.shape, strict=True))
    return "Embedding", {"trainable": isinstance(layer, Embedding), **arguments}, {"": [table]}


def write_dense(layer: Any) -> Entry:
    p = layer.params
    W = p["table"].T if isinstance(layer, TiedDense) else p["W"]
    activation = getattr(layer, "activation", None) or "linear"
    return "Dense", {"units": W.shape[1], "activation": activation}, {"": [W, p["b"]]}


def write_batch_norm(layer: Any) -> Entry:
    p, s = layer.params, layer.statistics
    arrays = [p["gamma"], p["beta"], s["mean"], s["variance"]]
    arguments = {"axis": -1, "momentum": layer.momentum, "epsilon": layer.epsilon}
    return "BatchNormalization", arguments, {"": arrays}


def write_layer_norm(layer: Any) -> Entry:
    arrays = [layer.params["gamma"], layer.params["beta"]]
    return "LayerNormalization", {"axis": [-1], "epsilon": layer.epsilon}, {"": arrays}


WRITERS: dict[type[Layer], Callable[[Any], Entry]] = {
    **dict.fromkeys((Embedding, OneHot, ScaledInteger), write_table),
    **dict.fromkeys((LSTM, GRU, SimpleRNN), write_recurrent),
    Bidirectional: write_bidirectional,
    **dict.fromkeys((Dense, TiedDense), write_dense),
    Activation: lambda layer: ("Activation", {"activation": layer.activation or "linear"}, {}),
    BatchNormalization: write_batch_norm,
    LayerNormalization: write_layer_norm,
    Dropout: lambda layer: ("Dropout", {"rate": layer.rate}, {}),
    Reverse: lambda layer: ("", {}, {}),
}
