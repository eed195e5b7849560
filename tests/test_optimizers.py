"""Optimizers against their formulas for one number, over many steps: one would hide a missing t."""

import copy
import re

import naive
import numpy as np
import pytest

from tinylstm.backend import set_backend
from tinylstm.optimizers import (
    SGD,
    Adam,
    AdamW,
    Optimizer,
    RMSprop,
    clip_by_global_norm,
    global_norm,
)

OPTIMIZERS = {kind.__name__: kind for kind in (SGD, RMSprop, Adam, AdamW)}

GRADIENTS = [0.3, -1.2, 0.7, 0.7, 2.5, -0.1]


def run(optimizer, gradients=GRADIENTS, begin=0.5):
    """The parameter after each gradient in turn, from two arrays at once that must not mix."""
    params = {"a": np.array([begin]), "b": np.array([[begin, begin]])}
    for g in gradients:
        optimizer.update(params, {"a": np.array([g]), "b": np.array([[g, -g]])})
    assert params["b"][0, 0] == params["a"][0]
    return params["a"][0]


@pytest.fixture(params=["numpy", "as chosen"])
def backend(request):
    """The textbook, and whatever else there is."""
    before = set_backend("numpy")
    if request.param != "numpy":
        set_backend(before)
    yield
    set_backend(before)


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize(
    ("optimizer", "formula", "arguments"),
    [
        (SGD(0.1), naive.sgd, (0.1, 0.0)),
        (SGD(), naive.sgd, (0.01, 0.0)),
        (SGD(0.1, momentum=0.8), naive.sgd, (0.1, 0.8)),
        (RMSprop(0.1), naive.rmsprop, (0.1, 0.9, 1e-7)),
        (RMSprop(), naive.rmsprop, (0.001, 0.9, 1e-7)),
        (RMSprop(0.1, rho=0.6, epsilon=0.1), naive.rmsprop, (0.1, 0.6, 0.1)),
        (Adam(0.1), naive.adam, (0.1, 0.9, 0.999, 1e-7)),
        (Adam(), naive.adam, (0.001, 0.9, 0.999, 1e-7)),
        (Adam(0.1, 0.7, 0.8, 0.1), naive.adam, (0.1, 0.7, 0.8, 0.1)),
        (AdamW(0.1, 0.0), naive.adam, (0.1, 0.9, 0.999, 1e-7)),
        (AdamW(0.1, 0.3), naive.adam, (0.1, 0.9, 0.999, 1e-7, 0.3)),
        (AdamW(), naive.adam, (0.001, 0.9, 0.999, 1e-7, 0.004)),
        (AdamW(0.1, 0.3, beta_1=0.7, epsilon=0.1), naive.adam, (0.1, 0.7, 0.999, 0.1, 0.3)),
    ],
)
def test_the_formula_step_by_step(optimizer, formula, arguments):
    optimizer = copy.deepcopy(optimizer)
    np.testing.assert_allclose(run(optimizer), formula(0.5, GRADIENTS, *arguments), rtol=1e-13)
    assert optimizer.steps == len(GRADIENTS)


def test_defaults_are_keras():
    ema = {"ema_momentum": None}
    assert SGD().config() == {"learning_rate": 0.01, "momentum": 0.0, **ema}
    assert RMSprop().config() == {"learning_rate": 0.001, "rho": 0.9, "epsilon": 1e-7, **ema}
    assert Adam().config() == {
        "learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7, **ema,
    }  # fmt: skip
    assert AdamW().config() == {**Adam().config(), "weight_decay": 0.004}
    assert repr(SGD()) == "SGD(learning_rate=0.01, momentum=0.0, ema_momentum=None)"


@pytest.mark.parametrize("kind", OPTIMIZERS.values())
def test_averages_follow_the_formula(kind):
    optimizer, plain = kind(0.1, ema_momentum=0.6), kind(0.1)
    params, same = {"a": np.array([1.0, 2.0])}, {"a": np.array([1.0, 2.0])}
    expected = np.zeros(2)
    for t, g in enumerate(GRADIENTS, start=1):
        optimizer.update(params, {"a": np.array([g, -g])})
        plain.update(same, {"a": np.array([g, -g])})
        momentum = min(0.6, (t - 1) / (t + 8))
        expected = momentum * expected + (1 - momentum) * params["a"]
        np.testing.assert_allclose(optimizer.averages["a"], expected, rtol=1e-14)
        if t == 1:  # the first one counts for all
            assert (optimizer.averages["a"] == params["a"]).all()
    assert (params["a"] == same["a"]).all() and plain.averages == {}
    with pytest.raises(ValueError, match=r"ema_momentum is 1: use a number in \[0, 1\)"):
        kind(0.1, ema_momentum=1)


@pytest.mark.parametrize("kind", OPTIMIZERS.values())
def test_what_is_remembered_is_in_slots(kind):
    optimizer = kind(0.1)
    assert optimizer.steps == 0
    assert optimizer.slots == {name: {} for name in kind.slot_names}
    half = run(optimizer, GRADIENTS[:3])
    assert all(sorted(slot) == ["a", "b"] for slot in optimizer.slots.values())
    assert all(slot["b"].shape == (1, 2) for slot in optimizer.slots.values())
    # a new one with the same memory goes on as if nothing had happened
    again = kind(0.1)
    again.steps = optimizer.steps
    again.slots = {
        name: {path: array.copy() for path, array in slot.items()}
        for name, slot in optimizer.slots.items()
    }
    assert run(again, GRADIENTS[3:], half) == run(kind(0.1))


