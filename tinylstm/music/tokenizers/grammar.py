"""Which token may follow which in the events vocabulary, as two tables.

    piece    = BOS note+ EOS
    note     = [TimeShift+] [Family] Pitch [Velocity] Duration+
             | [TimeShift+] Drum [Velocity] Duration+

A time of more than four quarter notes takes several tokens, the longest first: any number of tokens
of eight bars, then one of fewer bars, then one below a bar. So each time has exactly one encoding.
A Family token always changes the instrument. Next: ../corpus/corpus.py.
"""

from collections.abc import Iterable, Sequence
from enum import Enum, IntEnum

import numpy as np
from numpy import ndarray

# fmt: off
FAMILIES = [  # of instruments, in the order of General MIDI
    "Piano", "Percussion", "Organ", "Guitar", "Bass", "Strings", "Ensemble", "Brass", "Reed",
    "Pipe", "Lead", "Pad", "Effects", "Ethnic", "Percussive", "Sounds",
]
# fmt: on


class Kind(Enum):
    """The kinds of tokens, and how their names begin."""

    BOS = "BOS"
    EOS = "EOS"
    SHIFT = "TimeShift"
    DURATION = "Duration"
    PITCH = "Pitch"
    VELOCITY = "Velocity"
    FAMILY = "Family"
    DRUM = "Drum"
    BAR = "Bar"
    TO_BAR = "ToBar"

    def spell(self, value: int) -> str:
        """The name of a token of this kind."""
        if self in (Kind.BOS, Kind.EOS):
            return self.value
        return f"{self.value}_{FAMILIES[value] if self is Kind.FAMILY else value}"


class After(IntEnum):
    """The last token, as far as the next one depends on it."""

    NOTHING = 0  # outside of a piece
    BOS = 1
    LONG_SHIFT = 2  # the longest there is
    BAR_SHIFT = 3  # or a bar
    SHORT_SHIFT = 4  # or a place in the bar
    FAMILY = 5
    PITCH = 6  # or drum
    VELOCITY = 7
    LONG_DURATION = 8
    BAR_DURATION = 9
    SHORT_DURATION = 10
    ANYTHING = 11  # a part of a piece, before a note


