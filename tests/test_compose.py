"""Composing from a checkpoint: seeds, lengths, primers, both tokenizers."""

import types

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinylstm as tl
from tinylstm.music import (
    ArticleTokenizer,
    EventTokenizer,
    Note,
    Piece,
    Sampling,
    UnknownTokenWarning,
    compose_notes,
    compose_takes,
)
from tinylstm.music.composing.control import PLAIN
from tinylstm.music.evaluation.statistics import longest_cycle

PRIMER = Piece(
    "waltz",
    tuple(Note(i / 2, 0.5, 60 + i % 7) for i in range(48)),
    tempos=((0.0, 90.0),),
    time_signatures=((0.0, (3, 4)),),
)


def checkpoint(tokenizer, scale=4.0, window=None):
    """A small net that has learnt nothing, but has strong opinions."""
    V = len(tokenizer)
    layers = [tl.Embedding(V, 8), tl.LSTM(8, return_sequences=window is None), tl.Dense(V)]
    model = tl.Sequential(layers, seed=1)
    model.params["dense_1.W"][...] *= scale
    primers = [[0, 1, 0], [1, 1, 1]]
    settings = {"temperature": 0.9, "window": window, "primers": primers}
    return tl.Checkpoint(model, tokenizer.to_config(), [], settings)


EVENTS = EventTokenizer()
EVENTS_NET = checkpoint(EVENTS)
BAND = EventTokenizer(velocities=4, instruments="all")
BAND_NET = checkpoint(BAND)


def test_max_repeat_ends_what_argmax_never_would():
    stuck = compose_takes(EVENTS_NET, [0], 200, Sampling(0))[0]
    cured = compose_takes(EVENTS_NET, [0], 200, Sampling(0, max_repeat=24))[0]
    assert longest_cycle(stuck.ids).length > 100
    assert longest_cycle(cured.ids).length <= 24


@pytest.mark.parametrize("net", [EVENTS_NET, BAND_NET])
@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_a_piece_is_grammatical_and_has_the_notes_it_was_asked_for(net, temperature):
    for take in compose_takes(net, range(3), "60 notes", Sampling(temperature)):
        tokenizer = BAND if net is BAND_NET else EVENTS
        assert len(take.notes) == 60
        assert take.ids[0] == tokenizer.bos and take.ids[-1] == tokenizer.eos
        tokenizer.grammar.state_after(take.ids, tokenizer.grammar.start)
        assert (take.ids == tokenizer.eos).sum() == 1


@pytest.mark.parametrize(
    ("length", "quarters"), [("4 bars", 16), ("1 bar", 4), ("10 seconds", 20), ("0.1s", 0.2)]
)
def test_nothing_sounds_after_the_last_bar_or_second(length, quarters):
    for take in compose_takes(EVENTS_NET, range(5), length, Sampling(2.0)):
        end = max(note.onset + note.duration for note in take.notes)
        assert take.ids[-1] == EVENTS.eos and end <= quarters + 1e-9


def test_free_pieces_end_where_the_net_ends_them():
    takes = compose_takes(EVENTS_NET, range(4), "free", Sampling(3.0))
    assert len({len(take.notes) for take in takes}) > 1
    assert all(take.ids[-1] == EVENTS.eos and take.notes for take in takes)


@given(st.permutations(range(6)), st.integers(1, 6))
def test_a_piece_does_not_depend_on_its_neighbours(seeds, count):
    alone = {s: compose_takes(EVENTS_NET, [s], 12, Sampling(1.5))[0] for s in seeds[:count]}
    for take in compose_takes(EVENTS_NET, seeds[:count], 12, Sampling(1.5)):
        assert take.ids.tolist() == alone[take.seed].ids.tolist()


def test_seeds_differ():
    notes = [compose_notes(EVENTS_NET, 20, 1.5, seed) for seed in range(5)]
    assert len({tuple(n) for n in notes}) == 5
    assert compose_notes(EVENTS_NET, 20, 1.5, 3) == notes[3]


def test_a_primer_is_kept_or_dropped():
    kept = compose_takes(EVENTS_NET, [1], "2 bars", primer=PRIMER, primer_bars=4)[0]
    assert kept.tempo == 90 and kept.time_signature == (3, 4)
    first = [(n.onset, n.duration, n.pitch) for n in kept.notes[:24]]
    assert first == [(n.onset, n.duration, n.pitch) for n in PRIMER.notes[:24]]
    assert 12 - 1e-9 <= max(n.onset for n in kept.notes[23:]) + 0.5 <= 18 + 1e-9
    dropped = compose_takes(
        EVENTS_NET, [1], "2 bars", primer=PRIMER, primer_bars=4, keep_primer=False
    )[0]
    assert dropped.ids.tolist() == kept.ids.tolist()
    assert [n.pitch for n in dropped.notes] == [n.pitch for n in kept.notes[24:]]
    assert dropped.notes[0].onset == 0 and dropped.primed == 24 * 3


def test_a_primer_without_a_note_that_the_net_knows():
    drums = Piece("drums", (Note(0, 1, 36, program=128),))
    with pytest.raises(ValueError, match="drums has no notes"):
        compose_notes(EVENTS_NET, 10, primer=drums)


def test_the_articles_alphabet():
    tokenizer = ArticleTokenizer(vocabulary=["0.4.7", "C4", "D4"])
    for window in (None, 3):
        net = checkpoint(tokenizer, window=window)
        assert len({n.onset for n in compose_notes(net, 40, 0.0)}) == 40
        takes = compose_takes(net, [4, 5], "2 bars")
        assert [len(t.ids) - t.primed for t in takes] == [16, 16]
        with pytest.warns(UnknownTokenWarning, match="replaced"):
            continued = compose_takes(net, [4], 8, primer=PRIMER)[0]
        assert len({n.onset for n in continued.notes}) == continued.primed + 8


def test_windows_are_read_anew_for_each_token():
    """The 2017 tutorial's loop by hand; reading equal windows once changes nothing."""
    net = checkpoint(ArticleTokenizer(vocabulary=["0.4.7", "C4", "D4"]), window=3)
    takes = compose_takes(net, range(6), 30, Sampling(0))
    for take in takes:
        ids = take.ids[: take.primed].tolist()
        for _ in range(30):
            logits, _, _ = net.model.forward(np.array(ids[-3:])[:, None])
            ids.append(int(logits[0].argmax()))
        assert ids == take.ids.tolist()


def test_the_primer_and_the_first_logits_decide_the_first_token():
    """Stateful, one step a token, is what one pass over the whole sequence would say."""
    take = compose_takes(EVENTS_NET, [7], 30, Sampling(0), control=PLAIN)[0]
    logits, _, _ = EVENTS_NET.model.forward(take.ids[:-1, None])
    state = EVENTS.grammar.step(EVENTS.grammar.start, EVENTS.bos)
    for t, token in enumerate(take.ids[1:-1]):
        allowed = EVENTS.grammar.allowed(state)
        best = np.where(allowed, logits[t, 0], -np.inf)
        assert best[token] >= np.sort(best)[-6]  # the rules forbid a few more than the grammar
        state = EVENTS.grammar.step(state, token)


def test_what_is_no_music():
    with pytest.raises(ValueError, match="has no tokenizer"):
        compose_notes(types.SimpleNamespace(settings={}, tokenizer=None))
    net = checkpoint(ArticleTokenizer(vocabulary=["C4"]))
    net.settings["primers"] = []
    with pytest.raises(ValueError, match="no openings"):
        compose_notes(net, 3)
