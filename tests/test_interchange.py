"""What the formats share: lazy loading, the commands, damaged files, nets trained elsewhere."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from interchange_cases import difference, needs, same_weights

import tinylstm as tl
from tinylstm.cli import main
from tinylstm.interchange.parts import Part, assemble, dense, lookup, need
from tinylstm.interchange.tables import ORDERS, Gates, from_framework, to_framework
from tinylstm.layers import GRU, SimpleRNN
from tinylstm.music import EventTokenizer, Note, Piece, Sampling, compose_takes
from tinylstm.music.composing.control import PLAIN

HERE = Path(__file__).parent
extra = needs("onnx", "h5py", "safetensors")


# ------------------------------------------------------------------ loading, tables, parts


def test_nothing_is_loaded_before_it_is_used():
    code = """
import sys, tinylstm
names = {"tinylstm.interchange", "onnx", "h5py", "safetensors", "torch", "keras"}
assert not names & set(sys.modules), names & set(sys.modules)
assert callable(tinylstm.to_onnx) and "tinylstm.interchange" in sys.modules
assert not {"onnx", "h5py", "safetensors"} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with pytest.raises(AttributeError, match="has no attribute 'to_caffe'"):
        tl.to_caffe  # noqa: B018


@pytest.mark.parametrize("read", ["from_onnx", "from_keras", "from_torch"])
def test_what_is_no_file_is_named(read, tmp_path):
    for path in (tmp_path, Path("/dev/zero")):
        with pytest.raises(tl.FileError, match=f"{path} is not a file"):
            getattr(tl, read)(path)
    with pytest.raises(tl.FileError, match="nothing does not exist"):
        getattr(tl, read)(tmp_path / "nothing")


def test_a_package_that_is_missing_is_named():
    with pytest.raises(tl.FileError, match=r"onyx is not installed.*tinylstm\[interchange\]"):
        need("onyx.helper")


@pytest.mark.parametrize("framework", ["PyTorch", "Keras", "ONNX"])
@pytest.mark.parametrize("kind", [tl.LSTM, GRU, SimpleRNN])
def test_the_table_there_and_back(kind, framework):
    layer = kind(3)
    layer.build(2, np.random.default_rng(0), np.float64)
    for array in layer.params.values():
        array[...] = np.random.default_rng(1).standard_normal(array.shape)
    name = kind.__name__
    back = from_framework(name, framework, to_framework(layer, framework))
    assert back.keys() == layer.params.keys()
    assert all((back[key] == layer.params[key]).all() for key in back)
    assert {len(order) for order in ORDERS[name].values()} == {layer.blocks}


def test_weights_that_are_no_cell_are_named():
    ones = np.ones((4, 4), np.float32)
    with pytest.raises(ValueError, match=r"are no LSTM in the layout of Keras"):
        from_framework("LSTM", "Keras", Gates(ones, ones, ones[0], ones[0]))


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ([dense(np.ones((2, 3))), lookup(np.ones((2, 2)))], "takes token ids and so must come"),
        ([dense(np.ones((2, 3))), dense(np.ones((2, 3)))], "takes 2 features but is given 3"),
        ([dense(np.ones((2, 2))), dense(np.ones((2, 2), np.float32))], "float32, float64: all"),
        ([dense(np.full((2, 2), np.inf))], "dense_1.W holds inf"),
        ([Part(tl.Dropout(0.1))], "no layer with weights"),
    ],
)
def test_parts_that_do_not_fit_are_named(parts, said):
    with pytest.raises(ValueError, match=said):
        assemble(parts)


# ------------------------------------------------------------------ the commands


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def small(V=12):
    table = tl.Embedding(V, 4)
    return tl.Sequential([table, tl.LSTM(4, return_sequences=True), tl.TiedDense(table)], seed=2)


