"""Shape: the rules of a piece that obey a `Control`: themes, rhythm, silence, key, and the end.

`GrammarRules` says what is possible; here, probabilities change as well. Next: recall.py.
"""

import numpy as np
from numpy import ndarray

from ...generate import Count, Rules
from ..tokenizers import Tokenizer
from ..tokenizers.grammar import Grammar, Kind
from .control import PLAIN, Control, Key
from .known import Copied
from .limits import FREE, GrammarRules, Length
from .recall import Recall

FINAL = 4  # notes of the last chord, at most, where the length is given in notes
HELD = 4  # quarter notes that the last chord lasts, where the length is given in notes
LATELY = 32  # notes: the last chord is no higher than these
LOWEST_TOP = 60
GAP = 5  # semitones: between the tones of a triad there are never more
OUTSIDE = 3.0  # nats that a pitch outside the chosen key loses


def rules_for(
    tokenizer: Tokenizer,
    length: Length,
    tempo: float,
    metre: tuple[int, int],
    control: Control = PLAIN,
    temperature: float = 1.0,
    known: ndarray | None = None,
) -> Rules:
    """The rules for a piece of some length. tempo: quarter notes per minute. metre: (4, 4).

    Without a grammar, a piece ends after a number of tokens, and there is nothing to control.
    """
    if tokenizer.grammar is not None:
        return ShapedRules(tokenizer.grammar, length, tempo, metre, control, temperature, known)
    quarters = length.quarters(tempo, metre)
    tokens = quarters / tokenizer.step if np.isfinite(quarters) else min(length.amount, FREE)
    return Count(round(tokens))