def test_several_threads_may_share_the_work():
    order = []

    def each(work, names):
        order.extend(reversed(list(names)))
        return [work(name) for name in reversed(list(names))]

    params, plain = [{"a": np.ones(2), "b": np.ones(3)} for _ in range(2)]
    grads = {"a": np.full(2, 0.5), "b": np.full(3, 2.0)}
    optimizers = Adam(0.1), Adam(0.1)
    for _ in range(2):
        optimizers[0].update(params, grads, each)
        optimizers[1].update(plain, grads)
    assert order == ["b", "a", "b", "a"] and optimizers[0].steps == 2
    assert all((params[name] == plain[name]).all() for name in plain)


def test_the_learning_rate_may_change():
    optimizer = SGD(1.0)
    optimizer.learning_rate = 0.5
    assert run(optimizer, [1.0], 3.0) == 2.5


@pytest.mark.parametrize("kind", OPTIMIZERS.values())
def test_gradients_are_left_alone_and_types_kept(kind):
    p, g = {"w": np.ones(2, np.float32)}, {"w": np.full(2, 0.5, np.float32)}
    array = p["w"]
    optimizer = kind()
    optimizer.update(p, g)
    assert g["w"].tolist() == [0.5, 0.5]
    assert p["w"] is array and array.dtype == np.float32 and (array < 1).all()
    assert {s["w"].dtype for s in optimizer.slots.values()} == {np.dtype(np.float32)}


def test_clipping():
    grads = {"a": np.array([3.0, 0.0]), "b": np.array([[4.0]])}
    assert global_norm(grads) == 5
    assert clip_by_global_norm(grads, 6) == 5 and grads["a"][0] == 3
    assert clip_by_global_norm(grads, 5) == 5 and grads["a"][0] == 3
    assert clip_by_global_norm(grads, 2) == 5
    np.testing.assert_allclose(grads["a"], [1.2, 0])
    np.testing.assert_allclose(grads["b"], [[1.6]])
    np.testing.assert_allclose(clip_by_global_norm(grads, 0.5), 2)
    np.testing.assert_allclose(global_norm(grads), 0.5)
    assert global_norm({"a": np.array([3 + 4j])}) == 5
    assert isinstance(global_norm(grads), float)
    assert global_norm({}) == 0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [1e-30, 1e-25, 1e-18, 1e-3, 1e3, 1e18, 1e20, 1e30])
def test_a_norm_neither_overflows_nor_vanishes(size, dtype):
    a, b = np.array([3, 0, 0], dtype) * size, np.array([[-4]], dtype) * size
    assert global_norm({"a": a, "b": b}) == pytest.approx(5 * size, rel=1e-6)
    grads = {"a": a.copy(), "b": b.copy()}
    assert clip_by_global_norm(grads, size) == pytest.approx(5 * size, rel=1e-6)
    np.testing.assert_allclose(grads["a"], a / 5, rtol=1e-6)
    assert global_norm(grads) == pytest.approx(size, rel=1e-6)


def test_a_norm_of_what_is_not_finite():
    for bad in (np.inf, -np.inf, np.nan):
        with np.errstate(all="ignore"):
            norm = global_norm({"a": np.array([1.0, bad]), "b": np.array([1e30])})
        assert not np.isfinite(norm)
    assert global_norm({"a": np.zeros(3), "b": np.zeros(0)}) == 0
    assert global_norm({"a": np.array([3e-200 + 4e-200j])}) == pytest.approx(5e-200)


REFUSED = [
    *(
        (lambda k=kind, r=rate: k(r), f"learning_rate is {rate}: use a positive number")
        for kind in OPTIMIZERS.values()
        for rate in (0, -1, np.nan)
    ),
    *(
        (lambda v=limit: clip_by_global_norm({}, v), f"clipping limit is {limit}: "
         "use a positive number")
        for limit in (0, -1, np.nan)
    ),
    *(
        (
            lambda v=decay: AdamW(weight_decay=v),
            f"weight_decay is {decay}: use 0 or a positive number",
        )
        for decay in (-0.1, np.nan, np.inf)
    ),
    (
        lambda: SGD().update({"b": np.ones(1), "a": np.ones(1)}, {"c": np.ones(1)}),
        "parameters and gradients differ in ['a', 'b', 'c']: use zero_grads()",
    ),
    (
        lambda: SGD().update({"a": np.ones((2, 2))}, {"a": np.ones(2)}),
        "update: the gradient of a is float64 (2,), but floats (2, 2) are wanted",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), REFUSED)
def test_what_does_not_fit_is_named(call, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        call()


def test_a_refused_update_changes_nothing():
    optimizer, p = Adam(), {"a": np.ones(2), "b": np.ones(2)}
    with pytest.raises(ValueError, match="gradient of b"):
        optimizer.update(p, {"a": np.ones(2), "b": np.ones(3)})
    assert optimizer.steps == 0 and p["a"].tolist() == [1, 1]
    assert Optimizer(2).learning_rate == 2 and Optimizer(2).steps == 0
    with pytest.raises(NotImplementedError):
        Optimizer(2).update(p, p)


def test_averages_without_momentum_are_the_weights():
    optimizer, p = SGD(0.5, ema_momentum=0), {"w": np.ones(2)}
    for _ in range(3):
        optimizer.update(p, {"w": np.ones(2)})
    assert optimizer.averages["w"].tolist() == p["w"].tolist() == [-0.5, -0.5]


def test_weight_decay_is_apart_from_the_gradient():
    """A parameter without gradient shrinks; L2 in Adam would be divided by its own size."""
    optimizer, p = AdamW(0.1, weight_decay=0.5), {"w": np.array([2.0, -4.0])}
    optimizer.update(p, {"w": np.zeros(2)})
    np.testing.assert_allclose(p["w"], [1.9, -3.8])
    optimizer.learning_rate = 0.2
    optimizer.update(p, {"w": np.zeros(2)})
    np.testing.assert_allclose(p["w"], [1.71, -3.42])
