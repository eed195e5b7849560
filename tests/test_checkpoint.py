"""Checkpoints: what goes in comes out, to the last bit, and nothing else is believed."""

import json
import zipfile

import numpy as np
import pytest
import resumed

import tinylstm as tl
from tinylstm.checkpoint import Progress
from tinylstm.files import load_arrays, save_arrays


def progress():
    model = resumed.network()
    return model, Progress(
        fingerprint={"seed": 1, "clip": 5.0},
        epoch=2,
        batch=3,
        step=17,
        sums={"loss": 0.1 + 0.2, "tokens": 36.0},
        optimizer_steps=17,
        learning_rate=0.003,
        weights=model.weights,
        slots={"m": model.zero_grads(), "v": model.weights},
        states=[(), (np.ones((2, 8)), np.zeros((2, 8))), (), (np.eye(2, 8), np.ones((2, 8))), ()],
    )


def test_all_comes_back_to_the_last_bit(tmp_path):
    path = tmp_path / "model.npz"
    model, kept = progress()
    history = [{"epoch": 1, "loss": 1 / 3, "val_loss": 2 / 3}]
    best = {name: array + 1 for name, array in model.weights.items()}
    tl.save_checkpoint(path, model, {"name": "events"}, history, {"a": [1]}, best, kept)
    got = tl.load_checkpoint(path)
    assert (got.tokenizer, got.history, got.settings) == ({"name": "events"}, history, {"a": [1]})
    for name, array in best.items():
        np.testing.assert_array_equal(got.model.weights[name], array)
    arrays, wanted = got.progress.arrays(), kept.arrays()
    assert arrays.keys() == wanted.keys()
    for name, array in wanted.items():
        np.testing.assert_array_equal(arrays[name], array)
    assert got.progress.description() == kept.description()
    assert [len(state) for state in got.progress.states] == [0, 2, 0, 2, 0]


def test_a_model_file_is_a_checkpoint_without_a_run(tmp_path):
    path = tmp_path / "model.npz"
    resumed.network().save(path)
    assert tl.load_checkpoint(path).progress is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda d: d.pop("layers"),
        lambda d: d.update(unheard_of=1),
        lambda d: d.update(layers=1),
    ],
)
def test_a_damaged_run_is_named(tmp_path, damage):
    path = tmp_path / "model.npz"
    model, kept = progress()
    tl.save_checkpoint(path, model, progress=kept)
    arrays, description = load_arrays(path)
    damage(description["run"])
    save_arrays(path, arrays, description)
    with pytest.raises(tl.FileError, match=r"model.npz holds no run that can go on"):
        tl.load_checkpoint(path)


def test_weights_that_do_not_fit_are_listed(tmp_path):
    path = tmp_path / "model.npz"
    model, _ = progress()
    tl.save_checkpoint(path, model)
    arrays, description = load_arrays(path)
    arrays["dense_1.b"] = np.zeros(5, np.float32)
    save_arrays(path, arrays, description)
    with pytest.raises(tl.FileError, match=r"dense_1.b is \(5,\), not \(12,\)"):
        tl.load_checkpoint(path)


def test_no_code_is_run(tmp_path):
    path = tmp_path / "model.npz"
    description = np.frombuffer(json.dumps({"format": "tinylstm 1"}).encode(), np.uint8)
    np.savez(path, a=np.array([print], dtype=object), **{"description.json": description})
    with pytest.raises(tl.FileError, match="damaged, or was not written by tinylstm"):
        tl.load_checkpoint(path)
    assert zipfile.is_zipfile(path)
