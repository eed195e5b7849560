"""Every formula in the documents is evaluated as it stands there, and must agree with the code.

A formula is text with an equals sign, outside code. Its sides are evaluated on random arrays; what
a name means (an output of functional.py, a derivative by the complex step) stands below. A test
fails for an equals sign that no formula here accounts for. Quoted code is checked elsewhere.
"""

import re
from pathlib import Path

import numpy as np
import pytest

from tinylstm import functional as F
from tinylstm.gradcheck import COMPLEX_STEP
from tinylstm.recurrent import simple_rnn_forward

ROOT = Path(__file__).parents[1]
PAGES = [path for path in sorted((ROOT / "docs").glob("*.md")) if not path.stem.startswith("api")]
rng = np.random.default_rng(0)
H, k, j = 3, 1, 4


def prose(page):
    """The text of a page without fenced code, code between backticks, and the ends of links."""
    text = re.sub(r"^```.*?^```|^---\n.*?^---\n", "", page.read_text(), flags=re.M | re.S)
    return re.sub(r"\s+", " ", re.sub(r"`[^`]*`|\]\([^)]*\)", " ", text))


def derivative(function, at):
    """Of a function of one number, entry by entry."""
    return function(at + 1j * COMPLEX_STEP).imag / COMPLEX_STEP


def the_cell():
    """One step of the LSTM: its inputs, what `lstm_cell_forward` gives, z by undoing the gates."""
    x, h_prev, c_prev = (rng.standard_normal((2, n)) for n in (4, H, H))
    Wx, Wh, b = (rng.standard_normal(shape) for shape in ((4, 4 * H), (H, 4 * H), 4 * H))
    zx = x @ Wx + b
    h, c, gates = F.lstm_cell_forward(zx, h_prev, c_prev, Wh)
    i, f, g, o = np.split(gates, 4, axis=-1)
    z_i, z_f, z_o = (np.log(gate / (1 - gate)) for gate in (i, f, o))
    z = np.concatenate([z_i, z_f, z_g := np.arctanh(g), z_o], axis=-1)
    return locals()


def the_loss():
    """A row of logits: the probabilities, and the loss that functional.py gives for one target."""
    logits, target, v, count = rng.standard_normal(5), 2, 3, 1
    _, p = F.softmax_cross_entropy_forward(logits[None], np.array([target]))
    dlogits = F.softmax_cross_entropy_backward(p, np.array([target]))[0]
    p, s = p[0], np.exp(logits).sum()
    onehot = np.eye(5).__getitem__
    return locals()


def a_product():
    """One row of z = h Wh, with the gradient that a random dz gives to Wh, entry by entry."""
    h, Wh, dz = rng.standard_normal(H), rng.standard_normal((H, 5)), rng.standard_normal(5)
    dWh = np.empty(Wh.shape)
    for index in np.ndindex(*Wh.shape):
        moved = Wh.astype(complex)
        moved[index] += 1j * COMPLEX_STEP
        dWh[index] = (h @ moved @ dz).imag / COMPLEX_STEP
    return {"h": h, "Wh": Wh, "dz": dz, "dWh": dWh, "z": h @ Wh, "k": k, "j": j}


def a_masked_step():
    """The state before and after a step that the mask leaves out."""
    names, mask = the_cell(), np.array([[True, True], [False, False]])
    x, state = rng.standard_normal((2, 2, 4)), (names["h_prev"], names["c_prev"])
    *_, cache = F.lstm_forward(x, *state, names["Wx"], names["Wh"], names["b"], mask=mask)
    return {"h": cache.h, "c": cache.c, "t": 1}


def a_sigmoid():
    z = rng.standard_normal(9)
    return {"z": z, "s": F.sigmoid(z), "ds_dz": derivative(F.sigmoid, z), "sigmoid": F.sigmoid}


def a_tanh():
    z = rng.standard_normal(9)
    return {"z": z, "g": np.tanh(z), "dg_dz": derivative(np.tanh, z)}


