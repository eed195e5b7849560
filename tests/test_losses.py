"""Losses against the slow formulas, their gradients, and what they refuse."""

import re

import naive
import numpy as np
import pytest

from tinylstm.layers.dense import softmax
from tinylstm.losses import CategoricalCrossentropy, NotFiniteError, kept, placed
from tinylstm.pointwise import BinaryCrossentropy, MeanAbsoluteError, MeanSquaredError


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def says(message):
    return f"^{re.escape(message)}$"


def derivative(criterion, logits, targets, count=None):
    """By complex step, entry by entry."""
    found = np.zeros(logits.shape)
    for index in np.ndindex(*logits.shape):
        moved = logits.astype(complex)
        moved[index] += 1e-20j
        found[index] = criterion.forward(moved, targets, count)[0].imag / 1e-20
    return found


def close(ours, wanted):
    np.testing.assert_allclose(ours, wanted, rtol=1e-13, atol=1e-15)


TARGETS = np.array([[2, -1], [0, 3], [-1, 1]])  # (3, 2)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("count", [None, 11])
def test_categorical(smoothing, count):
    criterion, logits = CategoricalCrossentropy(smoothing), numbers(3, 2, 4)
    loss, cache = criterion.forward(logits, TARGETS, count)
    slow = naive.cross_entropy(logits.reshape(-1, 4), TARGETS.ravel(), smoothing)
    close(loss, slow if count is None else slow * 4 / 11)
    assert cache.divisor == (4 if count is None else 11)
    assert cache.p.shape == logits.shape
    dlogits = criterion.backward(cache)
    close(dlogits, derivative(criterion, logits, TARGETS, count))
    assert (criterion.backward(cache) == dlogits).all()  # the cache is left alone
    assert criterion.count(TARGETS) == 4


def test_one_hot_targets_are_their_classes():
    criterion, logits = CategoricalCrossentropy(), numbers(3, 4)
    classes = np.array([1, 0, 3])
    loss, cache = criterion.forward(logits, np.eye(4)[classes])
    assert loss == criterion.forward(logits, classes)[0]
    assert (cache.targets == classes).all()
    assert criterion.count(np.eye(4)[classes]) == 3
    deeper, logits = np.array([[1, 0, 3], [2, 2, 0]]), numbers(2, 3, 4)
    loss, cache = criterion.forward(logits, np.eye(4)[deeper])
    assert loss == criterion.forward(logits, deeper)[0] and (cache.targets == deeper).all()


def test_no_targets_no_loss():
    criterion, logits = CategoricalCrossentropy(0.1), numbers(2, 4)
    loss, cache = criterion.forward(logits, np.array([-1, -1]))
    assert loss == 0 and cache.divisor == 1 and not criterion.backward(cache).any()


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.complex128])
@pytest.mark.parametrize(
    ("criterion", "targets"),
    [
        (CategoricalCrossentropy(), TARGETS),
        (CategoricalCrossentropy(0.1), TARGETS),
        (BinaryCrossentropy(), np.abs(np.tanh(numbers(3, 2, 4)))),
    ],
)
def test_gradients_have_the_type_of_the_logits(criterion, targets, kind):
    _, cache = criterion.forward(numbers(3, 2, 4).astype(kind), targets)
    assert criterion.backward(cache).dtype == kind


@pytest.mark.parametrize("count", [None, 5])
def test_binary(count):
    criterion, logits, targets = BinaryCrossentropy(), numbers(3, 4), np.abs(np.tanh(numbers(3, 4)))
    loss, cache = criterion.forward(logits, targets, count)
    slow = naive.binary_cross_entropy(logits, targets)
    close(loss, slow if count is None else slow * 12 / 5)
    close(criterion.backward(cache), derivative(criterion, logits, targets, count))
    assert criterion.count(targets) == 12 and cache.divisor == (12 if count is None else 5)


def test_binary_of_huge_logits_is_finite():
    criterion = BinaryCrossentropy()
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        loss, cache = criterion.forward(np.array([-1e4, 1e4, 1e4]), np.array([0.0, 1.0, 0.0]))
    assert loss == 1e4 / 3
    close(criterion.backward(cache), [0, 0, 1 / 3])
    assert criterion.forward(np.zeros(1), np.zeros(1))[0] == np.log(2)


