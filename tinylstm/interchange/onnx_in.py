"""ONNX, in: a graph that is a chain of layers becomes a model; any other is refused by name.

The nodes are read in order. `Net.axes` says what the axes of the value at hand are: two names for
steps and sequences, which the first recurrent node tells apart, "N" for directions, "F" for
features. So it does not matter where a graph transposes, or whether it takes sequences first.

The other nodes: onnx_nodes.py. How the chain is found: onnx_chain.py. Writing: onnx.py.
"""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..checkpoint import Checkpoint
from ..layers import Reverse
from . import onnx_nodes as nodes
from .onnx import ACTIVATIONS, OPERATORS
from .onnx_chain import STANDARD, Chain, Node
from .onnx_nodes import Net
from .parts import KEY, Part, assemble, need, reading, recalled, recurrent
from .tables import ORDERS, Gates

LARGEST = 2**31  # bytes: no ONNX file is larger; a larger net has its weights in another file
KINDS = {operator: kind for kind, operator in OPERATORS.items()}


def from_onnx(path: str | Path) -> Checkpoint:
    """Read an ONNX file: a model, with tokenizer and settings if `to_onnx` wrote them.

    Any chain of the operators that `to_onnx` writes can be read, in either layout, also as
    PyTorch's exporter writes it. Initial states are inputs, zero, or left out. The model takes
    (T, B, ...), whatever the graph takes.

    Raises FileError that names the file, and the node and its attribute that cannot be expressed.

    >>> import tempfile, tinylstm as tl
    >>> path = Path(tempfile.mkdtemp()) / "net.onnx"
    >>> differences = tl.to_onnx(tl.Sequential([tl.Embedding(9, 4), tl.Dense(9, "relu")]), path)
    >>> tl.from_onnx(path).model.layers
    [Embedding(vocabulary=9, units=4), Dense(units=9, activation='relu')]
    """
    with reading(path):
        if os.path.getsize(path) > LARGEST:
            raise ValueError(f"it has more than {LARGEST:,} bytes, the most that ONNX allows")
        proto = need("onnx").ModelProto()
        proto.ParseFromString(Path(path).read_bytes())
        metadata = {entry.key: entry.value for entry in proto.metadata_props}
        parts = parts_of(Chain(proto, Path(path).parent))
        return recalled(assemble(parts), metadata.get(KEY))


def parts_of(chain: Chain) -> list[Part]:
    """The layers of a chain. Raises ValueError that names the node."""
    net = Net(chain)
    for node, output in chain.nodes:
        if node.operator not in READERS or node.proto.domain not in STANDARD:
            known = ", ".join(sorted(READERS))
            raise ValueError(f"{node.label} has no counterpart here; those that have: {known}")
        try:
            READERS[node.operator](net, node, output)
            node.done()
        except (ValueError, IndexError, TypeError) as error:
            raise ValueError(f"{node.label}: {error}") from error
    return net.parts


def read_recurrent(net: Net, node: Node, output: int) -> None:
    """LSTM, GRU, RNN: one layer, one that reads backwards, or a Bidirectional."""
    kind, sequences = KINDS[node.operator], output == 0
    layout = node.only("layout", 0, 1)
    direction = node.only("direction", "forward", "reverse", "bidirectional")
    net.ways = 1 + (direction == "bidirectional")
    if output > 1:
        raise ValueError(f"its output {node.proto.output[output]!r}, a cell state, is passed on")
    if len(net.axes) != 3 or net.axes[-1] != "F" or "N" in net.axes:
        raise ValueError("its input must have the axes (T, B, features)")
    time, batch = net.axes[layout], net.axes[1 - layout]
    if net.time not in (None, time):
        raise ValueError("it takes for steps what a node before it takes for sequences")
    check_settings(node, net.ways)
    config = {"reset_after": bool(node.take("linear_before_reset", 0))} if kind == "GRU" else {}
    part = recurrent(kind, "ONNX", gates_of(node, kind, net.ways), sequences, **config)
    if direction == "reverse":
        net.add(node, Part(Reverse()), part, *([Part(Reverse())] if sequences else []))
    else:
        net.add(node, part)
    net.time, first = time, [batch, time] if layout else [time, batch]
    if sequences:
        net.axes = [*first, "N", "F"] if layout else [time, "N", batch, "F"]
    else:
        net.axes = [batch, "N", "F"] if layout else ["N", batch, "F"]


def check_settings(node: Node, ways: int) -> None:
    """Raise ValueError for what our cells cannot do."""
    default = {"LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"], "RNN": ["Tanh"]}
    wanted = default[node.operator] * ways
    found = [name.decode().capitalize() for name in node.take("activations", [])] or wanted
    if found != wanted:
        raise ValueError(f"activations is {found}, but only {wanted} can be expressed")
    node.only("input_forget", 0)
    inputs = dict(enumerate(node.proto.input))
    if inputs.get(7) and not node.chain.is_zero(inputs[7]):
        raise ValueError(f"P is {inputs[7]!r}: peepholes cannot be expressed")
    if inputs.get(4):
        raise ValueError(f"sequence_lens is {inputs[4]!r}: only sequences of one length can be "
                         "expressed")  # fmt: skip
    for k, name in ((5, "initial_h"), (6, "initial_c")):
        given = inputs.get(k)
        if given and given not in node.chain.inputs and not node.chain.is_zero(given):
            raise ValueError(f"{name} is {given!r}: only zero or an input of the graph can be "
                             "expressed")  # fmt: skip


def gates_of(node: Node, kind: str, ways: int) -> list[Gates]:
    """The weights of each direction, from W (ways, nH, D), R (ways, nH, H) and B (ways, 2nH)."""
    W, R, B = node.weight(1), node.weight(2), node.input(3)
    n, H = len(ORDERS[kind]["ONNX"]), R.shape[-1]
    if W.ndim != 3 or len(W) != ways or not W.size or R.shape != (ways, n * H, H):
        raise ValueError(f"its weights are W {W.shape}, R {R.shape}: want {ways} directions first, "
                         f"{n} blocks of rows, and as many columns as units")  # fmt: skip
    if node.take("hidden_size", H) != H:
        raise ValueError(f"hidden_size is not {H}, as R {R.shape} says")
    B = np.zeros((ways, 2 * n * H), W.dtype) if B is None else B
    if B.shape != (ways, 2 * n * H):
        raise ValueError(f"its bias is {B.shape}, not {(ways, 2 * n * H)}")
    return [Gates(w, r, *np.split(b, 2)) for w, r, b in zip(W, R, B, strict=True)]


READERS: dict[str, Callable[[Net, Node, int], None]] = {
    **dict.fromkeys(KINDS, read_recurrent),
    **dict.fromkeys(ACTIVATIONS.values(), nodes.read_activation),
    "Squeeze": nodes.read_squeeze,
    "Transpose": nodes.read_transpose,
    "Reshape": nodes.read_reshape,
    "Gather": nodes.read_gather,
    "Slice": nodes.read_slice,
    "MatMul": nodes.read_matmul,
    "Add": nodes.read_add,
    "Gemm": nodes.read_gemm,
    "BatchNormalization": nodes.read_batch_norm,
    "LayerNormalization": nodes.read_layer_norm,
    "Dropout": nodes.read_dropout,
    "Cast": nodes.read_cast,
    "Identity": lambda net, node, output: None,
}
