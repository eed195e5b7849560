"""ONNX: its own recurrent node cases, random nets out and back, and what is refused."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import strategies as s
from hypothesis import given
from interchange_cases import difference, inputs, needs, nets, plain, same_weights

import tinylstm as tl
from tinylstm.layers import GRU, Activation, BatchNormalization, Bidirectional, Layer, Reverse

pytestmark = needs("onnx")
TOLERANCES = {"float32": 1e-5, "float64": 1e-12}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("onnx")


# ------------------------------------------------------------------ ONNX's own cases


def node_cases():
    """The 18 cases of LSTM, GRU and RNN, as ONNX's test loader builds them in memory."""
    from onnx.backend.test.loader import load_model_tests

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cases = load_model_tests(kind="node")
    kinds = {"LSTM", "GRU", "RNN"}
    return [c for c in cases if c.model and {n.op_type for n in c.model.graph.node} & kinds]


def with_weights(case):
    """The case's model with its weights in the file, and the other inputs, by name."""
    import onnx

    model, feed = onnx.ModelProto(), {}
    model.CopyFrom(case.model)
    (values, outputs), names = case.data_sets[0], [i.name for i in case.model.graph.input]
    for name, value in zip(names, values, strict=True):
        array = np.asarray(value)
        if name in ("W", "R", "B", "P"):
            model.graph.initializer.append(onnx.numpy_helper.from_array(array, name))
        else:
            feed[name] = array
    return model, feed, outputs


def test_the_recurrent_node_cases_of_onnx(folder):
    cases, refused = node_cases(), {}
    assert len(cases) >= 18
    for case in cases:
        model, feed, outputs = with_weights(case)
        path = folder / f"{case.name}.onnx"
        path.write_bytes(model.SerializeToString())
        try:
            net = tl.from_onnx(path).model
        except tl.FileError as error:
            refused[case.name] = str(error)
            continue
        node = model.graph.node[0]
        layout = next((a.i for a in node.attribute if a.name == "layout"), 0)
        x = np.swapaxes(feed["X"], 0, 1) if layout else feed["X"]
        layer = next(k for k, a in enumerate(net.layers) if not isinstance(a, Reverse))
        y, final, _ = net.forward(np.ascontiguousarray(x))
        ways = 2 if isinstance(net.layers[layer], Bidirectional) else 1
        memories = len(final[layer]) // ways
        found = {"Y_h": np.stack(final[layer][0::memories])}
        found["Y_c"] = np.stack(final[layer][memories - 1 :: memories])
        if "Y" in node.output:
            found["Y"] = np.stack(np.split(y, ways, axis=-1), axis=1)
        else:
            assert np.array_equal(y, np.concatenate(final[layer][0::memories], axis=-1))
        for output, wanted in zip(case.model.graph.output, outputs, strict=True):
            ours = found[output.name]
            if layout:  # (T, ways, B, H) to (B, T, ways, H); (ways, B, H) to (B, ways, H)
                ours = ours.transpose([2, 0, 1, 3] if output.name == "Y" else [1, 0, 2])
            limits = {"rtol": case.rtol, "atol": case.atol, "err_msg": case.name}
            np.testing.assert_allclose(ours, wanted, **limits)
    assert len(cases) - len(refused) >= 17
    assert "(LSTM): P is 'P': peepholes cannot" in refused["test_lstm_with_peepholes"]
    assert all(": node " in said for said in refused.values())


# ------------------------------------------------------------------ out and back


