"""Keras's layers as ours: what each of their arguments means here. Next: keras_in.py.

Each argument is either ours too, or without effect on a loaded net, or refused by name. What acts
only in training and has no counterpart here is left out with a warning.
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from ..layers import Activation, Dropout, Reverse
from ..layers.dense import ACTIVATIONS
from .parts import Part, batch_norm, dense, layer_norm, lookup, recurrent
from .tables import KINDS, Gates

UNUSED = (
    *("name", "trainable", "seed", "noise_shape", "unroll", "stateful", "implementation"),
    *("zero_output_for_mask", "unit_forget_bias", "synchronized", "renorm_momentum"),
)
TRAINING = ("dropout", "recurrent_dropout")  # these, and ..._regularizer, ..._constraint
Arrays = dict[str, list[ndarray]]  # below a layer: the path, and its arrays in Keras's order


class Arguments:
    """A layer's arguments, each of which somebody must ask for."""

    def __init__(self, entry: dict[str, Any]):
        self.kind, self.given = entry["class_name"], dict(entry["config"])
        self.name = str(self.given.get("name", ""))
        self.label = f"layer {self.name!r} ({self.kind})"
        kind = self.take("dtype")
        kind = kind["config"]["name"] if isinstance(kind, dict) else kind
        if kind not in (None, "float32", "float64") and self.kind != "InputLayer":
            raise ValueError(f"{self.label}: dtype is {kind!r}: want 'float32' or 'float64'")

    def take(self, name: str, default: Any = None) -> Any:
        """An argument."""
        return self.given.pop(name, default)

    def only(self, name: str, *allowed: Any) -> Any:
        """An argument that must have one of these values; the first is the default."""
        value = self.take(name, allowed[0])
        if not any(value == option and type(value) is type(option) for option in allowed):
            options = " or ".join(repr(option) for option in allowed)
            raise ValueError(f"{name} is {value!r}, but only {options} can be expressed")
        return value

    def activation(self, name: str = "activation") -> str | None:
        """An activation that we have too."""
        names = [activation or "linear" for activation in ACTIVATIONS]
        found = self.only(name, "linear", *names)
        return None if found == "linear" else found

    def done(self) -> None:
        """Warn of what acts only in training. Raises ValueError for what nobody asked for."""
        for name, value in self.given.items():
            if value is None or name in UNUSED or name.endswith("_initializer"):
                continue
            if name in TRAINING or name.endswith(("_regularizer", "_constraint")):
                if value:
                    warnings.warn(f"{self.label}: {name}={value!r} acts in training only, and is "
                                  "left out: predictions are the same", stacklevel=6)  # fmt: skip
                continue
            raise ValueError(f"{name} is {value!r}: an argument that cannot be expressed here")


def read_recurrent(arguments: Arguments, arrays: Arrays) -> list[Part]:
    """LSTM, GRU, SimpleRNN; one that reads backwards has a Reverse before it."""
    backwards = arguments.only("go_backwards", False, True)
    part = one_recurrent(arguments.kind, arguments, [arrays["cell"]])
    return [Part(Reverse()), part] if backwards else [part]


def one_recurrent(kind: str, arguments: Arguments, cells: list[list[ndarray]]) -> Part:
    """A recurrent layer from its arguments and the arrays of one reader or of two."""
    config: dict[str, Any] = {}
    arguments.only("activation", "tanh")
    arguments.only("return_state", False)
    if kind != "SimpleRNN":
        arguments.only("recurrent_activation", "sigmoid")
    if kind == "GRU":
        config["reset_after"] = arguments.only("reset_after", True, False)
    if kind == "LSTM":
        config["recurrent_dropout"] = arguments.take("recurrent_dropout", 0.0)
    biased = arguments.only("use_bias", True, False)
    after = config.get("reset_after", kind == "GRU")
    readers = [gates(kind, arrays, biased, after) for arrays in cells]
    sequences = arguments.only("return_sequences", False, True)
    part = recurrent(kind, "Keras", readers, sequences, **config)
    units = part.outputs // len(cells)  # type: ignore[operator]
    if arguments.take("units", units) != units:
        raise ValueError(f"units is not {units}, as its weights say")
    return part


def gates(kind: str, arrays: list[ndarray], biased: bool, after: bool) -> Gates:
    """Kernel, recurrent kernel, and bias: one of each gate, or two of each of a GRU."""
    if len(arrays) != 2 + biased or arrays[1].ndim != 2:
        raise ValueError(f"it has {len(arrays)} arrays, not {2 + biased}")
    Wx, Wh = arrays[:2]
    zeros = np.zeros(Wh.shape[1], Wh.dtype)  # (nH,)
    if not biased:
        return Gates(Wx, Wh, zeros, zeros)
    if not after or kind != "GRU":
        return Gates(Wx, Wh, arrays[2], zeros)
    if arrays[2].shape != (2, *zeros.shape):
        raise ValueError(f"its bias is {arrays[2].shape}, not (2, 3H)")
    return Gates(Wx, Wh, *arrays[2])


