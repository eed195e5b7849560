"""Exercise 10: its checks, and the wrong answers that are known."""

import math

import numpy as np

from ..checks import Check, Task, Wrong, numbers

PUBLISHED = np.array([[1.0, -3.0], [0.5, 3.0], [-2.0, 0.1]])  # gradients of three updates
G = numbers(1, 5, 3)


def several(f):
    """A function of the learner's: one update after the other."""

    def updates(p, gradients, rate, beta_1, beta_2, epsilon):
        m, v = np.zeros(p.shape), np.zeros(p.shape)
        for t, g in enumerate(gradients, start=1):
            p, m, v = f.adam(p, g, m, v, t, rate, beta_1, beta_2, epsilon)
        return p, m, v

    return {"updates": updates}


def slow(p, gradients, rate, beta_1, beta_2, epsilon):
    """One number at a time, from the paper."""
    found = []
    for i in range(len(p)):
        x, m, v = p[i], 0.0, 0.0
        for t in range(1, len(gradients) + 1):
            g = gradients[t - 1][i]
            m = beta_1 * m + (1 - beta_1) * g
            v = beta_2 * v + (1 - beta_2) * g * g
            first, second = m / (1 - beta_1**t), v / (1 - beta_2**t)
            x = x - rate * first / (math.sqrt(second) + epsilon)
        found.append((x, m, v))
    return tuple(np.array(column) for column in zip(*found, strict=True))


def check(name, count, epsilon=1e-3):
    arguments = {
        "p": numbers(2, 3), "gradients": G[:count], "rate": 0.1, "beta_1": 0.8, "beta_2": 0.95,
        "epsilon": epsilon,
    }  # fmt: skip
    return Check(name, "updates", lambda f: arguments, lambda f: slow(*arguments.values()), "p m v")


TASK = Task(
    title="Adam, with its t",
    functions=("adam",),
    derive=several,
    checks=(
        check("the first update", 1),
        check("five updates", 5),
        check("gradients as small as epsilon", 5, epsilon=2.0),
        Check(
            "three published updates",
            "updates",
            lambda f: {
                "p": np.array([1.0, -2.0]),
                "gradients": PUBLISHED,
                "rate": 0.1,
                "beta_1": 0.9,
                "beta_2": 0.999,
                "epsilon": 1e-8,
            },
            lambda f: (np.array([0.8274177408620569, -1.910836872393075]), None, None),
            "p m v",
            "PyTorch 2.13 says",
        ),
    ),
    wrong=(
        Wrong(
            "m_hat = m / (1 - beta_1**t)\n    v_hat = v / (1 - beta_2**t)",
            "m_hat = m / (1 - beta_1)\n    v_hat = v / (1 - beta_2)",
            "the correction has lost its t: it is 1 - beta^t. The first update cannot tell; a "
            "well-known teaching code has it like this",
        ),
        Wrong(
            "m_hat = m / (1 - beta_1**t)\n    v_hat = v / (1 - beta_2**t)",
            "m_hat = m\n    v_hat = v",
            "without the corrections: m and v begin at zero and are too small at first",
        ),
        Wrong(
            "(1 - beta_2) * g**2",
            "(1 - beta_2) * g",
            "v is the mean of the squares, g^2: it must not be negative",
        ),
        Wrong(
            "m = beta_1 * m + (1 - beta_1) * g",
            "m = beta_2 * m + (1 - beta_2) * g",
            "beta_1 belongs to m, beta_2 to v",
        ),
        Wrong(
            "m = beta_1 * m + (1 - beta_1) * g",
            "m = beta_1 * m + g",
            "m is a mean: g enters it with the share 1 - beta_1",
        ),
        Wrong(
            "m = beta_1 * m + (1 - beta_1) * g",
            "m = (1 - beta_1) * m + beta_1 * g",
            "the shares are swapped: beta_1 is what is kept of m",
        ),
        Wrong(
            "(np.sqrt(v_hat) + epsilon)",
            "np.sqrt(v_hat + epsilon)",
            "epsilon stands outside the root: sqrt(v_hat) + epsilon",
        ),
        Wrong(
            "return p - rate * m_hat / (np.sqrt(v_hat) + epsilon), m, v",
            "return p - rate * m_hat / (np.sqrt(v_hat) + epsilon), m_hat, v_hat",
            "return m and v as they are kept. With hats, they are corrected again at each update",
        ),
        Wrong(
            "return p - rate",
            "return p + rate",
            "uphill: the update is subtracted",
        ),
        Wrong(
            "/ (np.sqrt(v_hat) + epsilon)",
            "/ (v_hat + epsilon)",
            "divide by the root of v_hat: then the update has the size of the rate",
        ),
    ),
    after="The house's own, in Keras's form: Adam in tinylstm/optimizers.py.",
)
