"""net.js, the sampler and the grammar in JavaScript, compared with Python's, number by number.

They run in Node, and are skipped by name where there is none.
"""

import numpy as np
import pytest
from page_tools import CHECKPOINT, PAGE, TOKENIZER, a_checkpoint, node

import tinylstm as tl
from tinylstm.generate import LONGEST_CYCLE, Cycles
from tinylstm.layers import GRU, BatchNormalization, OneHot, SimpleRNN, TiedDense
from tinylstm.music import ArticleTokenizer, EventTokenizer, Note, Piece, Sampling, compose_takes
from tinylstm.music.composing.limits import Length
from tinylstm.music.composing.shape import rules_for
from tinylstm.music.evaluation.statistics import STATISTICS, longest_cycle
from tinylstm.music.notes import DRUMS
from tinylstm.page.data import note_places
from tinylstm.page.net import net_data, obstacle, pack, sampling_data

PIANO = EventTokenizer()
SMALL = a_checkpoint(PIANO, 24)
GIVEN = compose_takes(SMALL, [5], 200)[0].ids[:500]


def logits(checkpoint, ids):
    """By the textbook, (T, V)."""
    before = tl.set_backend("numpy")
    y, _, _ = checkpoint.model.forward(np.asarray(ids)[:, None])
    tl.set_backend(before)
    return y[:, 0]


@pytest.mark.parametrize(("precision", "within"), [("float32", 1e-5), ("float16", 2e-2)])
def test_the_logits_are_pythons(precision, within):
    found = np.array(node("logits", data=net_data(SMALL, precision), ids=GIVEN.tolist()))
    want = logits(SMALL, GIVEN)
    assert np.abs(found - want).max() < within
    assert np.ptp(want) > 1  # the net has something to say


LAYERS = {
    "gru": [GRU(8, return_sequences=True)],
    "rnn": [SimpleRNN(8, return_sequences=True)],
    "dense": [tl.Dense(7, activation="relu"), tl.Dense(8, activation="tanh")],
    "odd": [tl.LSTM(13, return_sequences=True)],
}


@pytest.mark.parametrize("kind", LAYERS)
def test_every_layer_is_pythons(kind):
    checkpoint = a_checkpoint(PIANO, 11, LAYERS[kind])
    found = np.array(node("logits", data=net_data(checkpoint, "float32"), ids=GIVEN[:40].tolist()))
    assert np.abs(found - logits(checkpoint, GIVEN[:40])).max() < 1e-5


def test_tied_logits_and_one_hot_are_pythons():
    V = len(PIANO)
    table = tl.Embedding(V, 8)
    tied = [table, tl.LSTM(8, return_sequences=True), TiedDense(table)]
    one_hot = [OneHot(V), tl.LSTM(5, return_sequences=True), tl.Dense(V, activation="sigmoid")]
    for layers in (tied, one_hot):
        checkpoint = tl.Checkpoint(tl.Sequential(layers, seed=1), PIANO.to_config())
        for array in checkpoint.model.params.values():
            array += np.random.default_rng(0).normal(0, 0.1, array.shape)
        data = net_data(checkpoint, "float32")
        found = np.array(node("logits", data=data, ids=GIVEN[:40].tolist()))
        assert np.abs(found - logits(checkpoint, GIVEN[:40])).max() < 1e-5


def test_500_argmax_tokens_are_pythons():
    want = tl.generate(SMALL.model, GIVEN[:50], 500, Sampling(0))
    data = net_data(SMALL, "float32")
    assert node("argmax", data=data, ids=GIVEN[:50].tolist(), steps=500) == want.tolist()


