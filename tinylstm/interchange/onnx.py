"""ONNX, out: a model as a graph that onnxruntime and many others can run. Reading one: onnx_in.py.

The graph has symbolic numbers of steps T and sequences B, takes each layer's initial state and
returns the final one, so that a sequence can be computed in chunks:

    inputs    ids (T, B) of int64, or x (T, B, D);   lstm_1.h0, lstm_1.c0 (1, B, H)
    outputs   y (T, B, V), or (B, V) of the last step;   lstm_1.hT, lstm_1.cT (1, B, H)

A bidirectional layer's states are (2, B, H): the forward reader's first. Dropout is left out.
Source: the operators of ONNX, https://onnx.ai/onnx/operators, opset 17.
"""

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
from .onnx_check import OPERATORS, compare
from .parts import KEY, TABLES, as_checkpoint, need, readers_of, remembered, rows, unsupported
from .tables import to_framework

OPSET, IR_VERSION = 17, 8  # of 2022: the first with LayerNormalization
ACTIVATIONS = {"relu": "Relu", "tanh": "Tanh", "sigmoid": "Sigmoid", "softmax": "Softmax"}
WORST = 1e-3  # a larger relative difference is a fault, not rounding


def to_onnx(
    model: Sequential | Checkpoint, path: str | Path, softmax: bool = False, states: bool = True
) -> dict[str, float]:
    """Write a model, or a checkpoint with its tokenizer and settings, as an ONNX graph.

    softmax: end in probabilities instead of logits. states: take and return each layer's state;
    without them, every call begins from zero.

    Before it is written, the graph is run on random data. Returns the largest difference from our
    own output, relative to the largest number if that is above 1, for each program that ran it:
    "onnx.reference" and, where it is installed and has the type, "onnxruntime".
    Raises ValueError for a layer that ONNX has no operator for.

    >>> import tempfile, tinylstm as tl
    >>> model = tl.Sequential([tl.LSTM(4), tl.Dense(2)], input_size=3)
    >>> found = tl.to_onnx(model, Path(tempfile.mkdtemp()) / "net.onnx")
    >>> found["onnx.reference"] < 1e-6
    True
    """
    checkpoint = as_checkpoint(model)
    proto = graph_of(checkpoint, softmax, states)
    differences = compare(proto, checkpoint.model, softmax, states)
    for program, difference in differences.items():
        if not difference <= WORST:
            raise ValueError(f"{program} differs from the model by {difference}: nothing written")
    with replacing(path) as file:
        file.write(proto.SerializeToString())
    return differences


class Graph:
    """A graph in the making. `value` is the name of what the last layer returned."""

    def __init__(self, model: Sequential, states: bool):
        self.helper = need("onnx.helper")
        self.states, self.sequence = states, True  # sequence: whether `value` has steps
        self.nodes: list[Any] = []
        self.constants: dict[str, ndarray] = {}
        self.inputs: list[tuple[str, Any, list[Any]]] = []
        self.outputs: list[tuple[str, Any, list[Any]]] = []
        self.dtype = model.dtype
        if isinstance(model.layers[0], TABLES):
            self.value = "ids"
            self.inputs.append(("ids", np.dtype(np.int64), ["T", "B"]))
        else:
            self.value = "x"
            self.inputs.append(("x", model.dtype, ["T", "B", model.input_size]))

    def constant(self, name: str, array: Any, dtype: Any = None) -> str:
        """Add an array under a name, which is returned."""
        self.constants[name] = np.asarray(array, dtype or self.dtype)
        return name

    def add(
        self,
        operator: str,
        *inputs: str,
        layer: Layer,
        name: str = "",
        outputs: Any = (),
        **given: Any,
    ) -> str:
        """Add a node, named after the layer; returns its first output, the new `value`."""
        name = f"{layer.name}/{name or operator}"
        outputs = list(outputs) or [name]
        self.nodes.append(self.helper.make_node(operator, inputs, outputs, name, **given))
        self.value = outputs[0]
        return self.value

    def proto(self, metadata: str) -> Any:
        """The finished model."""
        to_tensor, info = need("onnx.numpy_helper").from_array, self.helper.make_tensor_value_info
        ends = [
            [info(n, self.helper.np_dtype_to_tensor_dtype(kind), shape) for n, kind, shape in side]
            for side in (self.inputs, self.outputs)
        ]
        weights = [to_tensor(array, name) for name, array in self.constants.items()]
        graph = self.helper.make_graph(self.nodes, KEY, *ends, weights)
        opset = [self.helper.make_opsetid("", OPSET)]
        made = self.helper.make_model(graph, opset_imports=opset, producer_name=KEY)
        made.ir_version = IR_VERSION
        self.helper.set_model_props(made, {KEY: metadata})
        need("onnx.checker").check_model(made, full_check=True)
        return made


def graph_of(checkpoint: Checkpoint, softmax: bool, states: bool) -> Any:
    """The ONNX model of a checkpoint."""
    model = checkpoint.model
    graph = Graph(model, states)
    for layer in model.layers:
        if type(layer) not in WRITERS:
            raise unsupported(layer, "ONNX", WRITERS)
        WRITERS[type(layer)](graph, layer)
    if softmax:
        graph.add("Softmax", graph.value, layer=model.layers[-1], name="probabilities", axis=-1)
    graph.nodes.append(graph.helper.make_node("Identity", [graph.value], ["y"], "y"))
    shape = [*(["T", "B"] if graph.sequence else ["B"]), model.output_sizes[-1]]
    graph.outputs.insert(0, ("y", model.dtype, shape))
    return graph.proto(remembered(checkpoint))


