"""Properties of every layer, loss and net, for random shapes, types and values.

The deep run checks 10,000 nets by complex step:
    python -m pytest tests/test_properties.py -k every_gradient --hypothesis-profile=deep \
        --hypothesis-show-statistics
"""

import copy
import tempfile
from pathlib import Path

import numpy as np
import pytest
import strategies as s
from hypothesis import given, target
from hypothesis import strategies as st

from tinylstm.gradcheck import gradcheck
from tinylstm.layers import LSTM, BatchNormalization, Bidirectional, Embedding
from tinylstm.layers.sequences import Recurrent
from tinylstm.losses import CategoricalCrossentropy
from tinylstm.model import Sequential


def same(a, b):
    """Whether two arrays, or nested tuples of them, are bit-identical."""
    if isinstance(a, (tuple, list)):
        return len(a) == len(b) and all(same(p, q) for p, q in zip(a, b, strict=True))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return np.array_equal(a, b)


def close(a, b, tolerance=1e-12):
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


@given(s.cases(), st.booleans())
def test_every_gradient(case, training):
    """Parameters, inputs and initial states; gradients flow into outputs and final states."""
    if not list(case.net.params) and case.x.dtype.kind != "f":
        return  # nothing to check: no parameters, and the input is ids
    options = {"seed": case.seed, "training": training, "mask": case.mask}
    report = gradcheck(case.net, case.x, case.targets, case.loss, **options)
    target(report.error, label="largest relative error")  # Hypothesis maximises it
    assert report.ok, str(report)


@given(s.cases(), st.sampled_from(["central", "directional"]))
def test_the_other_methods_agree(case, method):
    if any("relu" in str(layer) for layer in case.net.layers):
        return  # the step may cross the kink at zero
    if not list(case.net.params) and case.x.dtype.kind != "f":
        return
    report = gradcheck(
        case.net, case.x, case.targets, case.loss, seed=case.seed, method=method, tolerance=1e-4,
        mask=case.mask,
    )  # fmt: skip
    assert report.ok, str(report)


@given(s.nets(layers=st.one_of(s.recurrents, s.stepwise)), st.data())
def test_whole_sequence_is_its_chunks_with_the_state_carried(net, data):
    x = data.draw(s.inputs(net))
    rng = np.random.default_rng(data.draw(s.seeds))
    states = s.random_states(net, x.shape[1], rng)
    cut = data.draw(st.integers(0, len(x)))
    whole, final, _ = net.forward(x, states)
    chunks, now = [], states
    for chunk in (x[:cut], x[cut:]):
        if len(chunk):
            y, now, _ = net.forward(chunk, now)
            chunks.append(y)
    close(np.concatenate(chunks), whole)
    for ours, wanted in zip(now, final, strict=True):
        for a, b in zip(ours, wanted, strict=True):
            close(a, b)


@given(s.nets(layers=st.one_of(s.recurrents, s.stepwise)), st.data())
def test_gradients_of_the_whole_are_those_of_the_chunks(net, data):
    """With the state carried forward and its gradient back, nothing is truncated."""
    x = data.draw(s.inputs(net))
    rng = np.random.default_rng(data.draw(s.seeds))
    states = s.random_states(net, x.shape[1], rng)
    cut = data.draw(st.integers(1, len(x)))
    y, _, caches = net.forward(x, states)
    dy, dfinal = rng.standard_normal(y.shape), s.random_states(net, x.shape[1], rng)
    wanted = net.zero_grads()
    dx, dstates = net.backward(dy, caches, wanted, dfinal)
    ours, now, kept = net.zero_grads(), states, []
    for chunk in filter(len, (x[:cut], x[cut:])):
        _, now, caches = net.forward(chunk, now)
        kept.append(caches)
    dnow, pieces = dfinal, []
    for caches, part in zip(
        reversed(kept), reversed([dy[:cut], dy[cut:]][: len(kept)]), strict=True
    ):
        d, dnow = net.backward(part, caches, ours, dnow)
        pieces.insert(0, d)
    for path in wanted:
        close(ours[path], wanted[path])
    if dx is not None:
        close(np.concatenate(pieces), dx)
    for a, b in zip(dnow, dstates, strict=True):
        for p, q in zip(a, b, strict=True):
            close(p, q)


