"""The check must find every wrong gradient, say where it is, and accept every right one."""

import re
import subprocess
import sys

import numpy as np
import pytest

from tinylstm.gradcheck import METHODS, Entry, Report, Row, gradcheck
from tinylstm.gradcheck.__main__ import main
from tinylstm.layers import GRU, LSTM, Activation, Dense, Embedding, OneHot, SimpleRNN
from tinylstm.losses import CategoricalCrossentropy
from tinylstm.model import Sequential

X = np.random.default_rng(0).standard_normal((4, 2, 3))
OWN_LAYER = '''
import numpy as np


class Scale:
    """y = a x: follows the contract without our base class."""

    def __init__(self, slope=1.0):
        self.slope = slope

    def build(self, input_size, rng, dtype):
        self.params = {"a": np.ones(input_size, dtype)}
        return input_size

    def initial_state(self, batch):
        return ()

    def forward(self, x, state=None, rng=None):
        return self.params["a"] * x, (), x

    def backward(self, dy, cache, grads, dstate=None):
        grads["a"] += (dy * cache).sum(axis=(0, 1))
        return self.slope * dy * self.params["a"], ()


class Bare(Scale):
    def __init__(self, reason):
        super().__init__()
'''


def built(layer, dtype=np.float64):
    layer.build(3, np.random.default_rng(0), dtype)
    return layer


class WrongLSTM(LSTM):
    """A layer with one wrong number in one gradient."""

    def backward(self, dy, cache, grads, dstate=None):
        grads["Wh"][1, 2] += 1
        return super().backward(dy, cache, grads, dstate)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_passes_what_is_right(method):
    model = Sequential([Embedding(5, 3), LSTM(4, True), GRU(3, True), Dense(5)], dtype=np.float64)
    ids = np.array([[0, 1], [2, 4], [1, 1]])
    before = {path: array.copy() for path, array in model.params.items()}
    report = gradcheck(model, ids, ids, CategoricalCrossentropy(), method=method)
    assert report.ok and report.error < report.tolerance, str(report)
    assert all((before[path] == array).all() for path, array in model.params.items())
    assert {p.dtype for p in model.params.values()} == {np.dtype(np.float64)}


@pytest.mark.parametrize("method", METHODS)
def test_every_method_finds_what_is_wrong(method):
    report = gradcheck(built(WrongLSTM(4, True)), X, method=method)
    assert not report.ok and "WRONG" in str(report) and "NOT within" in str(report)
    wrong = [row.name for row in report.rows if row.error > report.tolerance]
    assert wrong == (
        ["all arrays", "wronglstm.Wh"] if method == "directional" else ["wronglstm.Wh"]
    )


def test_the_worst_entries_are_named():
    report = gradcheck(built(WrongLSTM(4, True)), X)
    row = next(row for row in report.rows if row.name == "wronglstm.Wh")
    assert row.worst[0].index == (1, 2) and len(row.worst) == 3
    assert abs(row.worst[0].backward - row.worst[0].check - 1) < 1e-12
    assert f"at (1, 2) backward says {row.worst[0].backward:.6g}, the check" in str(report)
    assert row.shape == (4, 16)


@pytest.mark.parametrize("method", ["central", "directional"])
def test_float32_is_checked_as_it_is(method):
    layer = built(LSTM(4, True), np.float32)
    assert gradcheck(layer, X, method=method).ok
    assert not gradcheck(built(WrongLSTM(4, True), np.float32), X, method=method).ok
    assert gradcheck(layer, X).ok  # a copy in complex128
    assert gradcheck(layer, X, method=method).tolerance > 1e-3


def test_large_models_are_checked_along_a_direction_in_float32():
    layers = [LSTM(128, True), LSTM(128, True), Dense(32)]
    model = Sequential(layers, input_size=16)
    x = np.random.default_rng(0).standard_normal((10, 4, 16))
    assert gradcheck(model, x, method="directional").error < 1e-3


def test_a_small_bug_in_a_large_model_takes_two_forward_passes():
    class Counting(Dense):
        passes = 0

        def forward(self, x, state=None, rng=None):
            Counting.passes += 1
            return super().forward(x, state, rng)

    layers = [LSTM(64, True), LSTM(64, True), Counting(32)]
    model = Sequential(layers, input_size=16, dtype=np.float64)
    x = np.random.default_rng(0).standard_normal((10, 8, 16))
    assert gradcheck(model, x, method="directional").ok
    assert Counting.passes == 2 + 2  # one for the shapes of its outputs, one for backward


