"""Checkpoints: what goes in comes out, to the last bit, and nothing else is believed."""

import json
import zipfile

import damaged
import numpy as np
import pytest
import resumed

import tinylstm as tl
from tinylstm.checkpoint import Progress
from tinylstm.files import load_arrays, save_arrays


def state(seed):
    return tuple(np.random.default_rng(seed).standard_normal((2, 2, 8)).astype(np.float32))


HISTORY = [{"epoch": n, "loss": 1 / 3, "val_loss": 2 / 3} for n in (1, 2)]


def progress():
    model = resumed.network()
    return model, Progress(
        fingerprint={"seed": 1, "clip": 5.0},
        epoch=2,
        batch=3,
        step=17,
        sums={"loss": 0.1 + 0.2, "tokens": 36.0, "norm": 2.5, "seconds": 0.25, "first": 2.0},
        optimizer_steps=17,
        learning_rate=0.003,
        weights=model.weights,
        slots={"m": model.zero_grads(), "v": model.weights},
        states=[(), state(0), (), state(1), ()],
    )


def test_all_comes_back_to_the_last_bit(tmp_path):
    path = tmp_path / "model.npz"
    model, kept = progress()
    best = {name: array + 1 for name, array in model.weights.items()}
    tl.save_checkpoint(path, model, {"name": "events"}, HISTORY, {"a": [1]}, best, kept)
    got = tl.load_checkpoint(path)
    assert (got.tokenizer, got.history, got.settings) == ({"name": "events"}, HISTORY, {"a": [1]})
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


def written(path, change=lambda arrays, description: None, save=save_arrays):
    """A checkpoint of an unfinished run, with something in it changed."""
    model, kept = progress()
    tl.save_checkpoint(path, model, history=HISTORY, progress=kept)
    arrays, description = load_arrays(path)
    change(arrays, description)
    save(path, arrays, description)
    return path


RUN_DAMAGE = {
    "'layers'": lambda a, d: d["run"].pop("layers"),
    "unheard_of": lambda a, d: d["run"].update(unheard_of=1),
    "states of 1 layers, not 5": lambda a, d: d["run"].update(layers=1),
    "no slots of the optimizer": lambda a, d: [a.pop(k) for k in list(a) if "/slots/" in k],
    "no run/states/1/0": lambda a, d: [a.pop(k) for k in list(a) if "/states/" in k],
    r"no run/slots/v/dense_1.b": lambda a, d: a.pop("run/slots/v/dense_1.b"),
    r"run/slots/m/dense_1.b is \(0,\)": lambda a, d: a.update(
        {"run/slots/m/dense_1.b": np.zeros(0, np.float32)}
    ),
    r"run/slots/m/dense_1.b is float64, not float32": lambda a, d: a.update(
        {"run/slots/m/dense_1.b": np.zeros(12)}
    ),
    r"unknown run/slots/m/x": lambda a, d: a.update({"run/slots/m/x": np.zeros(1, np.float32)}),
    r"run/states/1/1 is \(3, 8\), not \(2, 8\)": lambda a, d: a.update(
        {"run/states/1/1": np.zeros((3, 8), np.float32)}
    ),
    "states of 2 streams, not 4": lambda a, d: d["run"]["recipe"].update(data="Streams", streams=4),
    "run/weights/lstm_1.b holds NaN": lambda a, d: a["run/weights/lstm_1.b"].fill(np.nan),
    "shards is 100000: want 1 to 4096": lambda a, d: d["run"]["recipe"].update(threads=100_000),
    "step is -1: want a whole number": lambda a, d: d["run"].update(step=-1),
    "batch is True": lambda a, d: d["run"].update(batch=True),
    "3 epochs are done, but the history has 2": lambda a, d: d["run"].update(epoch=3),
    "step is 2, which does not agree": lambda a, d: d["run"].update(step=2),
    "step is 99, which does not agree": lambda a, d: d["run"].update(step=99),
    "learning_rate is 'x'": lambda a, d: d["run"].update(learning_rate="x"),
    "sums lacks first and tokens": lambda a, d: [
        d["run"]["sums"].pop(k) for k in ("first", "tokens")
    ],
    "finished is no truth value": lambda a, d: d["run"].update(finished=1),
}


