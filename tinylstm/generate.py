"""Generate: new tokens, one after the other, each drawn from the network's prediction.

For any token model. `Sampling` says how one token is drawn from logits, `Rules` which tokens may
come and when a sequence ends. Arrays are time-major, (T, B): a column is a sequence, and all
columns are generated together, one step of the network per token. Next: music/__init__.py.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy import ndarray

from .model import Sequential

LONGEST_CYCLE = 8  # tokens: a longer passage that returns is music, not a fault
COLUMNS = 2  # at least: a product with one column may round differently from one with several


@dataclass(frozen=True)
class Sampling:
    """How a token is drawn from logits; the defaults use the network's own distribution.

    temperature: above 1 is wilder, below 1 safer; 0 takes the most likely token (argmax).
    top_k: keep the k most likely tokens; 0 keeps all (A. Fan et al., 2018).
    top_p: keep the smallest set of tokens that sums to p, the nucleus (A. Holtzman et al., 2020).
    min_p: keep tokens at least min_p times as likely as the most likely (N. Nguyen et al., 2024).
    max_repeat: forbid a token that would extend a cycle of 1 to 8 tokens beyond this many tokens;
    0 allows it. Raises ValueError for a number out of range.

    >>> logits = np.array([[0.0, 5.0, 1.0]])
    >>> Sampling(temperature=0).choose(logits, np.array([0.5])).tolist()
    [1]
    >>> Sampling(top_k=2).probabilities(logits).round(3).tolist()
    [[0.0, 0.982, 0.018]]
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    max_repeat: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < np.inf:
            raise ValueError(
                f"temperature is {self.temperature}: use 0 (argmax) or a positive number"
            )
        if self.top_k < 0 or self.max_repeat < 0:
            raise ValueError(
                f"top_k is {self.top_k}, max_repeat {self.max_repeat}: use 0 (off) or more"
            )
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p is {self.top_p}: use a number above 0, up to 1 (off)")
        if not 0 <= self.min_p <= 1:
            raise ValueError(f"min_p is {self.min_p}: use a number from 0 (off) to 1")

    def probabilities(self, logits: ndarray) -> ndarray:
        """The distribution that tokens are drawn from, (B, V); a logit of -inf forbids a token."""
        z = logits.astype(np.float64)  # (B, V)
        z = (z - z.max(axis=-1, keepdims=True)) / self.temperature  # (B, V) the largest is 0
        if 0 < self.top_k < z.shape[-1]:
            least = np.partition(z, -self.top_k, axis=-1)[:, -self.top_k, None]  # (B, 1)
            z[z < least] = -np.inf
        p = np.exp(z)  # (B, V)
        p /= p.sum(axis=-1, keepdims=True)
        if self.top_p < 1:
            ordered = -np.sort(-p, axis=-1)  # (B, V)
            before = ordered.cumsum(axis=-1) - ordered  # (B, V) of all more likely tokens
            least = np.where(before < self.top_p, ordered, 1).min(axis=-1, keepdims=True)  # (B, 1)
            p[p < least] = 0
        if self.min_p > 0:
            p[p < self.min_p * p.max(axis=-1, keepdims=True)] = 0
        return p / p.sum(axis=-1, keepdims=True)

    def choose(self, logits: ndarray, uniform: ndarray) -> ndarray:
        """A token (B,) for each row of logits (B, V), drawn with uniform numbers (B,) in [0, 1)."""
        if self.temperature == 0:
            return logits.argmax(axis=-1)
        mass = self.probabilities(logits).cumsum(axis=-1)  # (B, V)
        drawn = uniform[:, None] * mass[:, -1:]  # (B, 1)
        return (mass <= drawn).sum(axis=-1)  # (B,) the first token whose mass exceeds it


