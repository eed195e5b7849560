"""Counting: the cross-entropies that a network has to beat before it has learnt anything.

A unigram knows how often each token occurs, a bigram what followed the last one. Both are
counted on the training tokens and judged on the same validation targets as the network.
"""

import numpy as np
from numpy import ndarray

from .data import Tokens


def pair_counts(tokens: Tokens, classes: int) -> ndarray:
    """How often class w follows class v: (V, V), v by w. All that the figures below need.

    >>> pair_counts(Tokens(np.array([0, 1, 0, 1, 1]), np.array([0, 4])), 2).tolist()
    [[0, 2], [1, 0]]
    """
    counts = np.zeros(classes * classes, np.int64)
    for before, target in tokens.pairs():
        counts += np.bincount(before * np.int64(classes) + target, minlength=len(counts))
    return counts.reshape(classes, classes)


def unigram_nats(train: Tokens, validation: Tokens, classes: int) -> float:
    """Mean -log p of the validation targets under add-one smoothed frequencies, in nats.

    >>> tokens = Tokens(np.array([0, 1, 0, 1, 0]), np.array([0]))
    >>> round(unigram_nats(tokens, tokens, 2), 4)
    0.6931
    """
    counts = pair_counts(train, classes).sum(axis=0) + 1  # (V,)
    judged = pair_counts(validation, classes).sum(axis=0)  # (V,)
    return float(-(judged * np.log(counts / counts.sum())).sum() / judged.sum())


def bigram_nats(train: Tokens, validation: Tokens, classes: int) -> float:
    """Mean -log p(target | token before it), where a bigram is interpolated with the unigram.

    p(w | v) = (n(v, w) + k p(w)) / (n(v) + k): a Dirichlet prior of k imagined observations
    (D. MacKay and L. Peto, 1995). k is the power of two that does best on the validation targets,
    which flatters the baseline: the network has to beat it all the same.

    >>> tokens = Tokens(np.array([0, 1] * 50), np.array([0]))
    >>> bigram_nats(tokens, tokens, 2) < 0.02
    True
    """
    pairs = pair_counts(train, classes)  # (V, V)
    counts = pairs.sum(axis=0) + 1  # (V,)
    p = counts / counts.sum()  # (V,)
    seen = pairs.sum(axis=1)  # (V,)
    judged = pair_counts(validation, classes)  # (V, V)
    before, target = judged.nonzero()  # (n,), (n,)
    weights = judged[before, target] / judged.sum()  # (n,)
    return min(
        float(
            -(weights * np.log((pairs[before, target] + k * p[target]) / (seen[before] + k))).sum()
        )
        for k in 2.0 ** np.arange(-3, 16)
    )
