"""Exercise 8: its checks, and the wrong answers that are known."""

import numpy as np

from ..checks import Check, Task, Wrong, complex_step, numbers

TABLE, DY, BEFORE = numbers(1, 4, 3), numbers(2, 5, 2, 3), numbers(3, 4, 3)
ONCE = np.array([[0, 3], [1, 2]])
OFTEN = np.array([[0, 3], [3, 3], [1, 0], [3, 1], [0, 0]])  # the token 2 does not occur


def rows(f):
    return np.array([[TABLE[token] for token in step] for step in OFTEN])


def backward_check(name, ids):
    dy = DY[: len(ids)]
    return Check(
        name,
        "add_embedding_gradient",
        lambda f: {"dy": dy, "ids": ids, "dtable": BEFORE},
        lambda f: BEFORE + complex_step(lambda table: (f.embed(table, ids) * dy).sum(), TABLE)[0],
        "",
        "what it was plus the complex step of your embed says",
        writes="dtable",
    )


TASK = Task(
    title="the embedding and its scatter",
    functions=("embed", "add_embedding_gradient"),
    checks=(
        Check("forward", "embed", lambda f: {"table": TABLE, "ids": OFTEN}, rows, "y"),
        Check(
            "complex numbers",
            "embed",
            lambda f: {"table": TABLE + 1j, "ids": OFTEN},
            lambda f: rows(f) + 1j,
            "y",
            hint="make no float arrays for complex numbers: use the type of the table",
        ),
        backward_check("backward, each token once", ONCE),
        backward_check("backward, tokens that occur several times", OFTEN),
    ),
    wrong=(
        Wrong(
            "np.add.at(dtable, ids, dy)",
            "dtable[ids] += dy",
            "where a token occurs several times, dtable[ids] += dy adds only one of its gradients. "
            "np.add.at(dtable, ids, dy) adds them all",
        ),
        Wrong(
            "np.add.at(dtable, ids, dy)",
            "dtable[...] = 0\n    np.add.at(dtable, ids, dy)",
            "you overwrite what was in dtable: add to it. With tied weights two layers do",
        ),
        Wrong(
            "np.add.at(dtable, ids, dy)",
            "dtable = dtable.copy()\n    np.add.at(dtable, ids, dy)",
            "nothing has been added to the caller's dtable: you work on an array of your own",
        ),
        Wrong(
            "np.add.at(dtable, ids, dy)",
            "n = np.maximum(np.bincount(ids.ravel(), minlength=len(dtable)), 1)\n"
            "    total = np.zeros_like(dtable)\n    np.add.at(total, ids, dy)\n"
            "    dtable += total / n[:, None]",
            "a mean over the places of a token where the sum belongs",
        ),
        Wrong(
            "np.add.at(dtable, ids, dy)",
            "dtable += dy.reshape(-1, dy.shape[-1]).sum(axis=0)",
            "every row has got the gradients of all tokens: only the row of the token that stood "
            "there gets dy[t, n]",
        ),
        Wrong(
            "return table[ids]",
            "return table[ids.T].swapaxes(0, 1)[::-1]",
            "the steps come out in reverse order",
        ),
        Wrong(
            "return table[ids]",
            "return table[ids - 1]",
            "off by one: token 0 has the first row, table[0]",
        ),
    ),
    after="The same sum is a product with one-hot vectors, onehot^T dy, at V times the cost. The "
    "house's own: Embedding in tinylstm/layers/tokens.py.",
)
