"""The course: every solution passes, every known wrong answer gets its own hint, and whatever else
a learner may write gets a clear message.
"""

import ast
import doctest
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # exercises/ is not installed

from exercises.__main__ import main  # noqa: E402
from exercises.grading.answers import COUNT, FILES, HERE, SOLUTIONS, load  # noqa: E402
from exercises.grading.checks import complex_step  # noqa: E402
from exercises.grading.grade import (  # noqa: E402
    complete,
    grade,
    judged,
    task_of,
    wrong_answer,
)
from exercises.grading.worker import grades  # noqa: E402

NUMBERS = range(1, COUNT + 1)
WRONG = [(number, wrong) for number in NUMBERS for wrong in task_of(number).wrong]


@pytest.mark.parametrize("number", NUMBERS)
def test_the_reference_solution_passes(number):
    found = grade(SOLUTIONS, number)
    assert (found.status, found.message) == ("right", "")
    assert len(found.passed) == len(task_of(number).checks) and found.error < 1e-12 and found.after


@pytest.mark.parametrize(("number", "wrong"), WRONG)
def test_a_wrong_answer_gets_its_own_hint(number, wrong):
    task = task_of(number)
    found = judged(task, number, complete(task, wrong_answer(task, number, wrong), SOLUTIONS))
    assert found["status"] in ("wrong", "broken") and found["hint"] == wrong.hint, found


@pytest.mark.parametrize("number", NUMBERS)
def test_at_least_four_wrong_answers_are_known(number):
    hints = [wrong.hint for wrong in task_of(number).wrong]
    assert len(set(hints)) == len(hints) >= 4


@pytest.mark.parametrize("number", NUMBERS)
def test_a_stub_is_not_written_yet(number):
    found = grade(HERE, number)
    if found.status != "unwritten" and not os.environ.get("CI"):
        pytest.skip("somebody is solving the exercises in this clone")
    assert (found.status, found.hint) == ("unwritten", "")
    assert found.message.startswith("not written yet")


def shape_of(path):
    """What stub and solution share: the text at the top, and each function's signature and text."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    imports = [ast.unparse(n) for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)]
    known = task_of(FILES.index(path.name) + 1).functions
    signatures = {f.name: (ast.unparse(f.args), ast.get_docstring(f)) for f in functions}
    return ast.get_docstring(tree), imports, {name: signatures.get(name) for name in known}


@pytest.mark.parametrize("file", FILES)
def test_stub_and_solution_ask_the_same(file):
    assert shape_of(HERE / file) == shape_of(SOLUTIONS / file)
    text = ast.get_docstring(ast.parse((HERE / file).read_text(encoding="utf-8")))
    number = FILES.index(file) + 1
    assert text.startswith(f"{number}. ") and f"python -m exercises {number}" in text
    assert len((HERE / file).read_text(encoding="utf-8").splitlines()) < 65  # short


def test_every_exercise_has_a_task_and_a_solution_of_its_name():
    assert 12 <= COUNT <= 15
    assert sorted(path.name for path in SOLUTIONS.glob("ex*.py")) == FILES
    assert sorted(path.name for path in (HERE / "grading" / "tasks").glob("ex*.py")) == FILES


# ------------------------------------------------------- answers written in quite another way


def learner(folder, file, text):
    """A learner's folder with one file."""
    folder.mkdir(exist_ok=True)
    (folder / file).write_text(f"import math\nimport numpy as np\n\n\n{text}", encoding="utf-8")
    return folder