class ShapedRules(GrammarRules):
    """Grammar and target, and on top of them a `Control`, for B columns.

    temperature: the sampling's. known: passages of the training pieces. The last chord begins with
    the last bar, or has the last four notes; its tones are the tonic's triad, and it is held.
    """

    def __init__(
        self,
        grammar: Grammar,
        length: Length,
        tempo: float,
        metre: tuple[int, int],
        control: Control = PLAIN,
        temperature: float = 1.0,
        known: ndarray | None = None,
    ):
        super().__init__(grammar, length, tempo, metre)
        self.control, self.temperature = control, temperature
        self.known = np.zeros(0, np.uint32) if known is None else known
        self.counted = self.notes_wanted < np.inf
        bar = max(1, metre[0] * 4 * grammar.grid // metre[1])  # steps
        self.final = min(bar, max(1, self.steps_wanted // 2))  # steps of the last chord
        self.tone = grammar.values(Kind.PITCH, other=-1)  # (V,)
        self.tones = np.flatnonzero(self.tone >= 0)  # (128,) ids
        scale = control.key.scale() if control.key else range(12)
        self.away = OUTSIDE * ((self.tone >= 0) & ~np.isin(self.tone % 12, scale))  # (V,) nats

    def begin(self, primer: ndarray) -> None:
        """Start after a primer (T, B)."""
        super().begin(primer)
        B = primer.shape[1]
        self.recalls = [Recall() for _ in range(B)]
        self.copied = [Copied(self.known) for _ in range(B)]
        self.waited = np.zeros(B, int)  # (B,) steps since the last onset
        self.quiet = np.zeros(B, int)  # (B,) steps since the last note ended; below 0, it sounds
        self.closing = np.zeros(B, bool)  # (B,) in the last chord
        self.begun = np.zeros(B, bool)  # (B,) there is a note
        times = np.array([self.grammar.times(column) for column in primer.T.tolist()])  # (B, T)
        for tokens, shift in zip(primer, np.diff(times, axis=1, prepend=0).T, strict=True):
            self.hear(tokens, shift)
        self.waited[:] = self.quiet[:] = 0  # the primer's last notes may still sound

    def hear(self, tokens: ndarray, shift: ndarray) -> None:
        """Remember the pitches and the times of tokens (B,), which take so many steps (B,)."""
        for b in np.flatnonzero(self.tone[tokens] >= 0):
            pitch, recall = int(self.tone[tokens[b]]), self.recalls[b]
            if self.control.max_copied and len(recall.pitches):
                self.copied[b].add(pitch - int(recall.pitches[-1]), int(self.waited[b]))
            recall.add(pitch)
        opens = self.pitch[tokens] >= 0  # (B,)
        self.waited = np.where(opens, 0, self.waited + shift)
        self.quiet = self.quiet + shift
        self.begun = self.begun | opens

    @property
    def near(self) -> ndarray:
        """Whether the next onset is the last one, (B,)."""
        if not self.control.cadence or self.free:
            return np.zeros(len(self.left), bool)
        if self.counted:
            return (self.waited > 0) & (self.notes >= self.notes_wanted - FINAL)
        return self.left <= self.final

    def weigh(self, logits: ndarray) -> ndarray:
        """Logits (B, V) after recall and key, so that at `temperature` the rhythm has its own.

        Whether a pitch comes at all, or time passes first, is a matter of rhythm.
        """
        if self.control == PLAIN:
            return logits
        z = log_softmax(logits.astype(np.float64) - self.away)  # (B, V)
        tones = z[:, self.tones]  # (B, 128)
        any_tone = np.logaddexp.reduce(tones, axis=1, keepdims=True)  # (B, 1)
        tones = tones - any_tone
        if self.control.recall:
            p = np.maximum(np.exp(tones), 1e-300)  # (B, 128)
            pairs = zip(self.recalls, p, strict=True)
            tones = np.log([recall.mixed(row, self.control.recall) for recall, row in pairs])
        if temperature := self.temperature:
            slower = temperature / (self.control.rhythm_temperature or temperature)
            z, any_tone = z * slower, any_tone * slower
            tones = temperature * log_softmax(tones / temperature)
        z[:, self.tones] = any_tone + tones
        return self.to_the_last_bar(z)

    def to_the_last_bar(self, z: ndarray) -> ndarray:
        """A time shift past the beginning of the last chord becomes the shift to it."""
        if self.control.cadence and not self.counted:
            for b in np.flatnonzero((self.left > self.final) & ~self.done):
                shift, gap = self.grammar.shifts(self.state)[b], int(self.left[b] - self.final)
                to = np.flatnonzero(shift == self.grammar.part(gap))
                if (shift > gap).any() and len(to) == 1:
                    every = np.append(z[b, shift > gap], z[b, to])
                    z[b, to] = np.logaddexp.reduce(every)
        return z

    def allowed(self) -> ndarray:
        """Which tokens may come next, (B, V) of bool."""
        allowed = super().allowed()  # (B, V)
        shift, going = self.grammar.shifts(self.state), ~self.done[:, None]  # (B, V), (B, 1)
        if self.control.silence:
            longest = self.control.silence * self.grammar.grid
            allowed &= ~((shift > 0) & (self.quiet[:, None] + shift > longest) & going)
        if self.control.cadence:  # bars are counted from the first note
            allowed &= (shift == 0) | self.begun[:, None]
        if self.control.cadence and not self.free and not self.counted:
            before = (self.left > self.final)[:, None] & going  # (B, 1)
            allowed &= ~(before & (shift > (self.left - self.final)[:, None]))
        for b in np.flatnonzero((self.near | self.closing) & ~self.done):
            self.close(int(b), allowed[b])
        most = self.control.max_copied or np.inf
        for b in np.flatnonzero([copied.notes >= most for copied in self.copied]):
            self.differ(int(b), allowed[b])
        return allowed

    def differ(self, b: int, allowed: ndarray) -> None:
        """Forbid the pitches that would copy yet another note, unless there are no others."""
        last = int(self.recalls[b].pitches[-1])
        found = self.copied[b].after(self.tone[self.tones] - last, int(self.waited[b]))  # (128,)
        if (allowed[self.tones] & ~found).any():
            allowed[self.tones[found]] = False

    def close(self, b: int, allowed: ndarray) -> None:
        """Allow (V,) only what the last chord of column b may have."""
        key = self.control.key or Key.of(self.recalls[b].pitches)
        missing = self.notes_wanted - self.notes[b] if self.counted else 1
        top = max(self.recalls[b].pitches[-LATELY:].max(initial=0), LOWEST_TOP)
        chord = key.triad() if self.closing[b] else key.tonic  # the tonic is the bass
        fits = np.isin(self.tone % 12, chord) & (self.tone <= top - GAP * (missing - 1))
        allowed &= (self.pitch < 0) | ((self.tone >= 0) & fits)
        allowed &= ~self.family
        if not self.closing[b]:
            return
        held = HELD * self.grammar.grid if self.counted else int(self.left[b])
        part = self.grammar.part(held - int(self.sounding[b]))
        allowed &= (self.duration == 0) | (self.duration == part)
        if self.counted and self.notes[b] < self.notes_wanted and allowed[self.tones].any():
            allowed &= self.grammar.shifts(self.state)[b] == 0

    def accept(self, tokens: ndarray) -> ndarray:
        """Take the next tokens (B,), or EOS after the last chord."""
        opens = self.pitch[tokens] >= 0  # (B,)
        self.closing = self.closing | (self.near & opens)
        shift = self.grammar.shifts(self.state)[np.arange(len(tokens)), tokens]  # (B,)
        self.left = np.where(self.closing & (shift > 0), 0, self.left)  # time is up
        tokens = super().accept(tokens)
        self.hear(tokens, shift)
        ends = (self.duration[tokens] > 0) & ~self.done  # (B,)
        self.quiet = np.where(ends, np.minimum(self.quiet, -self.sounding), self.quiet)
        return tokens


def log_softmax(z: ndarray) -> ndarray:
    """log of the probabilities of logits (B, V)."""
    z = z - z.max(axis=1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=1, keepdims=True))