@pytest.mark.parametrize("gate", range(4))
def test_a_gate_that_is_off_is_a_gate_at_zero(gate):
    """In Python a sigmoid gate is shut by its bias; the candidate by its weights."""
    checkpoint = a_checkpoint(PIANO, 8)
    cuts = [{"layer": "lstm_1", "unit": 3, "gate": "ifgo"[gate]}]
    data = net_data(checkpoint, "float32")
    found = np.array(node("logits", data=data, ids=GIVEN[:60].tolist(), cuts=cuts))
    whole = np.array(node("logits", data=data, ids=GIVEN[:60].tolist()))
    column = gate * 8 + 3
    for name in ("Wx", "Wh", "b"):
        checkpoint.model.params[f"lstm_1.{name}"][..., column] = 0
    if gate != 2:
        checkpoint.model.params["lstm_1.b"][column] = -1e30
    assert np.abs(found - logits(checkpoint, GIVEN[:60])).max() < 1e-5
    assert np.abs(found - whole).max() > 1e-3


@pytest.mark.parametrize(
    ("length", "sampling"),
    [
        ("60 notes", Sampling(1.0)),
        ("6 bars", Sampling(0.8, top_k=20)),
        ("9 seconds", Sampling(1.2, top_p=0.9, max_repeat=6)),
        ("free", Sampling(1.0, min_p=0.05)),
        ("40 notes", Sampling(0, max_repeat=8)),
    ],
)
def test_a_seed_gives_pythons_piece(length, sampling):
    """Token by token, with float32 weights, for two tokenizers and a primer."""
    for checkpoint, primer in ((SMALL, None), (CHECKPOINT, Piece("p", (Note(0.5, 1, 60),)))):
        for seed in (0, 2**40 + 1):
            take = compose_takes(checkpoint, [seed], length, sampling, primer)[0]
            first = take.ids[: take.primed].tolist()
            parsed = Length.parse(length)
            amount = min(parsed.amount, 1e6)
            found = node("compose", data=net_data(checkpoint, "float32"), primer=first, seed=seed,
                         settings=sampling_data(sampling, take.control), tempo=take.tempo,
                         metre=list(take.time_signature),
                         length={"amount": amount, "unit": parsed.unit})  # fmt: skip
            assert found == take.ids.tolist()


@pytest.mark.parametrize("tokenizer", [PIANO, EventTokenizer(4, 3, "all")])
def test_the_grammar_is_never_broken(tokenizer):
    """100 pieces of random logits: each is decoded by Python, which refuses a wrong token.

    benchmarks/page.py does it with a trained net, and 500 notes a piece.
    """
    data = net_data(a_checkpoint(tokenizer), "float32")
    data["settings"]["temperature"] = 1
    for length, unit, pieces in ((60, "notes", 60), (12, "bars", 40)):
        found = node("rules", data=data, seed=1, pieces=pieces, tempo=120, metre=[3, 4], loud=9,
                     length={"amount": length, "unit": unit})  # fmt: skip
        for ids in found:
            assert ids[0] == tokenizer.bos and ids[-1] == tokenizer.eos
            decoded = tokenizer.decode(ids)
            if unit == "notes":
                assert len(decoded) == length
            else:
                assert max(n.onset + n.duration for n in decoded) <= length * 3


def test_the_rules_allow_what_pythons_allow():
    """Both, side by side, at every step of a piece."""
    take = compose_takes(CHECKPOINT, [3], "10 bars")[0]
    rules = rules_for(TOKENIZER, Length.parse("10 bars"), 120.0, (4, 4))
    rules.begin(np.array([[TOKENIZER.bos]]))
    want = []
    for token in take.ids[1:]:
        want.append(np.flatnonzero(rules.allowed()[0]).tolist())
        rules.accept(np.array([token]))
    found = node("allowed", data=net_data(CHECKPOINT), ids=take.ids.tolist(), tempo=120,
                 metre=[4, 4], length={"amount": 10, "unit": "bars"})  # fmt: skip
    assert found == want


def test_random_numbers_are_numpys():
    for seed in (0, 1, 12345, 2**32, 2**53 - 1):
        want = np.random.default_rng(seed).random(200).tolist()
        assert node("random", seed=seed, count=200) == want


def test_probabilities_are_pythons():
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 3, 50)
    logits[:5] = -np.inf
    plain = [None if v == -np.inf else v for v in logits.tolist()]
    for sampling in (
        Sampling(0.7), Sampling(top_k=6), Sampling(1.3, top_p=0.7), Sampling(min_p=0.1),
        Sampling(0.9, 12, 0.8, 0.02), Sampling(top_k=500), Sampling(top_p=1e-9),
    ):  # fmt: skip
        found = node("probabilities", logits=plain, sampling=sampling_data(sampling))
        want = sampling.probabilities(logits[None])[0]
        np.testing.assert_allclose(found, want, rtol=1e-12, atol=1e-300)