SIGMOID = "def sigmoid(x): {}\ndef sigmoid_backward(dy, y): return dy * y * (1 - y)\n"
CELL = """
def cell_forward(x, h_prev, c_prev, Wx, Wh, b):
    H = h_prev.shape[1]
    s = lambda z: 1 / (1 + np.exp(-z))
    z = np.zeros((len(x), 4 * H), np.result_type(x, h_prev, Wx, Wh, b))
    for n in range(len(x)):
        for k in range(4 * H):
            z[n, k] = sum(x[n, d] * Wx[d, k] for d in range(x.shape[1])) + b[k]
            z[n, k] += sum(h_prev[n, j] * Wh[j, k] for j in range(H))
    i, f, g, o = (s(z[:, :H]), s(z[:, H:2*H]), {}(z[:, 2*H:3*H]), s(z[:, 3*H:]))
    c = c_prev * f + g * i
    return np.tanh(c) * o, c, np.hstack([i, f, g, o])
"""
BACKWARD = """
def cell_backward(dh, dc, c_prev, c, gates):
    dz, dc_prev = np.zeros(gates.shape), np.zeros(c.shape)
    H = c.shape[1]
    for n in range(c.shape[0]):
        for k in range(H):
            i, f, g, o = (gates[n, k + j * H] for j in range(4))
            m = {} + dh[n, k] * o / math.cosh(c[n, k]) ** 2
            dz[n, k] = m * g * i * (1 - i)
            dz[n, k + H] = m * {}[n, k] * f * (1 - f)
            dz[n, k + 2 * H] = m * i * (1 - g * g)
            dz[n, k + 3 * H] = dh[n, k] * math.tanh(c[n, k]) * o * (1 - o)
            dc_prev[n, k] = m * f
    return dz, dc_prev
"""
SCATTER = """
def embed(table, ids):
    return np.stack([table[row] for row in ids])

def add_embedding_gradient(dy, ids, dtable):
    {}
"""


ENTROPY = """
def softmax_cross_entropy(z, t):
    m = z.max(axis=1)[:, None]
    log_p = z - m - np.log(np.exp(z - m).sum(axis=1))[:, None]
    return -sum(log_p[n, t[n]] for n in range(len(t))) {}, np.exp(log_p)

def softmax_cross_entropy_backward(p, t):
    return (p - np.eye(p.shape[1])[t]) {}
"""
TIME = """
from tinylstm.functional import lstm_cell_backward, lstm_cell_forward

def lstm_forward(x, h0, c0, Wx, Wh, b):
    h, c, gates = [h0], [c0], []
    for step in x:
        now = lstm_cell_forward(step @ Wx + b, h[-1], c[-1], Wh)
        for kept, new in zip((h, c, gates), now):
            kept.append(new)
    return np.stack(h), np.stack(c), np.stack(gates)

def lstm_backward(dout, dh, dc, c, gates, Wh):
    found = []
    for t in range(len(dout) - 1, -1, -1):
        dz, dc = lstm_cell_backward({}, dc, {}, gates[t])
        dh = np.einsum("bk,hk->bh", dz, Wh)
        found.insert(0, dz)
    return np.stack(found), dh, dc
"""
WEIGHTS = """
def add_weight_gradients(x, h, dz, dWx, dWh, db):
    dWx {0} np.einsum("tbd,tbk->dk", x, dz)
    dWh {0} np.einsum("tbh,tbk->hk", {1}, dz)
    db {0} np.einsum("tbk->k", dz)
"""
ADAM = """
def adam(p, g, m, v, t, rate, beta_1, beta_2, epsilon):
    m, v = m + (1 - beta_1) * (g - m), v + (1 - beta_2) * (g * g - v)
    root = (v / (1 - beta_2 ** t)) ** 0.5
    return p - rate / (root + epsilon) * (m / (1 - {})), m, v
"""
RESET = """
def gru_forward(zx, h_prev, Wh, bh):
    H = h_prev.shape[1]
    s = lambda z: (1 + np.tanh(z / 2)) / 2
    a = h_prev @ Wh + bh
    r, u = s(zx[:, :H] + a[:, :H]), s(zx[:, H:2 * H] + a[:, H:2 * H])
    n = np.tanh(zx[:, 2 * H:] + {})
    return n + u * (h_prev - n), np.hstack([r, u, n]), a[:, 2 * H:]

def gru_backward(dh, h_prev, gates, an, Wh):
    raise NotImplementedError
"""
NUCLEUS = """
def distribution(logits, temperature, top_p):
    if not temperature:
        return (np.arange(len(logits)) == np.argmax(logits)) * 1.0
    p = np.exp((logits - max(logits)) / temperature)
    p, mass, kept = p / sum(p), 0.0, np.zeros(len(p))
    for v in sorted(range(len(p)), key=lambda v: p[v], reverse=True):
        if {}:
            kept[v] = p[v]
        mass += p[v]
    return kept / sum(kept)

def draw(p, u):
    total = 0.0
    for token, share in enumerate(p):
        total += share
        if total > u:
            return token
"""