class Cycles:
    """For each of B columns: the length of the cycle of 1, 2, ... 8 tokens that it ends in.

    >>> cycles = Cycles(1)
    >>> for token in [5, 3, 4, 3, 4, 3]:
    ...     cycles.add(np.array([token]))
    >>> cycles.lengths[0, :3].tolist()  # 3 4 3 4 3 is a cycle of 2, over 5 tokens
    [1, 5, 3]
    """

    def __init__(self, columns: int) -> None:
        self.last = np.full((columns, LONGEST_CYCLE), -1)  # (B, 8) the newest first
        self.lengths = np.tile(np.arange(1, LONGEST_CYCLE + 1), (columns, 1))  # (B, 8)

    def add(self, tokens: ndarray) -> None:
        """Append a token (B,) to each column."""
        periods = np.arange(1, LONGEST_CYCLE + 1)
        self.lengths = np.where(self.last == tokens[:, None], self.lengths + 1, periods)
        self.last = np.concatenate([tokens[:, None], self.last[:, :-1]], axis=1)

    def forbidden(self, most: int, classes: int) -> ndarray:
        """Which tokens (B, V) would make a cycle longer than `most` tokens."""
        found = np.zeros((len(self.last), classes), bool)  # (B, V)
        rows, places = np.nonzero((self.lengths >= most) & (self.last >= 0))
        found[rows, self.last[rows, places]] = True
        return found


class Rules(Protocol):
    """Which tokens may come next and when a sequence is done, for B columns at once."""

    done: ndarray  # (B,) of bool
    lengths: ndarray  # (B,) new tokens of each column so far

    def begin(self, primer: ndarray) -> None:
        """Start after a primer (T, B)."""

    def allowed(self) -> ndarray | None:
        """Which tokens may come next, (B, V) of bool; None for all."""

    def weigh(self, logits: ndarray) -> ndarray:
        """The network's logits (B, V), or what the rules make of them."""

    def accept(self, tokens: ndarray) -> ndarray:
        """Take the next tokens (B,), or replace those that would break a rule."""


class Count:
    """The simplest rules: any token, until there are n of them."""

    def __init__(self, n: int):
        self.n = n

    def begin(self, primer: ndarray) -> None:
        """Start after a primer (T, B)."""
        self.lengths = np.zeros(primer.shape[1], int)
        self.done = self.lengths >= self.n

    def allowed(self) -> None:
        """All tokens."""

    def weigh(self, logits: ndarray) -> ndarray:
        """The network's logits (B, V)."""
        return logits

    def accept(self, tokens: ndarray) -> ndarray:
        """Count the next tokens (B,)."""
        self.lengths = self.lengths + 1
        self.done = self.lengths >= self.n
        return tokens


def generate(
    model: Sequential, primer: ndarray, n: int, sampling: Sampling = Sampling(), seed: int = 0
) -> ndarray:
    """n new token ids (n,) that follow the ids of a primer (T,). The same seed gives the same ids.

    The model maps ids (T, B) to logits. Raises ValueError for an empty primer or ids outside the
    vocabulary.

    >>> from tinylstm.layers import LSTM, Dense, Embedding
    >>> model = Sequential([Embedding(5, 4), LSTM(8, return_sequences=True), Dense(5)])
    >>> generate(model, np.array([0, 1]), 6, Sampling(temperature=0.5), seed=1).shape
    (6,)
    """
    return generate_columns(model, primer, Count(n), [seed], sampling)[0]


def stream(
    model: Sequential, primer: ndarray, sampling: Sampling = Sampling(), seed: int = 0
) -> Iterator[int]:
    """The ids that `generate` gives, one at a time and without end: `for id in stream(...)`.

    The model may be trained between two of them.

    >>> from itertools import islice
    >>> from tinylstm.layers import LSTM, Dense, Embedding
    >>> model = Sequential([Embedding(5, 4), LSTM(8, return_sequences=True), Dense(5)])
    >>> ids = list(islice(stream(model, np.array([0, 1]), seed=1), 6))
    >>> ids == generate(model, np.array([0, 1]), 6, seed=1).tolist()
    True
    """
    for tokens in steps(model, columns(primer, 1), Count(sys.maxsize), [seed], sampling, None):
        yield int(tokens[0])


