"""A melody in, four voices out: the melody is kept whatever the net is like."""

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import tinylstm as tl
from tinylstm.cli import main
from tinylstm.music import (
    ArticleTokenizer,
    BarTokenizer,
    EventTokenizer,
    Note,
    Piece,
    read_midi,
    write_midi,
)
from tinylstm.music.composing.harmonise import harmonise
from tinylstm.music.composing.melody import in_voices, melody_from_names, top_line

STEPS = st.integers(1, 60)
TUNES = st.lists(st.tuples(st.integers(0, 30), STEPS, st.integers(40, 90)), min_size=1, max_size=6)


def checkpoint_of(tokenizer, seed=0):
    V = len(tokenizer)
    layers = [tl.Embedding(V, 4), tl.LSTM(4, return_sequences=True), tl.Dense(V)]
    return tl.Checkpoint(tl.Sequential(layers, seed=seed), tokenizer.to_config())


NETS = [
    checkpoint_of(tokenizer)
    for tokenizer in (
        EventTokenizer(),
        BarTokenizer(),
        BarTokenizer(grid=4),
        EventTokenizer(velocities=4, instruments="all"),
    )
]


def tune(written):
    now, notes = 0, []
    for rest, steps, pitch in written:
        now += rest
        notes.append(Note(now / 12, steps / 12, pitch))
        now += steps
    return Piece("tune", tuple(notes), bars=(0, 1.5, 4.5, 7.5))


@given(TUNES, st.sampled_from(NETS[:2]), st.integers(2, 4), st.booleans())
def test_the_melody_is_kept_and_all_voices_sound_all_the_time(written, net, voices, resample):
    melody = tune(written)
    piece = harmonise(net, melody, voices, 4, resample=resample).piece
    top = [note[:3] for note in piece.notes if note.track == 0]
    assert np.allclose(top, [note[:3] for note in melody.notes])
    for track in range(1, voices):
        line = sorted(note for note in piece.notes if note.track == track)
        ends = [0.0, *(note.onset + note.duration for note in line)]
        assert np.allclose([note.onset for note in line], ends[:-1])  # no rest, no overlap
        assert np.isclose(ends[-1], melody.length)


@pytest.mark.parametrize("net", NETS[2:])
def test_other_grids_loudness_and_instruments(net):
    piece = harmonise(net, melody_from_names("C5:1 D5:1/2 E5 C5:3"), candidates=3).piece
    assert [n.pitch for n in piece.notes if n.track == 0] == [72, 74, 76, 72]
    assert {note.track for note in piece.notes} == {0, 1, 2, 3}
    assert {note.program for note in piece.notes} == {0}


def test_the_same_seed_gives_the_same_harmony_and_another_one_another():
    melody = melody_from_names("C5 D5 E5 F5 G5")
    one, again, other = (harmonise(NETS[0], melody, candidates=4, seed=s) for s in (1, 1, 2))
    assert one == again and one.piece.notes != other.piece.notes


def test_columns_that_the_melody_does_not_fit_die_out():
    """A net that expects the melody to repeat the pitch of the bass an octave higher."""
    tokenizer = EventTokenizer()
    V = len(tokenizer)
    low = [tokenizer.vocabulary.index(f"Pitch_{p}") for p in (48, 50)]
    high = [tokenizer.vocabulary.index(f"Pitch_{p}") for p in (60, 62)]
    last = tokenizer.vocabulary.index("Duration_12")
    net = tl.Sequential([tl.Embedding(V, 2), tl.SimpleRNN(2, return_sequences=True), tl.Dense(V)])
    for name, value in net.params.items():
        value[:] = 0
        if name.endswith("table"):
            value[low] = [[3, 0], [0, 3]]
        elif name.endswith("Wx"):
            value[:] = np.eye(2)
        elif name.endswith("Wh"):
            value[:] = 3 * np.eye(2)  # it remembers
        elif value.shape == (2, V):
            value[0, high[0]] = value[1, high[1]] = 8
        elif value.shape == (V,):
            value[last], value[low] = 6, 5
    checkpoint = tl.Checkpoint(net, tokenizer.to_config())
    found = []
    for resample in (True, False):
        bass = [
            harmonise(checkpoint, melody_from_names("C4"), 2, 16, seed, 1.0, resample).piece
            for seed in range(8)
        ]
        found.append([note.pitch for piece in bass for note in piece.notes if note.track == 1])
    assert found[0].count(48) >= 7 and found[1].count(48) >= 7


@pytest.mark.parametrize(
    ("melody", "options", "said"),
    [
        (Piece("nothing", ()), {}, "nothing has no notes"),
        (Piece("two", (Note(0, 2, 60), Note(1, 1, 62))), {}, "two notes at 1 quarter"),
        (Piece("low", (Note(0, 2, 2),)), {}, "leaves no room for 3 voices"),
        (Piece("one", (Note(0, 2, 60),)), {"voices": 1}, "voices is 1"),
        (Piece("one", (Note(0, 2, 60),)), {"candidates": 0}, "candidates 0"),
    ],
)
def test_what_cannot_be_harmonised_is_explained(melody, options, said):
    with pytest.raises(ValueError, match=said):
        harmonise(NETS[0], melody, **options)


def test_a_net_of_another_alphabet_is_refused():
    tokenizer = ArticleTokenizer().train([Piece("a", (Note(0, 1, 60), Note(1, 1, 62)))])
    with pytest.raises(ValueError, match="reads the alphabet 'article'"):
        harmonise(checkpoint_of(tokenizer), melody_from_names("C4"))


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "no notes"), ("r r:2", "no notes"), ("C4 H4", "'H4' is no note"), ("C99", "not a note"),
     ("C4:0", "not a note"), ("C", "'C' is no note")],
)  # fmt: skip
def test_names_that_are_no_melody(text, said):
    with pytest.raises(ValueError, match=said):
        melody_from_names(text)


@given(TUNES)
def test_the_top_line_of_a_melody_with_lower_notes_is_the_melody(written):
    melody = tune(written)
    lower = tuple(note._replace(pitch=note.pitch - 12) for note in melody.notes)
    assert top_line(Piece("both", tuple(sorted(lower + melody.notes)))).notes == melody.notes


def test_voices_of_a_chorale_are_found_again():
    chords = [(48, 55, 64, 72), (50, 57, 65, 74), (48, 60, 64, 76)]
    notes = [Note(t, 1, pitch) for t, chord in enumerate(chords) for pitch in chord]
    lines = [[n.pitch for n in in_voices(notes) if n.track == track] for track in range(4)]
    assert lines == [list(line) for line in zip(*(chord[::-1] for chord in chords), strict=True)]


def test_the_command(tmp_path):
    path, tune = tmp_path / "model.npz", tmp_path / "tune.mid"
    tl.save_checkpoint(path, NETS[1].model, NETS[1].tokenizer, settings=NETS[1].settings)
    write_midi(tune, [Note(0, 1, 72), Note(0, 1, 60), Note(1, 2, 74)])
    for melody, out in ((str(tune), "a.mid"), ("C5 D5:2", "b.mid")):
        done = CliRunner().invoke(
            main,
            ["harmonise", str(path), melody, "--candidates", "3", "--out", str(tmp_path / out)],
        )
        assert done.exit_code == 0, done.output
        assert "nats per note of the melody" in done.output
        heard = [n[:3] for n in top_line(read_midi(tmp_path / out)).notes]
        assert heard == [(0, 1, 72), (1, 2, 74)]
    bad = CliRunner().invoke(main, ["harmonise", str(path), "H4"])
    assert bad.exit_code == 1 and "'H4' is no note" in bad.output
