"""Random nets and helpers for the tests of interchange."""

import importlib.util

import numpy as np
import pytest
import strategies as s
from hypothesis import strategies as st

from tinylstm.layers import Bidirectional


def needs(*packages):
    """Skip a whole file of tests without these packages."""
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    return pytest.mark.skipif(bool(missing), reason=f"{', '.join(missing)} is not installed")


@st.composite
def nets(draw, kinds=s.kinds, longest=3):
    """A net with random weights and statistics, none of which is zero."""
    net = draw(s.nets(draw(kinds), longest=longest, reverse=True).filter(lambda net: net.params))
    rng = np.random.default_rng(draw(s.seeds))
    for name, array in net.weights.items():
        array[...] = 0.4 * rng.standard_normal(array.shape)
        if name.endswith("variance"):
            array[...] = rng.uniform(0.1, 2, array.shape)
    return net


def inputs(net, seed=0, T=4, B=3):
    """Two inputs, one after the other, and random initial states."""
    rng = np.random.default_rng(seed)
    if hasattr(net.layers[0], "vocabulary"):
        x = [rng.integers(net.layers[0].vocabulary, size=(T, B)) for _ in range(2)]
    else:
        x = [rng.standard_normal((T, B, net.input_size)).astype(net.dtype) for _ in range(2)]
    return x, s.random_states(net, B, rng)


def carries(net):
    """Whether a sequence can be cut into chunks: not if a layer reads backwards."""
    names = {type(layer).__name__ for layer in net.layers}
    return not names & {"Bidirectional", "Reverse"} and all(
        getattr(layer, "return_sequences", True) for layer in net.layers
    )


def plain(net):
    """A net's configuration without what only training or the first weights depend on."""
    config = net.config()
    for entry in config["layers"]:
        for part in (entry, entry.get("layer", {})):
            part.pop("forget_bias", None)
            part.pop("recurrent_dropout", None)
    return config


def same_weights(a, b):
    """Whether two nets have the same names and the same bits."""
    assert list(a.weights) == list(b.weights)
    for name, array in a.weights.items():
        assert array.dtype == b.weights[name].dtype, name
        assert array.tobytes() == b.weights[name].tobytes(), name
    return True


def difference(ours, theirs):
    """The largest difference, relative to the largest number if that is above 1."""
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    assert ours.shape == theirs.shape
    return float(np.abs(ours - theirs).max() / max(1.0, np.abs(ours).max()))


def is_bidirectional(layer):
    return isinstance(layer, Bidirectional)
