"""Connectivity against the complex step, and against nets whose memory is known."""

import numpy as np
import pytest

import tinylstm as tl
from tinylstm.layers import GRU, OneHot, ScaledInteger, SimpleRNN

V = 5
IDS = np.array([0, 3, 1, 4, 2, 2, 0, 1])
rng = np.random.default_rng(0)


def net(first, *memory, last=None):
    layers = [first, *memory, last or tl.Dense(V)]
    model = tl.Sequential(layers, dtype=np.float64, seed=1)
    for array in model.params.values():
        array += 0.3 * rng.standard_normal(array.shape)
    return model


def tied():
    table = tl.Embedding(V, 4)
    return net(table, tl.LSTM(4, True), last=tl.TiedDense(table))


NETS = {
    "lstm": lambda: net(tl.Embedding(V, 3), tl.LSTM(4, True), tl.LSTM(3, True)),
    "last step only": lambda: net(tl.Embedding(V, 3), tl.LSTM(4)),
    "dropout": lambda: net(tl.Embedding(V, 3), tl.Dropout(0.5), tl.LSTM(4, True, 1.0, 0.5)),
    "gru": lambda: net(OneHot(V), GRU(4, True)),
    "simple": lambda: net(ScaledInteger(V), SimpleRNN(4, True)),
    "tied": tied,
}


def by_complex_step(model, ids, t, target):
    """The same, one number of one vector at a time, by moving what the second layer reads."""
    vectors = model.layers[0].forward(ids[: t + 1, None])[0].astype(complex)  # (t + 1, 1, U)
    slopes = np.zeros(vectors.shape)
    for index in np.ndindex(*vectors.shape):
        moved = vectors.copy()
        moved[index] += 1e-20j
        for layer in model.layers[1:]:
            moved = layer.forward(moved)[0]
        logits = moved[-1, 0] if moved.ndim == 3 else moved[0]
        slopes[index] = logits[target].imag / 1e-20
    return np.sqrt((slopes[:, 0] ** 2).sum(axis=-1))


@pytest.mark.parametrize("t", [0, 3, 6])
@pytest.mark.parametrize("make", NETS.values(), ids=NETS)
def test_it_is_the_complex_step(make, t):
    model = make()
    expected = by_complex_step(model, IDS, t, IDS[t + 1])
    assert np.allclose(tl.connectivity(model, IDS, t), expected, rtol=1e-12, atol=0)
    assert np.allclose(
        tl.connectivity(model, IDS, t, target=2), by_complex_step(model, IDS, t, 2), rtol=1e-12
    )


def test_a_net_without_memory_reads_the_last_token_alone():
    counts = tl.connectivity(net(tl.Embedding(V, 3)), IDS, 4)
    assert (counts[:4] == 0).all() and counts[4] > 0


def test_a_forget_gate_that_is_shut_forgets_and_one_that_is_open_keeps():
    model = net(tl.Embedding(V, 3), tl.LSTM(4, True))
    model.params["lstm_1.Wh"][...] = 0
    bias = model.params["lstm_1.b"]
    bias[4:8] = -1000
    assert (tl.connectivity(model, IDS, 5)[:5] == 0).all()
    bias[4:8] = 1000
    assert (tl.connectivity(model, IDS, 5) > 1e-3).all()


def test_vectors_have_no_embedding_to_stop_at():
    model = tl.Sequential([tl.LSTM(4, True), tl.Dense(V)], input_size=2, dtype=np.float64)
    x = rng.standard_normal((6, 2))
    moved = x[:, None].astype(complex)
    moved[1, 0, 0] += 1e-20j
    y = model.layers[1].forward(model.layers[0].forward(moved)[0])[0]
    counts = tl.connectivity(model, x, 4, target=3)
    assert counts.shape == (5,) and counts[1] >= abs(y[4, 0, 3].imag / 1e-20) > 0


def test_the_most_likely_token_counts_where_none_follows():
    model = NETS["lstm"]()
    likeliest = int(model.forward(IDS[:, None])[0][-1, 0].argmax())
    last = len(IDS) - 1
    assert (tl.connectivity(model, IDS, last) == tl.connectivity(model, IDS, last, likeliest)).all()


def test_the_weights_stay_as_they_were():
    model = tied()
    before = {name: array.copy() for name, array in model.params.items()}
    tl.connectivity(model, IDS, 3)
    assert all((model.params[name] == before[name]).all() for name in before)
    assert len(model.layers) == 3 and list(model.params) == list(before)


@pytest.mark.parametrize(
    ("t", "target", "said"),
    [(8, None, "t is 8, but the sequence has 8"), (-1, None, "t is -1"), (0, V, "target is 5")],
)
def test_what_does_not_fit_is_named(t, target, said):
    with pytest.raises(ValueError, match=said):
        tl.connectivity(NETS["lstm"](), IDS, t, target)


def test_one_layer_of_ids_has_nothing_to_differentiate():
    with pytest.raises(ValueError, match="a layer after"):
        tl.connectivity(tl.Sequential([tl.Embedding(V, 3)]), IDS, 3)