def write_table(graph: Graph, layer: Layer) -> None:
    """A row for each id; Gather."""
    table = graph.constant(f"{layer.name}.table", rows(layer, graph.dtype))
    graph.add("Gather", table, graph.value, layer=layer)


def write_recurrent(graph: Graph, layer: Any) -> None:
    """LSTM, GRU, SimpleRNN, or two of them; states in and out."""
    readers = readers_of(layer)
    first, ways = readers[0], len(readers)
    kind, H = type(first).__name__, first.units
    gates = [to_framework(reader, "ONNX") for reader in readers]
    W, R = (np.stack([gate[k] for gate in gates]) for k in (0, 1))  # (ways, nH, D), (ways, nH, H)
    bias = np.stack([np.concatenate([gate.b, gate.bh]) for gate in gates])  # (ways, 2nH)
    weights = zip("WRB", (W, R, bias), strict=True)
    names = [graph.constant(f"{layer.name}.{name}", array) for name, array in weights]
    memories = "hc"[: first.memories]
    given, final = [], [f"{layer.name}.{memory}T" for memory in memories]
    if graph.states:
        given = ["", *(f"{layer.name}.{memory}0" for memory in memories)]
        graph.inputs += [(name, graph.dtype, [ways, "B", H]) for name in given[1:]]
        graph.outputs += [(name, graph.dtype, [ways, "B", H]) for name in final]
    settings: dict[str, Any] = {"direction": "forward" if ways == 1 else "bidirectional"}
    settings |= {"linear_before_reset": int(first.reset_after)} if isinstance(first, GRU) else {}
    every = f"{layer.name}/Y"  # (T, ways, B, H)
    graph.add(OPERATORS[kind], graph.value, *names, *given, layer=layer, hidden_size=H,
              outputs=[every, *final], **settings)  # fmt: skip
    graph.sequence = layer.return_sequences
    graph.value = every if layer.return_sequences else final[0]
    time = int(layer.return_sequences)
    if ways == 1:
        axes = graph.constant(f"{layer.name}.axes", [time], np.int64)
        graph.add("Squeeze", graph.value, axes, layer=layer)
    else:  # the two directions side by side
        order, shape = ([0, 2, 1, 3], [0, 0, -1]) if time else ([1, 0, 2], [0, -1])
        graph.add("Transpose", graph.value, layer=layer, perm=order)
        target = graph.constant(f"{layer.name}.shape", shape, np.int64)
        graph.add("Reshape", graph.value, target, layer=layer)


def write_dense(graph: Graph, layer: Any) -> None:
    """y = activation(x W + b); W is the embedding's table, transposed, in a TiedDense."""
    x = graph.value
    if isinstance(layer, TiedDense):
        W = graph.add("Transpose", f"{layer.embedding.name}.table", layer=layer, perm=[1, 0])
    else:
        W = graph.constant(f"{layer.name}.W", layer.params["W"])
    graph.add("MatMul", x, W, layer=layer)
    graph.add("Add", graph.value, graph.constant(f"{layer.name}.b", layer.params["b"]), layer=layer)
    write_activation(graph, layer)


def write_activation(graph: Graph, layer: Any) -> None:
    """relu, tanh, sigmoid or softmax, on the last axis."""
    if activation := getattr(layer, "activation", None):
        axis: dict[str, Any] = {"axis": -1} if activation == "softmax" else {}
        graph.add(ACTIVATIONS[activation], graph.value, layer=layer, **axis)


def write_batch_norm(graph: Graph, layer: Any) -> None:
    """With the running means. ONNX has the features on axis 1, so (T, B, D) goes to (T, D, B).

    Its own epsilon is a float32, which is too coarse for float64: a node adds ours to the variance.
    """
    weights, x = layer.params | layer.statistics, graph.value
    names = [graph.constant(f"{layer.name}.{name}", array) for name, array in weights.items()]
    epsilon = graph.constant(f"{layer.name}.epsilon", layer.epsilon)
    names[-1] = graph.add("Add", names[-1], epsilon, layer=layer)
    turn: dict[str, Any] = {"layer": layer, "perm": [0, 2, 1]}
    x = graph.add("Transpose", x, **turn) if graph.sequence else x
    graph.add("BatchNormalization", x, *names, layer=layer, epsilon=0.0, momentum=layer.momentum)
    if graph.sequence:
        graph.add("Transpose", graph.value, name="back", **turn)


def write_layer_norm(graph: Graph, layer: Any) -> None:
    """On the last axis. Its epsilon is a float32 in ONNX, also in a net of float64."""
    names = [graph.constant(f"{layer.name}.{name}", a) for name, a in layer.params.items()]
    settings = {"axis": -1, "epsilon": layer.epsilon}
    graph.add("LayerNormalization", graph.value, *names, layer=layer, **settings)


def write_reverse(graph: Graph, layer: Layer) -> None:
    """All steps, from the last to the first."""
    values = {"start": -1, "end": np.iinfo(np.int64).min, "axis": 0, "step": -1}
    names = [graph.constant(f"{layer.name}.{k}", [v], np.int64) for k, v in values.items()]
    graph.add("Slice", graph.value, *names, layer=layer)


WRITERS: dict[type[Layer], Callable[[Graph, Any], None]] = {
    **dict.fromkeys((Embedding, OneHot, ScaledInteger), write_table),
    **dict.fromkeys((LSTM, GRU, SimpleRNN, Bidirectional), write_recurrent),
    **dict.fromkeys((Dense, TiedDense), write_dense),
    Activation: write_activation,
    BatchNormalization: write_batch_norm,
    LayerNormalization: write_layer_norm,
    Reverse: write_reverse,
    Dropout: lambda graph, layer: None,  # it acts in training only
}
