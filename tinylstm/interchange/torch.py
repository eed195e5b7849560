"""PyTorch: the state dict of a net as a .safetensors file, out and in.

Out, a file comes with the source of an `nn.Module` that has the same names: paste it and load. A
state dict has weights and names, but neither the order of the modules nor what `forward` does
between them. So files written here carry a description, and for others the caller gives `layers`.
Reading: torch_in.py.

Source: the documentation of torch.nn, and https://huggingface.co/docs/safetensors.
"""

import json
import re
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
from ..model import Sequential
from .parts import KEY, as_checkpoint, need, readers_of, remembered, unsupported
from .tables import to_framework

MODULES = {"LSTM": "LSTM", "GRU": "GRU", "SimpleRNN": "RNN"}
Tensors = dict[str, ndarray]


def to_torch(model: Sequential | Checkpoint, path: str | Path) -> str:
    """Write a model's weights as a PyTorch state dict in a .safetensors file.

    Returns the source of a module `Net` that loads the file. Its `forward` takes (T, B, ...) and
    the states of the call before, and returns the output and the final states.
    Raises ValueError, by name, for a layer that PyTorch has no module for.

    >>> import tempfile, tinylstm as tl
    >>> model = tl.Sequential([tl.Embedding(9, 4), tl.LSTM(5, return_sequences=True), tl.Dense(9)])
    >>> print(tl.to_torch(model, Path(tempfile.mkdtemp()) / "net.safetensors"))
    import torch
    from safetensors.torch import load_file
    from torch import nn
    <BLANKLINE>
    <BLANKLINE>
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding_1 = nn.Embedding(9, 4)
            self.lstm_1 = nn.LSTM(4, 5)
            self.dense_1 = nn.Linear(5, 9)
    <BLANKLINE>
        def forward(self, x, states=None):
            states, final = states or {}, {}
            x = self.embedding_1(x)
            x, final["lstm_1"] = self.lstm_1(x, states.get("lstm_1"))
            x = self.dense_1(x)
            return x, final
    <BLANKLINE>
    <BLANKLINE>
    net = Net()
    net.load_state_dict(load_file("net.safetensors"))
    net.eval()
    <BLANKLINE>
    """
    checkpoint = as_checkpoint(model)
    net, tensors, made, used = checkpoint.model, Tensors(), list[str](), list[str]()
    size, sequence = net.input_size, True
    for layer, outputs in zip(net.layers, net.output_sizes, strict=True):
        if type(layer) not in WRITERS:
            raise unsupported(layer, "PyTorch", WRITERS)
        writing = Writing(layer, attribute(layer, net.layers), size, outputs, net, sequence)
        WRITERS[type(layer)](writing)
        tensors |= {f"{writing.name}.{key}": array for key, array in writing.tensors.items()}
        made, used = made + writing.made, used + writing.used
        size, sequence = outputs, sequence and getattr(layer, "return_sequences", True)
    contiguous = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    metadata = {"format": "pt", KEY: remembered(checkpoint, model=net.config())}
    with replacing(path) as file:
        file.write(need("safetensors.numpy").save(contiguous, metadata))
    return source(made, used, Path(path).name, net.dtype)


def source(made: list[str], used: list[str], file: str, dtype: np.dtype) -> str:
    """The source of `Net`, from the lines of its two methods."""
    lines = ["import torch", "from safetensors.torch import load_file", "from torch import nn", ""]
    lines += ["", "class Net(nn.Module):", "    def __init__(self):"]
    lines += [f"        {line}" for line in ["super().__init__()", *made]]
    lines += ["", "    def forward(self, x, states=None):"]
    first, last = "states, final = states or {}, {}", "return x, final"
    lines += [f"        {line}" for line in [first, *used, last]]
    double = ".double()" if dtype == np.float64 else ""
    lines += ["", "", f"net = Net(){double}", f"net.load_state_dict(load_file({json.dumps(file)}))"]
    return "\n".join([*lines, "net.eval()", ""])


def attribute(layer: Layer, layers: list[Layer]) -> str:
    """The name of a layer's module: its own, if it cannot collide with a method of `nn.Module`."""
    if re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*_[0-9]+", layer.name):
        return layer.name
    return f"layer{layers.index(layer)}_{type(layer).__name__.lower()}"


