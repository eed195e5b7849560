"""PyTorch: random nets out and back, the printed module, foreign state dicts, what is refused."""

import os

import numpy as np
import pytest
import strategies as s
from hypothesis import given
from interchange_cases import carries, difference, inputs, needs, nets, same_weights

import tinylstm as tl
from tinylstm.interchange.onnx_check import named_states
from tinylstm.layers import GRU, Activation, BatchNormalization, Bidirectional, TiedDense

pytestmark = needs("safetensors")
TOLERANCES = {"float32": 1e-5, "float64": 1e-12}


def expressible(net):
    """nn.GRU's reset gate acts after the product."""
    readers = [getattr(layer, "readers", {"": layer}).values() for layer in net.layers]
    return all(getattr(reader, "reset_after", True) for both in readers for reader in both)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("torch")


@given(nets().filter(expressible))
def test_a_random_net_out_and_back_is_the_same_to_the_bit(folder, net):
    path = folder / "net.safetensors"
    tl.to_torch(tl.Checkpoint(net, {"name": "events"}, settings={"window": 3}), path)
    back = tl.from_torch(path)
    assert (back.tokenizer, back.settings) == ({"name": "events"}, {"window": 3})
    assert back.model.config() == net.config()
    assert same_weights(net, back.model)


@needs("torch")
@given(nets().filter(expressible), s.seeds)
def test_the_printed_module_loads_the_file_and_carries_the_state(folder, net, seed):
    import torch

    source = tl.to_torch(net, folder / "net.safetensors")
    names, here = {}, os.getcwd()
    try:
        os.chdir(folder)
        exec(source, names)
    finally:
        os.chdir(here)
    chunks, _ = inputs(net, seed)
    states, theirs = None, None
    with torch.no_grad():
        for x in chunks:
            y, states, _ = net.forward(x, states)
            found, theirs = names["net"](torch.tensor(x), theirs)
            assert difference(y, found.numpy()) <= TOLERANCES[net.dtype.name]
            finals = [f if isinstance(f, tuple) else (f,) for f in theirs.values()]
            flat = [array.numpy() for final in finals for array in final]
            for ours, state in zip(named_states(net, states, "T").values(), flat, strict=True):
                assert difference(ours, state) <= TOLERANCES[net.dtype.name]
    if carries(net):  # in one go it is the same as in two
        whole, _ = names["net"](torch.tensor(np.concatenate(chunks)))
        assert difference(y, whole[len(chunks[0]) :].detach().numpy()) <= TOLERANCES[net.dtype.name]


# ------------------------------------------------------------------ state dicts of others


