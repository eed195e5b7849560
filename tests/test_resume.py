"""Nothing is lost: killed at any moment and started again, a run ends in the same bits.

KILLS=100 python -m pytest tests/test_resume.py -k killed         as many kills as you like
"""

import os
import random
import re
import resource
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
import resumed

import tinylstm as tl
from tinylstm.resume import MOST_SHARDS, Progress, check_numbers
from tinylstm.training import Callback

KILLS = int(os.environ.get("KILLS", "3"))


class At(Callback):
    """Does something after a step, or after an epoch."""

    def __init__(self, action, step=None, epoch=None):
        self.action, self.step, self.epoch = action, step, epoch

    def on_batch_end(self, run, loss):
        if run.step == self.step:
            self.action()

    def on_epoch_end(self, run):
        if len(run.history) == self.epoch:
            self.action()


def press_ctrl_c():
    signal.raise_signal(signal.SIGINT)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """The digest of the weights and the history of a run that nothing disturbs."""
    model, history = resumed.train(tmp_path_factory.mktemp("whole") / "model.npz")
    return resumed.digest(model), history


def numbers(history):
    """What does not depend on the clock."""
    return [{k: v for k, v in e.items() if "second" not in k} for e in history]


def start(folder):
    here = Path(__file__).parent
    env = os.environ | {"PYTHONPATH": str(here.parent), "TINYLSTM_BACKEND": "numpy"}
    process = subprocess.Popen(
        [sys.executable, here / "resumed.py", folder], env=env, stdout=subprocess.PIPE, text=True
    )
    process.stdout.readline()  # ready
    return process


def test_killed_at_any_moment_a_run_ends_in_the_same_bits(tmp_path):
    began = time.monotonic()
    whole = start(tmp_path / "whole")
    wanted, _ = whole.communicate()
    seconds, rng, killed, trial = time.monotonic() - began, random.Random(), 0, 0
    while killed < KILLS:
        trial += 1
        process = start(tmp_path / f"{trial}")
        time.sleep(rng.uniform(0, 0.9 * seconds))
        process.kill()
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
        got, _ = start(tmp_path / f"{trial}").communicate()
        assert got == wanted
        assert [p.name for p in (tmp_path / f"{trial}").iterdir()] == ["model.npz"]
    print(f"{killed} kills before the end ({trial} tries), {trial} resumes, {trial} equal ends")


def test_killed_in_the_middle_of_writing(tmp_path, uninterrupted):
    """The temporary file is there, half written, and the old one whole."""
    path = tmp_path / "model.npz"
    with pytest.raises(KeyboardInterrupt):
        resumed.train(path, [At(press_ctrl_c, step=7)])
    (tmp_path / ".model.npz.abc").write_bytes(path.read_bytes()[:1000])
    model, _ = resumed.train(path)
    assert resumed.digest(model) == uninterrupted[0]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "moment", [{"step": 1}, {"step": 23}, {"step": 26}, {"epoch": 1}, {"epoch": 8}]
)
def test_ctrl_c_and_resume_end_in_the_same_bits(moment, tmp_path, uninterrupted):
    path = tmp_path / "model.npz"
    with pytest.raises(KeyboardInterrupt):
        resumed.train(path, [At(press_ctrl_c, **moment)], every=1e9)
    model, history = resumed.train(path, every=1e9)
    assert resumed.digest(model) == uninterrupted[0]
    assert numbers(history) == numbers(uninterrupted[1])
    kept = tl.load_checkpoint(path)
    assert resumed.digest(kept.model) == uninterrupted[0]
    assert kept.progress.finished and not kept.progress.weights


def test_ctrl_c_in_validation_loses_no_step(tmp_path, uninterrupted, monkeypatch):
    path = tmp_path / "model.npz"
    from tinylstm import training

    def interrupted(shards, data, between):
        press_ctrl_c()
        between()

    with monkeypatch.context() as patch:
        patch.setattr(training, "measured", interrupted)
        with pytest.raises(KeyboardInterrupt):
            resumed.train(path, every=1e9)
    progress = tl.load_checkpoint(path).progress
    assert progress.batch == progress.step > 20 and progress.epoch == 0
    assert resumed.digest(resumed.train(path)[0]) == uninterrupted[0]