@given(s.nets(), st.data())
def test_sequences_of_a_batch_do_not_meet(net, data):
    """Permuting the batch permutes outputs and states. (In training, batch normalization does mix
    sequences, on purpose; even then a permutation changes nothing else.)
    """
    x = data.draw(s.inputs(net))
    rng = np.random.default_rng(data.draw(s.seeds))
    states, order = s.random_states(net, x.shape[1], rng), rng.permutation(x.shape[1])
    moved = [tuple(a[order] for a in state) for state in states]
    y, final, _ = net.forward(x, states)
    y_moved, final_moved, _ = net.forward(x[:, order], moved)
    close(y_moved, y[:, order] if y.ndim == 3 else y[order])
    for a, b in zip(final, final_moved, strict=True):
        for p, q in zip(a, b, strict=True):
            close(p[order], q)


@given(s.cases(), s.seeds)
def test_backward_twice_is_twice_and_arguments_are_left_alone(case, seed):
    net, x, rng = case.net, case.x, np.random.default_rng(seed)
    states = s.random_states(net, x.shape[1], rng)
    y, final, caches = net.forward(x, states, np.random.default_rng(seed), case.mask)
    dy = rng.standard_normal(y.shape)
    if case.loss is not None:
        loss, cache = case.loss.forward(y, case.targets)
        dy = case.loss.backward(cache)
        assert same(case.loss.backward(cache), dy)
        assert case.loss.forward(y, case.targets)[0] == loss
    dfinal = s.random_states(net, x.shape[1], rng)
    everything = (x, states, y, final, dy, dfinal, net.weights, case.targets, case.mask)
    before = copy.deepcopy(everything)
    grads = net.zero_grads()
    first = net.backward(dy, caches, grads, dfinal)
    once = copy.deepcopy(grads)
    second = net.backward(dy, caches, grads, dfinal)
    again = net.forward(x, states, np.random.default_rng(seed), case.mask)
    assert same(everything, before)
    assert same(again[:2], (y, final))  # equal generators give equal masks
    assert same(first[1], second[1]) and (first[0] is None or same(first[0], second[0]))
    for path, gradient in once.items():
        np.testing.assert_allclose(grads[path], 2 * gradient, rtol=1e-12, atol=1e-300)
    assert {g.dtype for g in grads.values()} <= {net.dtype} and y.dtype == net.dtype


@given(s.nets(dtype=np.float32), st.data())
def test_a_file_holds_the_whole_net(net, data):
    x = data.draw(s.inputs(net))
    with tempfile.TemporaryDirectory() as folder:
        net.save(Path(folder) / "net.npz")
        again = Sequential.load(Path(folder) / "net.npz")
    assert again.config() == net.config()
    assert same(again.weights, net.weights)
    assert same(again.forward(x)[0], net.forward(x)[0])


def in_double(net):
    """A copy of the net with its weights in float64."""
    double = Sequential.from_config({**net.config(), "dtype": "float64"})
    double.set_weights(net.weights)
    return double