def foreign():
    """A net as others write it, with all that can be read."""
    import torch
    from torch import nn

    class Foreign(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(9, 4)
            self.lstm = nn.LSTM(4, 5, num_layers=2, bidirectional=True)
            self.norm = nn.BatchNorm1d(10)
            self.gru = nn.GRU(10, 3, bias=False)
            self.layer_norm = nn.LayerNorm(3)
            self.rnn = nn.RNN(3, 6)
            self.middle = nn.Linear(6, 4, bias=False)
            self.head = nn.Linear(4, 9)

        def forward(self, x):
            x = self.lstm(self.embed(x))[0]
            x = self.norm(x.flatten(0, 1)).unflatten(0, x.shape[:2])
            x = self.rnn(self.layer_norm(self.gru(x)[0]))[0][-1]
            return self.head(torch.relu(self.middle(x)))

    torch.manual_seed(0)
    net = Foreign()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.normal_(0, 0.4)
        net.norm.running_mean.normal_()
        net.norm.running_var.uniform_(0.5, 2)
    return net.eval()


ORDER = ["embed", "lstm", "norm", "gru", "layer_norm", "rnn", "last", "middle", "relu", "head"]


@needs("torch")
def test_a_foreign_net(folder):
    import torch
    from safetensors.torch import save_file

    path, net = folder / "foreign.safetensors", foreign()
    save_file(net.state_dict(), path)
    model = tl.from_torch(path, ORDER).model
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds == ["Embedding", "Bidirectional", "Bidirectional", "BatchNormalization", "GRU",
                     "LayerNormalization", "SimpleRNN", "Dense", "Activation", "Dense"]  # fmt: skip
    x = np.random.default_rng(0).integers(9, size=(7, 3))
    assert difference(model.forward(x)[0], net(torch.tensor(x)).detach().numpy()) < 1e-6
    assert tl.from_torch(path, [e if e != "relu" else Activation("relu") for e in ORDER])
    with pytest.raises(tl.FileError, match=r"foreign.safetensors: it holds weights, .*'embed'"):
        tl.from_torch(path)
    with pytest.raises(tl.FileError, match=r"leaves out \['head'\]"):
        tl.from_torch(path, ORDER[:-1])
    with pytest.raises(tl.FileError, match=r"layers has 'tail', which the file has not"):
        tl.from_torch(path, [*ORDER, "tail"])
    with pytest.raises(tl.FileError, match=r"head takes 4 features but is given 10"):
        tl.from_torch(path, ["embed", "lstm", "head", "norm", "gru", "layer_norm", "rnn", "middle"])


@needs("torch")
def test_tied_weights_of_others_are_tied(folder):
    from safetensors.torch import save_model
    from torch import nn

    net = nn.ModuleDict({"embed": nn.Embedding(9, 4), "head": nn.Linear(4, 9)})
    net["head"].weight = net["embed"].weight
    save_model(net, folder / "tied.safetensors")
    model = tl.from_torch(folder / "tied.safetensors", ["embed", "head"]).model
    assert isinstance(model.layers[1], TiedDense)
    assert model.layers[1].params["table"] is model.layers[0].params["table"]


def write(path, tensors, metadata=None):
    from safetensors.numpy import save_file

    save_file({name: np.ascontiguousarray(a) for name, a in tensors.items()}, path, metadata)


def lstm(H=2, D=3, suffix="_l0", dtype=np.float32):
    one = np.ones((4 * H, D), dtype)
    return {f"a.weight_ih{suffix}": one, f"a.weight_hh{suffix}": np.ones((4 * H, H), dtype),
            f"a.bias_ih{suffix}": one[:, 0], f"a.bias_hh{suffix}": one[:, 0]}  # fmt: skip


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        (lstm() | {"a.weight_hr_l0": np.ones((1, 2), np.float32)}, "proj_size"),
        (lstm() | {"a.weight_ih_l1": np.ones((8, 2), np.float32)}, "have not all weights"),
        (lstm() | {"a.bias_hh_l0": np.ones(9, np.float32)}, r"\(9,\)\] are no LSTM"),
        (lstm(suffix=""), "known are nn.Embedding"),
        ({"a.weight": np.ones((2, 2, 2), np.float32)}, r"it must be \(V, U\)"),
        ({"a.weight": np.ones((2, 2), np.float16)}, "weights are float16: all must be float32"),
        ({"a.weight": np.full((2, 2), np.nan, np.float32)}, "holds nan"),
        ({"a.weight": np.ones((0, 2), np.float32)}, "has no numbers"),
        (lstm(dtype=np.float32) | {"a.bias_ih_l0": np.ones(8)}, "float32, float64: all must be"),
    ],
)
def test_what_cannot_be_expressed_is_named(folder, tensors, said):
    write(folder / "odd.safetensors", tensors)
    with pytest.raises(tl.FileError, match=rf"odd.safetensors: .*{said}"):
        tl.from_torch(folder / "odd.safetensors", ["a"])


def test_a_description_is_believed_only_if_the_weights_say_the_same(folder):
    from safetensors import safe_open

    path = folder / "net.safetensors"
    tl.to_torch(tl.Sequential([tl.Embedding(9, 4), tl.LSTM(5), tl.Dense(9)]), path)
    with safe_open(path, "numpy") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    lies = [
        ('"units": 5', '"units": 1000000000', "its weights are of LSTM"),
        ('"vocabulary": 9', '"vocabulary": 1000000000', "its weights are of Embedding"),
        ('"type": "LSTM"', '"type": "GRU"', "GRU"),
        ('"type": "LSTM"', '"type": "Spy"', "unknown layer type 'Spy'"),
        ('"name": "lstm_1"', '"name": "lstm_2"', "has weights, which the file has not"),
    ]
    for right, wrong, said in lies:
        assert right in metadata["tinylstm"]
        write(path, tensors, {"tinylstm": metadata["tinylstm"].replace(right, wrong, 1)})
        with pytest.raises(tl.FileError, match=said):
            tl.from_torch(path)


def test_what_pytorch_has_not_is_named(folder):
    path = folder / "none.safetensors"
    net = tl.Sequential([GRU(2, reset_after=False)], input_size=3)
    with pytest.raises(ValueError, match="gru_1: reset_after=False cannot be expressed"):
        tl.to_torch(net, path)

    class Own(tl.Layer):
        pass

    with pytest.raises(ValueError, match="own_1: a layer Own cannot be written for PyTorch"):
        tl.to_torch(tl.Sequential([Own()], input_size=3), path)
    assert not path.exists()


@pytest.mark.parametrize("name", ["net.pt", "net.PTH", "pytorch_model.bin"])
def test_pickles_are_refused_with_the_way_out(name):
    with pytest.raises(tl.FileError, match=rf"{name} is a pickle.*save_file\(net.state_dict"):
        tl.from_torch(name)


def test_names_that_a_module_cannot_have(folder):
    net = tl.Sequential([tl.Embedding(9, 4), BatchNormalization(), Bidirectional(GRU(3))])
    for layer, name in zip(net.layers, ("type", "a b", "forward"), strict=True):
        layer.name = name
    source = tl.to_torch(net, folder / "named.safetensors")
    assert "self.layer0_embedding = nn.Embedding(9, 4)" in source
    assert tl.from_torch(folder / "named.safetensors").model.config() == net.config()