def test_a_second_ctrl_c_does_not_wait_and_leaves_the_last_whole_step(tmp_path):
    path = tmp_path / "model.npz"

    class Torn(tl.Adam):
        def update(self, *arguments):
            super().update(*arguments)
            if self.steps == 5:
                press_ctrl_c()
                press_ctrl_c()

    model, (train, _) = resumed.network(), resumed.data()
    keep = tl.ModelCheckpoint(path, every=0)
    with pytest.raises(KeyboardInterrupt):
        tl.fit(model, train, 3, optimizer=Torn(), callbacks=[keep])
    assert tl.load_checkpoint(path).progress.step == 4
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_finished_run_is_left_as_it_is(tmp_path, uninterrupted):
    path = tmp_path / "model.npz"
    resumed.train(path)
    model, history = resumed.train(path)
    assert resumed.digest(model) == uninterrupted[0]
    assert numbers(history) == numbers(uninterrupted[1])


def test_what_is_not_in_the_weights_goes_on_too(tmp_path):
    """Without a schedule, which would set the rate again: the rate, the slots and the states."""

    class Slower(Callback):
        def on_batch_end(self, run, loss):
            run.optimizer.learning_rate *= 0.98

    def train(path, callbacks=()):
        (streams, _), model = resumed.data(), resumed.network(dropout=0.1)
        resume = path if path.exists() else None
        keep = tl.ModelCheckpoint(path, "loss", every=0.0)
        optimizer = tl.Adam(0.01, ema_momentum=0.8)
        options = {"callbacks": [Slower(), keep, *callbacks], "threads": 2, "resume": resume}
        history = tl.fit(model, streams, 2, None, optimizer, **options)
        return resumed.digest(model), optimizer.learning_rate, optimizer.steps, numbers(history)

    whole = train(tmp_path / "whole.npz")
    assert whole[1] == pytest.approx(0.01 * 0.98 ** whole[2])
    for step in (3, 23, 25):  # one epoch has 24
        path = tmp_path / f"{step}.npz"
        with pytest.raises(KeyboardInterrupt):
            train(path, [At(press_ctrl_c, step=step)])
        assert train(path) == whole


def test_a_run_of_another_kind_is_refused_by_what_differs(tmp_path):
    path = tmp_path / "model.npz"
    with pytest.raises(KeyboardInterrupt):
        resumed.train(path, [At(press_ctrl_c, step=3)])
    with pytest.raises(ValueError, match="epochs was 8, now 9"):
        resumed.train(path, epochs=9)
    with pytest.raises(ValueError, match=r"clip was 5[.]0, now 1[.]0"):
        resumed.train(path, clip=1.0)
    with pytest.raises(ValueError, match=r"penalty was None, now L2 {'rate': 0.1}"):
        resumed.train(path, penalty=tl.L2(0.1))
    tl.save_checkpoint(path, resumed.network())
    with pytest.raises(ValueError, match="holds a network, but no run"):
        resumed.train(path)


def test_a_full_disk_is_told_of_and_the_old_file_stays(tmp_path):
    path = tmp_path / "model.npz"
    with pytest.raises(KeyboardInterrupt):
        resumed.train(path, [At(press_ctrl_c, step=3)])
    before, limit = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, limit[1]))  # what a disk without room does
    try:
        with (
            pytest.warns(UserWarning, match=r"cannot write .*model.npz.*; training goes on"),
            pytest.raises(tl.FileError, match=r"cannot write .*model.npz: File too large"),
        ):
            resumed.train(path, epochs=8)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_a_disk_that_has_room_again_loses_nothing(tmp_path, uninterrupted):
    path, limit = tmp_path / "model.npz", resource.getrlimit(resource.RLIMIT_FSIZE)
    full = At(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4000, limit[1])), step=5)
    room = At(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit), step=60)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        resumed.train(path, [full, room])
    assert resumed.digest(tl.load_checkpoint(path).model) == uninterrupted[0]


