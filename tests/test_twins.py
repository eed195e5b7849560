"""The definition decides: an edited textbook trains the edited maths, and says so."""

import warnings
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import tinylstm as tl
from tinylstm import backend, functional, kernels, optimizers, recurrent, twins

FORGOTTEN = ("dc = dc + dh * o", "dc = dh * o")  # the next cell's gradient


@pytest.fixture(autouse=True)
def asked_anew(monkeypatch):
    monkeypatch.setattr(twins, "_checked", {})
    monkeypatch.setattr(backend, "_warned", set())
    before = backend.set_backend("auto")
    yield
    backend.set_backend(before)


@contextmanager
def edited(right, wrong, module=functional):
    """functional.py, or another module, with one line changed, in memory."""
    path = Path(module.__file__)
    source = path.read_text()
    assert source.count(right) == 1, right
    exec(compile(source.replace(right, wrong), path, "exec"), vars(module))
    try:
        yield
    finally:
        exec(compile(source, path, "exec"), vars(module))


def train(optimizer=None, recurrent_dropout=0.0, layer=None):
    """The loss of each of four steps."""

    class Losses(tl.Callback):
        values: list = []  # noqa: RUF012

        def on_batch_end(self, run, loss):
            self.values = [*self.values, loss]

    layer = layer or tl.LSTM(6, return_sequences=True, recurrent_dropout=recurrent_dropout)
    model = tl.Sequential([tl.Embedding(5, 4), layer, tl.Dense(5)])
    ids = np.random.default_rng(0).integers(5, size=81)
    losses = Losses()
    data = tl.Streams(tl.Tokens(ids, [0]), 4, 5)
    tl.fit(model, data, 1, optimizer=optimizer or tl.Adam(0.01), callbacks=[losses], threads=2)
    assert len(losses.values) == 4
    return losses.values


def test_nothing_is_said_while_nothing_is_edited():
    assert train() == train()
    assert train(recurrent_dropout=0.5) and train(tl.SGD(0.1)) and train(tl.RMSprop(0.01))
    assert train(layer=tl.GRU(6, True)) and train(layer=tl.SimpleRNN(6, True))
    assert all(difference == "" for _, difference in twins._checked.values())
    asked = {question[0] for question in twins._checked}
    assert {*twins.RESULTS, tl.Adam, tl.SGD, tl.RMSprop} == asked


def test_an_edited_backward_pass_trains_and_one_warning_says_so():
    right = train()
    with edited(*FORGOTTEN), pytest.warns(tl.SlowerWarning) as said:
        wrong = train()
    assert len(said) == 1
    message = str(said[0].message)
    assert message.startswith("functional.lstm_backward no longer gives what its fast twin in ")
    assert "kernels/lstm.py gives (largest difference " in message and "float32" in message
    assert message.endswith("or silence this with set_backend('numpy').")
    assert wrong[0] == right[0] and all(a != b for a, b in zip(wrong[1:], right[1:], strict=True))
    backend.set_backend("numpy")
    with edited(*FORGOTTEN):
        np.testing.assert_allclose(wrong, train(), rtol=1e-6)


def test_what_is_undone_runs_on_the_kernels_again_and_a_second_edit_is_told_too():
    right = train()
    for _ in range(2):
        with edited(*FORGOTTEN), pytest.warns(tl.SlowerWarning, match="lstm_backward"):
            assert train() != right
        assert train() == right


def test_an_edited_comment_changes_no_bit_and_says_nothing():
    right = train()
    with edited("# h = o * tanh(c)                     the output", "# the output, squashed"):
        assert train() == right


@pytest.mark.parametrize(
    ("right", "wrong", "function"),
    [
        ("g = np.tanh(zg)  #", "g = 1.001 * np.tanh(zg)  #", "lstm_forward"),
        ("return 0.5 + 0.5 *", "return 0.5 + 0.4999 *", "lstm_forward"),
        ("h[0], c[0] = h0, c0", "h[0], c[0] = h0, 0", "lstm_forward"),
        ("return dx, dh, dc\n", "return dx, dh, dcT\n", "lstm_backward"),
        ("    dWh += h_in", "    dWh[...] = h_in", "lstm_backward"),
        ("db += dz2.sum(axis=0)", "db += dz2.mean(axis=0)", "lstm_backward"),
        ("p = e / s  #", "p = e / (s + 1e-3)  #", "softmax_cross_entropy_forward"),
        ("-= 1 / count", "-= 0.99 / count", "softmax_cross_entropy_backward"),
    ],
)
def test_any_edit_is_seen(right, wrong, function):
    with edited(right, wrong), pytest.warns(tl.SlowerWarning, match=f"functional.{function} "):
        train()