@given(nets(), s.seeds)
def test_a_random_net_out_and_back_is_the_same_to_the_bit(folder, net, seed):
    path = folder / "net.onnx"
    found = tl.to_onnx(tl.Checkpoint(net, {"name": "events"}, settings={"window": 3}), path)
    # ONNX keeps the epsilon of a layer normalization in float32
    coarse = any(isinstance(layer, tl.LayerNormalization) for layer in net.layers)
    limit = max(TOLERANCES[net.dtype.name], 1e-6 * coarse)
    assert max(found.values()) <= limit, found
    back = tl.from_onnx(path)
    assert (back.tokenizer, back.settings) == ({"name": "events"}, {"window": 3})
    left = [layer for layer in net.layers if not isinstance(layer, tl.Dropout)]
    left = [e for e in left if getattr(e, "activation", "") is not None or type(e) is tl.Dense]
    wanted = [e for e in plain(net)["layers"] if e["name"] in {layer.name for layer in left}]
    assert plain(back.model)["layers"] == wanted
    assert same_weights(net, back.model)
    (x, _), states = inputs(net, seed)
    kept = [state for layer, state in zip(net.layers, states, strict=True) if layer in left]
    ours, theirs = net.forward(x, states)[0], back.model.forward(x, kept)[0]
    assert ours.tobytes() == theirs.tobytes(), (net.layers, back.model.layers)


@needs("onnxruntime")
@given(nets(s.st.just(np.float32)), s.seeds)
def test_states_are_carried_over_two_calls(folder, net, seed):
    import onnxruntime

    from tinylstm.interchange.onnx_check import named_states

    path = folder / "net.onnx"
    tl.to_onnx(net, path)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options)
    chunks, states = inputs(net, seed)
    feed = named_states(net, states, "0")
    for x in chunks:
        y, states, _ = net.forward(x, states)
        outputs = session.run(None, {session.get_inputs()[0].name: x, **feed})
        by_name = dict(zip([o.name for o in session.get_outputs()], outputs, strict=True))
        assert difference(y, by_name.pop("y")) <= 1e-5
        ours = named_states(net, states, "T")
        assert ours.keys() == by_name.keys()
        assert all(difference(ours[name], by_name[name]) <= 1e-5 for name in ours)
        feed = {f"{name[:-1]}0": array for name, array in by_name.items()}


def test_softmax_and_no_states_on_request(folder):
    net = tl.Sequential([tl.Embedding(9, 4), tl.LSTM(5), tl.Dense(9)])
    tl.to_onnx(net, folder / "soft.onnx", softmax=True, states=False)
    graph = load(folder / "soft.onnx").graph
    assert [i.name for i in graph.input] == ["ids"] and [o.name for o in graph.output] == ["y"]
    back = tl.from_onnx(folder / "soft.onnx").model
    assert back.layers[-1].activation == "softmax"
    ids = np.array([[1, 2], [3, 4]])
    np.testing.assert_allclose(back.forward(ids)[0].sum(axis=-1), 1, rtol=1e-6)


def test_names_and_axes_of_the_graph(folder):
    net = tl.Sequential([Bidirectional(tl.LSTM(5, True)), GRU(4)], input_size=3)
    tl.to_onnx(net, folder / "named.onnx")
    graph = load(folder / "named.onnx").graph

    def shapes(values):
        return {v.name: [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim]
                for v in values}  # fmt: skip

    assert shapes(graph.input) == {
        "x": ["T", "B", 3],
        "bidirectional_1.h0": [2, "B", 5],
        "bidirectional_1.c0": [2, "B", 5],
        "gru_1.h0": [1, "B", 4],
    }
    assert shapes(graph.output) == {
        "y": ["B", 4],
        "bidirectional_1.hT": [2, "B", 5],
        "bidirectional_1.cT": [2, "B", 5],
        "gru_1.hT": [1, "B", 4],
    }


# ------------------------------------------------------------------ PyTorch's own exporter


