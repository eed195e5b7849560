"""The GRU with the reset gate before the product: a slow loop, and gradients by complex step."""

import naive
import numpy as np
import pytest
from test_functional import B, D, H, T, arrays, assert_close, complex_gradients

from tinylstm.layers import GRU
from tinylstm.recurrent import gru_forward
from tinylstm.reset_before import gru_reset_before_backward, gru_reset_before_forward


def case():
    return arrays((T, B, D), (B, H), (D, 3 * H), (H, 3 * H), (3 * H,))


MASK = np.arange(T)[:, None] < [T, 1, T - 1]


@pytest.mark.parametrize("mask", [None, MASK])
def test_it_is_the_slow_loop_and_its_backward_the_derivative(mask):
    given, weights = case(), arrays((T, B, H), (B, H), seed=1)
    outputs, h, cache = gru_reset_before_forward(*given, mask)
    for ours, slow in zip((outputs, h), naive.gru_reset_before(*given, mask), strict=True):
        assert_close(ours, slow)

    def loss(*inputs):
        y, last, _ = gru_reset_before_forward(*inputs, mask)
        return (y * weights[0]).sum() + (last * weights[1]).sum()

    wanted = complex_gradients(loss, given)
    grads = [np.full_like(a, 0.5) for a in given[2:]]
    dx, dh0 = gru_reset_before_backward(*weights, cache, *grads)
    for ours, numeric in zip((dx, dh0, *[g - 0.5 for g in grads]), wanted, strict=True):
        assert_close(ours, numeric)


def test_it_is_the_other_gru_only_where_the_state_is_zero():
    x, h0, Wx, Wh, b = case()
    first, _, _ = gru_reset_before_forward(x[:1], 0 * h0, Wx, Wh, b)
    assert_close(first, gru_forward(x[:1], 0 * h0, Wx, Wh, b, 0 * b)[0])
    outputs = gru_reset_before_forward(x, h0, Wx, Wh, b)[0]
    assert not np.allclose(outputs, gru_forward(x, h0, Wx, Wh, b, 0 * b)[0], atol=1e-3)


def test_the_layer_has_one_bias_and_chunks_of_a_sequence_are_the_whole():
    layer, (x,) = GRU(H, True, reset_after=False), arrays((T, B, D))
    layer.build(D, np.random.default_rng(0), np.float64)
    assert sorted(layer.params) == ["Wh", "Wx", "b"]
    whole, final, _ = layer.forward(x)
    first, state, _ = layer.forward(x[:1])
    rest, last, _ = layer.forward(x[1:], state)
    assert (np.concatenate([first, rest]) == whole).all() and (last[0] == final[0]).all()
