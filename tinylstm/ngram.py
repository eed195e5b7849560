"""Counting: the cross-entropies that a network has to beat before it has learnt anything.

A unigram knows how often each token occurs, a bigram what followed the last one, a 5-gram what
followed the last four. All are counted on the training tokens and judged on the same validation
targets as the network.
"""

from collections.abc import Iterator

import numpy as np
from numpy import ndarray

from .data import Tokens

LARGEST = 1 << 23  # tokens that are counted for an n-gram: what bounds its memory, about 1 GB


def baselines(train: Tokens, validation: Tokens, classes: int) -> dict[str, float]:
    """What counting reaches on the validation targets, in nats a token, by name.

    >>> tokens = Tokens(np.array([0, 1] * 50), [0])
    >>> list(baselines(tokens, tokens, 2))
    ['unigram', 'bigram', '5-gram']
    """
    return {
        "unigram": unigram_nats(train, validation, classes),
        "bigram": bigram_nats(train, validation, classes),
        "5-gram": ngram_nats(train, validation, classes, order=5),
    }


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


def ngram_nats(
    train: Tokens,
    validation: Tokens,
    classes: int,
    order: int = 5,
    largest: int = LARGEST,
    chunk: int = 1 << 18,
) -> float:
    """Mean -log p(target | the order - 1 tokens before it), interpolated Kneser-Ney.

    (R. Kneser and H. Ney, 1995; S. Chen and J. Goodman, 1999, equation 24, with one discount an
    order.) Of a corpus of more than `largest` tokens the first ones are counted.

    >>> tokens = Tokens(np.tile([0, 0, 1], 50), [0])
    >>> ngram_nats(tokens, tokens, 2, order=3) < 0.05 < 0.3 < bigram_nats(tokens, tokens, 2)
    True
    """
    if order < 1:
        raise ValueError(f"order is {order}: use at least 1")
    words = classes + 1  # one more stands for what is before the beginning
    if words**order >= 1 << 64:
        raise ValueError(f"order {order} is too much for {classes} classes: lower it")
    known = np.concatenate(list(grams(train, words, order, min(largest, len(train)), chunk)))
    levels = [Level(known, words)]  # the longest n-grams as often as they occur, each shorter one
    for n in range(order - 1, 0, -1):  # as often as there are longer ones that end in it
        levels.insert(0, Level(levels[0].grams % np.uint64(words**n), words))
    total, judged = 0.0, 0
    for wanted in grams(validation, words, order, len(validation), chunk):
        p = np.full(len(wanted), 1 / classes)  # (n,)
        for n, level in enumerate(levels, start=1):
            p = level.probability(wanted % np.uint64(words**n) if n < order else wanted, p)
        total -= float(np.log(p).sum())
        judged += len(p)
    return total / judged


def grams(
    tokens: Tokens, words: int, order: int, most: int, chunk: int = 1 << 18
) -> Iterator[ndarray]:
    """The keys of all targets with the order - 1 tokens before them, (n,) at a time.

    A key is the n-gram read as a number with `words` digits, its target last. What would stand
    before the beginning of a piece is the highest digit.

    >>> list(grams(Tokens(np.array([3, 1, 4]), [0]), words=10, order=3, most=3))
    [array([931, 314], dtype=uint64)]
    """
    for a in range(0, most, chunk):
        at = np.arange(a, min(a + chunk, most))  # (chunk,)
        targets = np.asarray(tokens.targets[at])  # (chunk,)
        starts = tokens.starts[np.searchsorted(tokens.starts, at, side="right") - 1]  # (chunk,)
        counts = (at > starts) & (targets >= 0)  # (chunk,)
        at, starts = at[counts], starts[counts]  # (n,) each
        key = np.zeros(len(at), np.uint64)  # (n,)
        for back in range(order - 1, 0, -1):
            before = tokens.ids[np.maximum(at - back, 0)].astype(np.uint64)  # (n,)
            digit = np.where(at - back >= starts, before, np.uint64(words - 1))  # (n,)
            key = key * np.uint64(words) + digit
        yield key * np.uint64(words) + targets[counts].astype(np.uint64)


class Level:
    """What is known of n-grams of one length: how often each occurs, and how often each context.

    grams: (N,) their keys, repeated as often as they are to count. An n-gram's key is that of its
    context times the number of words plus its last word.
    """

    def __init__(self, grams: ndarray, words: int):
        self.words = np.uint64(words)
        self.grams, self.counts = np.unique(grams, return_counts=True)  # (distinct,) each
        contexts = self.grams // self.words  # (distinct,)
        self.contexts, first = np.unique(contexts, return_index=True)  # (contexts,) each
        self.totals = np.add.reduceat(self.counts, first)  # (contexts,)
        self.kinds = np.diff(np.append(first, len(contexts)))  # (contexts,) words that followed
        once, twice = (int((self.counts == n).sum()) for n in (1, 2))
        self.discount = max(once, 1) / max(once + 2 * twice, 2)

    def probability(self, grams: ndarray, shorter: ndarray) -> ndarray:
        """p of the last words of grams (n,), given that with contexts one token shorter, (n,)."""
        counts = found(self.grams, self.counts, grams)  # (n,)
        contexts = grams // self.words  # (n,)
        totals = found(self.contexts, self.totals, contexts)  # (n,)
        kinds = found(self.contexts, self.kinds, contexts)  # (n,)
        kept = np.maximum(counts - self.discount, 0)  # (n,)
        mixed = (kept + self.discount * kinds * shorter) / np.maximum(totals, 1)  # (n,)
        return np.where(totals > 0, mixed, shorter)


def found(keys: ndarray, values: ndarray, wanted: ndarray) -> ndarray:
    """The value of each wanted key in sorted keys, 0 where it is none: (n,)."""
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)  # (n,)
    return np.where(keys[place] == wanted, values[place], 0)