class Writing:
    """What a layer adds to the file and to the two methods of `Net`."""

    def __init__(
        self, layer: Any, name: str, inputs: Any, outputs: Any, net: Sequential, sequence: bool
    ):
        self.layer, self.name, self.inputs, self.outputs = layer, name, inputs, outputs
        self.net, self.sequence = net, sequence  # sequence: whether x is (T, B, D), not (B, D)
        self.tensors: Tensors = {}
        self.made: list[str] = []  # lines of __init__
        self.used: list[str] = []  # lines of forward

    def module(self, call: str, tensors: Tensors) -> None:
        """A module that maps x to x."""
        self.made.append(f"self.{self.name} = nn.{call}")
        self.used.append(f"x = self.{self.name}(x)")
        self.tensors = tensors


def write_embedding(w: Writing) -> None:
    table = w.layer.params["table"]
    w.module("Embedding({}, {})".format(*table.shape), {"weight": table})


def write_ids(w: Writing) -> None:
    """OneHot and ScaledInteger, which have no weights."""
    V, kind = w.layer.vocabulary, f"torch.{w.net.dtype.name}"
    if type(w.layer) is OneHot:
        w.used.append(f"x = nn.functional.one_hot(x, {V}).to({kind})")
    else:
        w.used.append(f"x = (x.double() / {V}).to({kind}).unsqueeze(-1)")


def write_recurrent(w: Writing) -> None:
    """nn.LSTM, nn.GRU or nn.RNN, with two biases, the second of which is zero where we have one."""
    readers = readers_of(w.layer)
    first, both = readers[0], len(readers) == 2
    if not getattr(first, "reset_after", True):
        raise ValueError(f"{w.layer.name}: reset_after=False cannot be expressed: nn.GRU's reset "
                         "gate acts after the product")  # fmt: skip
    for reader, suffix in zip(readers, ("", "_reverse"), strict=False):
        names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
        for name, array in zip(names, to_framework(reader, "PyTorch"), strict=True):
            w.tensors[name + suffix] = array
    kind, n = MODULES[type(first).__name__], w.name
    ways = ", bidirectional=True" if both else ""
    w.made.append(f"self.{n} = nn.{kind}({w.inputs}, {first.units}{ways})")
    if rate := getattr(first, "recurrent_dropout", 0):
        w.made.append(f"# recurrent_dropout={rate}: nn.{kind} has none")
    w.used.append(f'x, final["{n}"] = self.{n}(x, states.get("{n}"))')
    if not w.layer.return_sequences:  # each reader's last output is its final h
        h = f'final["{n}"][0]' if first.memories == 2 else f'final["{n}"]'
        w.used.append(f"x = {h}.transpose(0, 1).flatten(1)" if both else "x = x[-1]")


def write_dense(w: Writing) -> None:
    tied = isinstance(w.layer, TiedDense)
    p = w.layer.params
    W = p["table"] if tied else p["W"].T
    w.module(f"Linear({w.inputs}, {w.outputs})", {"weight": W, "bias": p["b"]})
    if tied:
        table = attribute(w.layer.embedding, w.net.layers)
        w.made.append(f"self.{w.name}.weight = self.{table}.weight")
    write_activation(w)


def write_activation(w: Writing) -> None:
    activation = getattr(w.layer, "activation", None)
    if activation:
        w.used.append(
            "x = torch.softmax(x, -1)" if activation == "softmax" else f"x = torch.{activation}(x)"
        )


def write_batch_norm(w: Writing) -> None:
    p, statistics = w.layer.params, w.layer.statistics
    momentum = round(1 - w.layer.momentum, 12)  # PyTorch's is the share of the new value
    call = f"BatchNorm1d({w.inputs}, eps={w.layer.epsilon}, momentum={momentum})"
    tensors = {"weight": p["gamma"], "bias": p["beta"], "running_mean": statistics["mean"]}
    tensors["running_var"] = statistics["variance"]
    w.module(call, tensors | {"num_batches_tracked": np.array(0, np.int64)})
    if w.sequence:
        w.used = [f"x = self.{w.name}(x.flatten(0, 1)).unflatten(0, x.shape[:2])"]


def write_layer_norm(w: Writing) -> None:
    tensors = {"weight": w.layer.params["gamma"], "bias": w.layer.params["beta"]}
    w.module(f"LayerNorm({w.inputs}, eps={w.layer.epsilon})", tensors)


WRITERS: dict[type[Layer], Callable[[Writing], None]] = {
    Embedding: write_embedding,
    **dict.fromkeys((OneHot, ScaledInteger), write_ids),
    **dict.fromkeys((LSTM, GRU, SimpleRNN, Bidirectional), write_recurrent),
    **dict.fromkeys((Dense, TiedDense), write_dense),
    Activation: write_activation,
    BatchNormalization: write_batch_norm,
    LayerNormalization: write_layer_norm,
    Dropout: lambda w: w.module(f"Dropout({w.layer.rate})", {}),
    Reverse: lambda w: w.used.append("x = x.flip(0)"),
}
