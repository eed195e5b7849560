"""From logits to one token: temperature, top-k, top-p, min-p, and a cure for going in circles.

Next: sampling.py, which asks a network for logits and this for tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy import ndarray

LONGEST_CYCLE = 8  # tokens: what repeats after more is a figure, not a fault


@dataclass(frozen=True)
class Sampling:
    """How a token is chosen; the defaults leave the network's own distribution as it is.

    Arguments:
        temperature: above 1 is more adventurous, below 1 safer; 0 always takes the likeliest token
            (argmax, as the article does) and needs no seed.
        top_k: keep the k likeliest tokens; 0 keeps all (A. Fan et al., 2018).
        top_p: keep the likeliest tokens that together have this probability: the nucleus
            (A. Holtzman et al., 2020); 1 keeps all.
        min_p: keep tokens at least this fraction as likely as the likeliest (N. Nguyen et al.,
            2024); 0 keeps all.
        max_repeat: forbid a token that would let one token, or one cycle of up to 8 tokens, fill
            more than this many in a row; 0 allows it.

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
        """What tokens are drawn from, (B, V); logits of -inf are tokens that cannot come."""
        z = logits.astype(np.float64)  # (B, V)
        z = (z - z.max(axis=-1, keepdims=True)) / self.temperature  # (B, V) the largest is 0
        if 0 < self.top_k < z.shape[-1]:
            least = np.partition(z, -self.top_k, axis=-1)[:, -self.top_k, None]  # (B, 1)
            z[z < least] = -np.inf
        p = np.exp(z)  # (B, V)
        p /= p.sum(axis=-1, keepdims=True)
        if self.top_p < 1:
            ordered = -np.sort(-p, axis=-1)  # (B, V)
            before = ordered.cumsum(axis=-1) - ordered  # (B, V) of all that are likelier
            least = np.where(before < self.top_p, ordered, 1).min(axis=-1, keepdims=True)  # (B, 1)
            p[p < least] = 0
        if self.min_p > 0:
            p[p < self.min_p * p.max(axis=-1, keepdims=True)] = 0
        return p / p.sum(axis=-1, keepdims=True)

    def choose(self, logits: ndarray, uniform: ndarray) -> ndarray:
        """A token (B,) for each row of logits (B, V), by one number in [0, 1) each, (B,)."""
        if self.temperature == 0:
            return logits.argmax(axis=-1)
        mass = self.probabilities(logits).cumsum(axis=-1)  # (B, V)
        drawn = uniform[:, None] * mass[:, -1:]  # (B, 1)
        return (mass <= drawn).sum(axis=-1)  # (B,) the first token whose mass goes beyond


class Cycles:
    """How long each of B columns has been going in circles of 1, 2, ... 8 tokens.

    >>> cycles = Cycles(1)
    >>> for token in [5, 3, 4, 3, 4, 3]:
    ...     cycles.add(np.array([token]))
    >>> cycles.lengths[0, :3].tolist()  # 3 4 3 4 3 is a cycle of 2 that fills 5
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
        """Which tokens (B, V) would let a cycle fill more than `most`."""
        found = np.zeros((len(self.last), classes), bool)  # (B, V)
        rows, places = np.nonzero((self.lengths >= most) & (self.last >= 0))
        found[rows, self.last[rows, places]] = True
        return found
