"""Keras: random nets out and back, what Keras computes from them, its own files, refusals."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import strategies as s
from hypothesis import given
from interchange_cases import carries, difference, inputs, needs, nets, plain, same_weights

import tinylstm as tl
from tinylstm.layers import GRU, Activation, OneHot, Reverse, SimpleRNN, TiedDense

pytestmark = needs("h5py")
TOLERANCES = {"float32": 1e-5, "float64": 1e-12}
with_keras = needs("keras")


def expressible(net):
    """Reverse only before a recurrent layer that is not a Bidirectional."""
    recurrent = (tl.LSTM, GRU, SimpleRNN)
    after = [*net.layers[1:], None]
    return all(
        isinstance(b, recurrent)
        for a, b in zip(net.layers, after, strict=True)
        if isinstance(a, Reverse)
    )


expressible_nets = nets().filter(expressible)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("keras")


def peer(command, folder, backend="numpy"):
    """Run keras_peer.py, which has Keras."""
    script = Path(__file__).with_name("keras_peer.py")
    environment = os.environ | {"KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, script, command, folder], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr


@given(expressible_nets, s.st.sampled_from(["net.keras", "net.weights.h5"]))
def test_a_random_net_out_and_back_is_the_same_to_the_bit(folder, net, name):
    tl.to_keras(tl.Checkpoint(net, {"name": "events"}, settings={"window": 3}), folder / name)
    back = tl.from_keras(folder / name)
    assert (back.tokenizer, back.settings) == ({"name": "events"}, {"window": 3})
    assert same_weights(net, back.model)
    if name == "net.keras":
        assert plain(back.model) == plain(net)
    else:
        assert back.model.config() == net.config()


@with_keras
def test_keras_loads_them_and_computes_the_same(tmp_path):
    wanted = []

    @given(expressible_nets, s.seeds)
    def write_case(net, seed):
        path, states, answers = tmp_path / f"case-{len(wanted):03}.npz", None, {}
        tl.to_keras(net, path.with_suffix(".keras"))
        tl.to_keras(net, path.with_suffix(".weights.h5"))
        x = dict(zip(("x0", "x1"), inputs(net, seed)[0], strict=True))
        answers["whole"] = answers["weights"] = net.predict(np.swapaxes(x["x0"], 0, 1))
        if carries(net):
            tl.to_keras(net, path.with_suffix(".stateful.keras"), batch=x["x0"].shape[1])
            for name, chunk in x.items():
                y, states, _ = net.forward(chunk, states)
                answers[name] = np.swapaxes(y, 0, 1)
        np.savez(path, dtype=net.dtype.name, **x)
        wanted.append((path.with_suffix(".answer.npz"), answers, TOLERANCES[net.dtype.name]))

    write_case()
    peer("answer", tmp_path)
    stateful = 0
    for path, answers, tolerance in wanted:
        found = np.load(path)
        assert set(found) == set(answers)
        stateful += "x1" in answers
        for name, y in answers.items():
            assert difference(y, found[name]) <= tolerance, (path, name)
    assert stateful >= 1


# ------------------------------------------------------------------ Keras's own files


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Files that Keras wrote."""
    folder = tmp_path_factory.mktemp("written")
    peer("write", folder)
    return folder, np.load(folder / "written.npz")


@with_keras
@pytest.mark.parametrize("name", ["sequential", "functional"])
def test_a_net_that_keras_wrote(written, name):
    folder, theirs = written
    model = tl.from_keras(folder / f"{name}.keras").model
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds == ["Embedding", "LSTM", "Dropout", "Bidirectional", "BatchNormalization",
                     "LayerNormalization", "Reverse", "LSTM", "Dense", "GRU", "GRU", "SimpleRNN",
                     "Activation", "Dense", "Activation", "Dense"]  # fmt: skip
    assert model.layers[1].recurrent_dropout == 0.1
    assert difference(model.predict(theirs["ids"]), theirs[name]) < 1e-6


@with_keras
def test_weights_alone_need_an_order(written):
    folder, theirs = written
    path = folder / "theirs.weights.h5"
    order = ["embedding", "lstm", "bidirectional", "last", "dense", "relu", "batch_normalization"]
    model = tl.from_keras(path, [*order, "dense_1"]).model
    assert difference(model.predict(theirs["ids"]), theirs["weights"]) < 1e-6
    with pytest.raises(tl.FileError, match=r"'batch_normalization', 'bidirectional', 'dense', 'd"):
        tl.from_keras(path)
    with pytest.raises(tl.FileError, match=r"leaves out \['dense_1'\]"):
        tl.from_keras(path, order)


@with_keras
def test_what_acts_only_in_training_is_left_out_with_a_warning(written):
    with pytest.warns(UserWarning, match="acts in training only") as found:
        tl.from_keras(written[0] / "trained.keras")
    said = [str(one.message) for one in found]
    assert "(LSTM): dropout=0.2 acts" in said[0] and "(Dense): kernel_regularizer=" in said[1]


@with_keras
def test_a_net_that_is_no_chain_is_named(written):
    with pytest.raises(tl.FileError, match=r"layer 'gru\w*' takes \['input_layer"):
        tl.from_keras(written[0] / "joined.keras")


# ------------------------------------------------------------------ what is refused