def test_what_complex_numbers_cannot_do():
    class Absolute(Activation):
        def forward(self, x, state=None, rng=None):
            return np.abs(x), (), np.sign(x)

        def backward(self, dy, cache, grads, dstate=None):
            return dy * cache, ()

    layer = built(Absolute(None))
    assert not gradcheck(layer, X).ok
    assert gradcheck(layer, X, method="central").ok


def test_dropout_can_be_left_out():
    model = Sequential([Dense(3), LSTM(8, True, recurrent_dropout=0.5)], 3, dtype=np.float64)
    assert gradcheck(model, X).ok and gradcheck(model, X, training=False).ok
    worst = [gradcheck(model, X, training=t).rows[0].worst for t in (True, False)]
    assert worst[0] != worst[1]


def test_other_seeds_are_other_checks():
    errors = {gradcheck(built(LSTM(2)), X, seed=seed).rows[0].worst[0].check for seed in range(3)}
    assert len(errors) == 3


def test_nothing_but_rounding_is_no_error():
    """A bias before batch normalization has no effect: both gradients are only rounding errors, so
    their relative difference is large.
    """
    from tinylstm.layers import BatchNormalization

    model = Sequential([Dense(3), BatchNormalization()], 3, dtype=np.float64)
    assert gradcheck(model, X).ok


def test_a_saturated_gate_is_no_error():
    """tanh(9.5) is nearly 1, so 1 - tanh^2 keeps only its last digits: the error is 1e-16 of the
    incoming gradient, but 1e-8 of the outgoing one.
    """
    layer = built(SimpleRNN(1, True))
    for seed in range(5):
        assert gradcheck(layer, np.full((1, 1, 3), 12.0), seed=seed).ok


def test_not_a_number_is_an_error():
    class Lost(Dense):
        def backward(self, dy, cache, grads, dstate=None):
            dx, dstate = super().backward(dy, cache, grads, dstate)
            grads["W"][0, 1] = np.nan
            return dx, dstate

    report = gradcheck(built(Lost(2)), X)
    assert not report.ok and np.isnan(report.error)
    assert report.rows[0].worst[0].index == (0, 1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: gradcheck(built(Dense(2)), X, method="guess"),
            "method is 'guess': use one of ['central', 'complex', 'directional']",
        ),
        (
            lambda: gradcheck(built(Dense(2)), X, loss=CategoricalCrossentropy()),
            "gradcheck needs targets and loss, or neither: pass both",
        ),
        (
            lambda: gradcheck(built(Dense(2)), X, np.zeros((4, 2), int)),
            "gradcheck needs targets and loss, or neither: pass both",
        ),
        (
            lambda: gradcheck(built(OneHot(3)), np.zeros((2, 2), int)),
            "nothing to check: no parameters, no states, and the input is ids",
        ),
        (
            lambda: gradcheck(built(Dense(2)), X * np.nan),
            "the input of dense holds (nan+0j) at (0, 0, 0): clean the data",
        ),
    ],
)
def test_what_does_not_fit_is_named(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


def test_a_gradient_of_the_wrong_shape_is_named():
    class Short(Dense):
        def backward(self, dy, cache, grads, dstate=None):
            return super().backward(dy, cache, grads, dstate)[0][..., :1], ()

    message = "backward gives x a gradient of shape (4, 2, 1), but x has shape (4, 2, 3)"
    with pytest.raises(ValueError, match=re.escape(message)):
        gradcheck(built(Short(2)), X)


def test_the_table():
    rows = [
        Row("a", (2,), 0.25, (Entry((1,), 1.0, 2.0), Entry((), 1.0, 0.5))),
        Row("bb", (), 0, ()),
    ]
    assert str(Report(rows, 1e-3)).splitlines() == [
        "array  shape           largest error",
        "a      (2,)            2.5e-01  WRONG",
        "    at (1,) backward says 1, the check 2",
        "    backward says 1, the check 0.5",
        "bb     ()              0.0e+00",
        "NOT within 1e-03",
    ]
    assert str(Report(rows, 0.25)).splitlines()[-1] == "all within 2e-01"
    assert Report(rows, 0.25).ok and not Report(rows, 0.2).ok


# ------------------------------------------------------------------------ the command line


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "own.py"
    path.write_text(OWN_LAYER)
    return path


@pytest.mark.parametrize(
    "line",
    [
        "lstm",
        "lstm units=2 recurrent_dropout=0.5 --steps 2 --batch 1 --input-size 2",
        "gru --method central",
        "simplernn return_sequences=true",
        "bidirectional units=2",
        "dense activation=relu",
        "activation",
        "embedding vocabulary=4",
        "dropout --inference",
        "batchnormalization",
        "model",
        "tied --method directional --dtype float32 --seed 3",
        "{own}:Scale",
        "{own}:Bare reason=none",
    ],
)
def test_what_is_right_exits_with_0(line, own, capsys):
    assert main(line.format(own=own).split()) == 0
    assert "all within" in capsys.readouterr().out


def test_what_is_wrong_exits_with_1(own, capsys):
    assert main([f"{own}:Scale", "slope=2.0"]) == 1
    assert "x        (4, 2, 3)       8.6e-01  WRONG" in capsys.readouterr().out
    assert main(["lstm", "--tolerance", "1e-30"]) == 1


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("nothing", "no 'nothing': use FILE.py:CLASS or one of ['activation'"),
        ("missing.py:Layer", "no 'missing.py:Layer'"),
        ("missing.npz", "missing.npz does not exist"),
        ("{own}:Other", "own.py does not define Other"),
        ("{text}:Other", "own.txt is not a Python file"),
        ("{own}:Bare", "Bare cannot be built"),
        ("lstm units", "'units' is not a setting: write name=value"),
        ("lstm units=0", "LSTM units is 0: use at least 1"),
        ("onehot", "nothing to check"),
        ("tieddense", "TiedDense cannot be built"),
    ],
)
def test_nothing_to_check_exits_with_2(line, message, own, capsys):
    text = own.with_suffix(".txt")
    text.write_text("")
    assert main(line.format(own=own, text=text).split()) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    "model",
    [
        Sequential([Embedding(4, 3), LSTM(3, True), Dense(4)], dtype=np.float64),
        Sequential([LSTM(3, True)], input_size=2, dtype=np.float32),
    ],
)
def test_a_file_is_checked_along_a_direction(model, tmp_path, capsys):
    model.save(tmp_path / "m.npz")
    assert main([str(tmp_path / "m.npz")]) == 0
    assert "all arrays" in capsys.readouterr().out


