"""L2: the penalty, its gradient, and what it refuses."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinylstm.penalties import L2


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def close(ours, wanted):
    np.testing.assert_allclose(ours, wanted, rtol=1e-13, atol=1e-15)


def test_l2_penalises_matrices_and_adds_to_the_gradients():
    params = {"a.W": numbers(2, 3), "a.b": numbers(3), "b.W": numbers(4, 1)}
    grads = {name: np.full_like(p, 0.5) for name, p in params.items()}
    penalty = L2(0.1)
    penalty.backward(params, grads)
    close(penalty.forward(params), 0.1 * ((params["a.W"] ** 2).sum() + (params["b.W"] ** 2).sum()))
    close(grads["a.W"], 0.5 + 0.2 * params["a.W"])
    close(grads["b.W"], 0.5 + 0.2 * params["b.W"])
    close(grads["a.b"], 0.5)
    moved = {"W": params["a.W"] + 0j}
    moved["W"][1, 2] += 1e-20j
    close(penalty.forward(moved).imag / 1e-20, 0.2 * params["a.W"][1, 2])
    assert L2(0).forward(params) == 0


@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 99), st.floats(0, 3))
def test_the_gradient_of_l2(rows, columns, seed, rate):
    w = numbers(rows, columns, seed=seed)
    grads, penalty = {"w": np.zeros_like(w)}, L2(rate)
    penalty.backward({"w": w}, grads)
    for index in np.ndindex(*w.shape):
        moved = w + 0j
        moved[index] += 1e-20j
        close(penalty.forward({"w": moved}).imag / 1e-20, grads["w"][index])


@pytest.mark.parametrize("rate", [-1, np.nan])
def test_a_rate_that_does_not_fit_is_named(rate):
    with pytest.raises(ValueError, match=re.escape(f"L2 rate is {rate}: use 0 or a positive")):
        L2(rate)