def rewritten(path, change):
    """The .keras file with its configuration changed."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    change(config["config"]["layers"])
    members["config.json"] = json.dumps(config).encode()
    out = path.with_name("changed.keras")
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out


@pytest.mark.parametrize(
    ("layer", "arguments", "said"),
    [
        (1, {"activation": "relu"}, r"'lstm_1' \(LSTM\): activation is 'relu', but only 'tanh'"),
        (1, {"recurrent_activation": "hard_sigmoid"}, "recurrent_activation is 'hard_sigmoid'"),
        (1, {"units": 10**9}, "units is not 4"),
        (1, {"return_state": True}, "return_state is True, but only False"),
        (1, {"peephole": True}, "peephole is True: an argument that cannot be expressed"),
        (1, {"dtype": "mixed_float16"}, "dtype is 'mixed_float16'"),
        (2, {"merge_mode": "sum"}, "merge_mode is 'sum', but only 'concat'"),
        (3, {"activation": "gelu"}, "activation is 'gelu', but only 'linear'"),
        (3, {"units": 10**9}, "units is not 9"),
        (0, {"mask_zero": True}, "mask_zero is True"),
        (0, {"input_dim": 10**12}, r"its table is \(9, 3\)"),
        (4, {"axis": 1}, "axis is 1"),
        (4, {"scale": False}, "the file has 4 arrays for it, not 3"),
    ],
)
def test_an_argument_that_cannot_be_expressed_is_named(folder, layer, arguments, said):
    net = tl.Sequential([tl.Embedding(9, 3), tl.LSTM(4, True), tl.layers.Bidirectional(GRU(2)),
                         tl.Dense(9), tl.layers.BatchNormalization()])  # fmt: skip
    tl.to_keras(net, folder / "right.keras")
    path = rewritten(folder / "right.keras", lambda ls: ls[layer + 1]["config"].update(arguments))
    with pytest.raises(tl.FileError, match=f"changed.keras: .*{said}"):
        tl.from_keras(path)


def test_a_layer_without_counterpart_is_named(folder):
    tl.to_keras(tl.Sequential([tl.Embedding(9, 3), tl.Dense(2)]), folder / "right.keras")
    path = rewritten(folder / "right.keras", lambda ls: ls[2].update(class_name="Conv1D"))
    with pytest.raises(tl.FileError, match="layer 'dense_1' is a Conv1D, which has no counterpart"):
        tl.from_keras(path)


def test_what_keras_has_not_is_named(folder):
    net = tl.Sequential([tl.LSTM(2, True), Reverse(), tl.Dense(2)], input_size=3)
    with pytest.raises(ValueError, match="reverse_1: in Keras, only a recurrent layer can read"):
        tl.to_keras(net, folder / "no.keras")
    with pytest.raises(ValueError, match=r"ends neither in .keras nor in .weights.h5"):
        tl.to_keras(net, folder / "no.h5")
    assert not (folder / "no.keras").exists()


def h5(folder, make, name="odd.weights.h5"):
    """A weights file of a Dense, with whatever `make` puts in the place of its kernel."""
    import h5py

    with h5py.File(folder / name, "w") as file:
        group = file.create_group("layers/dense/vars")
        group.create_dataset("1", data=np.zeros(2, np.float32))
        make(group, h5py)
    return folder / name


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda g, h5py: g.create_dataset("0", (10**6, 10**6), "f4"), "not all in this file"),
        (lambda g, h5py: g.create_dataset("0", (10**6, 10**6), "f4", chunks=(1, 2)), "not all in"),
        (lambda g, h5py: g.create_dataset("0", data=np.zeros((3, 2)), compression="gzip"), "not"),
        (lambda g, h5py: g.create_dataset("0", (3, 2), "f4", external="/etc/passwd"), "not all"),
        (lambda g, h5py: g.__setitem__("0", h5py.ExternalLink("/etc/passwd", "a")), "is a link"),
        (lambda g, h5py: g.__setitem__("0", h5py.SoftLink("/layers")), "is a link"),
        (lambda g, h5py: g.create_group("0"), "is not an array of numbers"),
        (lambda g, h5py: g.create_dataset("0", data=[b"a"]), "is not an array of numbers"),
    ],
)
def test_arrays_that_are_not_in_the_file_are_not_read(folder, make, said):
    path = h5(folder, make)
    with pytest.raises(tl.FileError, match=rf"odd.weights.h5: layers/dense/vars/0 .*{said}"):
        tl.from_keras(path, ["dense"])


def test_a_bomb_is_not_unpacked(folder):
    path = folder / "bomb.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", b" " * 2**26)
    with pytest.raises(tl.FileError, match=r"config\.json is said to have 67,108,864 bytes"):
        tl.from_keras(path)


def test_a_file_of_keras_2_is_named(folder):
    import h5py

    with h5py.File(folder / "old.h5", "w") as file:
        file.create_group("model_weights")
    with pytest.raises(tl.FileError, match="was not written by Keras 3"):
        tl.from_keras(folder / "old.h5")


def test_a_tied_net_is_tied_again(folder):
    table = tl.Embedding(9, 4)
    net = tl.Sequential([table, tl.LSTM(4, True), TiedDense(table)])
    tl.to_keras(net, folder / "tied.keras")
    back = tl.from_keras(folder / "tied.keras").model
    assert isinstance(back.layers[2], TiedDense) and same_weights(net, back)
    assert isinstance(tl.from_keras(folder / "tied.keras").model.layers[0], tl.Embedding)


def test_ids_become_rows_of_a_table(folder):
    net = tl.Sequential([OneHot(9), tl.LSTM(4), Activation("softmax")])
    tl.to_keras(net, folder / "hot.keras")
    with zipfile.ZipFile(folder / "hot.keras") as archive:
        entry = json.loads(archive.read("config.json"))["config"]["layers"][1]
    assert entry["class_name"] == "Embedding" and entry["config"]["trainable"] is False
    assert tl.from_keras(folder / "hot.keras").model.config() == net.config()
