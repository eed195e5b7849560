"""ONNX, in: a graph that is a chain of layers becomes a model; any other is refused by name.

The nodes are read in order. `axes` says what the axes of the value at hand are: two names for steps
and sequences, which the first recurrent node tells apart, "N" for directions, "F" for features. So
it does not matter where a graph transposes, or whether it takes sequences first.

Writing: onnx.py. How the chain is found, and its constants: onnx_chain.py.
"""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..checkpoint import Checkpoint
from ..layers import (
    Activation,
    BatchNormalization,
    Dense,
    Dropout,
    Layer,
    LayerNormalization,
    Reverse,
)
from ..layers.sequences import Recurrent
from .onnx import ACTIVATIONS, OPERATORS
from .onnx_chain import STANDARD, WHOLE, Chain, Node
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
        net = Net(Chain(proto, Path(path).parent))
        return recalled(assemble(net.parts), metadata.get(KEY))


class Net:
    """The layers of a chain, as they are found."""

    def __init__(self, chain: Chain):
        self.chain = chain
        self.parts: list[Part] = []
        self.axes = ["0", "1"][-(chain.rank - (not chain.whole)) :] + ["F"] * (not chain.whole)
        self.time: str | None = None  # which axis has the steps, once it is known
        self.ways = 1  # directions on the axis "N"
        self.open = False  # whether the last part is a Dense that may still get a bias
        for node, output in chain.nodes:
            if node.operator not in READERS or node.proto.domain not in STANDARD:
                known = ", ".join(sorted(READERS))
                raise ValueError(f"{node.label} has no counterpart here; those that have: {known}")
            try:
                READERS[node.operator](self, node, output)
                node.done()
            except (ValueError, IndexError, TypeError) as error:
                raise ValueError(f"{node.label}: {error}") from error

    def add(self, node: Node, *parts: Part) -> None:
        """Append parts. The first is named after the node: "a" from "a/LSTM" and "/a/LSTM"."""
        name = node.proto.name.strip("/").rpartition("/")[0].replace("/", ".")
        taken = {part.layer.name for part in self.parts}
        parts[0].layer.name = "" if name in taken else name
        self.parts += parts
        self.open = False

    def features_last(self) -> None:
        """Raises ValueError unless the last axis has the features."""
        if "N" in self.axes or self.axes[-1] != "F":
            raise ValueError("it does not act on the features alone, on the last axis")

    def last(self, kind: type[Layer]) -> Layer | None:
        """The layer before, if it is of this kind."""
        found = self.parts[-1].layer if self.parts else None
        return found if isinstance(found, kind) else None


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
    check_settings(node)
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


def check_settings(node: Node) -> None:
    """Raise ValueError for what our cells cannot do."""
    ways = 1 + (node.attributes.get("direction") == b"bidirectional")
    default = {"LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"], "RNN": ["Tanh"]}
    wanted = default[node.operator] * ways
    found = [name.decode().capitalize() for name in node.take("activations", [])] or wanted
    if found != wanted:
        raise ValueError(f"activations is {found}, but only {wanted} can be expressed")
    node.only("input_forget", 0)
    inputs = dict(enumerate(node.proto.input))
    if inputs.get(4):
        raise ValueError(f"sequence_lens is {inputs[4]!r}: only sequences of one length can be "
                         "expressed")  # fmt: skip
    if inputs.get(7) and not node.chain.is_zero(inputs[7]):
        raise ValueError(f"P is {inputs[7]!r}: peepholes cannot be expressed")
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


def read_squeeze(net: Net, node: Node, output: int) -> None:
    """Removes the axis of a single direction."""
    given = node.input(1)
    axes = node.take("axes", None if given is None else given.tolist()) or []
    if [net.axes[k] for k in axes] != ["N"] or net.ways != 1:
        raise ValueError(f"axes is {axes}: only the axis of a single direction can be removed")
    net.axes.remove("N")


def read_transpose(net: Net, node: Node, output: int) -> None:
    """Moves axes."""
    order = node.take("perm", list(range(len(net.axes)))[::-1])
    if sorted(order) != list(range(len(net.axes))):
        raise ValueError(f"perm is {order} for {len(net.axes)} axes")
    net.axes = [net.axes[k] for k in order]


def read_reshape(net: Net, node: Node, output: int) -> None:
    """Joins the last two axes, directions and features."""
    shape = node.weight(1).tolist()
    node.only("allowzero", 0)
    kept, size = len(net.axes) - 2, net.parts[-1].outputs if net.parts else None
    if net.axes[kept:] != ["N", "F"] or shape not in ([0] * kept + [-1], [0] * kept + [size]):
        raise ValueError(f"shape is {shape}: only the last two axes, directions and features, can "
                         "be joined, as by [0, 0, -1]")  # fmt: skip
    net.axes.remove("N")


def read_gather(net: Net, node: Node, output: int) -> None:
    """Looks up ids in a table, or takes the last step."""
    axis, table = node.take("axis", 0), node.input(0)
    if table is not None:
        if axis or "F" in net.axes:
            raise ValueError(f"axis is {axis}: want 0, to look up token ids (T, B) in a table")
        net.add(node, lookup(table))
        net.axes.append("F")
        return
    index, layer = node.weight(1), None
    for part in net.parts:  # layers after it that treat every step separately may stay
        layer = part.layer if not isinstance(part.layer, STEPWISE) else layer
    last = isinstance(layer, Recurrent) and layer.return_sequences and net.axes[axis] == net.time
    if index.shape or index != -1 or not last:
        raise ValueError(f"index {index} of axis {axis}: only the last step (-1) of a layer that "
                         "reads forward can be taken")  # fmt: skip
    layer.return_sequences = False
    net.axes.pop(axis)


