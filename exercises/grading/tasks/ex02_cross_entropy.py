"""Exercise 2: its checks, and the wrong answers that are known."""

import numpy as np

from ..checks import Check, Task, Wrong, complex_step, numbers
from ..twins import naive

LOGITS, TARGETS = 2 * numbers(1, 5, 4), np.array([2, 0, 3, 3, 2])
FAR = np.array([[1000.0, 1001.0, 999.0], [-2000.0, -2001.0, -2000.0]])


def twin(logits, targets):
    """The loss and the probabilities, one number at a time."""
    return naive.cross_entropy(logits, targets), np.array([naive.softmax(row) for row in logits])


TASK = Task(
    title="softmax and cross-entropy",
    functions=("softmax_cross_entropy", "softmax_cross_entropy_backward"),
    checks=(
        Check(
            "a loss of 0.753109",
            "softmax_cross_entropy",
            lambda f: {
                "logits": np.array([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]]),
                "targets": np.array([2, 0]),
            },
            lambda f: (
                0.7531091265562451,
                np.array(
                    [[0.09003057317038045, 0.2447284710547976, 0.6652409557748218], [1 / 3] * 3]
                ),
            ),
            "loss p",
            "PyTorch 2.13 says",
        ),
        Check(
            "any logits",
            "softmax_cross_entropy",
            lambda f: {"logits": LOGITS, "targets": TARGETS},
            lambda f: twin(LOGITS, TARGETS),
            "loss p",
        ),
        Check(
            "logits of 1000",
            "softmax_cross_entropy",
            lambda f: {"logits": FAR, "targets": np.array([1, 0])},
            lambda f: twin(FAR - FAR.max(axis=1, keepdims=True), np.array([1, 0])),
            "loss p",
            hint="subtract the maximum of each row before exp",
        ),
        Check(
            "a target that seemed impossible",
            "softmax_cross_entropy",
            lambda f: {"logits": np.array([[0.0, 2000.0]]), "targets": np.array([0])},
            lambda f: (2000.0, np.array([[0.0, 1.0]])),
            "loss p",
            "the formula says",
            hint="p rounds to 0 here, and log 0 is minus infinity. Compute the loss from log s and "
            "the logit, not from p",
        ),
        Check(
            "complex numbers",
            "softmax_cross_entropy",
            lambda f: {"logits": LOGITS + 0.3j * numbers(2, 5, 4), "targets": TARGETS},
            lambda f: formula(LOGITS + 0.3j * numbers(2, 5, 4), TARGETS),
            "loss p",
            "the formula says",
            hint="make no float arrays for complex numbers: use the type of logits",
        ),
        Check(
            "backward",
            "softmax_cross_entropy_backward",
            lambda f: {"p": f.softmax_cross_entropy(LOGITS, TARGETS)[1], "targets": TARGETS},
            lambda f: complex_step(lambda z: f.softmax_cross_entropy(z, TARGETS)[0], LOGITS),
            "dlogits",
            "the complex step of your loss says",
            hint="dlogits = (p - onehot(target)) / N",
        ),
    ),
    wrong=(
        Wrong(
            "logits - logits.max(axis=1, keepdims=True)",
            "logits",
            "exp of 1000 is infinite. Subtract the maximum of each row before exp",
        ),
        Wrong(
            "logits - logits.max(axis=1, keepdims=True)",
            "logits - logits.max()",
            "you subtract one maximum for all rows: in a row far below it every exp is 0, and its "
            "sum too. Each row needs its own: max(axis=1, keepdims=True)",
        ),
        Wrong(
            "(np.log(s) - z[rows, targets]).mean()",
            "-np.log((e / s[:, None])[rows, targets]).mean()",
            "p rounds to 0 for a target far below the maximum, and log 0 is minus infinity. "
            "Compute "
            "the loss from log s and the logit, not from p",
        ),
        Wrong(
            "(np.log(s) - z[rows, targets]).mean()",
            "(np.log(s) - z[rows, targets]).sum()",
            "a sum where the mean belongs: the loss must not grow with the number of rows",
        ),
        Wrong(
            "(np.log(s) - z[rows, targets]).mean()",
            "(np.log2(s) - z[rows, targets] / np.log(2)).mean()",
            "these are bits. Nats use the natural logarithm, np.log",
        ),
        Wrong(
            "s = e.sum(axis=1)  # (N,)",
            "s = np.ones(len(e)) * e.sum()  # (N,)",
            "you divide by the sum over all rows: each row's probabilities sum to 1, so "
            "sum(axis=1)",
        ),
        Wrong(
            "    return dlogits / len(p)",
            "    return dlogits",
            "the loss is a mean over N rows, so its gradient is divided by N",
        ),
        Wrong(
            "    return dlogits / len(p)",
            "    return -dlogits / len(p)",
            "uphill: the gradient is p - onehot, not onehot - p",
        ),
        Wrong(
            "dlogits[np.arange(len(p)), targets] -= 1",
            "dlogits -= 1",
            "1 is subtracted at the target of each row alone, not everywhere",
        ),
        Wrong(
            "dlogits[np.arange(len(p)), targets] -= 1",
            "dlogits[:, targets] -= 1",
            "p[:, targets] is every row at every target. One entry for each row is "
            "p[np.arange(N), targets]",
        ),
        Wrong(
            "dlogits = p.copy()",
            "dlogits = p",
            "dlogits = p is the same array under another name: begin with p.copy()",
        ),
    ),
    after="Uniform logits lose ln V nats: print the first loss of any training run and compare. "
    "The house's own: the end of tinylstm/functional.py.",
)


def formula(logits, targets):
    """As it stands in the exercise, for complex numbers that are not large."""
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return -np.log(p[np.arange(len(p)), targets]).mean(), p
