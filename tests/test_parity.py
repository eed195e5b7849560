"""Parity with PyTorch and Keras: float64 within 1e-10, float32 within 1e-5; skipped without them.

python -m pip install "tinylstm[parity]"
"""

import importlib.util
import warnings

import numpy as np
import parity
import pytest

TOLERANCES = {"float64": 1e-10, "float32": 1e-5}


def cases():
    for peer, comparisons in parity.COMPARISONS.items():
        needs = [peer] if peer == "torch" else ["keras", "jax"]
        missing = [name for name in needs if importlib.util.find_spec(name) is None]
        skip = pytest.mark.skipif(bool(missing), reason=f"{', '.join(missing)} is not installed")
        for name, comparison in comparisons.items():
            yield pytest.param(comparison, id=name, marks=skip)


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("comparison", list(cases()))
def test_parity(comparison, dtype):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of the frameworks
        rows = parity.compare(comparison, np.dtype(dtype))
    assert rows
    for quantity, ours, theirs in rows:
        assert np.shape(ours) == np.shape(theirs), quantity
        assert parity.difference(ours, theirs) <= TOLERANCES[dtype], quantity
