"""From one long array of token ids, cut into pieces, to batches. Neither kind copies the corpus.

`Streams` feeds B parallel streams, T tokens at a time, the state carried from one batch to the next
and reset where a piece begins: truncated backpropagation through time, with a loss at every step.
`Windows` gives the article's windows of T tokens and the one that follows, at stride 1, shuffled.
"""

import hashlib
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

IGNORED = -1  # a target that is left out of the loss


class Batch(NamedTuple):
    """One step of training."""

    x: ndarray  # (T, B) token ids
    targets: ndarray  # (T, B) the ids that follow, or (B,) the one after the last step
    reset: ndarray  # (B,) True where the state starts from zero
    tokens: int  # targets that count


class Tokens:
    """Pieces, one after the other in one array of ids.

    ids: (N,) what goes into the net. targets: (N,) what it should say: by default the same, else
    with IGNORED where a token is to be left out. starts: the index at which each piece begins.
    """

    def __init__(self, ids: ndarray, starts: Any, targets: ndarray | None = None):
        self.ids = ids
        self.targets = ids if targets is None else targets
        self.starts = np.asarray(starts, np.int64)
        self.ends = np.append(self.starts[1:], len(ids))  # (pieces,)
        if len(self.targets) != len(ids):
            raise ValueError(f"{len(self.targets)} targets for {len(ids)} ids: want as many")
        if len(self.starts) == 0 or self.starts[0] != 0 or (self.starts >= self.ends).any():
            raise ValueError(
                "starts must begin with 0 and rise: every piece has at least one token"
            )

    def __len__(self) -> int:
        return len(self.ids)

    def continuations(self) -> ndarray:
        """The indices of all tokens that have a predecessor in their piece and count as targets."""
        inside = np.ones(len(self.ids), bool)
        inside[self.starts] = False
        return np.flatnonzero(inside & (self.targets >= 0))

    def pairs(self, chunk: int = 1 << 20) -> Iterator[tuple[ndarray, ndarray]]:
        """The same tokens, each behind its predecessor: (n,) and (n,) at a time, never all."""
        for a in range(1, len(self.ids), chunk):
            targets = np.asarray(self.targets[a : a + chunk])  # (chunk,)
            counts = targets >= 0  # (chunk,)
            first, last = np.searchsorted(self.starts, [a, a + len(targets)])
            counts[self.starts[first:last] - a] = False
            yield self.ids[a - 1 : a - 1 + len(targets)][counts], targets[counts]

    def digest(self) -> str:
        """A few letters that differ if any token does: a run goes on with the data it began with.

        >>> Tokens(np.arange(3), np.array([0])).digest() == Tokens(np.arange(3), [0, 1]).digest()
        False
        """
        hasher = hashlib.blake2b(self.starts.tobytes(), digest_size=8)
        for array in (self.ids, self.targets):
            for a in range(0, len(array), 1 << 20):
                hasher.update(np.asarray(array[a : a + (1 << 20)], np.int64).tobytes())
        return hasher.hexdigest()


class Lane(NamedTuple):
    """What one stream plays: chunks first to last of some pieces, laid end to end."""

    pieces: ndarray  # (n,) numbers of pieces, in order
    ends: ndarray  # (n,) chunks up to and with each piece
    first: int
    last: int


class Streams:
    """Batches of B parallel streams, T steps each, in a new order every epoch.

    A piece is cut into chunks of T tokens, the last one padded; the chunks, piece after piece, are
    dealt to the streams in equal runs. A stream that begins inside a piece starts at state zero.
    With `whole_pieces` no piece is cut between streams: exact, for evaluation, though less even.
    variants: tables (S, V) of ids, of which the first leaves all as is; in every epoch each piece
    is read through one of those tables that know all its tokens (no -1), drawn by the seed. With
    a tokenizer's transpositions a piece is heard in another key every time.

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
        """What the batches depend on, as plain data."""
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
        """What each stream plays in an epoch."""
        pieces = np.arange(len(self.tokens.starts))
        if self.shuffle:
            pieces = np.random.default_rng([self.seed, epoch]).permutation(pieces)
        if self.whole_pieces:  # longest first, each to the stream that has least
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
        """The table through which each piece is read in an epoch."""
        if self.variants is None or self.playable is None:
            return [None] * len(self.tokens.starts)
        rng = np.random.default_rng([self.seed, epoch, 1])
        return [self.variants[rng.choice(np.flatnonzero(row))] for row in self.playable]

    def lane(self, pieces: ndarray) -> Lane:
        """All chunks of some pieces, in order."""
        ends = np.cumsum(self.chunks_of[pieces])  # (pieces,)
        return Lane(pieces, ends, 0, int(ends[-1]))

    def chunk(self, lane: Lane, i: int) -> tuple[int, int, int, bool]:
        """The lane's chunk i: its piece, first token, the end of the piece, whether to reset."""
        place = int(np.searchsorted(lane.ends, i, side="right"))
        piece = int(lane.pieces[place])
        nth = i - (int(lane.ends[place - 1]) if place else 0)
        first = int(self.tokens.starts[piece]) + nth * self.steps
        return piece, first, int(self.tokens.ends[piece]), nth == 0 or i == lane.first

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """The batches of epoch 0, 1, 2, ...: the same ones whenever it is asked for."""
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
                    x[:n, b] = ids if table is None else table[ids]
                    targets[:n, b] = (
                        following
                        if table is None
                        else np.where(following < 0, IGNORED, table[following])
                    )
            yield Batch(x, targets, reset, int((targets >= 0).sum()))


def playable(tokens: Tokens, variants: ndarray) -> ndarray:
    """Which tables know all the tokens of which pieces, (pieces, S); the first must know all."""
    if (variants[0] != np.arange(variants.shape[1])).any():
        raise ValueError("the first of the variants must leave every id as it is")
    rows = [
        (variants[:, np.unique(tokens.ids[a:b])] >= 0).all(axis=1)
        for a, b in zip(tokens.starts, tokens.ends, strict=True)
    ]
    return np.array(rows)


class Windows:
    """Batches of B windows of T tokens and the token that follows each, as in the article.

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
        across_pieces: bool = True,
    ):
        self.tokens, self.batch, self.steps, self.seed = tokens, batch, steps, seed
        self.shuffle = shuffle
        follows = np.arange(steps, len(tokens))  # (N - T,) where the target stands
        inside = np.ones(len(follows), bool)
        if not across_pieces:  # the article takes all pieces for one text
            piece = np.searchsorted(tokens.starts, follows, side="right") - 1
            inside = follows - steps >= tokens.starts[piece]
        self.follows = follows[inside & (tokens.targets[follows] >= 0)]  # (windows,)
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
        """What the batches depend on, as plain data."""
        return {
            "data": "Windows",
            "tokens": self.tokens.digest(),
            **{name: getattr(self, name) for name in ("batch", "steps", "shuffle")},
            "windows": len(self.follows),
            "data_seed": self.seed,
        }

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """The batches of epoch 0, 1, 2, ...: the same ones whenever it is asked for."""
        order = self.follows
        if self.shuffle:
            order = np.random.default_rng([self.seed, epoch]).permutation(order)
        for i in range(0, len(order), self.batch):
            follows = order[i : i + self.batch]  # (B,)
            x = self.tokens.ids[follows - self.steps + np.arange(self.steps)[:, None]]  # (T, B)
            targets = self.tokens.targets[follows]  # (B,)
            yield Batch(x, targets, np.ones(len(follows), bool), len(follows))
