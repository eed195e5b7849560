"""Exercise 13: its checks, and the wrong answers that are known."""

import math

import numpy as np

from ..checks import Check, Task, Wrong, numbers

LOGITS = np.log(np.array([0.1, 0.5, 0.05, 0.3, 0.05])) + 3
MORE = 2 * numbers(1, 9)


def slow(logits, temperature, top_p):
    """One token at a time."""
    powers = [math.exp(z / temperature) for z in logits]
    p = [power / sum(powers) for power in powers]
    kept, mass = [0.0] * len(p), 0.0
    for v in sorted(range(len(p)), key=lambda v: -p[v]):
        if mass < top_p:
            kept[v] = p[v]
        mass += p[v]
    return np.array([q / sum(kept) for q in kept])


def check(name, logits, temperature, top_p, hint=""):
    arguments = {"logits": logits, "temperature": temperature, "top_p": top_p}
    return Check(name, "distribution", lambda f: arguments,
                 lambda f: slow(logits, temperature, top_p), "p", hint=hint)  # fmt: skip


def draw_check(name, p, u, token):
    return Check(name, "draw", lambda f: {"p": np.array(p), "u": u}, lambda f: token, "token",
                 "the sum says")  # fmt: skip


TASK = Task(
    title="sampling: temperature and top-p",
    functions=("distribution", "draw"),
    checks=(
        check("the net's own probabilities", LOGITS, 1.0, 1.0),
        check("temperature 0.5", MORE, 0.5, 1.0),
        check("temperature 2", MORE, 2.0, 1.0),
        check("top-p 0.7 of 0.5 and 0.3 keeps both", LOGITS, 1.0, 0.7),
        check("both at once", MORE, 0.7, 0.6),
        Check(
            "temperature 0 is argmax",
            "distribution",
            lambda f: {"logits": MORE, "temperature": 0.0, "top_p": 1.0},
            lambda f: (np.arange(9) == MORE.argmax()).astype(float),
            "p",
            "argmax says",
            hint="nothing can be divided by a temperature of 0: treat it apart",
        ),
        Check(
            "logits of 1000",
            "distribution",
            lambda f: {"logits": np.array([1000.0, 1000.0, 0.0]), "temperature": 0.5, "top_p": 1.0},
            lambda f: np.array([0.5, 0.5, 0.0]),
            "p",
            "the formula says",
            hint="subtract the maximum before exp",
        ),
        draw_check("a draw", [0.2, 0.5, 0.3], 0.6, 1),
        draw_check("a draw at the end", [0.2, 0.5, 0.3], 0.95, 2),
        draw_check("u = 0 never takes a token of probability 0", [0.0, 0.4, 0.6], 0.0, 1),
    ),
    wrong=(
        Wrong(
            "(logits - logits.max()) / temperature",
            "(logits - logits.max()) * temperature",
            "a high temperature must make the probabilities more equal: divide by it",
        ),
        Wrong(
            "    p = np.exp((logits - logits.max()) / temperature)  # (V,)\n    p = p / p.sum()",
            "    p = np.exp(logits - logits.max())\n    p = p / p.sum() / temperature\n"
            "    p = p / p.sum()",
            "the temperature has no effect: it divides the logits, before exp. Probabilities "
            "divided by it are the same again once they sum to 1",
        ),
        Wrong(
            "(logits - logits.max()) / temperature",
            "logits / temperature",
            "exp of 1000 is infinite: subtract the maximum first",
        ),
        Wrong(
            "    if temperature == 0:\n",
            "    if False:\n",
            "nothing can be divided by a temperature of 0: it means argmax; treat it apart",
        ),
        Wrong(
            "return p * kept / (p * kept).sum()",
            "return p * kept",
            "after tokens have been left out, the rest must be scaled to sum to 1 again",
        ),
        Wrong(
            "before = np.cumsum(p[order]) - p[order]",
            "before = np.cumsum(p[order])",
            "the token that reaches top_p belongs to the set: 0.5 and 0.3 are needed for 0.7",
        ),
        Wrong(
            "kept[order[before < top_p]] = 1",
            "kept[p >= 1 - top_p] = 1",
            "top_p limits a sum of probabilities, not each of them",
        ),
        Wrong(
            "kept[order[before < top_p]] = 1",
            "kept[before < top_p] = 1",
            "the tokens were sorted, and are never put back in their order",
        ),
        Wrong(
            "np.argsort(-p)",
            "np.argsort(p)",
            "sorted the wrong way round: the most likely come first",
        ),
        Wrong(
            "(np.cumsum(p) <= u).sum()",
            "(np.cumsum(p) < u).sum()",
            "with u = 0 a token of probability 0 is taken: the first whose sum is *greater* than u",
        ),
        Wrong(
            "(np.cumsum(p) <= u).sum()",
            "p.argmax()",
            "draw always takes the most likely token and ignores u",
        ),
        Wrong(
            "(np.cumsum(p) <= u).sum()",
            "(p <= u).sum()",
            "u falls into the probabilities laid end to end: compare it with their cumulative sum",
        ),
    ),
    after="The house's own: Sampling in tinylstm/generate.py, for many sequences at once.",
)