def test_python_dash_m():
    command = [sys.executable, "-W", "error", "-m", "tinylstm.gradcheck", "dense"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "") and "all within 1e-12" in done.stdout


@pytest.fixture
def kernels():
    """The kernels, where Numba is installed and its compiler is not switched off."""
    if pytest.importorskip("numba").config.DISABLE_JIT:
        pytest.skip("Numba's compiler is switched off")
    from tinylstm import kernels

    return kernels


@pytest.mark.parametrize("method", ["central", "directional"])
def test_the_report_names_what_it_checked_and_that_is_what_ran(method, monkeypatch, kernels):

    model = Sequential([Embedding(5, 3), LSTM(4, True), Dense(5)], dtype=np.float64)
    ids = np.array([[0, 1], [2, 3], [4, 4]])
    case = (model, ids, ids, CategoricalCrossentropy())
    report = gradcheck(*case, method=method, backend="numba")
    assert report.ok and report.implementation == (
        "kernels: lstm_backward, lstm_forward, softmax_cross_entropy_backward, "
        "softmax_cross_entropy_forward"
    )
    assert str(report).endswith(f"({report.implementation})")

    def never(*arguments):
        raise AssertionError("the textbook was to be checked")

    for name in ("lstm_forward", "lstm_backward", "softmax_cross_entropy_forward"):
        monkeypatch.setattr(kernels, name, never)
    report = gradcheck(*case, method=method)
    assert report.ok and report.implementation == "textbook"


def test_the_kernels_take_no_complex_numbers():
    with pytest.raises(ValueError, match="kernels take no complex numbers: use method 'central'"):
        gradcheck(built(LSTM(4, True)), X, backend="numba")
    with pytest.raises(ValueError, match="backend is 'gpu': use one of"):
        gradcheck(built(LSTM(4, True)), X, backend="gpu")


def test_the_command_line_checks_either_implementation(capsys, kernels):
    assert main(["lstm"]) == 0 and "(textbook)" in capsys.readouterr().out
    assert main(["lstm", "--backend", "numba"]) == 0
    assert "(kernels: lstm_backward, lstm_forward)" in capsys.readouterr().out
    assert main(["lstm", "--backend", "numba", "--method", "complex"]) == 2