@extra
def test_export_and_import(tmp_path):
    model = small()
    tl.save_checkpoint(tmp_path / "a.npz", model, {"name": "events"}, settings={"tempo": 90.0})
    names = ["net.onnx", "net.keras", "net.weights.h5", "net.safetensors"]
    targets = [word for name in names for word in ("--to", tmp_path / name)]
    said = run("export", tmp_path / "a.npz", *targets)
    assert said.exit_code == 0, said.output
    assert "largest difference in onnx.reference" in said.output
    assert "self.tieddense_1.weight = self.embedding_1.weight" in said.output
    for name in names:
        said = run("import", tmp_path / name, "--to", tmp_path / "back.npz")
        assert said.exit_code == 0 and "tieddense_1" in said.output, said.output
        back = tl.load_checkpoint(tmp_path / "back.npz")
        assert same_weights(model, back.model)
        assert (back.tokenizer, back.settings) == ({"name": "events"}, {"tempo": 90.0})


@extra
def test_import_like_another_checkpoint(tmp_path):
    tl.save_checkpoint(tmp_path / "a.npz", small(), {"name": "events"}, settings={"tempo": 90.0})
    tl.to_torch(small(), tmp_path / "net.safetensors")
    arguments = ["import", tmp_path / "net.safetensors", "--to", tmp_path / "b.npz",
                 "--layers", "embedding_1 lstm_1 tieddense_1"]  # fmt: skip
    assert run(*arguments).exit_code == 0
    assert tl.load_checkpoint(tmp_path / "b.npz").tokenizer is None
    assert run(*arguments, "--like", tmp_path / "a.npz").exit_code == 0
    assert tl.load_checkpoint(tmp_path / "b.npz").settings == {"tempo": 90.0}
    tl.save_checkpoint(tmp_path / "c.npz", small(13))
    said = run(*arguments, "--like", tmp_path / "c.npz")
    assert said.exit_code == 1 and "12 outputs" in said.output and "13" in said.output


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["export", "A", "--to", "net.pb"], 1, "its suffix must be .onnx, .keras"),
        (["export", "A"], 2, "Missing option '--to'"),
        (["import", "nowhere.onnx", "--to", "b.npz"], 1, "nowhere.onnx does not exist"),
        (["import", "net.pt", "--to", "b.npz"], 1, "net.pt is a pickle"),
    ],
)
def test_what_cannot_be_done(tmp_path, arguments, code, said):
    tl.save_checkpoint(tmp_path / "a.npz", small())
    result = run(*(tmp_path / "a.npz" if a == "A" else a for a in arguments))
    assert result.exit_code == code and said in result.output, result.output


# ------------------------------------------------------------------ damaged files

COUNT = int(os.environ.get("TINYLSTM_FUZZ", "40"))