@pytest.mark.parametrize(
    ("number", "text", "status", "hint"),
    [
        (1, SIGMOID.format("return np.exp(-np.logaddexp(0, -x))"), "broken", ""),  # not complex
        (1, SIGMOID.format("return (np.tanh(.5 * x) + 1) / 2"), "right", ""),
        (1, SIGMOID.format("return (np.tanh(x) + 1) * .5"), "wrong", "sigmoid(2 x)"),
        (1, SIGMOID.format("return np.where(x > 0, 1 / (1 + np.exp(-abs(x))), 1 - 1 / (1 + "
                           "np.exp(-abs(x))))"), "wrong", "Use one formula"),
        (3, CELL.format("np.tanh"), "right", ""),
        (3, CELL.format("s"), "wrong", "the candidate g is not a gate"),
        (4, BACKWARD.format("dc[n, k]", "c_prev"), "right", ""),
        (4, BACKWARD.format("0", "c_prev"), "wrong", "your dc ignores the next cell"),
        (4, BACKWARD.format("dc[n, k]", "c"), "wrong", "multiplied the old cell state"),
        (2, ENTROPY.format("/ len(t)", "/ len(t)"), "right", ""),
        (2, ENTROPY.format("", "/ len(t)"), "wrong", "a sum where the mean belongs"),
        (2, ENTROPY.format("/ len(t)", ""), "wrong", "a mean over N rows"),
        (5, TIME.format("dh + dout[t]", "c[t], c[t + 1]"), "right", ""),
        (5, TIME.format("dout[t]", "c[t], c[t + 1]"), "wrong", "no backpropagation through time"),
        (5, TIME.format("dh + dout[t]", "c[t + 1], c[t]"), "wrong", "the other way round"),
        (7, WEIGHTS.format("+=", "h[:-1]"), "right", ""),
        (7, WEIGHTS.format("+=", "h[1:]"), "wrong", "what went into step t is h[t]"),
        (10, ADAM.format("beta_1 ** t"), "right", ""),
        (10, ADAM.format("beta_1"), "wrong", ""),
        (12, RESET.format("r * (h_prev @ Wh + bh)[:, 2 * H:]"), "unwritten", ""),
        (12, RESET.format("(h_prev @ Wh + bh)[:, 2 * H:]"), "wrong", "reset gate is missing"),
        (12, RESET.format("(r * h_prev) @ Wh[:, 2 * H:] + bh[2 * H:]"), "wrong",
         "reset the state before the product"),
        (13, NUCLEUS.format("mass < top_p"), "right", ""),
        (13, NUCLEUS.format("mass + p[v] <= top_p"), "wrong", "the token that reaches top_p"),
        (8, SCATTER.format("for t, n in np.ndindex(*ids.shape): dtable[ids[t, n]] += dy[t, n]"),
         "right", ""),
        (8, SCATTER.format("dtable[ids.ravel()] += dy.reshape(ids.size, -1)"), "wrong",
         "adds only one of its gradients"),
    ],
)  # fmt: skip
def test_it_does_not_matter_how_an_answer_is_written(tmp_path, number, text, status, hint):
    found = grade(learner(tmp_path, FILES[number - 1], text), number)
    assert found.status == status and hint in found.hint, found


def test_two_mistakes_are_told_one_at_a_time(tmp_path):
    text = "def sigmoid(x): return (np.tanh(x) + 1) / 2\ndef sigmoid_backward(dy, y): return dy\n"
    assert "sigmoid(2 x)" in grade(learner(tmp_path, FILES[0], text), 1).hint


