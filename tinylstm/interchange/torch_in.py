"""PyTorch, in: the modules of a state dict, by their names, and the order in which they are used.

PyTorch's own .pt files are pickles, which run code when they are loaded: they are refused.
Writing: torch.py.
"""

import json
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from ..checkpoint import Checkpoint
from ..files import FileError
from ..layers import Layer
from .order import Found, described, in_order
from .parts import (
    KEY,
    Part,
    assemble,
    batch_norm,
    dense,
    layer_norm,
    lookup,
    need,
    reading,
    recalled,
    recurrent,
)
from .tables import ORDERS, Gates
from .torch import Tensors, attribute

PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".pkl")
EPSILON = 1e-5  # PyTorch's default; a state dict does not have it
GATES = re.compile(r"(weight|bias)_(ih|hh|hr)_l(\d+)(_reverse)?")


def from_torch(path: str | Path, layers: Sequence[str | Layer] | None = None) -> Checkpoint:
    """Read a state dict in a .safetensors file.

    layers: for a file that `to_torch` did not write, the names of its modules in the order in which
    `forward` uses them, with what stands between them: "relu", "tanh", "sigmoid", "softmax", "last"
    where only the last output of a recurrent layer goes on, or a layer without weights. An nn.LSTM
    of several layers becomes as many layers. Normalizations get PyTorch's default epsilon, 1e-5.

        tl.from_torch("net.safetensors", ["embed", "lstm", "last", "head"])

    Raises FileError that names the file and what in it cannot be expressed.

    >>> from_torch("net.pt")
    Traceback (most recent call last):
    ...
    tinylstm.files.FileError: net.pt is a pickle, which can run any code when it is loaded. In \
PyTorch: from safetensors.torch import save_file; save_file(net.state_dict(), "net.safetensors")
    """
    if Path(path).suffix.lower() in PICKLES:
        raise FileError(
            f"{path} is a pickle, which can run any code when it is loaded. In PyTorch: "
            "from safetensors.torch import save_file; "
            'save_file(net.state_dict(), "net.safetensors")'
        )
    with reading(path):
        with need("safetensors").safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        for name, kept in metadata.items():  # save_model writes a shared tensor once
            if kept in tensors and name not in tensors:
                tensors[name] = tensors[kept]
        found = modules(tensors)
        if layers is None and KEY in metadata:
            parts = described(json.loads(metadata[KEY])["model"], found, attribute)
        else:
            parts = in_order(found, layers)
        return recalled(assemble(parts), metadata.get(KEY))


def modules(tensors: Tensors) -> Found:
    """For each module, by its name, a function that makes its parts."""
    found = dict[str, Tensors]()
    for path, array in tensors.items():
        if not array.size:
            raise ValueError(f"{path} is {array.shape}: it has no numbers")
        name, _, key = path.rpartition(".")
        found.setdefault(name, {})[key] = array
    return {name: partial(parts_of, name, own) for name, own in found.items()}


def parts_of(name: str, own: Tensors, first: bool) -> list[Part]:
    """The parts of one module, from its tensors. Raises ValueError, by name."""
    keys = set(own) - {"num_batches_tracked"}
    try:
        if any(GATES.fullmatch(key) for key in keys):
            return recurrent_parts(name, own)
        if keys == {"weight", "bias", "running_mean", "running_var"}:
            given = (own[key] for key in ("weight", "bias", "running_mean", "running_var"))
            return named(name, batch_norm(*given, momentum=0.9, epsilon=EPSILON))
        if keys == {"weight", "bias"} and own["weight"].ndim == 1:
            return named(name, layer_norm(own["weight"], own["bias"], EPSILON))
        if keys == {"weight"} and first:
            return named(name, lookup(own["weight"]))
        if keys <= {"weight", "bias"} and own["weight"].ndim == 2:
            return named(name, dense(own["weight"].T, own.get("bias")))
    except ValueError as error:
        raise ValueError(f"module {name!r}: {error}") from error
    shapes = {key: own[key].shape for key in sorted(keys)}
    raise ValueError(f"module {name!r} has {shapes}: known are nn.Embedding, nn.Linear, nn.LSTM, "
                     "nn.GRU, nn.RNN, nn.BatchNorm1d, nn.LayerNorm")  # fmt: skip


def named(name: str, part: Part) -> list[Part]:
    """The part, its layer called as the module."""
    part.layer.name = name
    return [part]


def recurrent_parts(name: str, own: Tensors) -> list[Part]:
    """The layers of an nn.LSTM, nn.GRU or nn.RNN."""
    matches = [GATES.fullmatch(key) for key in own]
    if None in matches or any(match and match[2] == "hr" for match in matches):
        raise ValueError(f"it has {sorted(own)}: projections (proj_size) cannot be expressed")
    levels = 1 + max(int(match[3]) for match in matches if match)
    ways = ["", "_reverse"][: 1 + ("weight_hh_l0_reverse" in own)]
    biased = "bias_ih_l0" in own
    if len(own) != levels * len(ways) * (4 if biased else 2):
        raise ValueError(f"{levels} layers of it have not all weights: {sorted(own)}")
    Wh = own["weight_hh_l0"]
    blocks = {len(order["PyTorch"]): kind for kind, order in ORDERS.items()}
    kind = blocks.get(len(Wh) // max(1, Wh.shape[-1]))
    if kind is None:
        raise ValueError(f"weight_hh_l0 is {Wh.shape}: want (4H, H), (3H, H) or (H, H)")
    parts = []
    for level in range(levels):
        readers = []
        for way in ways:
            Wx, Wh = own[f"weight_ih_l{level}{way}"], own[f"weight_hh_l{level}{way}"]
            zeros = np.zeros(len(Wh), Wh.dtype)
            b, bh = (own.get(f"bias_{k}_l{level}{way}", zeros) for k in ("ih", "hh"))
            readers.append(Gates(Wx, Wh, b, bh))
        one = named(
            f"{name}_{level + 1}" if levels > 1 else name, recurrent(kind, "PyTorch", readers)
        )
        parts += one
    return parts
