"""Files that have weights, but not what is done with them: a state dict, a .weights.h5.

Either the caller says in which order the layers stand (`in_order`), or the file has a description
that we wrote (`described`). Next: torch.py.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..layers import (
    Activation,
    Bidirectional,
    Dropout,
    Embedding,
    Layer,
    OneHot,
    Reverse,
    ScaledInteger,
    TiedDense,
    layer_from_config,
)
from ..layers.dense import ACTIVATIONS
from ..layers.sequences import Recurrent
from .parts import Part, readers_of

WEIGHTLESS = (Activation, Dropout, OneHot, Reverse, ScaledInteger)
Found = dict[str, Callable[[bool], list[Part]]]  # by name: makes the parts; whether they come first


def in_order(found: Found, layers: Sequence[str | Layer] | None) -> list[Part]:
    """The parts of a file that has weights and names, but not what is done with them.

    layers: names, "relu" and other activations, "last" for the last step of a sequence, and layers
    without weights. Raises ValueError if `layers` is missing, unknown, or leaves weights out.
    """
    names = ", ".join(repr(name) for name in sorted(found))
    if layers is None:
        raise ValueError("it holds weights, but not what is done with them: give layers, a list of "
                         f"its names ({names}) in order, with 'relu', 'tanh', 'sigmoid', 'softmax' "
                         "or 'last' between them where the net has these")  # fmt: skip
    parts = list[Part]()
    for entry in layers:
        if isinstance(entry, Layer):
            parts.append(weightless(entry))
        elif entry in found:
            parts += found[entry](not parts)
        elif entry == "last":
            last_step(parts)
        elif entry in ACTIVATIONS:
            parts.append(Part(Activation(entry)))
        else:
            raise ValueError(f"layers has {entry!r}, which the file has not: it has {names}")
    if left := sorted(set(found) - {entry for entry in layers if isinstance(entry, str)}):
        raise ValueError(f"layers leaves out {left}, for which the file has weights")
    return parts


def last_step(parts: list[Part]) -> None:
    """Let only the last output of the last recurrent layer go on: of a Bidirectional, each
    reader's own last one.
    """
    for part in reversed(parts):
        if isinstance(part.layer, Recurrent | Bidirectional):
            for layer in (part.layer, *readers_of(part.layer)):
                layer.return_sequences = False
            return
    raise ValueError("'last' stands in layers without a recurrent layer before it")


def weightless(layer: Layer) -> Part:
    """The part of a layer that has no weights. Raises ValueError for any other layer."""
    if type(layer) not in WEIGHTLESS:
        raise ValueError(f"{layer!r} has weights, which the file has not: give the name that they "
                         "have in it")  # fmt: skip
    if isinstance(layer, OneHot):
        return Part(layer, outputs=1 if isinstance(layer, ScaledInteger) else layer.vocabulary)
    return Part(layer)


def described(
    config: dict[str, Any], found: Found, naming: Callable[[Layer, list[Layer]], str]
) -> list[Part]:
    """The parts that a description in the file names; none is larger than its weights.

    naming: from a layer and all up to it to the name that its weights have in the file.
    """
    layers, parts = dict[str, Layer](), list[Part]()
    for entry in config["layers"]:
        layer = layer_from_config(entry, layers)
        layers[layer.name] = layer
        name = naming(layer, list(layers.values()))
        if name in found and type(layer) not in WEIGHTLESS:
            parts += [confirmed(layer, part) for part in found[name](not parts)]
        else:
            parts.append(weightless(layer))
    return parts


def confirmed(layer: Layer, part: Part) -> Part:
    """The part with a described layer. Raises ValueError if its weights are of another one."""
    if isinstance(layer, TiedDense):  # `assemble` ties it, if it still has the embedding's table
        part.layer.name = layer.name
        return part
    if isinstance(layer, Embedding):
        same = part.weights.get("table", np.zeros(0)).shape == (layer.vocabulary, layer.units)
    else:
        same = type(layer) is type(part.layer) and size(layer) == size(part.layer)
    if not same:
        raise ValueError(f"its description has {layer!r}, its weights are of {part.layer!r}")
    return part._replace(layer=layer)


def size(layer: Layer) -> tuple[Any, Any]:
    """What the shapes of a layer's weights depend on."""
    reader = layer.readers["forward"] if isinstance(layer, Bidirectional) else layer
    return type(reader), getattr(reader, "units", None)