def test_backward_is_graded_by_the_learners_own_forward(tmp_path):
    """Without an exercise 3 the reference's forward is used; with a right one, the learner's."""
    learner(tmp_path, FILES[3], BACKWARD.format("dc[n, k]", "c_prev"))
    assert grade(tmp_path, 4).status == "right"
    called = tmp_path / "called"
    count = f"    with open({str(called)!r}, 'a') as file:\n        file.write('x')\n    H = h_prev"
    spy = CELL.format("np.tanh").replace("    H = h_prev", count, 1)
    learner(tmp_path, FILES[2], spy)
    assert grade(tmp_path, 4).status == "right"
    assert len(called.read_text()) > 60  # in each check one for each number of z and c_prev


# ------------------------------------------------------------- whatever else a learner may write


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ("raise NotImplementedError", "unwritten", "not written yet"),
        ("return 1 / 0", "broken", "raises ZeroDivisionError: division by zero in line 5"),
        ("return undefined", "broken", "raises NameError"),
        ("import sys; sys.exit(3)", "broken", "raises SystemExit"),
        ("pass", "broken", "returns nothing: end with `return y`"),
        ("return 'half'", "broken", "not an array of numbers"),
        ("return [[1, 2], [3]]", "broken", "not an array of numbers"),
        ("return x[:, :1] if x.ndim > 1 else x[:1]", "wrong", "shape (1,), but (3,) is wanted"),
        ("return x * np.nan", "wrong", "y holds nan at [0]"),
        ("return np.log(x - 1)", "broken", "FloatingPointError"),
        ("x *= 2; return x", "broken", "writes into its arguments in line 5: "),
        ("return sigmoid(x)", "broken", "RecursionError"),
        ("return 1j * x", "wrong", "complex"),
        ("return x * 0", "wrong", "All of your y is zero"),
        ("return -0.5 - 0.5 * np.tanh(x / 2)", "wrong", "exactly the negative"),
        ("return 1 + np.tanh(x / 2)", "wrong", "is 2 times the right one"),
    ],
)
def test_a_clear_message_for(tmp_path, body, status, said):
    found = grade(learner(tmp_path, FILES[0], SIGMOID.format(body)), 1)
    assert found.status == status and said in found.message, found
    assert "Traceback" not in found.message


def test_the_line_is_the_learners_own(tmp_path):
    """Also where the grader calls in between, and the error is raised by a library."""
    number = FILES.index("ex10_adam.py") + 1
    text = "def adam(p, g, m, v, t, *rest):\n    return np.zeros((2, 3)) @ p[:2], m, v\n"
    found = grade(learner(tmp_path, FILES[number - 1], text), number)
    assert "in line 6: return np.zeros((2, 3)) @ p[:2], m, v" in found.message, found


def test_two_results_of_three(tmp_path):
    text = "def cell_forward(x, h, c, Wx, Wh, b): return h, c\n"
    found = grade(learner(tmp_path, FILES[2], text), 3)
    assert "returns 2 results, but 3 are wanted: h, c, gates" in found.message


def test_a_forward_that_drops_the_imaginary_part(tmp_path):
    text = "def embed(table, ids):\n    y = np.zeros((*ids.shape, table.shape[1]))\n"
    text += (
        "    y[...] = table[ids]\n    return y\n\n\ndef add_embedding_gradient(dy, ids, dtable):\n"
    )
    found = grade(learner(tmp_path, FILES[7], text + "    np.add.at(dtable, ids, dy)\n"), 8)
    assert found.failed == "complex numbers" and "drops the imaginary part" in found.message
    assert "in line 7: y[...] = table[ids]" in found.message and "float arrays" in found.hint


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def sigmoid(x:\n", "does not load: '(' was never closed, line 5"),
        ("import not_there\n", "does not load: ModuleNotFoundError"),
        ("def other(x): return x\n", "does not define sigmoid"),
    ],
)
def test_a_file_that_does_not_load_is_named(tmp_path, text, said):
    found = grade(learner(tmp_path, FILES[0], text), 1)
    assert found.status == "broken" and said in found.message and FILES[0] in found.message


