"""Counting: the cross-entropies that a network has to beat before it has learnt anything.

A unigram knows how often each token occurs, a bigram what followed the last one. Both are
counted on the training tokens and judged on the same validation targets as the network.
"""

import numpy as np
from numpy import ndarray

from .data import Tokens


def unigram_counts(tokens: Tokens, classes: int) -> ndarray:
    """How often each class is a target, (V,)."""
    return np.bincount(tokens.targets[tokens.continuations()], minlength=classes)


def unigram_nats(train: Tokens, validation: Tokens, classes: int) -> float:
    """Mean -log p of the validation targets under add-one smoothed frequencies, in nats.

    >>> tokens = Tokens(np.array([0, 1, 0, 1, 0]), np.array([0]))
    >>> round(unigram_nats(tokens, tokens, 2), 4)
    0.6931
    """
    counts = unigram_counts(train, classes) + 1  # (V,)
    p = counts / counts.sum()  # (V,)
    return float(-np.log(p[validation.targets[validation.continuations()]]).mean())


def bigram_nats(train: Tokens, validation: Tokens, classes: int) -> float:
    """Mean -log p(target | token before it), where a bigram is interpolated with the unigram.

    p(w | v) = (n(v, w) + k p(w)) / (n(v) + k): a Dirichlet prior of k imagined observations
    (D. MacKay and L. Peto, 1995). k is the power of two that does best on the validation targets,
    which flatters the baseline: the network has to beat it all the same.

    >>> tokens = Tokens(np.array([0, 1] * 50), np.array([0]))
    >>> bigram_nats(tokens, tokens, 2) < 0.02
    True
    """
    counts = unigram_counts(train, classes) + 1  # (V,)
    p = counts / counts.sum()  # (V,)
    follows = train.continuations()
    pairs = np.bincount(
        train.ids[follows - 1] * np.int64(classes) + train.targets[follows],
        minlength=classes * classes,
    ).reshape(classes, classes)  # (V, V)
    seen = pairs.sum(axis=1)  # (V,)
    follows = validation.continuations()
    before, target = validation.ids[follows - 1], validation.targets[follows]  # (n,), (n,)
    return min(
        float(-np.log((pairs[before, target] + k * p[target]) / (seen[before] + k)).mean())
        for k in 2.0 ** np.arange(-3, 16)
    )
