"""A preset trained on a folder: by the training pieces, judged by the others; nothing is lost."""

import fcntl
import os
import subprocess
import sys

import numpy as np
import pytest

import tinylstm as tl
from tinylstm import music
from tinylstm.music import Note, load_corpus, write_midi
from tinylstm.music import training as music_training
from tinylstm.music.training import fit_preset, tokenizer_for, unused


@pytest.fixture
def corpus(tmp_path, own_cache):
    """Eight pieces in one octave, of which those held out move in fifths, the others in steps."""
    for number in range(8):
        step = 7 if number == 3 else 1
        melody = [
            Note(i / 2, 0.5, 55 + (number + step * i) % 12)
            for i in range(40 if number == 3 else 70)
        ]
        write_midi(tmp_path / "songs" / f"{number}.mid", melody, tempo=90 + number)
    return load_corpus(tmp_path / "songs", validation=0.125, progress=False)


def tiny(**changes):
    layers = lambda V: [tl.Embedding(V, 4), tl.LSTM(4, return_sequences=True), tl.Dense(V)]  # noqa: E731
    data = lambda tokens, seed, keys: tl.Streams(tokens, 4, 50, seed, variants=keys)  # noqa: E731
    return tl.presets.replace(tl.PRESETS["quick"], layers=layers, data=data, epochs=2, **changes)


def network(preset, corpus):
    return tl.Sequential(preset.layers(len(corpus.tokenizer)))


@pytest.fixture
def asked(monkeypatch):
    """What `fit` is called with, instead of training."""
    found = {}

    def fit(model, data, epochs, validation, optimizer, **rest):
        found.update(data=data, epochs=epochs, validation=validation, **rest)
        return []

    monkeypatch.setattr(music_training, "fit", fit)
    return found


def test_it_trains_on_the_training_pieces_in_all_keys_and_judges_on_the_others(
    corpus, asked, tmp_path
):
    preset = tiny()
    fit_preset(preset, network(preset, corpus), corpus, tmp_path / "out" / "model.npz", seed=3)
    assert corpus.validation_pieces == ["3.mid"]
    assert asked["data"].tokens.digest() == corpus.train.digest()
    assert asked["validation"].tokens.digest() == corpus.validation.digest()
    assert len(asked["data"].variants) == len(preset.transpositions) == 12
    assert (asked["epochs"], asked["seed"], asked["data"].seed) == (2, 3, 3)
    keep, bar, schedule = asked["callbacks"]
    assert keep.extra["tokenizer"] == corpus.tokenizer.to_config()
    settings = keep.extra["settings"]
    assert settings["tempo"] == 93.5 and settings["temperature"] == preset.temperature
    assert bar.baselines == settings["baselines"] and schedule.schedule is preset.schedule
    assert len(settings["primers"]) == 7


def test_the_baselines_are_of_the_held_out_piece(corpus):
    """Its fifths are new to what was counted on steps."""
    train, held_out, classes = corpus.train, corpus.validation, len(corpus.tokenizer)
    beaten = corpus.baselines()
    assert beaten["bigram"] == corpus.report.bigram_nats == tl.bigram_nats(train, held_out, classes)
    assert beaten["unigram"] == tl.unigram_nats(train, held_out, classes)
    assert beaten["5-gram"] == tl.ngram_nats(train, held_out, classes)
    assert tl.ngram_nats(train, train, classes) < beaten["5-gram"] - 0.1
    (file,) = [file for file in corpus.report.kept if file.name == "3.mid"]
    assert corpus.tokens_per_note == file.tokens / file.notes_kept == (3 * 40 + 1) / 40


def test_an_old_network_is_kept_and_moved_only_when_all_is_checked(corpus, asked, tmp_path):
    preset, path = tiny(), tmp_path / "model.npz"
    path.write_bytes(b"old")
    for wrong in ({"epochs": 0}, {"epochs": -3}, {"seed": -1}):
        with pytest.raises(ValueError, match=r"(epochs|seed) is"):
            fit_preset(preset, network(preset, corpus), corpus, path, **wrong)
    broken = tiny(validation=lambda tokens: tl.Streams(tokens, 0))
    with pytest.raises(ValueError, match="streams=0"):
        fit_preset(broken, network(preset, corpus), corpus, path)
    assert path.read_bytes() == b"old" and not asked
    for content in (b"old", b"newer"):
        path.write_bytes(content)
        fit_preset(preset, network(preset, corpus), corpus, path)
    assert (tmp_path / "previous.npz").read_bytes() == b"old"
    assert (tmp_path / "previous-2.npz").read_bytes() == b"newer"
    assert unused(tmp_path / "previous.npz").name == "previous-3.npz"


def test_a_run_goes_on_with_the_preset(corpus, tmp_path):
    preset, path = tiny(), tmp_path / "model.npz"
    whole = fit_preset(preset, network(preset, corpus), corpus, path)
    again = fit_preset(preset, network(preset, corpus), corpus, path, resume=True)
    assert [e["loss"] for e in again] == [e["loss"] for e in whole] and len(whole) == 2
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["model.npz"]


HOLD = """
import sys, time
from pathlib import Path
from tinylstm.files import alone_with
with alone_with(Path(sys.argv[1])):
    print("there", flush=True)
    time.sleep(60)
"""


def test_a_second_training_into_a_folder_is_refused_by_the_process_of_the_first(
    corpus, asked, tmp_path
):
    preset, path = tiny(), tmp_path / "out" / "model.npz"
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as first:
        try:
            assert first.stdout.readline() == "there\n"
            who = f"process {first.pid}" if sys.platform == "linux" else "another process"
            with pytest.raises(tl.FileError, match=rf"out is in use by ({who}|another process), "):
                fit_preset(preset, network(preset, corpus), corpus, path)
            assert not asked
        finally:
            first.kill()
    fit_preset(preset, network(preset, corpus), corpus, path)  # the lock died with its process
    assert asked and not list(path.parent.iterdir())


def test_no_lock_is_left_behind(tmp_path):
    path = tmp_path / "model.npz"
    with tl.files.alone_with(path), pytest.raises(tl.FileError), tl.files.alone_with(path):
        pass
    descriptor = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(descriptor)


def test_the_tokenizer_of_a_preset():
    assert tokenizer_for(tiny()).instruments == "piano"
    assert tokenizer_for(tiny(), "events", "all").instruments == "all"
    assert tokenizer_for(tl.PRESETS["article"]).strict
    assert not tokenizer_for(tiny(), "article").strict
    with pytest.raises(ValueError, match="instruments is 'all', but the article tokenizer knows"):
        tokenizer_for(tl.PRESETS["article"], instruments="all")
    assert isinstance(tokenizer_for(tiny(), "article"), music.ArticleTokenizer)


def test_openings_are_the_beginnings_of_whole_pieces():
    tokens = tl.Tokens(np.arange(10), [0, 4, 6])
    assert music.openings(tokens, 3) == [[0, 1, 2], [6, 7, 8]]
    assert music.openings(tokens, 5) == [[0, 1, 2, 3, 4]]  # none is long enough