def test_cycles_are_pythons():
    tokens = np.random.default_rng(2).integers(0, 3, 300)
    cycles, want = Cycles(1), []
    for token in tokens:
        cycles.add(np.array([token]))
        want.append(np.flatnonzero(cycles.forbidden(5, 3)[0]).tolist())
    assert node("cycles", tokens=tokens.tolist(), most=5, longest=LONGEST_CYCLE) == want
    assert any(want)


@pytest.mark.parametrize("tokenizer", [PIANO, EventTokenizer(6, 4, "all"), TOKENIZER])
def test_notes_and_tokens_are_pythons(tokenizer):
    rng = np.random.default_rng(3)
    kept = range(0, 1) if tokenizer.instruments == "piano" else (0, 24, 40, DRUMS)
    notes = [
        Note(float(rng.integers(0, 900)) / 12, float(rng.integers(1, 500)) / 12,
             int(rng.integers(20, 100)), int(rng.integers(1, 128)), int(rng.choice(kept)))
        for _ in range(60)
    ]  # fmt: skip
    notes = list({(n.onset, n.pitch, n.program): n for n in notes}.values())
    ids = tokenizer.encode(Piece("some", tuple(sorted(notes))))
    data = net_data(a_checkpoint(tokenizer))
    rows = [[n.onset, n.duration, n.pitch, n.velocity, n.program] for n in notes]
    assert node("encode", data=data, notes=rows) == ids[1:-1].tolist()
    found = node("decode", data=data, ids=ids.tolist())
    want = [[n.onset, n.duration, n.pitch, n.velocity, n.program] for n in tokenizer.decode(ids)]
    np.testing.assert_allclose(found["notes"], want, rtol=1e-12)
    assert found["places"] == note_places(tokenizer, ids).tolist()


def test_statistics_are_pythons():
    for take in compose_takes(CHECKPOINT, range(4), 80):
        rows = [[n.onset, n.duration, n.pitch, n.velocity, n.program] for n in take.notes]
        found = node("statistics", notes=rows, ids=take.ids.tolist())
        want = {name: s.measure(take.notes) for name, s in STATISTICS.items()}
        want["cycle"] = longest_cycle(take.ids).length
        assert found == pytest.approx(want, abs=1e-12)


def test_a_piece_that_is_cut_and_continued_is_the_same_again():
    """Going back keeps the states before the cut; the same part gives the same tokens."""
    data = net_data(SMALL, "float32")
    first, again, other, back = node("versions", data=data, seed=4, other=5, at=700)
    assert first == again == back and first != other and first[:700] == other[:700]
    assert len(first) > 2500  # states before the last 2048 are thinned out


def test_packing_and_what_cannot_be_played():
    huge = pack({"a": np.array([1e5, 1.0], np.float32), "b": np.ones(3, np.float32)}, "float16")
    assert [entry["type"] for entry in huge["index"]] == ["float32", "float16"]
    article = tl.Checkpoint(SMALL.model, ArticleTokenizer(vocabulary=["C4"]).to_config())
    assert "events tokenizer" in obstacle(article)
    V = len(PIANO)
    strange = tl.Sequential([tl.Embedding(V, 4), BatchNormalization(), tl.Dense(V)])
    with pytest.raises(ValueError, match="no BatchNormalization"):
        net_data(tl.Checkpoint(strange, PIANO.to_config()))
    windows = tl.Checkpoint(SMALL.model, PIANO.to_config(), settings={"window": 100})
    assert "window" in obstacle(windows)


def test_the_twin_is_short_and_has_the_names_of_functional():
    text = (PAGE / "net.js").read_text()
    assert len(text.splitlines()) <= 150
    for name in ("lstm_cell_forward", "sigmoid", "Wx", "Wh", "zx", "gates"):
        assert name in text
