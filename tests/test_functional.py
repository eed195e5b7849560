"""The textbook functions: gradients by complex step, and values from scalar loops (naive.py)."""

import naive
import numpy as np
import pytest

from tinylstm import functional as F
from tinylstm import normalization as N
from tinylstm import recurrent as R

T, B, D, H, V = 4, 3, 2, 5, 6


def arrays(*shapes, seed=0, kind=float):
    rng = np.random.default_rng(seed)
    return [(0.7 * rng.standard_normal(shape)).astype(kind) for shape in shapes]


def lstm_case(kind=float):
    shapes = (T, B, D), (B, H), (B, H), (D, 4 * H), (H, 4 * H), (4 * H,)
    return arrays(*shapes, kind=kind)


def complex_gradients(f, inputs):
    """The derivative of the scalar f(*inputs) with respect to every entry, by complex step."""
    found = []
    for k, array in enumerate(inputs):
        gradient = np.zeros(array.shape)
        for index in np.ndindex(*array.shape):
            moved = [a.astype(complex) for a in inputs]
            moved[k][index] += 1e-20j
            gradient[index] = f(*moved).imag / 1e-20
        found.append(gradient)
    return found


def assert_close(ours, wanted, tolerance=1e-13):
    np.testing.assert_allclose(ours, wanted, rtol=tolerance, atol=tolerance)


def weighted(outputs, weights):
    return sum((a * w).sum() for a, w in zip(outputs, weights, strict=True))


DROPOUT = np.array(
    [[0.0, 2.0, 0.0, 2.0, 2.0], [2.0, 2.0, 0.0, 0.0, 2.0], [0.0, 0.0, 2.0, 2.0, 0.0]]
)


MASK = np.arange(T * B).reshape(T, B) % 4 != 1  # padding at the start, in the middle, at the end
OPTIONS = pytest.mark.parametrize(
    ("dropout", "mask"), [(None, None), (DROPOUT, None), (None, MASK), (DROPOUT, MASK)]
)


@OPTIONS
def test_lstm_forward_is_the_slow_loop(dropout, mask):
    case = lstm_case()
    outputs, h, c, cache = F.lstm_forward(*case, dropout, mask)
    for ours, wanted in zip((outputs, h, c), naive.lstm(*case, dropout, mask), strict=True):
        assert_close(ours, wanted)
    x, h0, c0, Wx, Wh, _ = case
    assert cache.x is x and cache.Wx is Wx and cache.Wh is Wh
    assert cache.dropout is dropout and cache.mask is mask
    assert_close(cache.h[0], h0)
    assert_close(cache.c[0], c0)
    assert_close(cache.h[1:], outputs)
    assert_close(cache.c[-1], c)
    i, f, g, o = np.split(cache.gates, 4, axis=-1)
    on = np.ones((T, B), bool) if mask is None else mask
    assert_close(cache.c[1:][on], (f * cache.c[:-1] + i * g)[on])
    assert_close(outputs[on], (o * np.tanh(cache.c[1:]))[on])


@OPTIONS
def test_lstm_backward_is_the_derivative(dropout, mask):
    case = lstm_case()
    weights = arrays((T, B, H), (B, H), (B, H), seed=1)
    wanted = complex_gradients(
        lambda *inputs: weighted(F.lstm_forward(*inputs, dropout, mask)[:3], weights), case
    )
    grads = [np.zeros_like(a) for a in case[3:]]
    dx, dh0, dc0 = F.lstm_backward(*weights, F.lstm_forward(*case, dropout, mask)[3], *grads)
    for ours, numeric in zip((dx, dh0, dc0, *grads), wanted, strict=True):
        assert ours.shape == numeric.shape
        assert_close(ours, numeric)


def test_lstm_backward_adds_and_leaves_its_arguments_alone():
    case, weights = lstm_case(), arrays((T, B, H), (B, H), (B, H), seed=1)
    cache = F.lstm_forward(*case)[3]
    before = [a.copy() for a in (*case, *weights, cache.h, cache.c, cache.gates)]
    once = [np.zeros_like(a) for a in case[3:]]
    first = F.lstm_backward(*weights, cache, *once)
    begun = [np.full_like(a, 0.5) for a in case[3:]]
    second = F.lstm_backward(*weights, cache, *begun)
    for a, b in zip(once, begun, strict=True):
        assert_close(b, 0.5 + a)
    for a, b in zip(first, second, strict=True):
        assert (a == b).all()
    for a, b in zip((*case, *weights, cache.h, cache.c, cache.gates), before, strict=True):
        assert (a == b).all()