def generate_columns(
    model: Sequential,
    primer: ndarray,
    rules: Rules,
    seeds: Sequence[int] = (0,),
    sampling: Sampling = Sampling(),
    window: int | None = None,
) -> list[ndarray]:
    """New ids, one array for each seed, after a primer (T,) or (T, seeds), until the rules end it.

    The state is carried from token to token. With `window`, as in the 2017 tutorial, the net
    instead reads the last `window` tokens again for each new one, from a zero state. Each sequence
    depends only on its own seed and primer, not on those generated beside it.

    >>> from tinylstm.layers import LSTM, Dense, Embedding
    >>> model = Sequential([Embedding(5, 4), LSTM(8, return_sequences=True), Dense(5)])
    >>> first, second = generate_columns(model, np.array([0, 1]), Count(6), seeds=[0, 1])
    >>> len(first), len(second)
    (6, 6)
    """
    history = columns(primer, len(seeds))  # (T, B)
    out = list(steps(model, history, rules, seeds, sampling, window))  # (B,) each
    ids = np.array(out, history.dtype).reshape(len(out), history.shape[1])  # (T, B)
    return [ids[: rules.lengths[b], b] for b in range(len(seeds))]


def steps(
    model: Sequential,
    history: ndarray,
    rules: Rules,
    seeds: Sequence[int],
    sampling: Sampling,
    window: int | None,
) -> Iterator[ndarray]:
    """Yields the next tokens (B,) of all columns, until the rules end every one that has a seed."""
    spare = [0] * (history.shape[1] - len(seeds))
    random = [np.random.default_rng(seed) for seed in [*seeds, *spare]]
    rules.begin(history)
    cycles, state, x = Cycles(history.shape[1]), None, history
    frozen = model.frozen()  # weights are packed once, not for every token
    while not rules.done[: len(seeds)].all():
        with frozen:  # not around `yield`: meanwhile, the caller may train
            if window is None:
                logits, state, _ = model.forward(x, state)
                logits = logits[-1] if logits.ndim == 3 else logits  # (B, V)
            else:
                logits = after_windows(model, history[-window:])  # (B, V)
        uniform = np.array([rng.random() for rng in random])  # (B,)
        logits = masked(rules.weigh(logits), rules.allowed(), cycles, sampling.max_repeat)
        tokens = rules.accept(sampling.choose(logits, uniform))  # (B,)
        cycles.add(tokens)
        x = tokens[None]  # (1, B)
        if window is not None:
            history = np.concatenate([history[-window:], x])
        yield tokens


def columns(primer: ndarray, count: int) -> ndarray:
    """The primer of every column, (T, B), with B = count, but at least COLUMNS."""
    if not len(primer) or not count:
        raise ValueError("the primer is empty, or no seed is given: give at least one of each")
    primer = np.asarray(primer).reshape(len(primer), -1)  # (T, 1) or (T, count)
    last = np.repeat(primer[:, -1:], max(COLUMNS, count) - primer.shape[1], axis=1)
    return np.concatenate([primer, last], axis=1)  # (T, B)


def after_windows(model: Sequential, windows: ndarray) -> ndarray:
    """The logits (B, V) after each window (T, B); equal windows are read once."""
    distinct, which = np.unique(windows, axis=1, return_inverse=True)
    logits, _, _ = model.forward(columns(distinct, distinct.shape[1]))
    return (logits[-1] if logits.ndim == 3 else logits)[which.ravel()]  # (B, V)


def masked(logits: ndarray, allowed: ndarray | None, cycles: Cycles, most: int) -> ndarray:
    """Logits (B, V) with -inf for forbidden tokens. If only a repetition is allowed, it stays."""
    if allowed is None and not most:
        return logits
    allowed = np.ones(logits.shape, bool) if allowed is None else allowed  # (B, V)
    if most:
        fresh = allowed & ~cycles.forbidden(most, logits.shape[1])  # (B, V)
        allowed = np.where(fresh.any(axis=1, keepdims=True), fresh, allowed)
    return np.where(allowed, logits, -np.inf)