@given(s.nets(dtype=np.float32), st.data())
def test_float32_is_float64_but_for_rounding(net, data):
    """Outputs, states and gradients: within 2e-5 of the largest number of the array. (Batch
    normalization divides by numbers that may be small, so it gets a larger epsilon.)
    """
    for layer in net.layers:
        if isinstance(layer, BatchNormalization):
            layer.epsilon = 0.5
    x = data.draw(s.inputs(net))
    double = in_double(net)
    results = []
    for each, dtype in ((net, np.float32), (double, np.float64)):
        rng = np.random.default_rng(1)
        y, final, caches = each.forward(x.astype(dtype) if x.dtype.kind == "f" else x, None, rng)
        grads = each.zero_grads()
        dx, dstates = each.backward(
            np.cos(np.arange(y.size)).reshape(y.shape).astype(dtype), caches, grads
        )
        arrays = [y, *(a for state in (*final, *dstates) for a in state), *grads.values()]
        arrays += [dx] if dx is not None else []
        assert {a.dtype for a in arrays} == {np.dtype(dtype)}
        results.append(arrays)
    largest = max(1.0, *(np.abs(b).max() for b in results[1]))
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-5 * largest)


@given(s.nets(), st.data())
def test_bad_inputs_are_refused_by_name(net, data):
    """Empty, not finite, of the wrong shape or type: the message names the first layer."""
    x = data.draw(s.inputs(net))
    name = net.layers[0].name
    ids = x.dtype.kind == "i"
    bad = [x[:0], x[:, :0], x.astype(bool), x.astype(object), x.tolist()]
    bad += [x.astype(float), x[0]] if ids else [x.astype(int), x[..., :0]]
    if isinstance(net.layers[0], (Recurrent, Bidirectional)):
        bad += [x[0], x[None]]
    if not ids:
        for value in (np.nan, np.inf):
            poisoned = x.copy()
            poisoned.flat[data.draw(st.integers(0, x.size - 1))] = value
            bad.append(poisoned)
        if net.layers[0].params:
            bad.append(np.concatenate([x, x], axis=-1))
    else:
        bad += [np.full_like(x, s.VOCABULARY), np.full_like(x, -1)]
    for wrong in bad:
        with pytest.raises(ValueError, match=name):
            net.forward(wrong)


def run(net, x, states, mask, dy, dfinal, training=False):
    """Outputs, final states, and all gradients of the sum of their products with dy and dfinal."""
    y, final, caches = net.forward(x, states, np.random.default_rng(0) if training else None, mask)
    grads = net.zero_grads()
    dx, dstates = net.backward(dy, caches, grads, dfinal)
    return y, final, grads, dx, dstates


def upstream(net, x, mask, rng):
    """Random states, and gradients of the outputs (zero at padding) and of the final states."""
    states, dfinal = (s.random_states(net, x.shape[1], rng) for _ in range(2))
    dy = rng.standard_normal(net.forward(x, states)[0].shape)
    if dy.ndim == 3:
        dy[~mask] = 0
    return states, dy, dfinal


@given(s.nets(), st.data())
def test_a_padded_batch_is_its_sequences_one_by_one(net, data):
    """Outputs, final states, and every gradient, wherever the padding is."""
    x = data.draw(s.inputs(net))
    mask = data.draw(s.masks(x).filter(lambda mask: mask is not None))
    states, dy, dfinal = upstream(net, x, mask, np.random.default_rng(data.draw(s.seeds)))
    y, final, grads, dx, dstates = run(net, x, states, mask, dy, dfinal)
    total = net.zero_grads()
    for b in range(x.shape[1]):
        on, one = mask[:, b], slice(b, b + 1)
        part = (lambda a, i=(on, one): a[i]) if y.ndim == 3 else (lambda a, i=one: a[i])
        first, last = (
            [tuple(a[one] for a in state) for state in all_] for all_ in (states, dfinal)
        )
        alone = run(net, x[on, one], first, None, part(dy), last)
        close(part(y), alone[0])
        for ours, theirs in ((final, alone[1]), (dstates, alone[4])):
            for a, c in zip(ours, theirs, strict=True):
                for p, q in zip(a, c, strict=True):
                    close(p[one], q)
        for path, gradient in alone[2].items():
            total[path] += gradient
        if dx is not None:
            close(dx[on, one], alone[3])
            assert not dx[~on, b].any()
    for path, gradient in total.items():
        close(grads[path], gradient)