def read_slice(net: Net, node: Node, output: int) -> None:
    """Turns a sequence round."""
    start, end, axes, steps = (node.weight(k).tolist() for k in (1, 2, 3, 4))
    axis = net.axes[axes[0]] if len(axes) == 1 else ""
    if (start, steps) != ([-1], [-1]) or end[0] > -(2**31) or axis != (net.time or "0"):
        raise ValueError(f"starts {start}, ends {end}, axes {axes}, steps {steps}: only a whole "
                         "sequence can be turned round")  # fmt: skip
    net.time = axis
    net.add(node, Part(Reverse()))


def read_matmul(net: Net, node: Node, output: int) -> None:
    """The product with a matrix on the right: a Dense without bias, so far."""
    net.features_last()
    net.add(node, dense(node.weight(1)))
    net.open = True


def read_add(net: Net, node: Node, output: int) -> None:
    """The bias of the Dense before it."""
    layer, b = net.last(Dense), node.other()
    if not net.open or layer is None or b.size != layer.units or b.shape[-1:] != (b.size,):
        raise ValueError(f"it adds {b.shape}: only a bias after a MatMul can be added")
    net.parts[-1] = net.parts[-1]._replace(weights=net.parts[-1].weights | {"b": b.ravel()})


def read_gemm(net: Net, node: Node, output: int) -> None:
    """A Dense."""
    net.features_last()
    node.only("alpha", 1.0), node.only("beta", 1.0), node.only("transA", 0)
    W = node.weight(1).T if node.only("transB", 0, 1) else node.weight(1)
    net.add(node, dense(W, node.weight(2).ravel() if len(node.proto.input) > 2 else None))


def read_activation(net: Net, node: Node, output: int) -> None:
    """Relu, Tanh, Sigmoid, Softmax: in a Dense, if both nodes are named after one layer."""
    name = {operator: name for name, operator in ACTIVATIONS.items()}[node.operator]
    if name == "softmax":
        net.features_last()
        axis = node.take("axis", -1 if net.chain.opset >= 13 else 1)
        if axis not in (-1, len(net.axes) - 1):
            raise ValueError(f"axis is {axis}: only the last one can be expressed")
    layer, own = net.last(Dense), node.proto.name.rpartition("/")[0]
    if layer is not None and layer.activation is None and layer.name == own != "":
        layer.activation = name
    else:
        net.add(node, Part(Activation(name)))


def read_batch_norm(net: Net, node: Node, output: int) -> None:
    """BatchNormalization in inference. An epsilon of 0 means that a node before added it."""
    node.only("training_mode", 0)
    epsilon, momentum = (
        shortest(node.take(*pair)) for pair in (("epsilon", 1e-5), ("momentum", 0.9))
    )
    if net.axes[1:2] != ["F"] or "N" in net.axes:
        raise ValueError("the features are not on axis 1: insert a Transpose")
    weights = [node.weight(k) for k in (1, 2, 3, 4)]
    maker = net.chain.makers.get(node.proto.input[4])
    if not epsilon and maker is not None and maker.op_type == "Add":
        weights[3], added = (net.chain.constant(name) for name in maker.input)
        epsilon = shortest(added.item())
    net.add(node, batch_norm(*weights, momentum=momentum, epsilon=epsilon))


def read_layer_norm(net: Net, node: Node, output: int) -> None:
    """LayerNormalization of the features."""
    net.features_last()
    axis, _ = node.take("axis", -1), node.take("stash_type")
    if axis not in (-1, len(net.axes) - 1) or output:
        raise ValueError(f"axis is {axis}: only the last one can be expressed")
    gamma, beta = node.weight(1), node.input(2)
    beta = np.zeros_like(gamma) if beta is None else beta
    net.add(node, layer_norm(gamma, beta, shortest(node.take("epsilon", 1e-5))))


def read_dropout(net: Net, node: Node, output: int) -> None:
    """Does nothing outside training."""
    rate, training = node.input(1), node.input(2)
    node.take("seed")
    if output or (training is not None and training.any()):
        raise ValueError("it is in training mode, or its mask is used")
    net.add(node, Part(Dropout(shortest(node.take("ratio", 0.5 if rate is None else rate.item())))))


def read_cast(net: Net, node: Node, output: int) -> None:
    """Token ids of another size."""
    if node.take("to") not in WHOLE or "F" in net.axes:
        raise ValueError("only token ids can be cast, to int32 or int64")


def shortest(value: float) -> float:
    """The shortest decimal that rounds to this value in float32, in which ONNX keeps attributes.

    >>> shortest(0.0010000000474974513)
    0.001
    """
    return float(str(np.float32(value)))


STEPWISE = (Activation, BatchNormalization, Dense, Dropout, LayerNormalization)
READERS: dict[str, Callable[[Net, Node, int], None]] = {
    **dict.fromkeys(KINDS, read_recurrent),
    **dict.fromkeys(ACTIVATIONS.values(), read_activation),
    "Squeeze": read_squeeze,
    "Transpose": read_transpose,
    "Reshape": read_reshape,
    "Gather": read_gather,
    "Slice": read_slice,
    "MatMul": read_matmul,
    "Add": read_add,
    "Gemm": read_gemm,
    "BatchNormalization": read_batch_norm,
    "LayerNormalization": read_layer_norm,
    "Dropout": read_dropout,
    "Cast": read_cast,
    "Identity": lambda net, node, output: None,
}
