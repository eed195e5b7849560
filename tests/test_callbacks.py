"""What watches a run."""

import csv
import math

import numpy as np
import pytest

import tinylstm as tl
from tinylstm.more_callbacks import TimeLimit
from tinylstm.training import Run


def a_run(values, epochs=10):
    """A run whose validation losses were these."""
    model = tl.Sequential([tl.Embedding(3, 2), tl.Dense(3)])
    run = Run(model, tl.SGD(0.1), epochs, 5)
    for i, value in enumerate(values):
        run.history.append(
            {"epoch": i + 1, "loss": 1.0, "val_loss": value, "seconds": 2.0,
             "norm": 1.0, "tokens_per_second": 1000.0}
        )  # fmt: skip
        run.step += 5
    return run


def tokens():
    return tl.Streams(tl.Tokens(np.tile([0, 1, 2], 40), [0]), 2, 10)


@pytest.mark.parametrize(
    ("values", "stops"),
    [([3, 2, 1], False), ([1, 2, 3], True), ([1, 2, 0.5], False), ([2, 1, 1, 1], True)],
)
def test_early_stopping(values, stops):
    run = a_run(values)
    tl.EarlyStopping(patience=2).on_epoch_end(run)
    assert run.stop is stops


def test_early_stopping_never_takes_back_what_another_has_decided():
    run = a_run([3, 2, 1])
    run.stop = True
    tl.EarlyStopping(patience=2).on_epoch_end(run)
    TimeLimit(1e9).on_epoch_end(run)
    assert run.stop


def test_early_stopping_gives_the_best_weights_back():
    run = a_run([1.0])
    watch = tl.EarlyStopping(restore_best_weights=True)
    watch.on_epoch_end(run)
    best = run.model.params["dense_1.W"].copy()
    run.model.params["dense_1.W"] += 1
    run.history.append({**run.history[0], "val_loss": 2.0})
    watch.on_epoch_end(run)
    watch.on_train_end(run)
    assert (run.model.params["dense_1.W"] == best).all()


def test_time_is_that_of_training_also_before_an_interruption():
    run = a_run([1, 1])
    TimeLimit(5).on_epoch_end(run)
    assert not run.stop
    TimeLimit(4).on_train_begin(run)
    assert run.stop


def test_schedules():
    rate = tl.cosine(2.0, warmup=0.1, floor=0.1)
    assert rate(0) > 0
    assert rate(0.05) == pytest.approx(1.0)
    assert rate(0.1) == pytest.approx(2.0)
    assert rate(1.0) == pytest.approx(0.2)
    shares = np.linspace(0.1, 1, 50)
    assert (np.diff([rate(s) for s in shares]) < 0).all()


def test_the_rate_is_set_before_every_batch():
    seen = []

    class Note(tl.Callback):
        def on_batch_end(self, run, loss):
            seen.append(run.optimizer.learning_rate)

    model = tl.Sequential([tl.Embedding(3, 2), tl.Dense(3)])
    watch = [Note(), tl.LearningRateScheduler(lambda share: 1 + share)]
    tl.fit(model, tokens(), 2, callbacks=watch)
    n = 2 * len(tokens())
    assert seen == pytest.approx([1 + i / n for i in range(n)])


def test_csv_is_the_history(tmp_path):
    path = tmp_path / "log" / "run.csv"
    model = tl.Sequential([tl.Embedding(3, 2), tl.Dense(3)])
    history = tl.fit(model, tokens(), 3, tokens(), callbacks=[tl.CSVLogger(path)])
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["val_loss"]) for row in rows] == [entry["val_loss"] for entry in history]


def test_the_log_has_both_units_beside_counting(capsys):
    run = a_run([3.0, 2.0])
    watch = tl.ProgressBar({"unigram": 4.0, "bigram": 3.0, "5-gram": 2.5}, tokens_per_note=3.0)
    watch.on_train_begin(run)
    watch.on_epoch_end(run)
    watch.on_train_end(run)
    header, line = capsys.readouterr().out.splitlines()[-2:]
    assert header.split()[:6] == ["epoch", "train", "valid", "unigram", "bigram", "5-gram"]
    numbers = line.split()
    assert numbers[:6] == ["2/10", "1.000", "2.000*", "4.000", "3.000", "2.500"]
    bits = [float(number.strip("*")) for number in numbers[6:11]]
    assert bits == pytest.approx([3 * x / math.log(2) for x in (1, 2, 4, 3, 2.5)], abs=0.01)
    assert numbers[11] == "1,000"


def test_the_log_without_validation_and_music(capsys):
    watch = tl.ProgressBar()
    tl.fit(tl.Sequential([tl.Embedding(3, 2), tl.Dense(3)]), tokens(), 1, callbacks=[watch])
    assert "nan" in capsys.readouterr().out.splitlines()[-1]


def test_the_model_ends_with_its_best_weights(tmp_path):
    class Worse(tl.Callback):
        def on_batch_end(self, run, loss):
            if run.step > len(tokens()) * 2:
                run.model.params["dense_1.W"][...] = 5 * np.eye(2, 3)

    model = tl.Sequential([tl.Embedding(3, 2), tl.Dense(3)])
    path = tmp_path / "model.npz"
    watch = [tl.ModelCheckpoint(path, settings={"a": 1}), Worse()]
    history = tl.fit(model, tokens(), 4, tokens(), tl.Adam(0.05), callbacks=watch)
    best = min(entry["val_loss"] for entry in history)
    assert best == history[1]["val_loss"]
    assert tl.evaluate(model, tokens()) == pytest.approx(best)
    kept = tl.load_checkpoint(path)
    assert tl.evaluate(kept.model, tokens()) == pytest.approx(best)
    assert kept.history == history and kept.settings == {"a": 1}
