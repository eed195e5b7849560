"""N-gram baselines: cross-entropies that a network must beat to be worth its training time.

A unigram model predicts from token frequencies, a bigram from the previous token, a 5-gram from
the previous four. All are counted on the training tokens and evaluated on the same validation
targets as the network.
"""

from collections.abc import Iterator

import numpy as np
from numpy import ndarray

from .data import Tokens

LARGEST = 1 << 23  # tokens counted for an n-gram: limits its memory to about 1 GB


def baselines(train: Tokens, validation: Tokens, classes: int) -> dict[str, float]:
    """Cross-entropy of each n-gram on the validation targets, in nats per token.

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
    """Counts (V, V): how often class w (column) follows class v (row).

    >>> pair_counts(Tokens(np.array([0, 1, 0, 1, 1]), np.array([0, 4])), 2).tolist()
    [[0, 2], [1, 0]]
    """
    counts = np.zeros(classes * classes, np.int64)
    for before, target in tokens.pairs():
        counts += np.bincount(before.astype(np.int64) * classes + target, minlength=len(counts))
    return counts.reshape(classes, classes)


def unigram_nats(train: Tokens, validation: Tokens, classes: int) -> float:
    """Mean -log p of the validation targets, from add-one smoothed frequencies, in nats per token.

    >>> tokens = Tokens(np.array([0, 1, 0, 1, 0]), np.array([0]))
    >>> round(unigram_nats(tokens, tokens, 2), 4)
    0.6931
    """
    counts = pair_counts(train, classes).sum(axis=0) + 1  # (V,)
    judged = pair_counts(validation, classes).sum(axis=0)  # (V,)
    return float(-(judged * np.log(counts / counts.sum())).sum() / judged.sum())


def bigram_nats(train: Tokens, validation: Tokens, classes: int) -> float:
    """Mean -log p(target | previous token): a bigram interpolated with the unigram, in nats.

    p(w | v) = (n(v, w) + k p(w)) / (n(v) + k): a Dirichlet prior of k pseudo-observations (D.
    MacKay and L. Peto, 1995). k is a power of two, tuned on the validation targets: this favours
    the baseline, so a network that beats it really is better.

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
    """Mean -log p(target | order - 1 previous tokens) of an interpolated Kneser-Ney model, in nats.

    (R. Kneser and H. Ney, 1995; S. Chen and J. Goodman, 1999, equation 24, one discount per order.)
    Only the first `largest` training tokens are counted. Raises ValueError if an n-gram does not
    fit 64 bits.

    >>> tokens = Tokens(np.tile([0, 0, 1], 50), [0])
    >>> ngram_nats(tokens, tokens, 2, order=3) < 0.05 < 0.3 < bigram_nats(tokens, tokens, 2)
    True
    """
    if order < 1:
        raise ValueError(f"order is {order}: use at least 1")
    words = classes + 1  # one more for the padding before a piece
    if words**order >= 1 << 64:
        raise ValueError(f"order {order} is too high for {classes} classes: lower it")
    known = np.concatenate(list(grams(train, words, order, min(largest, len(train)), chunk)))
    # the longest n-grams count once per occurrence, shorter ones once per distinct longer one
    levels = [Level(known, words)]
    for n in range(order - 1, 0, -1):
        levels.insert(0, Level(levels[0].grams % np.uint64(words**n), words))
    total, judged = 0.0, 0
    for wanted in grams(validation, words, order, len(validation), chunk):
        p = np.full(len(wanted), 1 / classes)  # (n,)
        for n, level in enumerate(levels, start=1):
            p = level.probability(wanted % np.uint64(words**n), p)
        total -= float(np.log(p).sum())
        judged += len(p)
    return total / judged


def grams(
    tokens: Tokens, words: int, order: int, most: int, chunk: int = 1 << 18
) -> Iterator[ndarray]:
    """Yields a key (n,) for each target and its order - 1 previous tokens, in chunks.

    A key is the n-gram read as a number in base `words`, with the target as its last digit. Places
    before the start of a piece get the highest digit, words - 1.

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
    """The n-grams of one length: the counts of each n-gram and of each context.

    grams: (N,) keys, one for each occurrence. An n-gram's key is its context's key times `words`
    plus its last word.
    """

    def __init__(self, grams: ndarray, words: int):
        self.words = np.uint64(words)
        self.grams, self.counts = np.unique(grams, return_counts=True)  # (distinct,) each
        contexts = self.grams // self.words  # (distinct,)
        self.contexts, first = np.unique(contexts, return_index=True)  # (contexts,) each
        self.totals = np.add.reduceat(self.counts, first)  # (contexts,)
        self.kinds = np.diff(np.append(first, len(contexts)))  # (contexts,) distinct next words
        once, twice = (int((self.counts == n).sum()) for n in (1, 2))
        self.discount = max(once, 1) / max(once + 2 * twice, 2)

    def probability(self, grams: ndarray, shorter: ndarray) -> ndarray:
        """p (n,) of each n-gram's last word; shorter (n,) is its p with one token less context."""
        counts = found(self.grams, self.counts, grams)  # (n,)
        contexts = grams // self.words  # (n,)
        totals = found(self.contexts, self.totals, contexts)  # (n,)
        kinds = found(self.contexts, self.kinds, contexts)  # (n,)
        kept = np.maximum(counts - self.discount, 0)  # (n,)
        mixed = (kept + self.discount * kinds * shorter) / np.maximum(totals, 1)  # (n,)
        return np.where(totals > 0, mixed, shorter)


def found(keys: ndarray, values: ndarray, wanted: ndarray) -> ndarray:
    """Look up the wanted keys (n,) in sorted keys: their values (n,), 0 for an unknown key."""
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)  # (n,)
    return np.where(keys[place] == wanted, values[place], 0)
