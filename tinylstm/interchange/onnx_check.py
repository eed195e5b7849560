"""Whether an ONNX graph computes what its model does: both run on the same random data."""

import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from ..layers import Activation
from ..model import Sequential
from .parts import TABLES, need, readers_of

OPERATORS = {"LSTM": "LSTM", "GRU": "GRU", "SimpleRNN": "RNN"}  # our layer: ONNX's operator


def compare(proto: Any, model: Sequential, softmax: bool, states: bool) -> dict[str, float]:
    """The largest difference of each program from the model, on random data and states."""
    rng, (T, B) = np.random.default_rng(0), (5, 2)
    if isinstance(first := model.layers[0], TABLES):
        feed = {"ids": rng.integers(first.vocabulary, size=(T, B))}
    else:
        feed = {"x": rng.standard_normal((T, B, model.input_size or 1)).astype(model.dtype)}
    initial = model.initial_states(B)
    if states:
        initial = [tuple((rng.random(a.shape) - 0.5).astype(a.dtype) for a in s) for s in initial]
        feed |= named_states(model, initial, "0")
    y, final, _ = model.forward(next(iter(feed.values())), initial)
    ours = {"y": np.asarray(Activation("softmax").forward(y)[0] if softmax else y)}
    ours |= named_states(model, final, "T") if states else {}
    found = {}
    for program, run in programs(proto).items():
        theirs = run(list(ours), feed)
        found[program] = max(
            float(np.abs(a - b).max() / max(1.0, np.abs(a).max()))
            for a, b in zip(ours.values(), theirs, strict=True)
        )
    return found


def named_states(model: Sequential, states: list[Any], when: str) -> dict[str, ndarray]:
    """Each layer's state under the graph's names: lstm_1.h0 (ways, B, H), for one. when: "0", "T".

    >>> from tinylstm.layers import LSTM
    >>> model = Sequential([LSTM(4)], input_size=3)
    >>> {name: a.shape for name, a in named_states(model, model.initial_states(2), "0").items()}
    {'lstm_1.h0': (1, 2, 4), 'lstm_1.c0': (1, 2, 4)}
    """
    named = {}
    for layer, state in zip(model.layers, states, strict=True):
        if state:
            memories = readers_of(layer)[0].memories
            for k, memory in enumerate("hc"[:memories]):
                named[f"{layer.name}.{memory}{when}"] = np.stack(state[k::memories])
    return named


def programs(proto: Any) -> dict[str, Callable[[list[str], dict[str, ndarray]], list[ndarray]]]:
    """What can run the graph here, by name."""
    found = {"onnx.reference": need("onnx.reference").ReferenceEvaluator(proto).run}
    operators = {node.op_type for node in proto.graph.node} & set(OPERATORS.values())
    double = proto.graph.output[0].type.tensor_type.elem_type == need("onnx").TensorProto.DOUBLE
    # onnxruntime has no recurrent operator for float64
    if importlib.util.find_spec("onnxruntime") and not (double and operators):
        runtime = need("onnxruntime")
        settings = runtime.SessionOptions()
        settings.log_severity_level = 3  # errors only: a state that is not used is no news
        session = runtime.InferenceSession(proto.SerializeToString(), settings)
        found["onnxruntime"] = session.run
    return found
