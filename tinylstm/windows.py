"""The 2017 tutorial's batches: windows of T tokens, each with the token that follows.

Next: training.py.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from .data import Batch, Tokens


class Windows:
    """Batches of B windows of T tokens, each with the token that follows as its target.

    Windows may cross from one piece into the next: the tutorial takes all pieces for one text.
    Raises ValueError if the corpus has no window.

    >>> data = Windows(Tokens(np.arange(6), np.array([0])), batch=2, steps=4, shuffle=False)
    >>> [(batch.x.T.tolist(), batch.targets.tolist()) for batch in data.epoch(0)]
    [([[0, 1, 2, 3], [1, 2, 3, 4]], [4, 5])]
    """

    def __init__(
        self,
        tokens: Tokens,
        batch: int = 64,
        steps: int = 100,
        seed: int = 0,
        shuffle: bool = True,
    ):
        self.tokens, self.batch, self.steps, self.seed = tokens, batch, steps, seed
        self.shuffle = shuffle
        follows = np.arange(steps, len(tokens))  # (N - T,) where the target stands
        self.follows = follows[tokens.targets[follows] >= 0]  # (windows,)
        if not len(self.follows):
            longest = int((tokens.ends - tokens.starts).max())
            raise ValueError(
                f"corpus has {len(tokens)} tokens, its longest piece {longest}, but windows need "
                f"{steps + 1}: add files or lower steps"
            )

    def __len__(self) -> int:
        """Batches in an epoch."""
        return -(-len(self.follows) // self.batch)

    def describe(self) -> dict[str, Any]:
        """The data's part of a run's fingerprint, as plain data."""
        return {
            "data": "Windows",
            "tokens": self.tokens.digest(),
            **{name: getattr(self, name) for name in ("batch", "steps", "shuffle")},
            "windows": len(self.follows),
            "data_seed": self.seed,
        }

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """Yields the batches of an epoch (0, 1, 2, ...): the same ones at every call."""
        order = self.follows
        if self.shuffle:
            order = np.random.default_rng([self.seed, epoch]).permutation(order)
        for i in range(0, len(order), self.batch):
            follows = order[i : i + self.batch]  # (B,)
            x = self.tokens.ids[follows - self.steps + np.arange(self.steps)[:, None]]  # (T, B)
            targets = self.tokens.targets[follows]  # (B,)
            yield Batch(x, targets, np.ones(len(follows), bool), len(follows))
