"""Composed pieces beside human ones."""

import numpy as np
import pytest

from tinylstm.music import EventTokenizer, Note, load_corpus, write_midi
from tinylstm.music.evaluation.compare import Judge, excerpts, table


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
    with pytest.raises(ValueError, match="no held-out piece has 400 notes"):
        Judge(corpus, 400)


def _piece(notes):
    from tinylstm.music import Piece

    return Piece("p", tuple(notes))
