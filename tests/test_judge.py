"""The command `tinylstm judge`."""

import json
from importlib.util import find_spec

import numpy as np
import pytest
from click.testing import CliRunner

import tinylstm as tl
from tinylstm.cli import main
from tinylstm.music import EventTokenizer, Note, write_midi
from tinylstm.music.evaluation import classifier


@pytest.fixture
def songs(tmp_path, own_cache, monkeypatch):
    monkeypatch.setattr(classifier, "REPEATS", 1)
    rng = np.random.default_rng(0)
    for folder, step in (("human", 2), ("ours", 6)):
        (tmp_path / folder).mkdir()
        for number in range(12):
            walk = 60 + np.cumsum(rng.integers(-step, step + 1, 120)) % 24
            melody = [Note(i / 2, 0.5, int(pitch)) for i, pitch in enumerate(walk)]
            write_midi(tmp_path / folder / f"{number}.mid", melody)
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(main, ["judge", *map(str, arguments)])


def test_a_folder_of_pieces(songs):
    options = "--midi", songs / "human", "--length", 60, "--json", songs / "figures.json"
    result = run(songs / "ours", *options)
    assert result.exit_code == 0, result.output
    assert "12 pieces, 24 excerpts of all human pieces" in result.output
    found = json.loads((songs / "figures.json").read_text())
    assert len(found["figures"]) == 25 and found["pieces"] == 12
    if find_spec("sklearn"):
        assert found["distinction"]["auc"] > 0.9
        assert f"AUC {found['distinction']['auc']:.3f}" in result.output
    else:
        assert "pip install 'tinylstm[judge]'" in result.output


def test_a_network_that_composes(songs):
    tokenizer = EventTokenizer()
    table = tl.Embedding(len(tokenizer), 4)
    layers = [table, tl.LSTM(4, return_sequences=True), tl.Dense(len(tokenizer))]
    path = songs / "model.npz"
    tl.save_checkpoint(path, tl.Sequential(layers), tokenizer=tokenizer.to_config())
    result = run(path, "--midi", songs / "human", "--length", 60, "--count", 6)
    assert result.exit_code == 0, result.output
    assert "6 pieces" in result.output and "stuck: " in result.output


def test_what_is_missing_is_said(songs):
    result = run(songs / "nothing", "--midi", songs / "human")
    assert result.exit_code == 1 and "nothing" in result.output
    result = run(songs / "ours", "--midi", songs / "human", "--length", 500)
    assert result.exit_code == 1 and "no held-out piece has 500 notes" in result.output