def test_lstm_keeps_the_precision_it_is_given():
    for kind in (np.float32, np.float64, np.complex128):
        case = lstm_case(kind)
        outputs, h, c, cache = F.lstm_forward(*case)
        grads = [np.zeros_like(a) for a in case[3:]]
        back = F.lstm_backward(outputs, h, c, cache, *grads)
        for array in (outputs, h, c, cache.h, cache.c, cache.gates, *grads, *back):
            assert array.dtype == kind


def test_a_step_alone_is_the_sequence_of_one():
    x, h0, c0, Wx, Wh, b = lstm_case()
    h, c, gates = F.lstm_cell_forward(x[0] @ Wx + b, h0, c0, Wh)
    outputs, _, cT, cache = F.lstm_forward(x[:1], h0, c0, Wx, Wh, b)
    assert_close(h, outputs[0])
    assert_close(c, cT)
    assert_close(gates, cache.gates[0])


def test_sigmoid():
    x = np.linspace(-30, 30, 61)
    assert_close(F.sigmoid(x), naive.sigmoid(x))
    with np.errstate(all="raise"):
        assert F.sigmoid(np.array([-1e4, 1e4])).tolist() == [0.0, 1.0]


TARGETS = np.array([2, -1, 0, 5, -3])


def test_cross_entropy_is_the_slow_loop():
    (logits,) = arrays((5, V))
    loss, p = F.softmax_cross_entropy_forward(logits, TARGETS)
    assert_close(loss, naive.cross_entropy(logits, TARGETS))
    assert_close(p, [naive.softmax(row) for row in logits])


@pytest.mark.parametrize("count", [None, 7])
def test_cross_entropy_backward_is_the_derivative(count):
    (logits,) = arrays((5, V))
    loss, p = F.softmax_cross_entropy_forward(logits, TARGETS, count)
    (wanted,) = complex_gradients(
        lambda z: F.softmax_cross_entropy_forward(z, TARGETS, count)[0], [logits]
    )
    p_before = p.copy()
    ours = F.softmax_cross_entropy_backward(p, TARGETS, count)
    assert_close(ours, wanted)
    assert (p == p_before).all()
    assert (ours[TARGETS < 0] == 0).all()
    if count is not None:
        assert_close(loss * count, F.softmax_cross_entropy_forward(logits, TARGETS)[0] * 3)


def test_cross_entropy_of_huge_logits_is_finite():
    logits = np.array([[1e4, 0.0, -1e4], [-1e4, -2e4, -3e4]])
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        loss, p = F.softmax_cross_entropy_forward(logits, np.array([1, 0]))
    assert loss == 5000.0
    assert_close(p, [[1, 0, 0], [1, 0, 0]])


def test_cross_entropy_of_one_target_is_its_own_mean():
    (logits,) = arrays((2, V))
    targets = np.array([-1, 3])
    loss, p = F.softmax_cross_entropy_forward(logits, targets)
    assert_close(loss, naive.cross_entropy(logits, targets))
    (wanted,) = complex_gradients(
        lambda z: F.softmax_cross_entropy_forward(z, targets)[0], [logits]
    )
    assert_close(F.softmax_cross_entropy_backward(p, targets), wanted)


def test_cross_entropy_without_any_target_is_zero():
    (logits,) = arrays((2, V))
    loss, p = F.softmax_cross_entropy_forward(logits, np.array([-1, -1]))
    assert loss == 0
    assert not F.softmax_cross_entropy_backward(p, np.array([-1, -1])).any()


MASKS = pytest.mark.parametrize("mask", [None, MASK, np.zeros((T, B), bool)])
RECURRENT = {  # forward, backward, slow loop, shapes of the weights
    "gru": (R.gru_forward, R.gru_backward, naive.gru, [(D, 3 * H), (H, 3 * H), (3 * H,), (3 * H,)]),
    "simple": (
        R.simple_rnn_forward, R.simple_rnn_backward, naive.simple_rnn, [(D, H), (H, H), (H,)]
    ),
}  # fmt: skip


@MASKS
@pytest.mark.parametrize(
    ("forward", "backward", "slow", "weights"), RECURRENT.values(), ids=RECURRENT
)
def test_gru_and_simple_rnn_are_the_slow_loop_and_their_backward_the_derivative(
    forward, backward, slow, weights, mask
):
    case = arrays((T, B, D), (B, H), *weights)
    outputs, h, cache = forward(*case, mask=mask)
    for ours, wanted in zip((outputs, h), slow(*case, mask=mask), strict=True):
        assert_close(ours, wanted)
    assert cache.mask is mask and (h == outputs[-1]).all()
    upstream = arrays((T, B, H), (B, H), seed=1)
    wanted = complex_gradients(lambda *i: weighted(forward(*i, mask=mask)[:2], upstream), case)
    grads = [np.full_like(a, 0.5) for a in case[2:]]
    before = [a.copy() for a in upstream]
    dx, dh0 = backward(*upstream, cache, *grads)
    for ours, numeric in zip((dx, dh0, *[g - 0.5 for g in grads]), wanted, strict=True):
        assert_close(ours, numeric)
    assert all((a == b).all() for a, b in zip(upstream, before, strict=True))
    if mask is not None:
        assert not dx[~mask].any()  # padding has no gradient