@pytest.mark.parametrize("kind", [MeanSquaredError, MeanAbsoluteError])
@pytest.mark.parametrize("count", [None, 5])
def test_errors(kind, count):
    criterion, y, targets = kind(), numbers(3, 4), numbers(3, 4, seed=1)
    loss, cache = criterion.forward(y, targets, count)
    sizes = [abs(a - b) ** (2 if kind is MeanSquaredError else 1)
             for a, b in zip(y.ravel(), targets.ravel(), strict=True)]  # fmt: skip
    close(loss, sum(sizes) / (count or 12))
    close(criterion.backward(cache), derivative(criterion, y, targets, count))
    assert criterion.count(targets) == 12
    one, _ = criterion.forward(y[:, :1], targets[:, 0])  # targets (...) where V = 1
    close(one, criterion.forward(y[:, :1], targets[:, :1])[0])
    same, cache = criterion.forward(y, y)
    assert same == 0 and not criterion.backward(cache).any()
    with pytest.raises(ValueError, match=r"targets \(3,\) do not fit outputs \(3, 4\): reshape"):
        criterion.forward(y, targets[:, 0])


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize("weights", [None, {0: 2.0, 3: 0.0, 9: 5.0}])
def test_class_weights_and_probabilities(smoothing, from_logits, weights):
    criterion, logits = CategoricalCrossentropy(smoothing, from_logits, weights), numbers(3, 2, 4)
    y = logits if from_logits else 3 * softmax(logits)  # only the ratios matter, as in Keras
    loss, cache = criterion.forward(y, TARGETS)
    slow = [
        (weights or {}).get(int(k), 1.0) * naive.cross_entropy(row[None], [k], smoothing)
        for row, k in zip(logits.reshape(-1, 4), TARGETS.ravel(), strict=True)
        if k >= 0
    ]
    close(loss, sum(slow) / 4)  # divided by the number of targets, whatever they weigh
    np.testing.assert_allclose(
        criterion.backward(cache), derivative(criterion, y, TARGETS), rtol=1e-12, atol=1e-15
    )
    assert not criterion.backward(cache)[TARGETS < 0].any()
    assert criterion.count(TARGETS) == 4
    _, cache = criterion.forward(y.astype(np.float32), TARGETS)
    assert criterion.backward(cache).dtype == np.float32


def test_probabilities_of_zero_are_finite():
    criterion = CategoricalCrossentropy(from_logits=False)
    loss, cache = criterion.forward(np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([0, 0]))
    np.testing.assert_allclose(loss, -np.log(1e-7) / 2, rtol=1e-6)
    assert np.isfinite(criterion.backward(cache)).all()


@pytest.mark.parametrize("activation", ["softmax", "sigmoid", "tanh", None])
def test_an_activation_that_the_loss_applies_itself_is_refused(activation):
    refused = {"softmax": CategoricalCrossentropy(), "sigmoid": BinaryCrossentropy()}
    losses = [CategoricalCrossentropy(), BinaryCrossentropy(), MeanSquaredError()]
    for loss in [*losses, CategoricalCrossentropy(from_logits=False)]:
        if type(loss) is type(refused.get(activation)) and loss.takes_logits:
            with pytest.raises(ValueError, match=f"applies the {activation} itself"):
                loss.check_activation(activation)
        else:
            loss.check_activation(activation)


def test_what_a_mask_leaves_in_and_where_its_gradient_belongs():
    y, targets, mask = numbers(3, 2, 4), TARGETS, np.array([[1, 0], [0, 1], [1, 1]], bool)
    outputs, chosen = kept(y, targets, mask)
    assert outputs.shape == (4, 4) and chosen.tolist() == [2, 3, -1, 1]
    dy = placed(outputs, y, mask)
    assert (dy[mask] == y[mask]).all() and not dy[~mask].any() and dy.shape == y.shape
    assert kept(y, targets, None) == (y, targets) and placed(y, y, None) is y