@pytest.mark.parametrize(
    ("layer", "right", "wrong", "function"),
    [
        (tl.GRU, "h = (1 - u) * n + u * h_prev  #", "h = u * n + u * h_prev  #", "gru_forward"),
        (tl.GRU, "n = np.tanh(zn + r * an)  #", "n = np.tanh(zn + an)  #", "gru_forward"),
        (tl.GRU, "dr = dzn * an  #", "dr = dzn * n  #", "gru_backward"),
        (tl.GRU, "    dbh += da2.sum", "    dbh += dzx2.sum", "gru_backward"),
        (tl.SimpleRNN, "np.tanh(zx[t] +", "np.sin(zx[t] +", "simple_rnn_forward"),
        (tl.SimpleRNN, "dh * (1 - h[t + 1] ** 2)", "dh * (1 - h[t] ** 2)", "simple_rnn_backward"),
    ],
)  # fmt: skip
def test_an_edited_gru_or_simple_net_trains_and_says_so(layer, right, wrong, function):
    before = train(layer=layer(6, True))
    with (
        edited(right, wrong, recurrent),
        pytest.warns(tl.SlowerWarning, match=rf"^recurrent.{function} .*kernels/gru.py gives"),
    ):
        after = train(layer=layer(6, True))
    assert after != before
    assert train(layer=layer(6, True)) == before


def test_an_edit_that_only_a_mask_shows():
    with edited("h[t] if dropout is None else h[t] * dropout", "h[t]"):
        train()
        with pytest.warns(tl.SlowerWarning, match="lstm_forward"):
            train(recurrent_dropout=0.5)


def test_a_definition_that_wants_more_than_its_twin_counts_as_edited(monkeypatch):
    def with_peepholes(x, h0, c0, Wx, Wh, b, dropout, mask, peepholes=None):
        raise ZeroDivisionError("not written yet")

    monkeypatch.setattr(functional, "lstm_forward", with_peepholes)
    with (
        pytest.warns(tl.SlowerWarning, match=r"lstm_forward .*\(ZeroDivisionError: not written"),
        pytest.raises(ZeroDivisionError),
    ):
        train()


def test_a_cache_with_another_field_counts_as_edited():
    cache, dropout = functional.LSTMCache, "    dropout: ndarray | None  # (B, H) recurrent"
    with edited(dropout, f"    extra: int\n{dropout}"):
        longer = functional.LSTMCache
    assert longer._fields != cache._fields
    array = np.zeros(1)
    ours, theirs = (dict.fromkeys(kind._fields, array) for kind in (longer, cache))
    assert twins.largest_difference(ours, theirs) == "only one of them has ['extra']"


def test_numba_asked_for_by_name_is_an_error_after_an_edit():
    backend.set_backend("numba")
    train()
    with edited(*FORGOTTEN), pytest.raises(ValueError, match="lstm_backward no longer gives"):
        train()


def test_an_edited_adam_trains_and_says_so(monkeypatch):
    right = train()
    step = optimizers.Adam.step

    def downhill_twice(self, p, g, m, v):
        step(self, p, g, m, v)
        step(self, p, g, m, v)

    with monkeypatch.context() as patch:
        patch.setattr(optimizers.Adam, "step", downhill_twice)
        with pytest.warns(tl.SlowerWarning, match=r"Adam.step no longer .* kernels/elementwise.py"):
            wrong = train()
    assert wrong[0] == right[0] and wrong[1] != right[1]
    assert train() == right


class Lazy(tl.SGD):
    """A subclass with a step of its own."""

    def step(self, p, g, *slots):
        """Do nothing."""


class Renamed(tl.Adam):
    """A subclass that changes nothing."""


def test_a_subclass_that_overrides_step_keeps_its_own():
    p = {"w": np.ones(3)}
    with pytest.warns(tl.SlowerWarning, match="Lazy.step no longer"):
        Lazy(0.1).update(p, {"w": np.ones(3)})
    assert p["w"].tolist() == [1, 1, 1]


def test_a_subclass_that_changes_nothing_runs_on_the_kernel():
    assert train(Renamed(0.01)) == train()


def test_a_small_edit_of_an_optimizer_is_seen(monkeypatch):
    for change in ({"epsilon": 1e-8}, {"beta_1": 0.901}, {"beta_2": 0.9991}):

        class Other(tl.Adam):
            def step(self, p, g, *slots, change=change):
                kept = vars(self).copy()
                vars(self).update(change)
                tl.Adam.step(self, p, g, *slots)
                vars(self).update(kept)

        backend._warned.clear()
        with pytest.warns(tl.SlowerWarning, match="Other.step"):
            Other().update({"w": np.ones(3, np.float32)}, {"w": np.ones(3, np.float32)})


def test_no_memory_is_no_difference(monkeypatch):
    def full(*args):
        raise MemoryError("no room")

    monkeypatch.setattr(kernels, "lstm_forward", full)
    with warnings.catch_warnings(), pytest.raises(MemoryError):
        train()


def test_arrays_of_other_shapes_and_nan_differ():
    one = {"dx": np.ones(2)}
    assert twins.largest_difference(one, {"dx": np.ones(3)}) == "dx is (2,), not (3,)"
    assert "inf in dx" in twins.largest_difference(one, {"dx": np.array([1, np.nan])})
    assert twins.largest_difference(one, {"dx": np.ones(2) + 1e-15}) == ""


def test_a_changed_layer_trains_as_it_was_changed(monkeypatch):
    right = train()
    scan = tl.LSTM.scan

    def halved(self, x, state, rng, mask):
        outputs, final, cache = scan(self, x, state, rng, mask)
        return outputs / 2, final, cache

    monkeypatch.setattr(tl.LSTM, "scan", halved)
    assert train()[0] != right[0]