@pytest.mark.parametrize("said", RUN_DAMAGE)
def test_a_damaged_run_is_named(tmp_path, said):
    path = written(tmp_path / "model.npz", RUN_DAMAGE[said])
    with pytest.raises(tl.FileError, match=rf"model.npz holds no run that can go on: .*{said}"):
        tl.load_checkpoint(path)


MODEL_DAMAGE = {
    "two layers are called lstm_1": lambda a, d: d["model"]["layers"][3].update(name="lstm_1"),
    "units of lstm_1 is 8.0, not int": lambda a, d: d["model"]["layers"][1].update(units=8.0),
    "return_sequences of lstm_1 is 'no', not bool": lambda a, d: d["model"]["layers"][1].update(
        return_sequences="no"
    ),
    "dtype is int32": lambda a, d: d["model"].update(dtype="int32"),
    "more than the file holds": lambda a, d: d["model"]["layers"][1].update(units=10**5),
    "wider than": lambda a, d: (
        d["model"]["layers"][0].update(type="OneHot", vocabulary=10**9)
        or d["model"]["layers"][0].pop("units")
    ),
    "unknown other": lambda a, d: a.update(other=np.zeros(1)),
    "dense_1.b holds NaN": lambda a, d: a.update({"dense_1.b": np.full(12, np.inf, np.float32)}),
    "history is": lambda a, d: d.update(history=[{"loss": "low"}]),
    "settings is": lambda a, d: d.update(settings=[1]),
}


@pytest.mark.parametrize("said", MODEL_DAMAGE)
def test_a_damaged_model_is_named(tmp_path, said):
    path = written(tmp_path / "model.npz", MODEL_DAMAGE[said])
    with pytest.raises(tl.FileError, match=rf"model.npz .*({said})"):
        tl.load_checkpoint(path)


def test_compressed_members_are_refused_before_they_are_read(tmp_path):
    """80 KB that would become 80 MB."""

    def save(path, arrays, description):
        text = np.frombuffer(json.dumps(description).encode(), np.uint8)
        big = {"lstm_1.Wx": np.zeros((10_000, 2000), np.float32)}
        np.savez_compressed(path, **{"description.json": text}, **(arrays | big))

    path = written(tmp_path / "model.npz", save=save)
    assert path.stat().st_size < 200_000
    with pytest.raises(tl.FileError, match="is compressed, which tinylstm never writes"):
        tl.load_checkpoint(path)


def test_arrays_without_a_run_are_refused(tmp_path):
    path = written(tmp_path / "model.npz", lambda a, d: d.pop("run"))
    with pytest.raises(tl.FileError, match=r"unknown run/weights/embedding_1\.table"):
        tl.load_checkpoint(path)


def test_nan_is_not_written(tmp_path):
    with pytest.raises(tl.FileError, match=r"cannot write .*model.npz: its description holds NaN"):
        tl.save_checkpoint(tmp_path / "model.npz", progress()[0], settings={"tempo": np.nan})
    assert not list(tmp_path.iterdir())


def test_slots_of_another_optimizer_are_refused(tmp_path):
    """The recipe says Adam, but v is missing: no step may start from zero in silence."""
    path = tmp_path / "model.npz"
    with pytest.raises(tl.FileError):
        resumed.train(path, [Broken()])
    arrays, description = load_arrays(path)
    arrays = {name: array for name, array in arrays.items() if not name.startswith("run/slots/v")}
    save_arrays(path, arrays, description)
    with pytest.raises(ValueError, match=r"the optimizer differ in slots \['v'\]"):
        resumed.train(path)


class Broken(tl.Callback):
    """Ends a run after three steps."""

    def on_batch_end(self, run, loss):
        if run.step == 3:
            raise tl.FileError("a disk that fails")


def test_damaged_checkpoints_are_refused_or_right():
    """More of them: python tests/damaged.py checkpoints 2000"""
    found = damaged.hunt("checkpoints", 200)
    assert sum(found.values()) == 200 and set(found) <= set(damaged.FINE), found
    assert found["refused"] > 150


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