def a_simple_net():
    """One step of the simple recurrent net; h is the new state."""
    x, Wx, h_prev, Wh, b = (rng.standard_normal(s) for s in ((2, 3), (3, 4), (2, 4), (4, 4), (4,)))
    outputs, _, _ = simple_rnn_forward(x[None], h_prev, Wx, Wh, b)
    return {"x": x, "Wx": Wx, "h_prev": h_prev, "Wh": Wh, "b": b, "h": outputs[0]}


def an_analytic_function():
    """tanh and its derivative; O(h^2) is what is left over, which must shrink like h^2."""
    f, x, h = np.tanh, 0.7, 1e-3
    left, half = (f(x + 1j * s) - f(x) - 1j * s * derivative(f, x) for s in (h, h / 2))
    assert abs(left) < h**2 and abs(left / half - 4) < 1e-3
    return {
        "f": f,
        "f_": lambda x: derivative(f, x),
        "x": x,
        "ih": 1j * h,
        "h": h,
        "O": lambda small: left,
    }


FORMULAS = [  # page, formula, what the names in it mean
    ("backprop", "z = x Wx + h_prev Wh + b", the_cell),
    ("backprop", "sigmoid(z) = 1 / (1 + exp(-z))", a_sigmoid),
    ("backprop", "h = o * tanh(c)", the_cell),
    ("backprop", "c = f * c_prev + i * g", the_cell),
    ("backprop", "ds/dz = exp(-z) / (1 + exp(-z))^2 = s (1 - s)", a_sigmoid),
    ("backprop", "s = sigmoid(z)", a_sigmoid),
    ("backprop", "dg/dz = 1 - tanh(z)^2 = 1 - g^2", a_tanh),
    ("backprop", "g = tanh(z)", a_tanh),
    ("backprop", "z = zx + h_prev Wh", the_cell),
    ("backprop", "h[t+1] = h[t]", a_masked_step),
    ("backprop", "c[t+1] = c[t]", a_masked_step),
    ("backprop", "dWh[k, j] = h[k] dz[j]", a_product),
    ("backprop", "z = h Wh", a_product),
    ("backprop", "p = exp(logits) / s", the_loss),
    ("backprop", "s = sum(exp(logits))", the_loss),
    ("backprop", "-log p[target] = log s - logits[target]", the_loss),
    ("backprop", "exp(logits[v]) / s = p[v]", the_loss),
    ("backprop", "dlogits = (p - onehot(target)) / count", the_loss),
    ("backprop", "f(x + ih) = f(x) + ih f'(x) + O(h^2)", an_analytic_function),
    ("teaching", "f(x + ih) = f(x) + ih f'(x) + O(h^2)", an_analytic_function),
    ("why", "h = tanh(x Wx + h_prev Wh + b)", a_simple_net),
    ("tutorial", "z = x Wx + h_prev Wh + b", the_cell),
    ("tutorial", "i = sigmoid(z_i)", the_cell),
    ("tutorial", "f = sigmoid(z_f)", the_cell),
    ("tutorial", "g = tanh(z_g)", the_cell),
    ("tutorial", "o = sigmoid(z_o)", the_cell),
    ("tutorial", "c = f * c_prev + i * g", the_cell),
    ("tutorial", "h = o * tanh(c)", the_cell),
]
# equals signs without a formula: options, sizes, places, the grammar that test_events.py checks
SETTINGS = r"--[\w-]+=|\b[TBDHV] = \d+|\bt = (T-1|0)\b|\b(piece|note) = "


