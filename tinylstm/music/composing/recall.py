"""Recall: a piece expects what it has heard itself.

People repeat themes, and move them to other pitches; a network that carries a state of fixed size
forgets them. So the pitches of a piece are kept while it is composed. Where its last intervals
have come before, the pitches that followed them then, moved along, gain probability: a continuous
cache (E. Grave, A. Joulin and N. Usunier, 2017) in transposition-invariant form, with the length of
the match in place of the product of two hidden states. Nothing is trained. Next: limits.py.
"""

import numpy as np
from numpy import ndarray

LONGEST = 8  # intervals: a longer match counts as one of this length
SHARPNESS = 1.5  # nats that each interval of a match adds to its weight
HALF = 3.0  # intervals: with so many, the recalled pitches have half of the probability
MOST = 0.8  # of the probability that they have: people leave their themes, too
REMEMBERED = 4096  # notes
NEAREST = 4  # notes: what came later is no theme yet, and would get stuck on itself


class Recall:
    """The pitches of one piece so far, and what they make likely.

    The constants were chosen on held-out pieces: docs/composing.md has the figures.

    >>> recall = Recall()
    >>> for pitch in [60, 64, 67, 65, 72, 62, 66, 69]:    # the last three are the first, moved
    ...     recall.add(pitch)
    >>> p = recall.mixed(np.full(128, 1 / 128))
    >>> int(p.argmax()), round(float(p.max()), 2)              # so the next is the fourth, moved
    (67, 0.31)
    """

    def __init__(self) -> None:
        self.pitches = np.zeros(0, int)  # (N,) in order of onset, chords upwards
        self.runs = np.zeros(0, int)  # (N,) as many intervals up to each note equal the last ones

    def add(self, pitch: int) -> None:
        """Append a note."""
        before = self.runs[-REMEMBERED:]  # (N - 1,)
        self.pitches = np.append(self.pitches[-REMEMBERED:], pitch)  # (N,)
        intervals = np.diff(self.pitches)  # (N - 1,)
        same = intervals[:-1] == intervals[-1:]  # (N - 2,)
        runs = np.where(same, before[:-1] + 1, 0)
        self.runs = np.concatenate([[0], runs, [0]])[: len(self.pitches)]  # not with itself

    def mixed(self, p: ndarray, strength: float = 1.0) -> ndarray:
        """The probabilities of the next pitch (128,), from the network's (128,).

        Of the recalled pitches, those count most that the network expects, too. A match at the same
        pitch counts as one interval more.
        """
        places = np.flatnonzero(self.runs[:-NEAREST])  # (n,)
        moved = self.pitches[-1:] - self.pitches[places]  # (n,) semitones
        following = self.pitches[places + 1] + moved  # (n,)
        known = (following >= 0) & (following < len(p))
        matches = (np.minimum(self.runs[places], LONGEST) + (moved == 0))[known]  # (n,)
        if not len(matches):
            return p
        best = int(matches.max())
        weights = np.zeros(len(p))  # (128,)
        np.add.at(weights, following[known], np.exp(SHARPNESS * (matches - best)))
        recalled = weights * p
        share = strength * min(MOST, best**2 / (best**2 + HALF**2))
        return (1 - share) * p + share * recalled / recalled.sum()