@given(s.nets(), st.data(), st.booleans())
def test_what_padding_holds_does_not_matter(net, data, training):
    """Not to one bit, in training and in use."""
    x = data.draw(s.inputs(net))
    mask = data.draw(s.masks(x).filter(lambda mask: mask is not None))
    rng = np.random.default_rng(data.draw(s.seeds))
    states, dy, dfinal = upstream(net, x, mask, rng)
    other = x.copy()
    if x.dtype.kind == "f":
        other[~mask] = 100 * rng.standard_normal(other[~mask].shape)
    else:
        other[~mask] = rng.integers(net.layers[0].vocabulary, size=(~mask).sum())
    y, *found = run(net, x, states, mask, dy, dfinal, training)
    y_other, *found_other = run(net, other, states, mask, dy, dfinal, training)
    assert same(found[:2], found_other[:2]) and same(found[3], found_other[3])
    assert same(y[mask], y_other[mask]) if y.ndim == 3 else same(y, y_other)
    if found[2] is not None:
        assert same(found[2], found_other[2])


@given(s.nets(layers=st.one_of(s.recurrents, s.stepwise)), st.data())
def test_masked_chunks_with_the_state_carried_are_the_whole(net, data):
    x = data.draw(s.inputs(net))
    mask = data.draw(s.masks(x).filter(lambda mask: mask is not None))
    states = s.random_states(net, x.shape[1], np.random.default_rng(data.draw(s.seeds)))
    cut = data.draw(st.integers(0, len(x)))
    whole, final, _ = net.forward(x, states, None, mask)
    now, chunks = states, []
    for part in (slice(0, cut), slice(cut, None)):
        if len(x[part]):
            y, now, _ = net.forward(x[part], now, None, mask[part])
            chunks.append(y)
    close(np.concatenate(chunks), whole)
    for ours, wanted in zip(now, final, strict=True):
        for a, b in zip(ours, wanted, strict=True):
            close(a, b)


@given(s.cases(), st.data())
def test_shards_of_the_batch_add_up(case, data):
    """Losses and gradients of shards, divided by the whole batch's count, sum to the batch's."""
    net, x = case.net, case.x
    y, _, caches = net.forward(x)
    if case.loss is None or y.ndim == 2:
        return
    wanted, cache = case.loss.forward(y, case.targets)
    grads, ours, total = net.zero_grads(), net.zero_grads(), 0.0
    net.backward(case.loss.backward(cache), caches, grads)
    cut, count = data.draw(st.integers(0, x.shape[1])), max(case.loss.count(case.targets), 1)
    for part in (slice(0, cut), slice(cut, None)):
        if x[:, part].size:
            y, _, caches = net.forward(x[:, part])
            loss, cache = case.loss.forward(y, case.targets[:, part], count)
            net.backward(case.loss.backward(cache), caches, ours)
            total += loss
    close(total, wanted)
    for path in grads:
        close(ours[path], grads[path])


@given(st.sampled_from([30.0, 1e3, 1e6]), s.seeds)
def test_saturated_gates_neither_overflow_nor_mislead(scale, seed):
    """In saturation, derivatives are nearly zero: they must stay finite and correct."""
    rng = np.random.default_rng(seed)
    layers = [Embedding(4, 3), LSTM(3, True), LSTM(4, True)]
    net = Sequential(layers, dtype=np.float64)
    for array in net.params.values():
        array[...] = scale * rng.standard_normal(array.shape)
    ids = rng.integers(4, size=(5, 2))
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        y, _, caches = net.forward(ids)
        loss, cache = CategoricalCrossentropy().forward(y * scale, ids)
        grads = net.zero_grads()
        net.backward(CategoricalCrossentropy().backward(cache), caches, grads)
    assert np.isfinite(loss) and all(np.isfinite(g).all() for g in grads.values())
