"""From one array of token ids, cut into pieces, to batches, without copying it.

`Streams` reads B parallel streams, T tokens at a time. The state is carried from one batch to the
next and reset where a piece begins: truncated backpropagation through time, with a loss at every
step. Next: arrays.py.
"""

import hashlib
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy import ndarray
from numpy.typing import ArrayLike

IGNORED = -1  # a target that is left out of the loss


class Batch(NamedTuple):
    """One step of training, for B sequences of T steps.

    >>> x = np.array([[1, 4], [2, 5]])    # (T, B): two sequences, each of two steps
    >>> Batch(x, x + 1, reset=np.ones(2, bool), tokens=4).targets.tolist()
    [[2, 5], [3, 6]]
    """

    x: ndarray  # (T, B) token ids, or (T, B, D) numbers
    targets: ndarray  # (T, B) the ids that follow, or (B,) the one after the last step
    reset: ndarray  # (B,) True where the state starts from zero
    tokens: int  # targets that count
    mask: ndarray | None = None  # (T, B) False at padding; None if every step counts


class Data(Protocol):
    """What `fit` wants of `Streams`, `Windows`, `Arrays` or your own source of batches.

    A method `describe`, plain data, is what a resumed run is compared by; it may be missing.

    >>> class Same:
    ...     def __len__(self):
    ...         return 2
    ...
    ...     def epoch(self, epoch):
    ...         for _ in range(2):
    ...             yield Batch(np.array([[0], [1]]), np.array([[1], [2]]), np.ones(1, bool), 2)
    >>> [batch.tokens for batch in Same().epoch(0)]
    [2, 2]
    """

    def __len__(self) -> int: ...

    def epoch(self, epoch: int, /) -> Iterator[Batch]:
        """An iterator over the epoch's batches: the same ones whenever it is asked for."""


class Tokens:
    """Pieces, one after the other in one array of ids.

    ids: (N,) the inputs. targets: (N,) the same ids by default, with IGNORED for tokens that are
    left out of the loss. starts: the index where each piece begins; one piece by default. Raises
    ValueError if they do not fit together.

    >>> tokens = Tokens(np.array([5, 6, 7, 5, 6]), starts=[0, 3])
    >>> len(tokens), tokens.ends.tolist()
    (5, [3, 5])
    """

    def __init__(self, ids: ndarray, starts: ArrayLike = (0,), targets: ndarray | None = None):
        self.ids = ids
        self.targets = ids if targets is None else targets
        self.starts = np.asarray(starts, np.int64)
        self.ends = np.append(self.starts[1:], len(ids))  # (pieces,)
        if len(self.targets) != len(ids):
            raise ValueError(f"{len(self.targets)} targets for {len(ids)} ids: pass one for each")
        if len(self.starts) == 0 or self.starts[0] != 0 or (self.starts >= self.ends).any():
            raise ValueError("starts must begin with 0 and increase: no piece may be empty")

    def __len__(self) -> int:
        return len(self.ids)

    def pairs(self, chunk: int = 1 << 20) -> Iterator[tuple[ndarray, ndarray]]:
        """Yields (n,) tokens and the (n,) targets that follow them in their piece, in chunks."""
        for a in range(1, len(self.ids), chunk):
            targets = np.asarray(self.targets[a : a + chunk])  # (chunk,)
            counts = targets >= 0  # (chunk,)
            first, last = np.searchsorted(self.starts, [a, a + len(targets)])
            counts[self.starts[first:last] - a] = False
            yield self.ids[a - 1 : a - 1 + len(targets)][counts], targets[counts]

    def digest(self) -> str:
        """A hash of all tokens: a resumed run needs the same data.

        >>> Tokens(np.arange(3), np.array([0])).digest() == Tokens(np.arange(3), [0, 1]).digest()
        False
        """
        hasher = hashlib.blake2b(self.starts.tobytes(), digest_size=8)
        for array in (self.ids, self.targets):
            for a in range(0, len(array), 1 << 20):
                hasher.update(np.asarray(array[a : a + (1 << 20)], np.int64).tobytes())
        return hasher.hexdigest()


class Lane(NamedTuple):
    """What one stream reads: the chunks from first to last of some pieces, one after another."""

    pieces: ndarray  # (n,) numbers of pieces, in order
    ends: ndarray  # (n,) chunks up to the end of each piece
    first: int
    last: int