def value(text, names):
    """A side of a formula, evaluated. A product may be written without its sign."""
    for written, python in (
        ("f'", "f_"),
        ("/dz", "_dz"),
        (r"\^", "**"),
        (r"\blog (\w+(?:\[\w+\])?)", r"log(\1)"),
        (r"(\w) (?=W[xh]\b)", r"\1 @ "),  # a vector and a matrix
        (r"(?<=[\w\])]) (?=[\w(])", " * "),
    ):
        text = re.sub(written, python, text)
    known = {"exp": np.exp, "log": np.log, "tanh": np.tanh, "sum": np.sum, "sigmoid": F.sigmoid}
    return eval(text, {"__builtins__": {}}, known | names)


def agree(formula, names):
    """Whether all sides of a formula have the same value."""
    first, *others = [value(side, names) for side in formula.split(" = ")]
    return others and all(np.allclose(first, other, rtol=1e-12, atol=1e-12) for other in others)


@pytest.mark.parametrize(
    ("page", "formula", "meaning"), FORMULAS, ids=lambda x: getattr(x, "__name__", str(x))[:40]
)
def test_a_formula_is_true(page, formula, meaning):
    assert formula in prose(ROOT / "docs" / f"{page}.md"), "it does not stand there any more"
    assert agree(formula, meaning())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_equals_sign_belongs_to_a_formula(page):
    text = re.sub(SETTINGS, " ", prose(page))
    for _, formula, _ in sorted(FORMULAS, key=lambda entry: -len(entry[1])):
        text = text.replace(formula, " ")
    at = text.find("=")
    assert at < 0, f"not checked: {text[max(at - 30, 0) : at + 30]!r}"


@pytest.mark.parametrize(
    ("true", "wrong"),
    [
        ("c = f * c_prev + i * g", "c = f * c_prev - i * g"),
        ("z = x Wx + h_prev Wh + b", "z = x Wx + h_prev Wh"),
    ],
)
def test_a_wrong_sign_would_be_found(true, wrong):
    assert agree(true, the_cell()) and not agree(wrong, the_cell())


def test_derivatives_told_in_words():
    text, names = prose(ROOT / "docs" / "backprop.md"), the_cell()
    c, o = names["c"], names["o"]
    for words, function, at, formula in (
        ("derivative of h with respect to o is {}", lambda o: o * np.tanh(c), o, "tanh(c)"),
        (
            "of h with respect to c is o times the derivative of tanh, {}",
            np.tanh,
            c,
            "1 - tanh(c)^2",
        ),
    ):
        assert words.format(formula) in text
        assert np.allclose(derivative(function, at), value(formula, names), rtol=1e-13)


def test_what_a_guess_and_a_note_cost():
    text = prose(ROOT / "docs" / "glossary.md")
    assert "a uniform guess among V tokens gives log V" in text
    loss, _ = F.softmax_cross_entropy_forward(np.zeros((7, 240)), np.arange(7))
    assert np.isclose(loss, np.log(240), rtol=1e-14)
    assert "the total of -log2 p over all tokens of some pieces, divided by the number of" in text
    p, notes = rng.random(9), 4
    assert np.isclose(-np.log2(p).sum() / notes, -np.log(p).mean() * (9 / notes) / np.log(2))


def test_the_table_of_memory():
    """The second column of the table in speed.md, summed, is what test_kernels.py demands."""
    test_kernels = pytest.importorskip("test_kernels", reason="needs Numba")
    rows = re.findall(
        r"^\| [^|]+ \| ([^|]+) \| (every|layers)", (ROOT / "docs" / "speed.md").read_text(), re.M
    )
    assert len(rows) == 5
    T, B, D, units = 50, 24, 32, 96
    names = {
        "T": T,
        "b": B // 2,
        "D": D,
        "H": units,
        "R": test_kernels.row_length(4 * units, np.dtype("f4")),
        "W": test_kernels.panel_width(np.dtype("f4")),
    }
    *shard, weights = [value(cell.replace(" x ", " * "), names) for cell, _ in rows]
    model = test_kernels.Sequential([test_kernels.LSTM(units)], D)
    assert 4 * (2 * sum(shard) + weights) == test_kernels.training_bytes(model, T, B, 2)
