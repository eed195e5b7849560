"""Rules that obey a Control: the end, silence, rhythm, key and copies of a piece."""

import numpy as np
import pytest
from test_compose import BAND_NET, EVENTS, EVENTS_NET, PRIMER, checkpoint

import tinylstm as tl
from tinylstm.music import BarTokenizer, Control, Key, Sampling, compose_takes
from tinylstm.music.composing.control import PLAIN
from tinylstm.music.composing.known import known_passages
from tinylstm.music.composing.limits import Length
from tinylstm.music.composing.shape import rules_for
from tinylstm.music.evaluation.copies import KnownPieces


def last_chord(notes):
    last = max(note.onset for note in notes)
    return [note for note in notes if note.onset == last]


@pytest.mark.parametrize(("length", "end"), [("4 bars", 16), ("8 bars", 32), ("10 seconds", 20)])
def test_a_piece_ends_with_a_chord_of_its_key_held_through_the_last_bar(length, end):
    for take in compose_takes(EVENTS_NET, range(6), length, Sampling(1.5)):
        chord = last_chord(take.notes)
        assert {(note.onset, note.duration) for note in chord} == {(end - 4, 4)}
        before = [note.pitch for note in take.notes if note not in chord]
        assert {note.pitch % 12 for note in chord} <= set(Key.of(before).triad())


def test_a_piece_of_some_notes_has_as_many_and_its_last_chord_too():
    for take in compose_takes(EVENTS_NET, range(8), "70 notes", Sampling(1.5)):
        chord = last_chord(take.notes)
        assert len(take.notes) == 70
        if len(chord) <= 4:  # else the net let no time pass before the end
            assert {note.duration for note in chord} == {4}
            assert {n.pitch % 12 for n in chord} <= set(
                Key.of([n.pitch for n in take.notes if n not in chord]).triad()
            )


def test_other_metres_and_a_primer_and_other_instruments():
    (take,) = compose_takes(EVENTS_NET, [3], "2 bars", primer=PRIMER, primer_bars=4)
    assert {(n.onset, n.duration) for n in last_chord(take.notes)} == {(15, 3)}
    (take,) = compose_takes(BAND_NET, [3], "4 bars", control=Control(metre=(6, 8), tempo=90))
    assert {(n.onset, n.duration) for n in last_chord(take.notes)} == {(9, 3)}
    assert take.tempo == 90 and take.time_signature == (6, 8)


def test_no_silence_is_longer_than_asked():
    def silence(control):
        longest = 0
        for take in compose_takes(EVENTS_NET, range(6), 80, Sampling(3.0), control=control):
            end = 0
            for note in take.notes:
                longest = max(longest, note.onset - end)
                end = max(end, note.onset + note.duration)
        return longest

    assert silence(Control(silence=1)) <= 1 < silence(Control(silence=0))


def test_a_key_draws_the_pitches_to_it():
    def inside(key):
        control = Control(key=key, recall=0, cadence=False)
        takes = compose_takes(EVENTS_NET, range(8), 80, Sampling(1.0), control=control)
        pitches = np.array([note.pitch for take in takes for note in take.notes])
        return np.isin(pitches % 12, Key.parse("F# major").scale()).mean()

    assert inside(Key.parse("F#")) > inside(None) + 0.1


def test_the_temperatures_are_of_rhythm_and_of_pitch():
    """Each is what it says, given the other kind of choice."""
    logits = np.random.default_rng(0).normal(0, 2, (2, len(EVENTS)))
    rules = rules_for(EVENTS, Length.parse(9), 120, (4, 4), Control(0, 2.0, 0, False), 0.5)
    rules.begin(np.full((1, 2), EVENTS.bos))
    p = Sampling(0.5).probabilities(rules.weigh(logits))
    full, tones = Sampling().probabilities(logits), rules.tones
    rest = np.setdiff1d(np.arange(len(EVENTS)), tones)
    for temperature, ids in ((0.5, tones), (2.0, rest)):
        want = full[:, ids] ** (1 / temperature)
        np.testing.assert_allclose(
            p[:, ids] / p[:, ids].sum(1, keepdims=True),
            want / want.sum(1, keepdims=True),
            rtol=1e-9,
        )
    pairs = np.stack([full[:, tones].sum(1), full[:, rest[0]]]) ** 0.5
    np.testing.assert_allclose(p[:, tones].sum(1) / p[:, rest[0]], pairs[0] / pairs[1], rtol=1e-9)


def test_no_more_notes_in_a_row_are_copied_than_allowed():
    """The net's own pieces as training pieces: it would copy them whole."""
    own = [take.notes for take in compose_takes(EVENTS_NET, range(2), 40, Sampling(0.7))]
    settings = EVENTS_NET.settings | {"passages": known_passages(own, EVENTS.grid)}
    net = tl.Checkpoint(EVENTS_NET.model, EVENTS_NET.tokenizer, [], settings)
    known = KnownPieces((str(n), notes) for n, notes in enumerate(own))
    for most, copied in ((0, True), (7, False)):
        control = Control(max_copied=most)
        takes = compose_takes(net, range(2), 40, Sampling(0.7), control=control)
        found = [known.longest(take.notes).notes for take in takes]
        assert max(found) > 20 if copied else max(found) <= 7
    with pytest.raises(ValueError, match="knows no passages"):
        compose_takes(EVENTS_NET, [0], 9, control=Control(max_copied=7))


def test_without_control_the_net_and_the_grammar_decide():
    rules = rules_for(EVENTS, Length.parse("2 bars"), 120, (4, 4))
    logits = np.random.default_rng(0).normal(size=(2, len(EVENTS)))
    rules.begin(np.full((1, 2), EVENTS.bos))
    assert rules.control == PLAIN and rules.weigh(logits) is logits


@pytest.mark.parametrize(
    "wrong",
    [{"recall": 1.1}, {"rhythm_temperature": 0}, {"silence": 0.5}, {"max_copied": 3},
     {"tempo": 1}],
)  # fmt: skip
def test_wrong_controls_are_named(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Control(**wrong)


@pytest.mark.parametrize("wrong", ["", "H", "C maj", "minor", "C##"])
def test_wrong_keys(wrong):
    with pytest.raises(ValueError, match="key is"):
        Key.parse(wrong)


def test_the_alphabet_of_bars_too():
    tokenizer = BarTokenizer()
    net = checkpoint(tokenizer)
    for take in compose_takes(net, range(4), "30 notes", Sampling(1.5)):
        assert len(take.notes) == 30
    for take in compose_takes(net, range(4), "4 bars", Sampling(1.5)):
        chord = last_chord(take.notes)
        assert {n.onset + n.duration for n in chord} == {16}
        before = [note.pitch for note in take.notes if note not in chord]
        assert {note.pitch % 12 for note in chord} <= set(Key.of(before).triad())
