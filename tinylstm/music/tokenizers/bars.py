"""The bars tokenizer: events, with the bar and the place in the bar said instead of time shifts.

    piece    = BOS Bar+ [ToBar] note ([Bar+] [ToBar] note)* EOS
    note     = [Family] Pitch [Velocity] Duration+  |  Drum [Velocity] Duration+

`Bar_48` begins a bar of 48 steps; `ToBar_12` moves on to 12 steps before the next bar line. So a
place is counted from the end of its bar: the upbeat and the last beat of any bar are the same
token, and an upbeat needs nothing but a short first bar. The idea is REMI's (Y.-S. Huang and
Y.-H. Yang, 2020); durations and grammar are those of events.py, and every note comes back.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import mode

import numpy as np

from ..notes import Note, Piece, quarters_in
from .events import BEATS, EventTokenizer
from .grammar import After, Grammar, Kind, may_follow, phase_after

LONGEST_BAR = 8  # quarter notes: a longer bar is written as several


class BarTokenizer(EventTokenizer):
    """Bar and place in the bar, pitch and duration; velocity and instrument if asked for.

    The bars are the file's, or follow from its time signatures, or are of 4/4. The arguments are
    those of `EventTokenizer`.

    >>> tokenizer = BarTokenizer()
    >>> notes = Note(0, 1, 67), Note(1, 2, 60), Note(3, 1.5, 64)
    >>> ids = tokenizer.encode(Piece("an upbeat", notes, bars=(0, 1, 5)))
    >>> " ".join(tokenizer.vocabulary[i] for i in ids)
    'BOS Bar_12 Pitch_67 Duration_12 Bar_48 Pitch_60 Duration_24 ToBar_24 Pitch_64 Duration_18 EOS'
    >>> [note.onset for note in tokenizer.decode(ids)]
    [0.0, 1.0, 3.0]
    """

    name = "bars"

    def _values(self, kind: Kind) -> list[int]:
        most = LONGEST_BAR * self.grid
        bars = {Kind.SHIFT: [], Kind.BAR: [*range(1, most + 1)], Kind.TO_BAR: [*range(1, most)]}
        return bars[kind] if kind in bars else super()._values(kind)

    def _make_grammar(self, tokens: list[tuple[Kind, int]]) -> Grammar:
        return BarGrammar(tokens, self.grid, BEATS * self.grid)

    def _leading(self, piece: Piece, notes: list[Note]) -> Iterator[list[int]]:
        """The tokens before each note: bars, and the place in the last of them."""
        onsets = [round(note.onset * self.grid) for note in notes]
        lines = self.lines(piece, onsets[-1] if onsets else 0)
        now, bar = 0, -1  # bar: the number of the one begun last
        for onset in onsets:
            ids = []
            while bar < 0 or lines[bar + 1] <= onset:
                bar, now = bar + 1, lines[bar + 1]
                ids.append(self._id[Kind.BAR, lines[bar + 1] - now])
            if onset > now:
                ids.append(self._id[Kind.TO_BAR, lines[bar + 1] - onset])
            now = onset
            yield ids

    def lines(self, piece: Piece, last: int) -> list[int]:
        """The bar lines in steps, from 0 to the first one after the step `last`.

        >>> BarTokenizer().lines(Piece("a", (), time_signatures=((0, (3, 4)), (3, (6, 8)))), 80)
        [0, 36, 72, 108]
        """
        found = sorted({0, *(round(line * self.grid) for line in bar_lines(piece))})
        lengths = [b - a for a, b in pairwise(found)]
        usual = mode(lengths[1:] or lengths or [BEATS * self.grid])  # the first may be an upbeat
        while found[-1] <= last:
            found.append(found[-1] + usual)
        lines = [0]
        for line in found[1:]:
            while line - lines[-1] > LONGEST_BAR * self.grid:  # no token is so long
                lines.append(lines[-1] + BEATS * self.grid)
            lines.append(line)
        return lines

    @property
    def symbol_key(self) -> str:
        return super().symbol_key.replace("events", self.name)


def bar_lines(piece: Piece) -> list[float]:
    """The onsets of the bars of a piece, in quarter notes; the last bar may go on for ever.

    A bar that a repeat sign cuts in two, because what is repeated has an upbeat, is one bar.
    Without bars in the file, they follow from its time signatures: live recordings have 4/4, or
    what their file says, as a plain grid.

    >>> bar_lines(Piece("a repeat after an upbeat", (), bars=(0, 1, 5, 9, 12, 13, 17)))
    [0, 1, 5, 9, 13, 17]
    >>> bar_lines(Piece("a", (Note(9, 1, 60),), time_signatures=((0, (2, 4)), (4, (3, 4)))))
    [0, 2.0, 4, 7.0, 10.0]
    """
    if len(piece.bars) > 1:
        lines = list(piece.bars)
        usual = mode(round(b - a, 6) for a, b in pairwise(lines))
        whole = [
            not (b - a < usual and c - b < usual and abs(c - a - usual) < 1e-6)
            for a, b, c in zip(lines, lines[1:], lines[2:], strict=False)
        ]
        inner = [b for b, keep in zip(lines[1:], whole, strict=False) if keep]
        return [lines[0], *inner, lines[-1]]
    changes = piece.time_signatures or ((0.0, (4, 4)),)
    ends = [onset for onset, _ in changes[1:]] + [max(piece.length, changes[-1][0] + 1)]
    found: list[float] = []
    for (start, metre), end in zip(changes, ends, strict=True):
        now = start if found else 0
        while now < end:
            found.append(now)
            now += quarters_in(metre)
    return [*found, now]


class BarGrammar(Grammar):
    """The grammar of these tokens: the state also holds how many steps are left in the bar, so that
    no place comes before the last one or after the bar's end. A Family need not change.
    """

    def __init__(self, tokens: Sequence[tuple[Kind, int]], grid: int, bar: int):
        self.tokens, self.grid, self.bar = tokens, grid, bar
        self.bos, self.eos = tokens.index((Kind.BOS, 0)), tokens.index((Kind.EOS, 0))
        velocity = any(kind is Kind.VELOCITY for kind, _ in tokens)
        longest = self.longest = max(value for kind, value in tokens if kind is Kind.DURATION)
        after = np.full((len(After), len(tokens)), -1, np.int32)  # (phases, V)
        for place, (kind, value) in enumerate(tokens):
            for phase in After:
                if may_follow(phase, kind, value, bar, velocity):
                    after[phase, place] = phase_after(kind, value, bar, longest)
        most = LONGEST_BAR * grid
        left = np.arange(most + 1)[:, None]  # (lefts, 1) steps to the next bar line
        bars, places = self.values(Kind.BAR), self.values(Kind.TO_BAR)  # (V,) each
        begins = self.values(Kind.BAR, Kind.BOS, other=-1) >= 0  # (V,) which need no bar
        fits = begins | (left > places)  # (lefts, V)
        then = np.select([bars > 0, places > 0], [bars, places], left)  # (lefts, V)
        then[:, [self.bos, self.eos]] = 0
        table = np.where(fits & (after[:, None] >= 0), after[:, None] * len(left) + then, -1)
        self.table = table.reshape(-1, len(tokens)).astype(np.int32)  # (states, V)
        self._allowed = self.table >= 0
        self._moves = np.select([bars > 0, places > 0], [left, left - places], 0)  # (lefts, V)
        self.start = int(After.NOTHING) * len(left)
        self.anywhere = int(After.ANYTHING) * len(left) + most
