"""Exercise 11: its checks, and the wrong answers that are known."""

import math

import numpy as np

from ..checks import Check, Task, Wrong, numbers

A, B = numbers(1, 3, 2), numbers(2, 4)


def by_name(f):
    """The learner's function, with arrays instead of dictionaries."""

    def clipped(a, b, limit):
        grads, norm = f.clip({"lstm.Wh": a, "lstm.b": b}, limit)
        return grads["lstm.Wh"], grads["lstm.b"], norm

    return {"clipped": clipped}


def slow(a, b, limit):
    """One number at a time."""
    total = 0.0
    for g in [*a.ravel(), *b.ravel()]:
        total += g * g
    norm = math.sqrt(total)
    factor = limit / norm if norm > limit else 1.0
    return a * factor, b * factor, norm


def check(name, a, b, limit):
    arguments = {"a": a, "b": b, "limit": limit}
    return Check(name, "clipped", lambda f: arguments, lambda f: slow(a, b, limit), "Wh b norm")


TASK = Task(
    title="clipping",
    functions=("clip",),
    derive=by_name,
    checks=(
        Check(
            "3 and 4 make 5",
            "clipped",
            lambda f: {"a": np.array([[3.0]]), "b": np.array([4.0]), "limit": 1.0},
            lambda f: (np.array([[0.6]]), np.array([0.8]), 5.0),
            "Wh b norm",
            "Pythagoras says",
        ),
        check("too long", 10 * A, B, 2.0),
        check("short enough", A, B, 100.0),
        check("all zero", 0 * A, 0 * B, 1.0),
    ),
    wrong=(
        Wrong(
            "limit / norm if norm > limit else 1.0",
            "limit / max(norm, 1e-9)",
            "a gradient that is short enough stays as it is; you blow it up to the limit",
        ),
        Wrong(
            "limit / norm if norm > limit else 1.0",
            "1 / norm if norm > limit else 1.0",
            "the length becomes 1, not the limit: the factor is limit / norm",
        ),
        Wrong(
            "(g**2).sum() for g in grads.values()",
            "np.sqrt((g**2).sum()) for g in grads.values()",
            "norms do not add up: add the squares of all entries, and take one root at the end",
        ),
        Wrong(
            "float(np.sqrt(sum((g**2).sum() for g in grads.values())))",
            "float(sum((g**2).sum() for g in grads.values()))",
            "this is the square of the norm: take its root",
        ),
        Wrong(
            "g * factor for name, g in grads.items()",
            "g * min(1, limit / max(np.sqrt((g**2).sum()), 1e-9)) for name, g in grads.items()",
            "you clip each array by its own norm, which turns the direction of the whole: one norm "
            "for all, one factor for all",
        ),
        Wrong(
            "g * factor for name, g in grads.items()",
            "np.clip(g, -limit, limit) for name, g in grads.items()",
            "you cut each entry off, which turns the direction: multiply all by limit / norm",
        ),
        Wrong(
            "}, norm",
            "}, norm * factor",
            "the norm to return is the one before clipping: it is what you want to see in a log",
        ),
        Wrong(
            "{name: g * factor for name, g in grads.items()}",
            "{name: np.multiply(g, factor, out=g) for name, g in grads.items()}",
            "the given gradients are to be left as they are: g * factor makes a new array, g *= "
            "factor does not",
        ),
    ),
    after="Watch the norm in a log: it tells of an explosion before the loss does. docs/why.md "
    "shows "
    "how it comes about. The house's own: clip_by_global_norm in tinylstm/optimizers.py.",
)