@needs("torch")
def test_a_graph_that_pytorch_exported(folder):
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(9, 4)
            self.lstm = nn.LSTM(4, 5, num_layers=2, batch_first=True)
            self.gru = nn.GRU(5, 3, bidirectional=True, batch_first=True)
            self.norm = nn.LayerNorm(6)
            self.rnn = nn.RNN(6, 7, batch_first=True)
            self.head = nn.Linear(7, 9)

        def forward(self, x):
            x = self.gru(self.lstm(self.embed(x))[0])[0]
            return self.head(torch.relu(self.rnn(self.norm(x))[0][:, -1]))

    torch.manual_seed(0)
    net, ids = Net().eval(), np.random.default_rng(0).integers(9, size=(3, 6))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            net, (torch.tensor(ids),), folder / "torch.onnx", dynamo=False, opset_version=17,
            input_names=["ids"], dynamic_axes={"ids": [0, 1]},
        )  # fmt: skip
    model = tl.from_onnx(folder / "torch.onnx").model
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds == ["Embedding", "LSTM", "LSTM", "Bidirectional", "LayerNormalization",
                     "SimpleRNN", "Activation", "Dense"]  # fmt: skip
    assert difference(model.predict(ids), net(torch.tensor(ids)).detach().numpy()) < 1e-6


# ------------------------------------------------------------------ what is refused


def load(path):
    import onnx

    return onnx.load(path)


def rewritten(folder, change):
    """A sound graph, changed; the path of the file."""
    net = tl.Sequential([tl.Embedding(9, 4), tl.LSTM(5, True), GRU(5, True), BatchNormalization(),
                         tl.Dense(9, "softmax")])  # fmt: skip
    tl.to_onnx(net, folder / "right.onnx")
    proto = load(folder / "right.onnx")
    nodes = {node.name: node for node in proto.graph.node}
    change(proto.graph, nodes)
    path = folder / "changed.onnx"
    path.write_bytes(proto.SerializeToString())
    return path


def attribute(name, value):
    """A change that sets an attribute of the LSTM."""
    from onnx.helper import make_attribute

    def change(graph, nodes):
        node = nodes["lstm_1/LSTM"]
        kept = [a for a in node.attribute if a.name != name]
        del node.attribute[:]
        node.attribute.extend([*kept, make_attribute(name, value)])

    return change


def weight(name, array):
    """A change that adds a weight."""
    from onnx.numpy_helper import from_array

    return lambda graph, nodes: graph.initializer.append(from_array(array, name))


def peepholes(graph, nodes):
    weight("P", np.ones((1, 15), np.float32))(graph, nodes)
    nodes["lstm_1/LSTM"].input.append("P")


def lengths(graph, nodes):
    nodes["lstm_1/LSTM"].input[4] = "ids"


def starting(graph, nodes):
    weight("start", np.ones((1, 1, 5), np.float32))(graph, nodes)
    nodes["lstm_1/LSTM"].input[5] = "start"


def joined(graph, nodes):
    nodes["dense_1/Add"].input[1] = "gru_1/Squeeze"


def cell(graph, nodes):
    nodes["lstm_1/Squeeze"].input[0] = "lstm_1.cT"


def domain(graph, nodes):
    nodes["lstm_1/LSTM"].domain = "com.example"


def outside(location):
    """A change that puts a weight into another file."""

    def change(graph, nodes):
        tensor = next(t for t in graph.initializer if t.name == "dense_1.W")
        tensor.ClearField("raw_data")
        tensor.data_location = 1
        tensor.external_data.add(key="location", value=location)

    return change


def large(graph, nodes):
    next(t for t in graph.initializer if t.name == "dense_1.W").dims[0] = 2**40


def half(graph, nodes):
    graph.initializer.remove(next(t for t in graph.initializer if t.name == "dense_1.W"))
    weight("dense_1.W", np.ones((5, 9), np.float16))(graph, nodes)


def unknown(graph, nodes):
    nodes["dense_1/Add"].op_type = "Mul"