WANTS = "a loss wants outputs (..., V), floats and at least one, got"
REFUSED = [
    (lambda: CategoricalCrossentropy(1), "label_smoothing is 1: use a number in [0, 1)"),
    (lambda: CategoricalCrossentropy(-0.1), "label_smoothing is -0.1: use a number in [0, 1)"),
    *(
        (
            lambda w=weights: CategoricalCrossentropy(class_weight=w),
            f"class_weight is {weights}: use {{class number: weight}}",
        )
        for weights in ({-1: 1.0}, {0: -1.0}, {0: np.nan})
    ),
    *(
        (lambda c=criterion, x=logits: c.forward(x, np.zeros(1, int)), f"{WANTS} {got}")
        for criterion in (CategoricalCrossentropy(), BinaryCrossentropy(), MeanSquaredError())
        for logits, got in (
            ([1.0], "<class 'list'>"),
            (np.array([1]), "int64 (1,)"),
            (np.zeros((0, 4)), "float64 (0, 4)"),
        )
    ),
    (
        lambda: CategoricalCrossentropy().forward(numbers(3, 4), np.zeros(2, int)),
        "targets (2,) do not fit logits (3, 4): want class numbers (3,) or one-hot (3, 4)",
    ),
    (
        lambda: CategoricalCrossentropy().forward(numbers(3, 2, 4), np.zeros(2, int)),
        "targets (2,) do not fit logits (3, 2, 4): want class numbers (3, 2) or one-hot (3, 2, 4)",
    ),
    (
        lambda: CategoricalCrossentropy().forward(numbers(2, 4), np.array([1, 4])),
        "target 4 is outside the 4 classes of the logits",
    ),
    *(
        (
            lambda t=targets: CategoricalCrossentropy().forward(numbers(1, 3), np.array([t])),
            "targets are neither integers nor one-hot vectors: use class numbers, or "
            "MeanSquaredError to predict numbers",
        )
        for targets in ([0.5, 0.5, 0.0], [1.0, 1.0, 0.0], [0.0] * 3, [np.nan, 1.0, 0.0])
    ),
    (
        lambda: BinaryCrossentropy().forward(numbers(2, 4), np.zeros(4)),
        "targets (4,) do not fit outputs (2, 4): reshape them",
    ),
    *(
        (
            lambda t=target: BinaryCrossentropy().forward(numbers(1, 1), np.array([[t]])),
            "targets of BinaryCrossentropy are not all in [0, 1]",
        )
        for target in (-0.1, 1.1, np.nan)
    ),
]


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_common_offset_of_the_logits_costs_no_digits(smoothing, dtype):
    logits = np.random.default_rng(0).integers(-40, 40, (5, 9)) / 8  # exact beside 1e6 in float32
    criterion, targets = CategoricalCrossentropy(smoothing), np.array([0, 8, -1, 3, 4])
    expected, _ = criterion.forward(logits, targets)
    loss, _ = criterion.forward((logits + 1e6).astype(dtype), targets)
    assert abs(loss - expected) <= 5 * np.finfo(dtype).eps * expected


def test_one_hot_integers_are_explained():
    with pytest.raises(ValueError, match=r"or one-hot \(2, 3\), as floats: use y.astype\(float\)"):
        CategoricalCrossentropy().forward(np.zeros((2, 3)), np.eye(3, dtype=int)[:2])


@pytest.mark.parametrize(("call", "message"), REFUSED)
def test_what_does_not_fit_is_named(call, message):
    with pytest.raises(ValueError, match=says(message)):
        call()


@pytest.mark.parametrize(
    ("criterion", "targets", "huge"),
    [
        (CategoricalCrossentropy(), np.array([1]), [[1.5e308, -1.5e308]]),
        (BinaryCrossentropy(), np.zeros((1, 2)), [[1.5e308, 1.5e308]]),
    ],
)
def test_a_loss_that_is_no_number_is_named(criterion, targets, huge):
    message = "the loss is nan: the output holds nan at (0, 1)"
    with pytest.raises(NotFiniteError, match=says(message)):
        criterion.forward(np.array([[0.0, np.nan]]), targets)
    message = "the loss is inf: outputs are too large"
    with np.errstate(over="ignore"), pytest.raises(NotFiniteError, match=says(message)):
        criterion.forward(np.array(huge), targets)
    assert issubclass(NotFiniteError, ValueError)
