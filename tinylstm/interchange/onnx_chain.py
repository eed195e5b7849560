"""An ONNX graph as a chain of nodes, with its constants; what is no chain is refused by name.

A file from a stranger is data: no weight is believed to be larger than the bytes that are there,
and none is read from outside the file's folder. What the nodes mean is in onnx_in.py.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray

from .parts import need

STANDARD = ("", "ai.onnx")  # the domain of ONNX's own operators
RECURRENT = ("LSTM", "GRU", "RNN")
WHOLE = (6, 7)  # int32 and int64 in ONNX's list of types


class Chain:
    """A graph: `nodes`, from its input to its first output, each with the output that is used.

    whole: whether the input is token ids. rank: its number of axes.
    Raises ValueError, by name, if the graph is not a chain.
    """

    def __init__(self, proto: Any, folder: Path):
        graph, self.folder = proto.graph, folder
        self.opset = max((o.version for o in proto.opset_import if o.domain in STANDARD), default=0)
        self.tensors = {tensor.name: tensor for tensor in graph.initializer}
        self.makers = {name: node for node in graph.node for name in node.output if name}
        self.values: dict[str, ndarray | None] = {}
        if graph.sparse_initializer or not graph.output:
            raise ValueError("its graph has sparse weights, or no output")
        inputs = {entry.name: entry for entry in graph.input if entry.name not in self.tensors}
        self.inputs = set(inputs)
        name, found = graph.output[0].name, list[tuple[Node, int]]()
        while name not in inputs:
            if name not in self.makers or len(found) > len(graph.node):
                raise ValueError(f"the value {name!r} does not come from an input of the graph")
            node = Node(self, self.makers[name])
            found.append((node, list(node.proto.output).index(name)))
            name = node.data
        self.nodes = found[::-1]
        kind = inputs[name].type.tensor_type
        self.whole = kind.elem_type in WHOLE
        self.rank = len(kind.shape.dim) or (2 if self.whole else 3)
        if self.rank != 2 and (self.whole or self.rank != 3):
            raise ValueError(f"input {name!r} has {self.rank} axes: want (T, B, D), or ids (T, B)")
        states = {n for node, _ in found if node.operator in RECURRENT for n in node.proto.output}
        for extra in graph.output[1:]:
            if extra.name not in states:
                raise ValueError(f"output {extra.name!r} is not the final state of a layer: only a "
                                 "chain with one output can be read")  # fmt: skip

    def constant(self, name: str) -> ndarray | None:
        """The value of a weight or another constant; None if it depends on the input."""
        if name not in self.values:
            self.values[name] = self.evaluate(name)
        return self.values[name]

    def evaluate(self, name: str) -> ndarray | None:
        """The same, without a memory."""
        if name in self.tensors:
            return self.array(self.tensors[name])
        node = self.makers.get(name)
        if node is None or node.domain not in STANDARD:
            return None
        given = {a.name: a for a in node.attribute}
        if node.op_type == "Constant":
            return self.array(given["value"].t) if "value" in given else None
        if node.op_type == "Add" and all(name in self.tensors for name in node.input):
            a, b = (self.array(self.tensors[name]) for name in node.input)
            return a + b if a.size == b.size or 1 in (a.size, b.size) else None
        if node.op_type in ("Identity", "Transpose") and node.input[0] in self.tensors:
            value = self.array(self.tensors[node.input[0]])
            return value.transpose(*given["perm"].ints) if "perm" in given else value
        return None

    def array(self, tensor: Any) -> ndarray:
        """A tensor's numbers. Raises ValueError if the file has not as many as it says."""
        if tensor.data_location:  # in a file of its own
            return self.external(tensor)
        try:
            return need("onnx.numpy_helper").to_array(tensor)
        except (ValueError, TypeError) as error:
            raise ValueError(f"the weights {tensor.name!r}: {error}") from error

    def external(self, tensor: Any) -> ndarray:
        """The numbers of a tensor that are in another file, which must be in the same folder."""
        entries = {entry.key: entry.value for entry in tensor.external_data}
        location, start = entries.get("location", ""), int(entries.get("offset", 0))
        folder = self.folder.resolve()
        path = (folder / location).resolve()  # where links lead, too
        if not path.is_relative_to(folder) or not path.is_file():
            raise ValueError(f"the weights {tensor.name!r} are said to be in {location!r}, which "
                             "is no file in the same folder")  # fmt: skip
        dtype = need("onnx.helper").tensor_dtype_to_np_dtype(tensor.data_type)
        wanted = int(np.prod([int(d) for d in tensor.dims], dtype=object)) * dtype.itemsize
        if start < 0 or wanted < 0 or start + wanted > path.stat().st_size:
            raise ValueError(f"the weights {tensor.name!r} need {wanted:,} bytes, and {location!r} "
                             "has not as many")  # fmt: skip
        with open(path, "rb") as file:
            file.seek(start)
            return np.frombuffer(file.read(wanted), dtype).reshape(tensor.dims)

    def is_zero(self, name: str) -> bool:
        """Whether a value is zero whatever the input, as an initial state that a graph computes."""
        value, node = self.constant(name), self.makers.get(name)
        for _ in range(9):  # PyTorch's exporter needs two
            if value is not None or node is None:
                break
            if node.op_type == "ConstantOfShape":
                return not any(self.array(a.t).any() for a in node.attribute if a.name == "value")
            if node.op_type not in ("Slice", "Expand", "Identity"):
                break
            value, node = self.constant(node.input[0]), self.makers.get(node.input[0])
        return value is not None and not value.any()


class Node:
    """A node: its constant inputs, and its attributes, each of which somebody must ask for.

    data: the name of the one input that is not constant.
    """

    def __init__(self, chain: Chain, proto: Any):
        self.chain, self.proto, self.operator = chain, proto, proto.op_type
        self.label = f"node {proto.name or proto.output[0]!r} ({proto.op_type})"
        value = need("onnx.helper").get_attribute_value
        self.attributes = {a.name: value(a) for a in proto.attribute}
        data = [name for name in proto.input if name and chain.constant(name) is None]
        data = list(proto.input[:1]) if proto.op_type in RECURRENT else data
        if len(data) != 1:
            raise ValueError(f"{self.label} joins {data}: only a chain of layers can be read")
        self.data = data[0]

    def input(self, k: int) -> ndarray | None:
        """The k-th input, if it is there and constant."""
        name = self.proto.input[k] if k < len(self.proto.input) else ""
        return self.chain.constant(name) if name else None

    def weight(self, k: int) -> ndarray:
        """The k-th input. Raises ValueError if it is not a constant."""
        if (found := self.input(k)) is None:
            raise ValueError(f"input {k} must be a constant")
        return found

    def other(self) -> ndarray:
        """The one constant of two inputs, in either order."""
        return self.weight(int(self.input(0) is None))

    def take(self, name: str, default: Any = None) -> Any:
        """An attribute."""
        value = self.attributes.pop(name, default)
        return value.decode() if isinstance(value, bytes) else value

    def only(self, name: str, *allowed: Any) -> Any:
        """An attribute that must have one of these values; the first is the default."""
        value = self.take(name, allowed[0])
        if value not in allowed:
            options = " or ".join(repr(option) for option in allowed)
            raise ValueError(f"{name} is {value!r}, but only {options} can be expressed")
        return value

    def done(self) -> None:
        """Raises ValueError for an attribute that nobody asked for."""
        for name, value in self.attributes.items():
            raise ValueError(f"{name} is {value!r}: an attribute that cannot be expressed here")
