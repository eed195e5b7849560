"""What all formats share: the parts that a foreign net is read into, and what a file remembers.

A reader turns each layer of a file into a `Part`: one of our layers, not yet built, with its
weights under our names. `assemble` checks that the parts fit one another, before it allocates
anything, and makes the model. Next: onnx.py.
"""

import importlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

from ..checkpoint import Checkpoint
from ..files import FileError
from ..layers import (
    BatchNormalization,
    Bidirectional,
    Dense,
    Embedding,
    Layer,
    LayerNormalization,
    OneHot,
    ScaledInteger,
    TiedDense,
)
from ..layers.base import check_finite, label
from ..layers.sequences import Recurrent
from ..model import NamedArrays, Sequential
from .tables import KINDS, Gates, from_framework

KEY = "tinylstm"  # under which a file's metadata has what only we can read
TABLES = (Embedding, OneHot, ScaledInteger)  # the layers that look up a row for each token id


class Part(NamedTuple):
    """One layer of a foreign net."""

    layer: Layer
    weights: NamedArrays = {}  # noqa: RUF012 - under our names: parameters and statistics
    inputs: int | None = None  # features that it takes; None: ids, or any number
    outputs: int | None = None  # features that it makes; None: as many as it takes


def need(package: str) -> Any:
    """Import a package of the extra `interchange`. Raises FileError that says how to get it."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise FileError(
            f"{package.partition('.')[0]} is not installed, which reads and writes this format: "
            'python -m pip install "tinylstm[interchange]"'
        ) from error


@contextmanager
def reading(path: str | Path) -> Iterator[None]:
    """Turn whatever goes wrong in a stranger's file into a FileError that names the file.

    The libraries that parse these formats raise errors of many kinds, for damage of many kinds.
    """
    if not Path(path).is_file():  # a device would never end
        raise FileError(f"{path} {'is not a file' if Path(path).exists() else 'does not exist'}")
    try:
        yield
    except FileError:
        raise
    except Exception as error:
        raise FileError(f"cannot read {path}: {str(error) or type(error).__name__}") from error


def lookup(table: ndarray) -> Part:
    """The part that looks up rows of table (V, U): OneHot, ScaledInteger, or else an Embedding.

    >>> lookup(np.eye(3)).layer, lookup(np.ones((3, 2))).layer
    (OneHot(vocabulary=3), Embedding(vocabulary=3, units=2))
    """
    if table.ndim != 2 or not table.size:
        raise ValueError(f"an embedding's table is {table.shape}: it must be (V, U)")
    V, U = table.shape
    layer: Layer = Embedding(V, U)
    for other, units in ((OneHot(V), V), (ScaledInteger(V), 1)):
        if units == U and np.array_equal(table, rows(other, table.dtype)):
            layer = other
    return Part(layer, {"table": table}, outputs=U)


def rows(layer: Layer, dtype: Any) -> ndarray:
    """The row (V, U) that an Embedding, a OneHot or a ScaledInteger gives for each id."""
    if isinstance(layer, Embedding):
        return layer.params["table"]
    assert isinstance(layer, OneHot)  # ScaledInteger is one too
    if type(layer) is OneHot:
        return np.eye(layer.vocabulary, dtype=dtype)
    return (np.arange(layer.vocabulary) / layer.vocabulary).astype(dtype)[:, None]  # (V, 1)


def dense(W: ndarray, b: ndarray | None = None, activation: str | None = None) -> Part:
    """The part y = activation(x W + b). Raises ValueError for shapes other than (D, U) and (U,)."""
    if W.ndim != 2 or not W.size or (b is not None and b.shape != W.shape[1:]):
        found = [array.shape for array in (W, b) if array is not None]
        raise ValueError(f"a dense layer's weights are {found}: want (D, U) and (U,)")
    D, U = W.shape
    b = np.zeros(U, W.dtype) if b is None else b
    return Part(Dense(U, activation), {"W": W, "b": b}, D, U)


def recurrent(
    kind: str, framework: str, readers: list[Gates], sequences: bool = True, **config: Any
) -> Part:
    """An LSTM, GRU or SimpleRNN from one reader's weights, or a Bidirectional from two.

    config: further arguments of the layer.
    """
    after = config.get("reset_after", True)
    found = [from_framework(kind, framework, gates, after) for gates in readers]
    D, H = len(found[0]["Wx"]), len(found[0]["Wh"])
    layer = KINDS[kind](H, sequences, **config)
    if len(found) == 1:
        return Part(layer, found[0], D, H)
    if {name: a.shape for name, a in found[0].items()} != {n: a.shape for n, a in found[1].items()}:
        raise ValueError("the two directions differ in size: make their units equal")
    both = zip(("forward", "backward"), found, strict=True)
    weights = {f"{direction}.{name}": a for direction, p in both for name, a in p.items()}
    return Part(Bidirectional(layer), weights, D, 2 * H)


def batch_norm(
    gamma: ndarray, beta: ndarray, mean: ndarray, variance: ndarray, **config: float
) -> Part:
    """A BatchNormalization from four arrays (D,)."""
    weights = {"gamma": gamma, "beta": beta, "mean": mean, "variance": variance}
    if gamma.ndim != 1 or len({array.shape for array in weights.values()}) > 1:
        raise ValueError(f"a batch normalization has arrays of shapes {gamma.shape}, {beta.shape}, "
                         f"{mean.shape}, {variance.shape}: all must be (D,)")  # fmt: skip
    return Part(BatchNormalization(**config), weights, len(gamma), len(gamma))


def layer_norm(gamma: ndarray, beta: ndarray, epsilon: float) -> Part:
    """A LayerNormalization from two arrays (D,)."""
    if gamma.ndim != 1 or gamma.shape != beta.shape:
        raise ValueError(f"a layer normalization has arrays of shapes {gamma.shape}, {beta.shape}: "
                         "both must be (D,)")  # fmt: skip
    weights = {"gamma": gamma, "beta": beta}
    return Part(LayerNormalization(epsilon), weights, len(gamma), len(gamma))


def assemble(parts: list[Part]) -> Sequential:
    """The model made of these parts. Raises ValueError, by name, if they do not fit.

    A Dense whose weights are an earlier embedding's table, transposed, becomes a TiedDense, so that
    training keeps the two equal.
    """
    dtype = common_dtype(parts)
    size, input_size = None, None
    for k, (layer, _, inputs, outputs) in enumerate(parts):
        if isinstance(layer, TABLES) and k:
            raise ValueError(f"{label(layer)} takes token ids and so must come first")
        if inputs is not None and size is not None and inputs != size:
            raise ValueError(f"{label(layer)} takes {inputs} features but is given {size}")
        if size is None and inputs is not None:
            input_size = inputs
        size = outputs or inputs or size
    if size is None:
        raise ValueError("there is no layer with weights in it")
    parts = [tied(part, parts[:k]) for k, part in enumerate(parts)]
    model = Sequential([part.layer for part in parts], input_size, dtype=dtype)
    for layer, weights, _, _ in parts:
        for name, array in (layer.params | layer.statistics).items():
            if name not in weights:
                raise ValueError(f"the file has no weights for {layer.name}.{name}")
            if weights[name].shape != array.shape:
                raise ValueError(f"{layer.name}.{name} is {weights[name].shape}, not {array.shape}")
            check_finite(f"{layer.name}.{name}", weights[name])
            array[...] = weights[name]
    return model


def common_dtype(parts: list[Part]) -> np.dtype:
    """The one type of all weights. Raises ValueError unless it is float32 or float64."""
    types = {array.dtype for part in parts for array in part.weights.values()}
    if not types <= {np.dtype(np.float32), np.dtype(np.float64)} or len(types) > 1:
        names = ", ".join(sorted(kind.name for kind in types))
        raise ValueError(f"weights are {names}: all must be float32, or all float64")
    return types.pop() if types else np.dtype(np.float32)


def tied(part: Part, earlier: list[Part]) -> Part:
    """The part as a TiedDense, if its weights are those of an Embedding earlier in the net."""
    layer, weights = part.layer, part.weights
    if isinstance(layer, Dense) and layer.activation is None:
        for other in earlier:
            same = isinstance(other.layer, Embedding) and np.array_equal(
                other.weights["table"].T, weights["W"]
            )
            if same:
                found = TiedDense(other.layer)  # type: ignore[arg-type]
                found.name = layer.name
                return part._replace(
                    layer=found, weights={"table": other.weights["table"], "b": weights["b"]}
                )
    return part


def as_checkpoint(model: Sequential | Checkpoint) -> Checkpoint:
    """A checkpoint as it is; a model as a checkpoint without tokenizer and settings."""
    return model if isinstance(model, Checkpoint) else Checkpoint(model)


def remembered(checkpoint: Checkpoint, **extra: Any) -> str:
    """What the formats themselves have no place for, as JSON for their metadata."""
    return json.dumps({"tokenizer": checkpoint.tokenizer, "settings": checkpoint.settings, **extra})


def recalled(model: Sequential, text: str | None) -> Checkpoint:
    """A checkpoint from a model and the text that `remembered` made, if the file has one."""
    found = json.loads(text) if text else {}
    tokenizer, settings = found.get("tokenizer"), found.get("settings", {})
    if not isinstance(tokenizer, dict | None) or not isinstance(settings, dict):
        raise ValueError("the tokenizer or the settings in its metadata are damaged")
    return Checkpoint(model, tokenizer, settings=settings)


def unsupported(layer: Layer, framework: str, known: Any) -> ValueError:
    """The error for a layer that a framework has no counterpart for."""
    names = ", ".join(sorted(kind.__name__ for kind in known))
    return ValueError(
        f"{label(layer)}: a layer {type(layer).__name__} cannot be written for {framework}; "
        f"those that can: {names}"
    )


def readers_of(layer: Layer) -> list[Recurrent]:
    """The recurrent layers in a layer: one, or two for a Bidirectional."""
    if isinstance(layer, Bidirectional):
        return list(layer.readers.values())
    assert isinstance(layer, Recurrent)
    return [layer]
