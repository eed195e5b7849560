"""ONNX: its own recurrent node cases, random nets out and back, and what is refused."""

import warnings

import numpy as np
import pytest
import strategies as s
from hypothesis import given
from interchange_cases import difference, inputs, needs, nets, plain, same_weights

import tinylstm as tl
from tinylstm.layers import Bidirectional, Reverse

pytestmark = needs("onnx")
TOLERANCES = {"float32": 1e-5, "float64": 1e-12}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("onnx")


# ------------------------------------------------------------------ ONNX's own cases

REFUSED = {"test_lstm_with_peepholes": "sequence_lens"}


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
    cases, refused = node_cases(), set()
    assert len(cases) == 18
    for case in cases:
        model, feed, outputs = with_weights(case)
        path = folder / f"{case.name}.onnx"
        path.write_bytes(model.SerializeToString())
        if case.name in REFUSED:
            with pytest.raises(tl.FileError, match=REFUSED[case.name]):
                tl.from_onnx(path)
            refused.add(case.name)
            continue
        node, net = model.graph.node[0], tl.from_onnx(path).model
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
            turn = (0, 2) if output.name == "Y" else (0, 1)
            order = np.arange(ours.ndim)
            if layout:  # (T, ways, B, H) to (B, T, ways, H); (ways, B, H) to (B, ways, H)
                order = [2, 0, 1, 3] if turn == (0, 2) else [1, 0, 2]
            np.testing.assert_allclose(
                ours.transpose(order), wanted, rtol=case.rtol, atol=case.atol, err_msg=case.name
            )
    assert refused == set(REFUSED)


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

    from tinylstm.interchange.onnx import named_states

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
