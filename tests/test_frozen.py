"""Threads that compose, evaluate and train one model: right, or refused."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import numpy as np
import pytest

import tinylstm as tl
from tinylstm.frozen import Frozen, changing, prepared, training
from tinylstm.generate import generate, stream
from tinylstm.layers import LSTM, BatchNormalization, Dense, Embedding
from tinylstm.model import Sequential

IDS = np.random.default_rng(0).integers(0, 9, 400)


def network(*extra):
    layers = [Embedding(9, 8), LSTM(20, return_sequences=True), *extra, Dense(9)]
    return Sequential(layers, seed=1)


def data(steps=10):
    return tl.Streams(tl.Tokens(IDS, [0]), 4, steps)


def test_what_is_prepared_belongs_to_the_block_and_ends_with_it():
    a, b = np.ones(2), np.ones(2)
    with Frozen([a]):
        prepared(a)[True] = "here"
        assert prepared(a) == {True: "here"} and prepared(b) == {}
        with Frozen([a, b]):
            assert prepared(a) == {True: "here"}  # the outer block's
            prepared(b)[True] = "inner"
        assert prepared(b) == {}
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(prepared, a).result() == {}
    assert prepared(a) == {}


def test_a_block_can_be_entered_again_and_forgets_when_a_weight_changes():
    a, b = np.ones(2), np.ones(2)
    frozen, other = Frozen([a]), Frozen([b])
    for block, weight in ((frozen, a), (other, b)):
        with block:
            prepared(weight)[False] = "kept"
    with changing([a]):
        pass
    with frozen, other:
        assert prepared(a) == {} and prepared(b) == {False: "kept"}


def test_a_block_left_in_another_order_leaves_nothing_stale():
    a = np.ones(2)
    first, second = Frozen([a]), Frozen([a])
    first.__enter__()
    prepared(a)[False] = "first"
    second.__enter__()
    first.__exit__()
    assert prepared(a) == {}
    second.__exit__()
    assert prepared(a) == {}
    with changing([a]):
        pass


def test_a_change_waits_for_readers_and_readers_for_a_change():
    a, order = np.ones(2), []
    inside, go = threading.Event(), threading.Event()

    def read():
        with Frozen([a]):
            inside.set()
            go.wait(5)
            order.append("read")

    with ThreadPoolExecutor(2) as pool:
        reader = pool.submit(read)
        inside.wait()

        def write():
            with changing([a]):
                order.append("changed")

        writer = pool.submit(write)
        with changing([np.ones(1)]):  # other weights wait for nobody
            assert not writer.done()
        go.set()
        reader.result()
        writer.result()
    assert order == ["read", "changed"]


def test_a_reader_waits_for_a_change():
    a, order = np.ones(2), []
    begun = threading.Event()

    def read():
        begun.set()
        with Frozen([a]):
            order.append("read")

    with ThreadPoolExecutor(1) as pool:
        with changing([a]):
            reader = pool.submit(read)
            begun.wait()
            time.sleep(0.1)
            order.append("changed")
        reader.result()
    assert order == ["changed", "read"]


def test_who_would_wait_for_itself_is_refused():
    model = network()
    with model.frozen(), pytest.raises(RuntimeError, match="frozen in this block"):
        model.set_weights(model.weights)
    with model.frozen(), pytest.raises(RuntimeError, match="frozen in this block"):
        tl.SGD().update(model.params, model.zero_grads())
    model.set_weights(model.weights)


def test_composing_beside_training_changes_no_bit_of_the_run():
    alone, beside = network(BatchNormalization()), network(BatchNormalization())
    tl.fit(alone, data(), 4, threads=2)
    end, composed = threading.Event(), []

    def compose():
        while not end.is_set():
            composed.append(generate(beside, IDS[:3], 20))
            tl.evaluate(beside, data(), threads=1)
            beside.predict(IDS[None, :30])

    with ThreadPoolExecutor(2) as pool:
        others = [pool.submit(compose) for _ in range(2)]
        try:
            tl.fit(beside, data(), 4, threads=2)
        finally:
            end.set()
        for other in others:
            other.result()
    assert composed
    for path, weight in alone.weights.items():
        assert np.array_equal(weight, beside.weights[path]), path
    assert np.array_equal(generate(alone, IDS[:3], 20), generate(beside, IDS[:3], 20))


def test_a_stream_sees_the_weights_that_training_changes():
    model = network()
    ids = stream(model, IDS[:3], tl.Sampling(temperature=0))
    first = list(islice(ids, 3))
    model.set_weights({path: 0 * weight for path, weight in model.weights.items()})
    after = list(islice(ids, 5))
    assert after == [after[0]] * 5 and len(first) == 3  # all logits are equal now
    assert not any(frozen.readers for frozen in tl.frozen._known)


def test_many_threads_compose_the_same():
    model = network()
    expected = [generate(model, IDS[:3], 30, seed=seed).tolist() for seed in range(6)]
    with ThreadPoolExecutor(6) as pool:
        found = pool.map(lambda seed: generate(model, IDS[:3], 30, seed=seed).tolist(), range(6))
        assert list(found) == expected


def test_a_second_training_of_the_model_is_refused_and_another_model_s_is_not():
    model = network()

    class Second(tl.Callback):
        def on_batch_end(self, run, loss):
            if run.step == 1:
                with ThreadPoolExecutor(1) as pool:
                    with pytest.raises(RuntimeError, match="another thread trains this model"):
                        pool.submit(tl.fit, model, data(), 1, threads=1).result()
                    pool.submit(tl.fit, network(), data(), 1, threads=1).result()

    tl.fit(model, data(), 1, callbacks=[Second()], threads=1)
    tl.fit(model, data(), 1, threads=1)  # and after it, nothing is left behind
    with training(model.params.values()), training(model.params.values()):
        pass