REFUSED_GRAPHS = [
    (lambda: attribute("clip", 3.0), r"node 'lstm_1/LSTM' \(LSTM\): clip is 3.0"),
    (lambda: attribute("input_forget", 1), "input_forget is 1, but only 0"),
    (lambda: attribute("layout", 2), "layout is 2, but only 0 or 1"),
    (lambda: attribute("direction", "sideways"), "direction is 'sideways'"),
    (lambda: attribute("hidden_size", 6), "hidden_size is not 5"),
    (lambda: attribute("activations", ["Relu", "Tanh", "Tanh"]), r"activations is \['Relu'"),
    (lambda: attribute("direction", "bidirectional"), "want 2 directions first"),
    (
        lambda: attribute("activations", ["Sigmoid", "Tanh"]),
        r"activations is \['Sigmoid', 'Tanh'\]",
    ),
    (lambda: peepholes, "P is 'P': peepholes cannot be expressed"),
    (lambda: lengths, "sequence_lens is 'ids': only sequences of one length"),
    (lambda: starting, "initial_h is 'start': only zero or an input of the graph"),
    (lambda: joined, r"node 'dense_1/Add' \(Add\) joins \["),
    (lambda: cell, "its output 'lstm_1.cT', a cell state, is passed on"),
    (lambda: domain, "has no counterpart here; those that have: Add, "),
    (lambda: unknown, r"node 'dense_1/Add' \(Mul\) has no counterpart"),
    (lambda: outside("../right.onnx"), "said to be in '../right.onnx', which is no file"),
    (lambda: outside("/etc/passwd"), "said to be in '/etc/passwd'"),
    (lambda: outside("right.bin"), "said to be in 'right.bin'"),
    (lambda: outside("short.bin"), "need 180 bytes, and 'short.bin' has not as many"),
    (lambda: outside("link.bin"), "said to be in 'link.bin'"),
    (lambda: large, "the weights 'dense_1.W': cannot reshape"),
    (lambda: half, "weights are float16, float32: all must be"),
]


@pytest.mark.parametrize(("make", "said"), REFUSED_GRAPHS, ids=[s for _, s in REFUSED_GRAPHS])
def test_what_cannot_be_expressed_is_named(folder, make, said):
    (folder / "short.bin").write_bytes(b"few")
    if not (folder / "link.bin").is_symlink():
        (folder / "link.bin").symlink_to(Path(__file__))
    with pytest.raises(tl.FileError, match=rf"cannot read .*changed.onnx: .*{said}"):
        tl.from_onnx(rewritten(folder, make()))


def test_weights_in_a_file_beside_it_are_read(folder):
    net = tl.Sequential([tl.Embedding(9, 4), tl.LSTM(5, True), tl.Dense(9)])
    import onnx

    tl.to_onnx(net, folder / "whole.onnx")
    onnx.save(load(folder / "whole.onnx"), folder / "split.onnx", save_as_external_data=True,
              location="split.bin", size_threshold=0)  # fmt: skip
    assert (folder / "split.bin").stat().st_size > 1000
    assert same_weights(net, tl.from_onnx(folder / "split.onnx").model)


def test_a_layer_that_onnx_has_not_is_named(folder):
    class Own(Layer):
        pass

    net = tl.Sequential([Own(), Activation("relu")], input_size=3)
    with pytest.raises(ValueError, match="own_1: a layer Own cannot be written for ONNX; those th"):
        tl.to_onnx(net, folder / "own.onnx")
    assert not (folder / "own.onnx").exists()


def test_a_graph_that_computes_something_else_is_not_written(folder, monkeypatch):
    from tinylstm.interchange import onnx as room

    right = room.to_framework
    monkeypatch.setattr(room, "to_framework", lambda *a: right(*a)._replace(b=right(*a).bh))
    net = tl.Sequential([tl.LSTM(4, forget_bias=3.0)], input_size=3)
    with pytest.raises(ValueError, match=r"onnx.reference differs from the model by .*: nothing"):
        tl.to_onnx(net, folder / "wrong.onnx")
    assert not (folder / "wrong.onnx").exists()