def test_a_folder_that_cannot_be_written_is_told_of_before_training(tmp_path):
    (tmp_path / "file").write_text("")
    steps = []
    with pytest.raises(tl.FileError, match=r"cannot write .*model.npz: "):
        resumed.train(tmp_path / "file" / "model.npz", [At(lambda: steps.append(1), step=1)])
    assert not steps


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write all")
def test_a_read_only_folder(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(tl.FileError, match="Permission denied"):
        resumed.train(tmp_path / "model.npz")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_truncated_checkpoint_is_named(tmp_path, share):
    path = tmp_path / "model.npz"
    with pytest.raises(KeyboardInterrupt):
        resumed.train(path, [At(press_ctrl_c, step=3)])
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(tl.FileError, match=r"model.npz"):
        resumed.train(path)
    assert len(path.read_bytes()) == int(share * len(whole))


def test_foreign_files_are_named(tmp_path):
    path = tmp_path / "model.npz"
    np.savez(path, a=np.zeros(3))
    with pytest.raises(tl.FileError, match=re.escape(str(path))):
        resumed.train(path)
    tl.files.save_arrays(path, {"a": np.zeros(3)}, {"format": "another"})
    with pytest.raises(tl.FileError, match="format 'another'"):
        resumed.train(path)


def test_a_worse_run_of_weights_does_not_replace_the_best(tmp_path, uninterrupted):
    _, history = uninterrupted
    best = min(range(len(history)), key=lambda i: history[i]["val_loss"])
    path = tmp_path / "model.npz"
    with pytest.raises(KeyboardInterrupt):
        resumed.train(path, [At(press_ctrl_c, epoch=len(history) - 1)])
    _, held_out = resumed.data()
    kept = tl.load_checkpoint(path)
    assert tl.evaluate(kept.model, held_out, threads=2) == pytest.approx(history[best]["val_loss"])


def test_a_checkpoint_of_version_0_1_loads_and_goes_on():
    """The file was written by version 0.1.0, stopped after five of twelve steps by this run."""
    path = Path(__file__).parent / "checkpoint_0_1.npz"
    kept = tl.load_checkpoint(path)
    assert kept.settings == {"temperature": 0.9} and kept.progress.step == 5
    ends = []
    for resume in (None, path):
        table = tl.Embedding(5, 4)
        lstm = tl.LSTM(4, return_sequences=True, recurrent_dropout=0.2)
        model = tl.Sequential([table, lstm, tl.Dropout(0.1), tl.TiedDense(table)])
        data = tl.Streams(
            tl.Tokens(np.random.default_rng(0).integers(5, size=81), [0]), streams=4, steps=5
        )
        optimizer = tl.Adam(0.01, ema_momentum=0.9)
        history = tl.fit(model, data, 3, data, optimizer, threads=2, resume=resume)
        ends.append((model.weights, [entry["val_loss"] for entry in history]))
    (whole, losses), (resumed, its_losses) = ends
    np.testing.assert_allclose(its_losses, losses, rtol=1e-5)
    for name, array in whole.items():  # other processors round differently
        np.testing.assert_allclose(resumed[name], array, rtol=1e-4, atol=1e-6)


class See(Callback):
    """Keeps a run's fingerprint."""

    def on_train_begin(self, run):
        self.seen = run.fingerprint


def test_a_run_is_known_by_the_same_words_as_ever():
    """Checkpoints hold them: if one changed, no old run could go on."""
    x, y, see = np.ones((5, 3, 2)), np.array([0, 1, 0, 1, 1]), See()
    model = tl.Sequential([tl.LSTM(3), tl.Dense(2)], 2)
    plain = {
        "input_size": 2, "dtype": "float32", "dense_1": "Dense(units=2, activation=None)",
        "lstm_1":
        "LSTM(units=3, return_sequences=False, forget_bias=1.0, recurrent_dropout=0.0)",
        "optimizer": "SGD {'momentum': 0.5, 'ema_momentum': None}",
        "loss": "MeanSquaredError {}", "penalty": None, "epochs": 2, "steps_per_epoch": 3,
        "clip": 5.0, "seed": 0, "shards": 2,
    }  # fmt: skip
    data = tl.Arrays(x, np.ones((5, 2)), 2)
    options = {"optimizer": tl.SGD(0.1, 0.5), "loss": tl.MeanSquaredError(), "shards": 2}
    tl.fit(model, data, 2, callbacks=[see], **options)
    assert see.seen == plain | data.describe()

    class Own:
        """A source of batches that does not describe itself."""

        def __len__(self):
            return 3

        def epoch(self, epoch):
            return tl.Arrays(x, y, 2).epoch(epoch)

    options |= {"loss": tl.CategoricalCrossentropy(label_smoothing=0.1), "penalty": tl.L2(0.25)}
    more = {"metrics": ["accuracy", "perplexity"], "accumulate": 2, "clip": 1.5, "seed": 9}
    tl.fit(model, Own(), 1, callbacks=[see], **options, **more)
    assert see.seen == plain | more | {
        "loss": f"CategoricalCrossentropy {vars(options['loss'])}", "penalty": "L2 {'rate': 0.25}",
        "epochs": 1, "steps_per_epoch": 2,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ((0, 5, 0), "epochs is 0: use at least 1"),
        ((1, 0, 0), "clip is 0: use a positive number, or infinity for no clipping"),
        ((1, np.nan, 0), "clip is nan: use a positive number, or infinity for no clipping"),
        ((1, 5, -1), "seed is -1: use 0 or more"),
    ],
)
def test_numbers_with_which_no_run_can_begin(numbers, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        check_numbers(*numbers)
    check_numbers(1, 1e-9, 0)
    check_numbers(1, np.inf, 1)


SUMS = {"loss": 1.0, "tokens": 2.0, "norm": 3.0, "seconds": 4.0, "first": 5.0}
COUNTERS = {"epoch": 2, "batch": 3, "step": 3, "optimizer_steps": 3, "sums": SUMS}


@pytest.mark.parametrize(
    "change",
    [
        *({}, {"learning_rate": 0}, {"step": 9, "optimizer_steps": 10}),
        {"batch": 0, "sums": {"first": 1}, "step": 2},
        {"epoch": 0, "batch": 0, "step": 0, "sums": {}},
        *({"fingerprint": {"shards": 1}}, {"fingerprint": {"shards": MOST_SHARDS}}),
    ],
)
def test_counters_that_a_run_can_have(change):
    kept = Progress(**(COUNTERS | change))
    kept.check(kept.epoch)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        *(
            ({name: value}, f"{name} is {value!r}: want a whole number")
            for name in ("epoch", "batch", "step", "optimizer_steps")
            for value in (-1, 1.5, True)
        ),
        ({"sums": {}}, "sums lacks first and loss and norm and seconds and tokens"),
        ({"sums": {}, "batch": 0}, "sums lacks first"),
        ({"sums": [1]}, r"sums is \[1\]: want numbers"),
        ({"sums": SUMS | {"norm": "x"}}, "sums is {.*}: want numbers"),
        ({"sums": SUMS | {"norm": np.inf}}, "sums is {.*}: want numbers"),
        ({"learning_rate": -0.5}, "learning_rate is -0.5: want a number from 0"),
        ({"learning_rate": np.nan}, "learning_rate is nan: want a number from 0"),
        ({"finished": 0}, "finished is no truth value, or the recipe no table"),
        ({"fingerprint": []}, "finished is no truth value, or the recipe no table"),
        ({"epoch": 3}, "3 epochs are done, but the history has 2"),
        ({"step": 2}, "step is 2, which does not agree with the other counters"),
        ({"optimizer_steps": 2}, "step is 3, which does not agree with the other counters"),
        *(
            ({"fingerprint": {"shards": n}}, f"shards is {n!r}: want 1 to 4096")
            for n in (0, 4097, 2.0)
        ),
    ],
)
def test_counters_that_no_run_can_have(change, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        Progress(**(COUNTERS | change)).check(2)


def test_the_names_of_what_is_kept():
    """Those in files of every version: see test_a_checkpoint_of_version_0_1_loads_and_goes_on."""
    zero, one = np.zeros(1), np.ones(1)
    kept = Progress({"seed": 3}, weights={"a.b": zero}, slots={"m": {"a.b": one}}, epoch=1)
    kept.states = [(), (zero, one)]
    assert kept.arrays() == {
        "run/weights/a.b": zero, "run/slots/m/a.b": one, "run/states/1/0": zero,
        "run/states/1/1": one,
    }  # fmt: skip
    plain = {
        "recipe": {"seed": 3}, "epoch": 1, "batch": 0, "step": 0, "sums": {},
        "optimizer_steps": 0, "learning_rate": 0.0, "finished": False,
    }  # fmt: skip
    assert kept.description() == plain | {"layers": 2}
    kept.states = None
    assert kept.description() == plain | {"layers": None}


def test_everything_that_differs_is_listed(tmp_path):
    path = tmp_path / "model.npz"
    with pytest.raises(KeyboardInterrupt):
        resumed.train(path, [At(press_ctrl_c, step=3)])
    message = "^the checkpoint is of another run, which cannot go on: "
    with pytest.raises(ValueError, match=f"{message}epochs was 8, now 9; clip was 5.0, now 1.0$"):
        resumed.train(path, epochs=9, clip=1.0)
    with pytest.raises(ValueError, match=f"{message}.* accumulate was None, now 2$"):
        resumed.train(path, accumulate=2)
    tl.save_checkpoint(path, resumed.network())
    with pytest.raises(ValueError, match=r"^the checkpoint holds a network, but no run that could"):
        resumed.train(path)
