"""Exercise 9: its checks, and the wrong answers that are known."""

import numpy as np

from ..checks import Check, Task, Wrong, complex_step, numbers

X, DY, RATE = numbers(1, 6, 5), numbers(2, 6, 5), 0.3


def rng():
    return np.random.default_rng(4)


def twin(f):
    """One number at a time."""
    drawn, mask = rng().random(X.shape), np.zeros(X.shape)
    for index in np.ndindex(*X.shape):
        if drawn[index] >= RATE:
            mask[index] = 1 / (1 - RATE)
    return X * mask, mask


def forward(name, x, rate, make, expected):
    return Check(
        name, "dropout", lambda f: {"x": x, "rate": rate, "rng": make()}, expected, "y mask"
    )


TASK = Task(
    title="dropout, and its way back",
    functions=("dropout", "dropout_backward"),
    checks=(
        forward("in training", X, RATE, rng, twin),
        forward("in use", X, RATE, lambda: None, lambda f: (X, np.ones(X.shape))),
        forward("rate 0", X, 0.0, rng, lambda f: (X, np.ones(X.shape))),
        forward(
            "complex numbers",
            X + 1j * DY,
            RATE,
            rng,
            lambda f: ((X + 1j * DY) * twin(f)[1], twin(f)[1]),
        ),
        Check(
            "backward",
            "dropout_backward",
            lambda f: {"dy": DY, "mask": f.dropout(X, RATE, rng())[1]},
            lambda f: complex_step(lambda x: (f.dropout(x, RATE, rng())[0] * DY).sum(), X),
            "dx",
            "the complex step of your dropout says",
        ),
    ),
    wrong=(
        Wrong(
            "(rng.random(x.shape) >= rate) / (1 - rate)",
            "(rng.random(x.shape) >= rate) * 1.0",
            "what is kept is not divided by 1 - rate: the mean shrinks, and the net sees other "
            "numbers in use than in training",
        ),
        Wrong(
            "(rng.random(x.shape) >= rate) / (1 - rate)",
            "(rng.random(x.shape) < rate) / (1 - rate)",
            "kept and dropped are swapped: with rate 0 nothing would be left",
        ),
        Wrong(
            "(rng.random(x.shape) >= rate) / (1 - rate)",
            "(rng.random(x.shape) >= rate) / rate",
            "divided by rate: what is kept has the probability 1 - rate",
        ),
        Wrong(
            "(rng.random(x.shape) >= rate) / (1 - rate)",
            "(rng.random(x.shape) >= rate) * (1 - rate)",
            "multiplied by 1 - rate where it is to be divided: the mean shrinks twice",
        ),
        Wrong(
            "(rng.random(x.shape) >= rate) / (1 - rate)",
            "(rng.random(x.shape[-1]) >= rate) / (1 - rate) * np.ones(x.shape)",
            "one draw for a whole column: each number of x has its own, rng.random(x.shape)",
        ),
        Wrong(
            "    if rng is None:\n        return x, np.ones(x.shape)\n",
            "    if rng is None:\n        return x * (1 - rate), np.ones(x.shape) * (1 - rate)\n",
            "in use nothing is scaled: the division by 1 - rate in training has seen to it",
        ),
        Wrong(
            "    if rng is None:\n",
            "    rng = rng or np.random.default_rng(0)\n    if rng is None:\n",
            "without a Generator nothing is dropped: that is how the net is used",
        ),
        Wrong(
            "return dy * mask",
            "return dy",
            "the gradient comes back everywhere: what was dropped has no influence, so dx = dy "
            "mask",
        ),
        Wrong(
            "return dy * mask",
            "return dy * (mask > 0)",
            "the scale is lost on the way back: y = x mask gives dx = dy mask, with its 1 / (1 - "
            "rate)",
        ),
    ),
    after="A mask that is drawn anew on the way back is the classic bug: the loss still falls, and "
    "no plot shows it. The house's own: tinylstm/layers/dropout.py.",
)
