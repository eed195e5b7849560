"""The tests that guard the maths are themselves tested: each planted bug must make them fail."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import planted_kernel_bugs
import planted_vector_bugs
import pytest
from planted_bugs import BUGS, CHECKS, ROOT, caught_by, pass_on, patched_package
from planted_loop_bugs import LOOP_BUGS

import tinylstm as tl
from tinylstm import backend, functional, twins


@pytest.mark.parametrize("bug", [*BUGS, *LOOP_BUGS], ids=lambda bug: f"{bug.file}: {bug.kind}")
def test_the_tests_fail_on(bug, tmp_path):
    assert caught_by(bug, tmp_path) == bug.first_checks, f"{bug.right!r} -> {bug.wrong!r}"


@pytest.mark.parametrize("bug", planted_kernel_bugs.BUGS, ids=lambda bug: f"{bug.file}: {bug.kind}")
def test_the_kernels_tests_fail_on(bug, tmp_path):
    pytest.importorskip("numba")
    assert not planted_kernel_bugs.passes(bug, tmp_path), f"{bug.right!r} -> {bug.wrong!r}"


@pytest.mark.parametrize("bug", planted_vector_bugs.BUGS, ids=lambda bug: f"{bug.file}: {bug.kind}")
def test_the_vector_units_tests_fail_on(bug, tmp_path):
    pytest.importorskip("numba")
    assert planted_vector_bugs.failure(bug, tmp_path), f"{bug.right!r} -> {bug.wrong!r}"


def test_without_a_bug_the_vector_units_tests_pass(tmp_path):
    pytest.importorskip("numba")
    assert not planted_vector_bugs.failure(None, tmp_path)


def test_without_a_bug_the_kernels_tests_pass(tmp_path):
    pytest.importorskip("numba")
    assert planted_kernel_bugs.passes(None, tmp_path)


def test_the_catalogue():
    every = [*BUGS, *LOOP_BUGS, *planted_kernel_bugs.BUGS, *planted_vector_bugs.BUGS]
    assert len(every) >= 200 and len({bug[:3] for bug in every}) == len(every)


def test_without_a_bug_they_pass(tmp_path):
    patched_package(BUGS[0]._replace(wrong=BUGS[0].right), tmp_path)
    files = dict.fromkeys([*CHECKS.values(), *(bug.checks for bug in LOOP_BUGS)])
    assert pass_on(tmp_path, list(files))


TRAIN = """
import sys; sys.path.insert(0, sys.argv[1])
import numpy as np, tinylstm as tl
assert tl.__file__.startswith(sys.argv[1])
class Losses(tl.Callback):
    def on_batch_end(self, run, loss): print(loss.hex())
net = [tl.Embedding(5, 4), tl.LSTM(6, return_sequences=True), tl.Dense(5)]
data = tl.Streams(tl.Tokens(np.random.default_rng(0).integers(5, size=81), [0]), 4, 5)
tl.fit(tl.Sequential(net), data, 1, None, tl.Adam(0.01), callbacks=[Losses()], threads=2)
"""


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A copy of the whole package, kernels included."""
    folder = tmp_path_factory.mktemp("clone")
    skip = shutil.ignore_patterns("__pycache__", "music", "page")
    shutil.copytree(ROOT / "tinylstm", folder / "tinylstm", ignore=skip)
    return folder


def losses_with(clone, file, right, wrong):
    """The loss of each of four training steps after an edit of the copy, and what was warned of."""
    path = clone / "tinylstm" / file
    source = path.read_text()
    assert source.count(right) == 1, f"{file} holds {right!r} {source.count(right)} times"
    path.write_text(source.replace(right, wrong))
    environment = {**os.environ, "TINYLSTM_BACKEND": "auto", "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            [sys.executable, "-c", TRAIN, str(clone)], capture_output=True, text=True,
            env=environment, cwd=clone, timeout=300,
        )  # fmt: skip
    finally:
        path.write_text(source)
    assert done.returncode == 0, done.stderr
    losses = done.stdout.split()
    assert len(losses) == 4
    return losses, done.stderr


@pytest.mark.parametrize(
    ("file", "right", "wrong", "function"),
    [
        ("functional.py", "dc = dc + dh * o", "dc = dc - dh * o", "functional.lstm_backward"),
        ("optimizers.py", "p -= rate * m /", "p += rate * m /", "Adam.step"),
    ],
)
def test_an_edited_copy_trains_the_edited_maths(clone, file, right, wrong, function):
    whole, said = losses_with(clone, file, right, right)
    assert not said
    edited, said = losses_with(clone, file, right, wrong)
    assert said.count("SlowerWarning") == 1 and f"{function} no longer gives" in said
    assert edited[0] == whole[0] and all(a != b for a, b in zip(edited[1:], whole[1:], strict=True))


@pytest.mark.parametrize(
    ("file", "right", "wrong"),
    [
        (
            "functional.py",
            "        # outputs[t] = h[t+1] ",
            "        # the output: outputs[t] = h[t+1] ",
        ),
        ("optimizers.py", "# both start at zero", "# at the beginning both are zero"),
    ],
)
def test_a_copy_with_another_comment_trains_the_same_bits_in_silence(clone, file, right, wrong):
    assert losses_with(clone, file, right, wrong) == losses_with(clone, file, right, right)
    assert losses_with(clone, file, right, wrong)[1] == ""


@pytest.mark.parametrize(
    "bug", [bug for bug in BUGS if bug.file == "functional.py"], ids=lambda bug: bug.kind
)
def test_a_bug_in_the_textbook_trains_and_is_reported(bug):
    """With kernels installed: no planted bug of functional.py trains the old maths in silence."""
    path = Path(functional.__file__)
    source = path.read_text()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(twins, "_checked", {})
        patch.setattr(backend, "_warned", set())
        exec(compile(source.replace(bug.right, bug.wrong), path, "exec"), vars(functional))
        try:
            with pytest.warns(tl.SlowerWarning, match="functional"):
                train_a_little()
        finally:
            exec(compile(source, path, "exec"), vars(functional))


def train_a_little():
    """Forward and backward, on the kernels if they may run: with and without a mask, a target left
    out.
    """
    x = np.random.default_rng(0).standard_normal((5, 4, 3)).astype(np.float32)
    loss, targets = tl.CategoricalCrossentropy(), np.array([[0, 1, -1, 2]] * 5)
    for rate in (0.0, 0.5):
        model = tl.Sequential([tl.LSTM(4, return_sequences=True, recurrent_dropout=rate)], 3)
        for mask in (None, np.array([[True, True, False, True]] * 5)):
            y, _, caches = model.forward(x, None, np.random.default_rng(0), mask)
            model.backward(loss.backward(loss.forward(y, targets)[1]), caches, model.zero_grads())