@extra
def test_damaged_files_are_read_or_named():
    """TINYLSTM_FUZZ=300 damages so many of each format."""
    script = HERE / "damaged_interchange.py"
    done = subprocess.run([sys.executable, script, str(COUNT)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    rows = json.loads(done.stdout)
    assert len(rows) == 4
    for row in rows:
        assert row["refused"] + row.get("read", 0) == COUNT and row["refused"] > COUNT / 2
        assert row["slowest"] < 10 and row["memory"] < 2000  # seconds, MB


# ------------------------------------------------------------------ trained elsewhere


@pytest.fixture(scope="module")
def tune():
    """A tokenizer, and streams (N, T+1) of a tune that can be learnt."""
    notes = [Note(i / 2, 0.5, 60 + (0, 4, 7, 4)[i % 4]) for i in range(400)]
    tokenizer = EventTokenizer().train([Piece("tune", tuple(notes))])
    ids = tokenizer.ids(tokenizer.symbols(Piece("tune", tuple(notes))))
    return tokenizer, ids[: len(ids) // 21 * 21].reshape(-1, 21).astype(np.int64)


def goes_on_and_composes(loaded, tokenizer, streams, nats):
    """Train the loaded net on, from the loss that it had, and compose with it."""
    model = loaded.model
    data = tl.Streams(tl.Tokens(streams.ravel(), [0]), 8, 20)
    history = tl.fit(model, data, 4, None, tl.Adam(0.01), threads=1)
    assert history[-1]["loss"] < history[0]["loss"] < nats + 0.7
    checkpoint = tl.Checkpoint(model, tokenizer.to_config())
    (take,) = compose_takes(checkpoint, [0], 20, Sampling(0), control=PLAIN)
    assert len(take.notes) == 20 and {note.pitch for note in take.notes} <= {60, 64, 67}


@needs("torch", "safetensors")
def test_a_net_trained_by_pytorch_goes_on_here_and_composes(tune, tmp_path):
    import torch
    from safetensors.torch import save_file
    from torch import nn

    tokenizer, streams = tune
    V = len(tokenizer)
    torch.manual_seed(0)
    modules = {"embed": nn.Embedding(V, 8), "lstm": nn.LSTM(8, 16), "head": nn.Linear(16, V)}
    net = nn.ModuleDict(modules)
    optimizer = torch.optim.Adam(net.parameters(), 0.02)
    x = torch.tensor(streams.T.copy())
    for _ in range(60):
        y = net["head"](net["lstm"](net["embed"](x[:-1]))[0])
        loss = nn.functional.cross_entropy(y.flatten(0, 1), x[1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    save_file(net.state_dict(), tmp_path / "net.safetensors")
    loaded = tl.from_torch(tmp_path / "net.safetensors", ["embed", "lstm", "head"])
    with torch.no_grad():
        theirs = net["head"](net["lstm"](net["embed"](x[:-1]))[0]).numpy()
    assert difference(loaded.model.forward(streams.T[:-1].copy())[0], theirs) < 1e-5
    goes_on_and_composes(loaded, tokenizer, streams, loss.item())


@needs("keras", "jax", "h5py")
def test_a_net_trained_by_keras_goes_on_here_and_composes(tune, tmp_path):
    tokenizer, streams = tune
    np.savez(tmp_path / "streams.npz", streams=streams, vocabulary=len(tokenizer))
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run([sys.executable, HERE / "keras_peer.py", "train", tmp_path],
                          capture_output=True, text=True, env=environment)  # fmt: skip
    assert done.returncode == 0, done.stderr
    theirs, loaded = np.load(tmp_path / "trained.npz"), tl.from_keras(tmp_path / "trained.keras")
    assert theirs["losses"][-1] < theirs["losses"][0]
    assert difference(loaded.model.predict(streams[:, :-1]), theirs["y"]) < 1e-5
    goes_on_and_composes(loaded, tokenizer, streams, theirs["losses"][-1])


@needs("onnx", "onnxruntime", "torch", "safetensors")
def test_the_same_argmax_tokens_elsewhere(tune, tmp_path):
    """The proof for the default run's network: python tests/interchange_peers.py out/model.npz."""
    from interchange_peers import InOnnxruntime, InTorch, same_tokens

    tokenizer, streams = tune
    table = tl.Embedding(len(tokenizer), 16)
    model = tl.Sequential([table, tl.LSTM(16, return_sequences=True), tl.TiedDense(table)])
    tl.fit(model, tl.Streams(tl.Tokens(streams.ravel(), [0]), 8, 20), 4, None, tl.Adam(0.02))
    checkpoint = tl.Checkpoint(model, tokenizer.to_config())
    for peer in (InOnnxruntime, InTorch):
        assert same_tokens(checkpoint, peer, tmp_path) == (True, True)


# ------------------------------------------------------------------ the page


def test_the_page_has_the_table_of_gate_orders():
    page = (HERE.parent / "docs" / "interchange.md").read_text(encoding="utf-8")
    frameworks = ["tinylstm", "PyTorch", "Keras", "ONNX"]
    assert f"| order of the blocks | {' | '.join(frameworks)} |" in page
    for kind in ("LSTM", "GRU"):
        row = " | ".join(" ".join(ORDERS[kind][framework]) for framework in frameworks)
        assert f"| {kind} | {row} |" in page