def read_bidirectional(arguments: Arguments, arrays: Arrays) -> list[Part]:
    """Two recurrent layers, the second of which reads backwards."""
    arguments.only("merge_mode", "concat")
    ahead, back = (Arguments(arguments.take(name)) for name in ("layer", "backward_layer"))
    if ahead.kind not in KINDS or ahead.kind != back.kind:
        raise ValueError(f"its readers are {ahead.kind} and {back.kind}: want two of one kind")
    ahead.only("go_backwards", False), back.only("go_backwards", True, True)
    for name, value in ahead.given.items():
        if name != "name" and not name.endswith("_initializer") and back.given.get(name) != value:
            raise ValueError(f"{name} differs between its readers")
    cells = [arrays[f"{direction}_layer/cell"] for direction in ("forward", "backward")]
    part = one_recurrent(ahead.kind, ahead, cells)
    ahead.done()
    return [part]


def read_embedding(arguments: Arguments, arrays: Arrays) -> list[Part]:
    arguments.only("mask_zero", False)
    (table,) = one_of(arrays, 1)
    if table.shape != (arguments.take("input_dim"), arguments.take("output_dim")):
        raise ValueError(f"its table is {table.shape}, not (input_dim, output_dim)")
    return [lookup(table)]


def read_dense(arguments: Arguments, arrays: Arrays) -> list[Part]:
    biased = arguments.only("use_bias", True, False)
    W, *b = one_of(arrays, 1 + biased)
    if arguments.take("units") != W.shape[-1]:
        raise ValueError(f"units is not {W.shape[-1]}, as its weights say")
    return [dense(W, b[0] if b else None, arguments.activation())]


def read_time_distributed(arguments: Arguments, arrays: Arrays) -> list[Part]:
    """A Dense, which treats every step separately anyway."""
    inner = Arguments(arguments.take("layer"))
    if inner.kind != "Dense":
        raise ValueError(f"it wraps a {inner.kind}: only a Dense can be read")
    made = read_dense(inner, {"": arrays["layer"]})
    inner.done()
    return made


def read_batch_norm(arguments: Arguments, arrays: Arrays) -> list[Part]:
    arguments.only("renorm", False)
    gamma, beta, mean, variance = scaled(arguments, arrays, 2)
    momentum, epsilon = arguments.take("momentum", 0.99), arguments.take("epsilon", 1e-3)
    return [batch_norm(gamma, beta, mean, variance, momentum=momentum, epsilon=epsilon)]


def read_layer_norm(arguments: Arguments, arrays: Arrays) -> list[Part]:
    arguments.only("rms_scaling", False)
    gamma, beta = scaled(arguments, arrays, 0)
    return [layer_norm(gamma, beta, arguments.take("epsilon", 1e-3))]


def scaled(arguments: Arguments, arrays: Arrays, more: int) -> list[ndarray]:
    """gamma, beta, which may be left out, and so many more arrays."""
    scale, center = (arguments.only(name, True, False) for name in ("scale", "center"))
    given, axis = one_of(arrays, more + scale + center), arguments.take("axis", -1)
    if axis not in (-1, [-1], 2, [2]) or not given:  # 2: of (batch, time, features)
        raise ValueError(f"axis is {axis!r}, scale {scale}, center {center}: only the last axis, "
                         "-1, with one of the two can be expressed")  # fmt: skip
    size, dtype = given[-1].shape, given[-1].dtype
    gamma = given.pop(0) if scale else np.ones(size, dtype)
    return [gamma, given.pop(0) if center else np.zeros(size, dtype), *given]


def read_relu(arguments: Arguments, arrays: Arrays) -> list[Part]:
    arguments.only("negative_slope", 0.0, 0), arguments.only("threshold", 0.0, 0)
    return [Part(Activation("relu"))]


def read_softmax(arguments: Arguments, arrays: Arrays) -> list[Part]:
    arguments.only("axis", -1)
    return [Part(Activation("softmax"))]


def one_of(arrays: Arrays, count: int) -> list[ndarray]:
    """The arrays of a layer that has nothing below it. Raises ValueError for another number."""
    if len(arrays[""]) != count:
        raise ValueError(f"the file has {len(arrays[''])} arrays for it, not {count}")
    return arrays[""]


READERS: dict[str, Callable[[Arguments, Arrays], list[Part]]] = {
    **dict.fromkeys(KINDS, read_recurrent),
    "Activation": lambda arguments, arrays: [Part(Activation(arguments.activation()))],
    "BatchNormalization": read_batch_norm,
    "Bidirectional": read_bidirectional,
    "Dense": read_dense,
    "LayerNormalization": read_layer_norm,
    "Dropout": lambda arguments, arrays: [Part(Dropout(arguments.take("rate")))],
    "Embedding": read_embedding,
    "ReLU": read_relu,
    "Softmax": read_softmax,
    "TimeDistributed": read_time_distributed,
}
