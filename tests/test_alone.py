"""One process adds its shards along the fixed tree, and never loads what only several need."""

import subprocess
import sys

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import tinylstm as tl
from tinylstm.alone import Alone, nodes, ranks_of


@given(st.integers(1, 40), st.integers(1, 12))
def test_the_nodes_of_all_ranks_cover_the_shards_once(shards, size):
    covered = []
    for rank in range(size):
        own = range(shards * rank // size, shards * (rank + 1) // size)
        found = nodes(own, (0, shards))
        assert [s for a, b in found for s in range(a, b)] == list(own)
        covered += own
    assert covered == list(range(shards))


@given(st.integers(1, 9), st.integers(1, 40), st.integers(0, 99))
def test_shards_are_added_along_the_tree(shards, size, seed):
    values = np.random.default_rng(seed).standard_normal((shards, size)).astype(np.float32)

    def tree(a, b):
        middle = (a + b) // 2
        return values[a] if b == a + 1 else tree(a, middle) + tree(middle, b)

    flats = list(values.copy())
    Alone().add(flats, shards, map)
    assert flats[0].tobytes() == tree(0, shards).tobytes()


def test_one_process_loads_neither_ranks_nor_mpi():
    assert type(ranks_of(None)) is Alone and tl.world() is None
    code = (
        "import sys, numpy as np, tinylstm as tl; tl.world();"
        "d = tl.Streams(tl.Tokens(np.tile([0, 1], 9), [0]), 1);"
        "tl.fit(tl.Sequential([tl.OneHot(2), tl.Dense(2)]), d, 1);"
        "sys.exit(sum(name in sys.modules for name in ('tinylstm.ranks', 'mpi4py')))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