def test_what_never_ends_or_ends_the_process(tmp_path):
    learner(tmp_path, FILES[0], SIGMOID.format("\n    while True:\n        x = x + 1\n"))
    learner(tmp_path, FILES[1], "import os\n\n\ndef softmax_cross_entropy(z, t): os._exit(3)\n"
            "def softmax_cross_entropy_backward(p, t): pass\n")  # fmt: skip
    shutil.copy(SOLUTIONS / FILES[2], tmp_path)
    (endless,) = grades(tmp_path, [1], limit=3.0)  # a busy machine needs a second to begin
    exits, right = grades(tmp_path, [2, 3])
    assert endless.status == "broken" and "sigmoid was still running after 3 s" in endless.message
    assert f"of {FILES[0]}" in endless.message and "line " in endless.message
    assert exits.status == "broken" and "ends the whole process" in exits.message
    assert right.status == "right"


def test_a_tokenizer_of_another_kind(tmp_path):
    """One that counts time in single steps, with a code of its own: any design passes that loses
    nothing; a vocabulary of chords does not.
    """
    text = """
def encode(notes):
    ids, now = [], 0
    for onset, duration, pitch in notes:
        ids += [500] * (onset - now) + [200 + pitch] + [501] * duration
        now = onset
    return ids

def decode(ids):
    notes, now = [], 0
    for token in ids:
        if token == 500:
            now += 1
        elif token == 501:
            notes[-1][1] += 1
        else:
            notes.append([now, 0, token - 200])
    return [tuple(note) for note in notes]
"""
    number = FILES.index("ex14_tokenizer.py") + 1
    assert grade(learner(tmp_path, FILES[number - 1], text), number).status == "right"
    learner(tmp_path, FILES[number - 1], text.replace("200", "400"))
    assert "the vocabulary is 0 to 511" in grade(tmp_path, number).message
    learner(tmp_path, FILES[number - 1], text.replace("[500] * (onset - now)", "[]"))
    assert "made up" in grade(tmp_path, number).message


# ------------------------------------------------------------------------------- the command


