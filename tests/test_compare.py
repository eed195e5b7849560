"""Composed pieces beside human ones."""

import numpy as np
import pytest

from tinylstm.music import BarTokenizer, EventTokenizer, Note, load_corpus, write_midi
from tinylstm.music.evaluation import classifier
from tinylstm.music.evaluation.compare import Excerpt, Judge, excerpts, table


@pytest.fixture
def corpus(tmp_path, own_cache):
    rng = np.random.default_rng(0)
    (tmp_path / "songs").mkdir()
    for number in range(10):
        walk = 60 + np.cumsum(rng.integers(-2, 3, 90)) % 24
        melody = [Note(i / 2, 0.5, int(pitch)) for i, pitch in enumerate(walk)]
        write_midi(tmp_path / "songs" / f"{number}.mid", melody)
    return load_corpus(tmp_path / "songs", progress=False)


def test_judging_beside_human_pieces(corpus):
    judge = Judge(corpus, 40)
    assert len(judge.human) == 2 * len(corpus.validation_pieces)
    assert len(Judge(corpus, 40, everyone=True).human) == 20
    start, end = corpus.train.starts[0], corpus.train.ends[0]
    (stolen, _) = excerpts(corpus.tokenizer, "mine", corpus.train.ids[start:end], 40)
    found = judge.judge(stolen)
    assert found.source == corpus.train_pieces[0] and found.figures["copied_exactly"] == 40
    boring = [Note(i / 2, 0.5, 60) for i in range(60)]
    (ids,) = excerpts(corpus.tokenizer, "dull", EventTokenizer().encode(_piece(boring)), 60)
    dull = judge.judge(ids)
    assert dull.figures["cycle"] > 170 and judge.stuck_pieces([dull, found]) == ["dull"]
    summary = judge.summary([found, dull])
    assert summary["copied_exactly_longest"] == 40 > summary["copied_exactly_limit"]
    rows = {row["name"]: row for row in summary["figures"]}
    assert not rows["cycle"]["natural"] and rows["polyphony"]["natural"]
    assert "longest cycle" in table(judge.compare([dull])) and "higher" in table(
        judge.compare([dull])
    )
    assert not rows["bars_repeated"]["natural"] and summary["ends_held"] == (0, 0)
    with pytest.raises(ValueError, match="no held-out piece has 400 notes"):
        Judge(corpus, 400)


def test_excerpts_keep_their_place_in_the_bar():
    tune = _piece([Note(0.5 + i, 1, 60 + i % 12) for i in range(90)])
    ids = EventTokenizer().encode(tune)
    parts = excerpts(EventTokenizer(), "p", ids, 40, bar=3.0)
    assert [(part.name, len(part.notes), part.bar) for part in parts] == [("p", 40, 3.0)] * 2
    assert [part.notes[0].onset for part in parts] == [0.5, 1.5]  # 40.5 is 1.5 in its bar
    (first, _) = excerpts(BarTokenizer(), "p", BarTokenizer().encode(tune), 40, bar=3.0)
    assert BarTokenizer().vocabulary[first.ids[1]] == "Bar_36"


def test_telling_composed_from_human_pieces(corpus, monkeypatch):
    pytest.importorskip("sklearn")
    judge = Judge(corpus, 40, everyone=True)
    dull = [Excerpt(str(p), np.zeros(1), [Note(i, 1, p) for i in range(60)]) for p in range(50, 60)]
    short = Excerpt("short", np.zeros(1), dull[0].notes[:20])
    found = judge.distinguish([*dull, short])
    assert (found.ours, found.human, found.human_pieces) == (10, 20, 10)
    assert found.auc == 1  # and length is not what tells them apart:
    ours = {feature.name: feature.ours for feature in found.features}
    assert ours["longest_run"] == np.median([len(e.notes) for e in judge.excerpts[:10]])
    monkeypatch.setattr(classifier, "REPEATS", 1)
    assert 0.25 < judge.human_auc(splits=3) < 0.75  # of ten pieces


def _piece(notes):
    from tinylstm.music import Piece

    return Piece("p", tuple(notes))
