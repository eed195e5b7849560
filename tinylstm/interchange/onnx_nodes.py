"""The nodes of an ONNX chain that have no memory: what each does to the axes and to the layers.

The recurrent nodes, and the table of all, are in onnx_in.py.
"""

from typing import Any

import numpy as np

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
from .onnx import ACTIVATIONS
from .onnx_chain import WHOLE, Chain, Node
from .order import last_step
from .parts import Part, batch_norm, dense, layer_norm, lookup

STEPWISE = (Activation, BatchNormalization, Dense, Dropout, LayerNormalization)


class Net:
    """The layers of a chain, as they are found."""

    def __init__(self, chain: Chain):
        self.chain = chain
        self.parts: list[Part] = []
        self.axes = ["0", "1"][-(chain.rank - (not chain.whole)) :] + ["F"] * (not chain.whole)
        self.time: str | None = None  # which axis has the steps, once it is known
        self.ways = 1  # directions on the axis "N"
        self.open = False  # whether the last part is a Dense that may still get a bias

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

    def last(self, kind: type[Layer]) -> Any:
        """The layer before, if it is of this kind."""
        found = self.parts[-1].layer if self.parts else None
        return found if isinstance(found, kind) else None


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
    whole = isinstance(layer, Recurrent) and layer.return_sequences
    if index.shape or index != -1 or net.axes[axis] != net.time or not whole:
        raise ValueError(f"index {index} of axis {axis}: only the last step (-1) of a layer that "
                         "reads forward can be taken")  # fmt: skip
    last_step(net.parts)
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
        variance, added = (net.chain.constant(name) for name in maker.input)
        if variance is not None and added is not None and added.size == 1:
            weights[3], epsilon = variance, shortest(added.item())
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
