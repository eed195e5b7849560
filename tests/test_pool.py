"""The memory pool: buffers are used again, never by two arrays at once, and do not pile up."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("numba", reason="the pool serves the kernels")

from tinylstm.kernels import pool
from tinylstm.kernels.pool import SMALL, SPARE, WASTE, Block, Shelves
from tinylstm.layers import LSTM

B, D = 4, 12


def gradients(lengths):
    """Forward and backward over sequences of each length, in a thread of its own, whose shelves are
    empty at first. Returns the gradients of each length, and the bytes held and obtained.
    """
    layer = LSTM(24, return_sequences=True)
    layer.build(D, np.random.default_rng(0), np.float32)

    def work():
        found, held, before = {}, 0, pool.obtained()
        for T in lengths:
            x = np.random.default_rng(T).standard_normal((T, B, D)).astype(np.float32)
            grads = {name: np.zeros_like(p) for name, p in layer.params.items()}
            y, _, cache = layer.forward(x)
            layer.backward(y, cache, grads)
            del y, cache
            found[T] = b"".join(g.tobytes() for g in grads.values())
            held = max(held, pool.own().held)
        return found, held, pool.obtained() - before

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(work).result()


def test_a_thousand_lengths_hold_little_more_than_the_longest():
    lengths = np.random.default_rng(0).permutation(np.arange(20, 1020)).tolist()
    gradients([20])  # compiles, and packs the weights on the shared shelves
    _, most, _ = gradients([1019])
    found, held, obtained = gradients(lengths)
    assert most > 1e6
    assert held <= 3 * most
    assert obtained <= most / 2 * len(lengths) / 10  # a shelf for each exact size took ten times it
    few = lengths[::100]
    assert {T: found[T] for T in few} == {T: gradients([T])[0][T] for T in few}  # to the bit


def test_what_grows_step_by_step_does_not_pile_up():
    _, most, _ = gradients([299])
    _, held, _ = gradients(range(100, 300))
    assert held <= 3 * most


sizes = st.floats(np.log(SMALL), np.log(1 << 19)).map(lambda x: int(np.exp(x)))
actions = st.lists(st.one_of(sizes, st.integers(0, 9).map(lambda i: -1 - i)), max_size=60)


@given(actions)
def test_no_two_arrays_share_memory_and_the_bound_holds(actions):
    """A number is the size of a new array; a negative one deletes one of the arrays."""
    shelves, live, most = Shelves(), [], 0
    for action in actions:
        if action < 0 and live:
            del live[action % len(live)]
        elif action > 0:
            memory, shelf = shelves.take(action)
            assert action <= len(memory) <= WASTE * action
            live.append((np.asarray(Block(memory, shelf, (action,), np.uint8)), len(memory)))
            del memory
            most = max(most, sum(size for _, size in live))
            live[-1][0][...] = len(live) % 256
        assert all((a == a[0]).all() for a, _ in live)
        spans = sorted((a.ctypes.data, a.ctypes.data + len(a)) for a, _ in live)
        assert all(end <= start for (_, end), (start, _) in pairwise(spans))
        free = sum(size * len(shelf) for size, shelf in shelves.shelves.items())
        assert shelves.held - free == sum(size for _, size in live)
        assert shelves.held <= SPARE * most


def test_a_buffer_given_back_to_the_system_is_used_by_its_array_until_the_end():
    shelves = Shelves()

    def array(size):
        return np.asarray(Block(*shelves.take(size), (size,), np.uint8))

    first, second = array(20_000), array(20_000)
    del first
    kept = [array(200_000), array(250_000)]
    second[...] = 7
    assert shelves.shelves[20_000].made == 2  # one of them free, one in use
    del kept
    for size in (600_000, 700_000, 800_000):
        array(size)
    assert shelves.shelves[20_000].made == 1 and (second == 7).all()
    del second
    assert shelves.held <= SPARE * 800_000