def test_from_a_clone_to_the_first_grade():
    """As the README has it, with what a learner sees."""
    environment = {**os.environ, "PYTHONPATH": ""}  # from the clone's folder alone
    command = [sys.executable, "-m", "exercises", "1"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert not done.stderr and "1. the sigmoid" in done.stdout


def test_the_overview_shows_progress_and_what_is_next(tmp_path, capsys):
    for file in FILES[:2]:
        shutil.copy(SOLUTIONS / file, tmp_path)
    learner(tmp_path, FILES[2], CELL.format("s"))
    assert main(["--answers", str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert "1 [x] the sigmoid" in said and "3 [!] the cell, forward" in said
    assert "4 [ ] the cell, backward" in said and f"2 of {COUNT} solved" in said
    assert f"{FILES[2]}, then: python -m exercises 3" in said


def test_one_exercise_in_full(tmp_path, capsys):
    learner(tmp_path, FILES[3], BACKWARD.format("0", "c_prev"))
    assert main(["4", "--answers", str(tmp_path)]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "WRONG gradient from the next cell alone" in said
    assert "complex step of your forward says" in said
    assert "Hint: your dc ignores the next cell" in said
    assert main(["1", "2", "--answers", str(SOLUTIONS)]) == 0
    assert capsys.readouterr().out.count("Solved, to ") == 2


def test_half_an_exercise(tmp_path, capsys):
    text = SIGMOID.format("return 0.5 + 0.5 * np.tanh(x / 2)")
    text = text.replace("return dy * y * (1 - y)", "raise NotImplementedError")
    learner(tmp_path, FILES[0], text)
    assert main(["1", "--answers", str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert "right   complex numbers" in said and "backward: not written yet" in said


def test_a_class_as_json(tmp_path, capsys):
    for name, file in (("ada", FILES[0]), ("grace", FILES[1])):
        (tmp_path / name).mkdir()
        shutil.copy(SOLUTIONS / file, tmp_path / name)
    noisy = (tmp_path / "ada" / FILES[0]).read_text() + "\nprint('hello')\n"
    (tmp_path / "ada" / FILES[0]).write_text(noisy)
    folders = [str(tmp_path / name) for name in ("ada", "grace")]
    assert main(["1", "2", "--json", "--answers", *folders]) == 1
    ada, grace = json.loads(capsys.readouterr().out)
    assert (ada["learner"], ada["solved"], grace["learner"], grace["solved"]) == (
        *("ada", 1), *("grace", 1)
    )  # fmt: skip
    assert [entry["status"] for entry in ada["exercises"]] == ["right", "unwritten"]
    assert ada["exercises"][0]["number"] == 1 and grace["exercises"][1]["title"]


def test_adapters_name_functions_that_are_elsewhere(tmp_path, capsys):
    (tmp_path / "mine.py").write_text("import numpy as np\ndef s(x): return (1 + np.tanh(x/2))/2\n")
    text = "from mine import s\nANSWERS = {'sigmoid': s, "
    text += "'sigmoid_backward': lambda dy, y: dy * (y - y * y)}\n"
    (tmp_path / "adapters.py").write_text(text)
    assert main(["1", "--answers", str(tmp_path)]) == 0
    assert "Solved" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["99"], "there is no exercise 99"),
        (["1", "--answers", "nowhere"], "nowhere is not a folder"),
    ],
)
def test_what_cannot_be_graded_is_named(arguments, said, capsys):
    with pytest.raises(SystemExit):
        main(arguments)
    assert said in capsys.readouterr().err


# ----------------------------------------------------------------------------- the judges


def test_the_complex_step_is_the_derivative():
    x = np.random.default_rng(0).standard_normal((3, 2))
    (found,) = complex_step(lambda x: (np.tanh(x) ** 3).sum(), x)
    assert np.allclose(found, 3 * np.tanh(x) ** 2 * (1 - np.tanh(x) ** 2), rtol=1e-14)


def with_weights(net, Wx, Wh, b, bh):
    """A net of PyTorch's with these weights."""
    import torch

    for parameter, array in zip(net.parameters(), (Wx.T, Wh.T, b, bh), strict=True):
        parameter.data = torch.tensor(np.ascontiguousarray(array), dtype=torch.float64)
    return net


def test_the_published_numbers_are_pytorchs():
    """What the tasks quote, asked again of PyTorch."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    published = {n: task_of(n).checks[-1 if n == 10 else 0] for n in (2, 3, 5, 10, 12)}
    given = {n: check.arguments(None) for n, check in published.items()}
    said = {n: check.expected(None) for n, check in published.items()}

    def tensor(array):
        return torch.tensor(np.ascontiguousarray(array), dtype=torch.float64)

    loss = torch.nn.functional.cross_entropy(
        tensor(given[2]["logits"]), torch.tensor(given[2]["targets"])
    )
    assert abs(float(loss) - said[2][0]) < 1e-15

    for n, kind in ((3, torch.nn.LSTMCell), (5, torch.nn.LSTM)):
        g = given[n]
        net = with_weights(kind(2, 2), g["Wx"], g["Wh"], g["b"], 0 * g["b"])
        if n == 3:
            h, c = net(tensor(g["x"]), (tensor(g["h_prev"]), tensor(g["c_prev"])))
            assert np.allclose(h.detach(), said[3][0], rtol=0, atol=1e-15)
            assert np.allclose(c.detach(), said[3][1], rtol=0, atol=1e-15)
        else:
            y, _ = net(tensor(g["x"]), (tensor(g["h0"])[None], tensor(g["c0"])[None]))
            assert np.allclose(y.detach(), said[5][0][1:], rtol=0, atol=1e-15)
    g, eye = given[12], np.eye(6)
    net = with_weights(torch.nn.GRUCell(6, 2), eye, g["Wh"], 0 * g["bh"], g["bh"])
    h = net(tensor(g["zx"]), tensor(g["h_prev"]))
    assert np.allclose(h.detach(), said[12][0], rtol=0, atol=1e-15)
    p = torch.nn.Parameter(tensor(given[10]["p"]))
    optimizer = torch.optim.Adam([p], lr=0.1)
    for gradient in given[10]["gradients"]:
        p.grad = tensor(gradient)
        optimizer.step()
    assert np.allclose(p.detach(), said[10][0], rtol=0, atol=1e-14)


def test_the_examples_in_the_solutions_run():
    tried = 0
    for file in FILES:
        failed, count = doctest.testmod(load(SOLUTIONS / file))
        assert not failed
        tried += count
    assert tried >= 2
