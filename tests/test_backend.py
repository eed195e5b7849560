"""Which implementation runs, and what is said where the slower one does."""

import os
import subprocess
import sys

import numpy as np
import pytest

import tinylstm as tl
from tinylstm import backend, kernels

X = np.ones((1, 1, 1))


def test_the_backend_is_chosen_by_type_and_by_name():
    before = backend.set_backend("auto")
    assert backend.kernels_for(X) is kernels
    assert backend.kernels_for(X.astype(complex)) is None
    assert backend.kernels_for(X, X.astype("float32")) is None
    backend.set_backend("numba")
    with pytest.raises(ValueError, match="no kernel for \\['complex128'\\]"):
        backend.kernels_for(X.astype(complex))
    backend.set_backend("numpy")
    assert backend.kernels_for(X) is None
    backend.set_backend(before)
    with pytest.raises(ValueError, match="backend is 'cuda': use one of"):
        backend.set_backend("cuda")


@pytest.mark.parametrize("choice", ["auto", "numpy", "numba"])
def test_without_numba_it_is_said_once_with_the_reason(choice):
    code = (
        "import sys, warnings; sys.modules['numba'] = None; warnings.simplefilter('always')\n"
        "import numpy as np, tinylstm as tl\n"
        f"tl.set_backend({choice!r})\n"
        "model = tl.Sequential([tl.LSTM(3)], 2)\n"
        "for _ in range(3): model.forward(np.ones((4, 2, 2), np.float32))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    said = done.stderr.count("SlowerWarning: the fast kernels cannot be imported")
    assert said == (choice != "numpy"), done.stderr
    assert ("import of numba halted" in done.stderr) == (choice != "numpy")
    assert (done.returncode != 0) == (choice == "numba")
    if choice == "numba":
        assert "backend 'numba' has no kernel" in done.stderr


def test_a_compiler_that_is_switched_off_is_said_by_name():
    code = (
        "import numpy as np, tinylstm as tl\n"
        "tl.Sequential([tl.LSTM(3)], 2).forward(np.ones((4, 2, 2), np.float32))\n"
    )
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "TINYLSTM_BACKEND": "auto"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0
    assert "switched off: unset NUMBA_DISABLE_JIT" in done.stderr.partition("SlowerWarning: ")[2]


def test_an_error_in_the_kernels_own_code_is_said_too(monkeypatch):
    def broken(*names):
        raise RuntimeError("llvm is too old")

    monkeypatch.setattr(backend.importlib, "import_module", broken)
    backend.kernels.cache_clear()
    with pytest.warns(tl.SlowerWarning, match="RuntimeError: llvm is too old"):
        assert backend.kernels() is None
    assert backend.kernels() is None  # and nothing is said a second time
    backend.kernels.cache_clear()