class Streams:
    """Batches of B parallel streams, T steps each, in a new order every epoch.

    A piece is cut into chunks of T tokens, the last one padded. All chunks, piece after piece, are
    split evenly among the streams; a stream that begins inside a piece starts from a zero state.
    whole_pieces: cut no piece between streams: exact, for evaluation, but streams differ in length.
    variants: tables (S, V) from ids to ids, the first the identity; in every epoch each piece is
    mapped by a table drawn at random among those that have no -1 for its tokens. With a tokenizer's
    `transpositions` that is a random transposition. Raises ValueError if nothing can be predicted.

    >>> data = Streams(Tokens(np.arange(10), np.array([0, 6])), streams=1, steps=3, shuffle=False)
    >>> for batch in data.epoch(0):
    ...     print(batch.x[:, 0], batch.targets[:, 0], batch.reset)
    [0 1 2] [1 2 3] [ True]
    [3 4 0] [ 4  5 -1] [False]
    [6 7 8] [7 8 9] [ True]
    """

    def __init__(
        self,
        tokens: Tokens,
        streams: int = 32,
        steps: int = 100,
        seed: int = 0,
        shuffle: bool = True,
        whole_pieces: bool = False,
        variants: ndarray | None = None,
    ):
        if streams < 1 or steps < 1:
            raise ValueError(f"streams={streams}, steps={steps}: use at least 1 of each")
        if not any(len(targets) for _, targets in tokens.pairs()):
            raise ValueError("no piece has two tokens, so there is nothing to predict: add music")
        self.tokens, self.steps, self.seed = tokens, steps, seed
        self.shuffle, self.whole_pieces = shuffle, whole_pieces
        self.variants = variants
        self.playable = None if variants is None else playable(tokens, variants)
        self.chunks_of = -(-(tokens.ends - tokens.starts - 1) // steps)  # (pieces,)
        self.streams = min(streams, int(self.chunks_of.sum()))
        if whole_pieces:
            self.streams = min(streams, int((self.chunks_of > 0).sum()))

    def __len__(self) -> int:
        """Batches in an epoch."""
        return max(lane.last - lane.first for lane in self.lanes(0))

    def describe(self) -> dict[str, Any]:
        """The data's part of a run's fingerprint, as plain data."""
        tables = b"" if self.variants is None else np.asarray(self.variants, np.int64).tobytes()
        return {
            "data": "Streams",
            "tokens": self.tokens.digest(),
            "variants": hashlib.blake2b(tables, digest_size=8).hexdigest() if tables else None,
            **{name: getattr(self, name) for name in ("streams", "steps", "shuffle")},
            "whole_pieces": self.whole_pieces,
            "data_seed": self.seed,
        }

    def lanes(self, epoch: int) -> list[Lane]:
        """What each stream reads in an epoch."""
        pieces = np.arange(len(self.tokens.starts))
        if self.shuffle:
            pieces = np.random.default_rng([self.seed, epoch]).permutation(pieces)
        if self.whole_pieces:  # longest first, each to the shortest stream
            runs: list[list[int]] = [[] for _ in range(self.streams)]
            filled = np.zeros(self.streams, np.int64)  # (B,)
            for piece in pieces[np.argsort(-self.chunks_of[pieces], kind="stable")]:
                runs[filled.argmin()].append(int(piece))
                filled[filled.argmin()] += self.chunks_of[piece]
            return [self.lane(np.array(run)) for run in runs]
        whole = self.lane(pieces)
        cuts = [whole.last * b // self.streams for b in range(self.streams + 1)]
        return [whole._replace(first=a, last=b) for a, b in pairwise(cuts)]

    def tables(self, epoch: int) -> list[ndarray | None]:
        """The table that maps each piece in an epoch; None for none."""
        if self.variants is None or self.playable is None:
            return [None] * len(self.tokens.starts)
        rng = np.random.default_rng([self.seed, epoch, 1])
        return [self.variants[rng.choice(np.flatnonzero(row))] for row in self.playable]

    def lane(self, pieces: ndarray) -> Lane:
        """All chunks of some pieces, in order."""
        ends = np.cumsum(self.chunks_of[pieces])  # (pieces,)
        return Lane(pieces, ends, 0, int(ends[-1]))

    def chunk(self, lane: Lane, i: int) -> tuple[int, int, int, bool]:
        """Chunk i of the lane: its piece, first token, end of the piece, whether to reset."""
        place = int(np.searchsorted(lane.ends, i, side="right"))
        piece = int(lane.pieces[place])
        nth = i - (int(lane.ends[place - 1]) if place else 0)
        first = int(self.tokens.starts[piece]) + nth * self.steps
        return piece, first, int(self.tokens.ends[piece]), nth == 0 or i == lane.first

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """Yields the batches of an epoch (0, 1, 2, ...): the same ones at every call."""
        T, B = self.steps, self.streams
        lanes, tables = self.lanes(epoch), self.tables(epoch)
        for step in range(max(lane.last - lane.first for lane in lanes)):
            x = np.zeros((T, B), np.int64)  # (T, B)
            targets = np.full((T, B), IGNORED, np.int64)  # (T, B)
            reset = np.ones(B, bool)  # (B,)
            for b, lane in enumerate(lanes):
                if lane.first + step < lane.last:
                    piece, first, end, reset[b] = self.chunk(lane, lane.first + step)
                    n, table = min(T, end - 1 - first), tables[piece]
                    ids = self.tokens.ids[first : first + n]  # (n,)
                    following = self.tokens.targets[first + 1 : first + 1 + n]  # (n,)
                    if table is not None:
                        ids = table[ids]
                        following = np.where(following < 0, IGNORED, table[following])
                    x[:n, b], targets[:n, b] = ids, following
            yield Batch(x, targets, reset, int((targets >= 0).sum()))


def playable(tokens: Tokens, variants: ndarray) -> ndarray:
    """For each piece, which tables map all of its tokens, (pieces, S) of bool."""
    if (variants[0] != np.arange(variants.shape[1])).any():
        raise ValueError("the first of the variants must be the identity")
    rows = [
        (variants[:, np.unique(tokens.ids[a:b])] >= 0).all(axis=1)
        for a, b in zip(tokens.starts, tokens.ends, strict=True)
    ]
    return np.array(rows)