def test_a_sequence_that_is_all_padding_is_its_initial_state():
    case = lstm_case()
    outputs, h, c, cache = F.lstm_forward(*case, mask=np.zeros((T, B), bool))
    assert (h == case[1]).all() and (c == case[2]).all() and (outputs == case[1]).all()
    grads = [np.zeros_like(a) for a in case[3:]]
    dout, dh, dc = arrays((T, B, H), (B, H), (B, H), seed=1)
    dx, dh0, dc0 = F.lstm_backward(dout, dh, dc, cache, *grads)
    assert not dx.any() and not any(g.any() for g in grads)
    assert_close(dh0, dh + dout.sum(axis=0))
    assert_close(dc0, dc)


def test_what_padding_holds_does_not_matter():
    """Huge numbers there change no bit of the outputs and of the gradients."""
    mask = MASK
    case = [a.astype(np.float32) for a in lstm_case()]
    wild = [np.where(mask[..., None], case[0], np.float32(1e30)), *case[1:]]
    upstream, found = arrays((T, B, H), (B, H), (B, H), seed=1, kind=np.float32), []
    for inputs in (case, wild):
        *results, cache = F.lstm_forward(*inputs, mask=mask)
        grads = [np.zeros_like(a) for a in case[3:]]
        with np.errstate(all="ignore"):
            found.append([*results, *F.lstm_backward(*upstream, cache, *grads), *grads])
    assert all(np.array_equal(a, b) for a, b in zip(*found, strict=True))


def test_layer_norm_is_the_slow_loop_and_its_backward_the_derivative():
    case = arrays((7, H), (H,), (H,))
    y, cache = N.layer_norm_forward(*case, 0.1)
    x, gamma, beta = case
    for n in range(7):  # one row at a time: batch normalization of its transpose
        row = naive.batch_norm(x[n][:, None], np.ones(1), np.zeros(1), 0.1)[:, 0]
        assert_close(y[n], gamma * row + beta)
    (weight,) = arrays((7, H), seed=1)
    wanted = complex_gradients(lambda *i: (N.layer_norm_forward(*i, 0.1)[0] * weight).sum(), case)
    grads = [np.full_like(a, 0.5) for a in case[1:]]
    dx = N.layer_norm_backward(weight, cache, *grads)
    for ours, numeric in zip((dx, *[g - 0.5 for g in grads]), wanted, strict=True):
        assert_close(ours, numeric)


def test_batch_norm_is_the_slow_loop_and_its_backward_the_derivative():
    case = arrays((7, D), (D,), (D,))
    y, cache = N.batch_norm_forward(*case, 0.1)
    assert_close(y, naive.batch_norm(*case, 0.1))
    assert_close(cache.mean, case[0].mean(axis=0))
    assert_close(cache.variance, case[0].var(axis=0))
    assert cache.training
    (weight,) = arrays((7, D), seed=1)
    wanted = complex_gradients(lambda *i: (N.batch_norm_forward(*i, 0.1)[0] * weight).sum(), case)
    grads = [np.full_like(a, 0.5) for a in case[1:]]
    dx = N.batch_norm_backward(weight, cache, *grads)
    for ours, numeric in zip((dx, *[g - 0.5 for g in grads]), wanted, strict=True):
        assert_close(ours, numeric)


def test_batch_norm_in_use_takes_mean_and_variance_as_they_are():
    x, gamma, beta, mean, weight = arrays((7, D), (D,), (D,), (D,), (7, D))
    variance = np.array([0.5, 2.0])

    def forward(x, gamma, beta):
        return N.batch_norm_inference_forward(x, gamma, beta, mean, variance, 0.1)

    y, cache = forward(x, gamma, beta)
    assert_close(y, gamma * (x - mean) / np.sqrt(variance + 0.1) + beta)
    assert cache.training is False and cache.mean is mean and cache.variance is variance
    wanted = complex_gradients(lambda *i: (forward(*i)[0] * weight).sum(), [x, gamma, beta])
    grads = [np.full_like(a, 0.5) for a in (gamma, beta)]
    dx = N.batch_norm_inference_backward(weight, cache, *grads)
    for ours, numeric in zip((dx, *[g - 0.5 for g in grads]), wanted, strict=True):
        assert_close(ours, numeric)