class Grammar:
    """For each state, which tokens may come next and which state follows.

    A state is an integer; `table` (states, V) gives the state after each token, or -1. `start` is
    the state before BOS, `anywhere` one between two notes. tokens: the kind and value of each id.
    grid: steps per quarter note. bar, longest: steps that the one-token times stay below, and that
    one token encodes at most.

    >>> from tinylstm.music.tokenizers.events import EventTokenizer
    >>> tokenizer = EventTokenizer()
    >>> grammar = tokenizer.grammar
    >>> [tokenizer.vocabulary[i] for i in np.flatnonzero(grammar.allowed(grammar.start))]
    ['BOS']
    >>> state = grammar.step(grammar.start, tokenizer.bos)
    >>> bool(grammar.allowed(state)[tokenizer.eos])  # no piece without a note
    False
    """

    def __init__(self, tokens: Sequence[tuple[Kind, int]], grid: int, bar: int, longest: int):
        self.tokens, self.grid, self.bar, self.longest = tokens, grid, bar, longest
        self.bos, self.eos = tokens.index((Kind.BOS, 0)), tokens.index((Kind.EOS, 0))
        kinds = {kind for kind, _ in tokens}
        families = max([1, *(value + 1 for kind, value in tokens if kind is Kind.FAMILY)])
        shape = len(After), families, len(tokens)
        after = np.full(shape, -1, np.int32)  # (phases, families, V)
        family = np.broadcast_to(np.arange(families)[:, None], shape[1:]).copy()  # (families, V)
        for place, (kind, value) in enumerate(tokens):
            for phase in After:
                if may_follow(phase, kind, value, bar, Kind.VELOCITY in kinds):
                    after[phase, :, place] = phase_after(kind, value, bar, longest)
            if kind is Kind.FAMILY:
                family[:, place] = value
                after[:, value, place] = -1
            elif kind in (Kind.BOS, Kind.EOS):
                family[:, place] = 0
        self.table = np.where(after < 0, -1, after * families + family).reshape(-1, len(tokens))
        self._allowed = self.table >= 0  # (states, V)
        self._moves = self.values(Kind.SHIFT)[None]  # (1, V) steps; several rows: of state % rows
        self.start = int(After.NOTHING) * families
        self.anywhere = int(After.ANYTHING) * families

    def allowed(self, state: int | ndarray) -> ndarray:
        """Which tokens may come next: (V,) of bool for a state, (B, V) for states (B,)."""
        return self._allowed[state]

    def step(self, state: int | ndarray, token: int | ndarray) -> ndarray:
        """The state after a token, or -1 if it may not come there; also for (B,) of both."""
        return self.table[state, token]

    def shifts(self, state: int | ndarray) -> ndarray:
        """How many steps each token moves the time on: (V,), or (B, V) for states (B,)."""
        return self._moves[np.asarray(state) % len(self._moves)]

    def times(self, ids: Sequence[int]) -> ndarray:
        """The time in steps after each token (T,), from the last BOS or from the beginning.

        Raises ValueError for a token that may not stand where it does.
        """
        states = np.array(self._states(ids, self.anywhere)[:-1], int)  # (T,)
        times = np.cumsum(self._moves[states % len(self._moves), ids])  # (T,)
        for begin in np.flatnonzero(np.asarray(ids) == self.bos):
            times[begin:] -= times[begin]
        return times

    def values(self, *kinds: Kind, other: int = 0) -> ndarray:
        """The value of each token of these kinds, (V,), and `other` for tokens of other kinds."""
        return np.array([value if kind in kinds else other for kind, value in self.tokens])

    def part(self, steps: int) -> int:
        """The value of the first token of a time: the times of one token are not all there are.

        >>> from tinylstm.music.tokenizers.events import EventTokenizer
        >>> grammar = EventTokenizer().grammar
        >>> grammar.part(47), grammar.part(100), grammar.part(4)
        (47, 96, 4)
        """
        return steps if steps < self.bar else min(steps // self.bar * self.bar, self.longest)

    def state_after(self, ids: Iterable[int], state: int | None = None) -> int:
        """The state at the end of a sequence, such as a primer.

        Raises ValueError for a token that may not stand where it does.
        """
        return self._states(ids, self.anywhere if state is None else state)[-1]

    def _states(self, ids: Iterable[int], state: int) -> list[int]:
        """The state before each token, and that after the last."""
        states = [state]
        for place, token in enumerate(ids):
            states.append(int(self.table[states[-1], token]))
            if states[-1] < 0:
                kind, value = self.tokens[token]
                raise ValueError(f"{kind.spell(value)} cannot stand at place {place}")
        return states


def phase_after(kind: Kind, value: int, bar: int, longest: int) -> After:
    """The phase after a token."""
    if kind in (Kind.BAR, Kind.TO_BAR):
        return After.BAR_SHIFT if kind is Kind.BAR else After.SHORT_SHIFT
    if kind in (Kind.SHIFT, Kind.DURATION):
        size = "SHORT" if value < bar else "BAR" if value < longest else "LONG"
        return After[f"{size}_{kind.name}"]
    return After[{"EOS": "NOTHING", "DRUM": "PITCH"}.get(kind.name, kind.name)]


def may_follow(after: After, kind: Kind, value: int, bar: int, velocity: bool) -> bool:
    """Whether a token may follow: the grammar itself."""
    inside_time = after.name.endswith(("SHIFT", "DURATION")) and not after.name.startswith("SHORT")
    if inside_time and after.name.endswith(kind.name):
        return after.name.startswith("LONG") or value < bar  # the same time goes on
    if after is After.NOTHING:
        return kind is Kind.BOS
    if after is After.FAMILY:
        return kind is Kind.PITCH
    if after is After.PITCH:
        return kind is (Kind.VELOCITY if velocity else Kind.DURATION)
    if after is After.VELOCITY:
        return kind is Kind.DURATION
    if kind in (Kind.PITCH, Kind.DRUM, Kind.FAMILY):
        return True
    if kind in (Kind.BAR, Kind.TO_BAR):
        return after is not After.SHORT_SHIFT
    if after.name.endswith("SHIFT"):
        return False
    if kind is Kind.EOS:
        return after is not After.BOS
    return kind is Kind.SHIFT or (kind is Kind.BOS and after is After.ANYTHING)
