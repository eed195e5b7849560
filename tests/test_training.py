"""The loop: it learns, it is the same every time, it carries state, and it says when it breaks."""

from contextlib import suppress

import numpy as np
import pytest
import resumed

import tinylstm as tl
from tinylstm.data import Batch
from tinylstm.penalties import L2
from tinylstm.training import Run, carried, diagnosis, sources, train_epoch


def pattern(n=120):
    return tl.Tokens(np.tile([0, 1, 2, 3], n // 4), [0])


def small(seed=0, V=4, **options):
    return tl.Sequential(
        [tl.Embedding(V, 6), tl.LSTM(6, return_sequences=True), tl.Dense(V)], seed=seed, **options
    )


def fitted(threads=2, seed=1, **options):
    model = resumed.network()
    train, held_out = resumed.data()
    history = tl.fit(
        model, train, 2, held_out, tl.Adam(0.01), seed=seed, threads=threads, **options
    )
    return resumed.digest(model), history


def test_same_seed_and_threads_same_bits():
    assert fitted()[0] == fitted()[0]


def test_another_seed_another_net():
    assert fitted(seed=1)[0] != fitted(seed=2)[0]


def test_threads_change_rounding_alone():
    model, other = small(), small()
    data = tl.Streams(pattern(), 4, 10)
    tl.fit(model, data, 2, threads=1)
    tl.fit(other, data, 2, threads=3)
    for path, array in model.params.items():
        np.testing.assert_allclose(array, other.params[path], rtol=1e-3, atol=1e-5)


def test_history_is_plain_data_and_its_losses_are_means():
    _, history = fitted()
    assert [entry["epoch"] for entry in history] == [1, 2]
    assert set(history[0]) == {
        "epoch", "loss", "norm", "seconds", "tokens_per_second", "val_loss"
    }  # fmt: skip
    assert all(isinstance(value, (int, float)) for entry in history for value in entry.values())


def test_val_loss_is_what_evaluate_says():
    model = resumed.network()
    train, held_out = resumed.data()
    history = tl.fit(model, train, 1, held_out, threads=2)
    assert tl.evaluate(model, held_out, threads=2) == history[0]["val_loss"]


def test_moving_averages_are_judged_and_kept_and_do_not_change_the_run(tmp_path):
    train, held_out = resumed.data()
    histories, models = [], []
    for momentum in (None, 0.9):
        model, optimizer = resumed.network(), tl.Adam(0.01, ema_momentum=momentum)
        keep = tl.ModelCheckpoint(tmp_path / "model.npz", monitor="loss")
        seen = Weights()
        histories.append(
            tl.fit(model, train, 2, held_out, optimizer, threads=2, callbacks=[keep, seen])
        )
        models.append((model, seen.weights))
    (plain, own), (averaged, same) = models
    assert [e["loss"] for e in histories[0]] == [e["loss"] for e in histories[1]]
    assert all((own[path] == same[path]).all() for path in own)  # it went on from its own weights
    assert histories[0][1]["val_loss"] != histories[1][1]["val_loss"]
    assert tl.evaluate(averaged, held_out, threads=2) == histories[1][1]["val_loss"]
    assert all((averaged.params[k] == optimizer.averages[k]).all() for k in averaged.params)
    kept = tl.load_checkpoint(tmp_path / "model.npz").model
    assert resumed.digest(kept) == resumed.digest(averaged) != resumed.digest(plain)


class Weights(tl.Callback):
    """The weights with which the last step ended."""

    def on_batch_end(self, run, loss):
        self.weights = {path: array.copy() for path, array in run.model.params.items()}


def test_evaluation_does_not_depend_on_how_pieces_are_cut():
    tokens = tl.Tokens(np.random.default_rng(0).integers(0, 4, 200), [0, 77, 120])
    model = small(dtype=np.float64)
    losses = [
        tl.evaluate(model, tl.Streams(tokens, B, T, shuffle=False, whole_pieces=True), threads=n)
        for B, T, n in ((1, 200, 1), (3, 7, 2), (2, 1, 1))
    ]
    assert losses == pytest.approx([losses[0]] * 3, rel=1e-12)


def test_state_is_carried_and_reset_by_stream():
    model = small()
    states = [tuple(np.ones((2, 6)) for _ in state) for state in model.initial_states(2)]
    after = carried(
        model, states, Batch(np.zeros((3, 2)), np.zeros((3, 2)), np.array([1, 0], bool), 6)
    )
    assert [array.tolist() for array in after[1]] == [[[0.0] * 6, [1.0] * 6]] * 2
    fewer = Batch(np.zeros((3, 1)), np.zeros((3, 1)), np.array([False]), 3)
    assert all((array == 0).all() for state in carried(model, states, fewer) for array in state)


def test_a_penalty_pulls_weights_to_zero():
    free, held = small(), small()
    data = tl.Streams(pattern(), 4, 10)
    tl.fit(free, data, 5, optimizer=tl.SGD(0.1))
    tl.fit(held, data, 5, optimizer=tl.SGD(0.1), penalty=L2(0.05))
    for path in ("dense_1.W", "lstm_1.Wh"):
        assert np.linalg.norm(held.params[path]) < np.linalg.norm(free.params[path])


def test_windows_are_learnt_too():
    model = tl.Sequential([tl.Embedding(4, 6), tl.LSTM(8), tl.Dense(4)])
    history = tl.fit(model, tl.Windows(pattern(), 16, 5), 12, optimizer=tl.Adam(0.02))
    assert history[-1]["loss"] < 0.3


def test_batch_normalization_measures_while_training():
    from tinylstm.layers import BatchNormalization

    model = tl.Sequential(
        [tl.Embedding(4, 6), BatchNormalization(), tl.LSTM(6, return_sequences=True), tl.Dense(4)]
    )
    tl.fit(model, tl.Streams(pattern(), 4, 10), 2)
    assert (model.statistics["batchnormalization_1.mean"] != 0).all()


@pytest.mark.parametrize("moment", [8, 9])  # 9 is the end of an epoch
@pytest.mark.parametrize("where", ["dense_1.W", "lstm_1.Wh", "embedding_1.table"])
def test_a_number_that_is_none_is_told_with_step_and_layer(where, moment, tmp_path, caplog):
    path = tmp_path / "model.npz"

    class Poison(tl.Callback):
        def on_batch_end(self, run, loss):
            if run.step == moment:
                run.model.params[where][...] = np.nan

    callbacks = [tl.ModelCheckpoint(path, "loss", every=0), Poison()]
    model = small()
    with pytest.raises(tl.DivergedError, match=f"at step {moment + 1} ") as error:
        tl.fit(model, tl.Streams(pattern(), 4, 10), 9, callbacks=callbacks)
    (line,) = [line for line in str(error.value).splitlines() if line.strip().startswith(where)]
    assert "not finite" in line and "nan" in line
    assert f"{path} holds the last good network" in caplog.text
    kept = tl.load_checkpoint(path)
    assert kept.progress.step == moment
    for arrays in (kept.model.weights, kept.progress.weights, model.weights):
        assert all(np.isfinite(array).all() for array in arrays.values())


def test_numbers_that_fail_in_validation_alone_are_told():
    class Poison(tl.Callback):
        def on_batch_end(self, run, loss):
            if run.step == 3:
                run.model.params["dense_1.W"][...] = np.inf

    data = tl.Streams(pattern(), 4, 10)
    with pytest.raises(tl.DivergedError, match="in validation the loss is"):
        tl.fit(small(), data, 2, data, callbacks=[Poison()])


def test_an_exploding_loss_is_told():
    model = small()
    data = tl.Streams(pattern(), 4, 10)
    with pytest.raises(tl.DivergedError, match="more than 10 times the first") as error:
        tl.fit(model, data, 60, optimizer=tl.SGD(2000.0), clip=1e9)
    assert "Lower the learning rate (now 2000)" in str(error.value)
    assert "lstm_1.Wh" in str(error.value)


def test_a_mistake_of_the_caller_is_not_taken_for_divergence():
    with pytest.raises(ValueError, match="token ids"):
        tl.fit(small(V=2), tl.Streams(pattern(), 4, 10), 1)


def test_an_epoch_that_stops_early_is_the_last():
    class Stop(tl.Callback):
        def on_epoch_end(self, run):
            run.stop = len(run.history) == 2

    assert len(tl.fit(small(), tl.Streams(pattern(), 4, 10), 9, callbacks=[Stop()])) == 2


# ------------------------------------------------------------- arrays, metrics, accumulation

RNG = np.random.default_rng(0)
RAGGED = [RNG.standard_normal((n, 2)) for n in (5, 2, 3, 5, 1, 4, 2, 3)]
CLASSES = np.array([0, 1, 1, 0, 0, 1, 1, 1])


def classifier(**options):
    return tl.Sequential([tl.LSTM(6), tl.Dense(2)], 2, seed=1, dtype=np.float64, **options)


def test_arrays_are_fitted_and_the_history_has_the_metrics():
    model, x = classifier(), [row + 2 * (k - 0.5) for row, k in zip(RAGGED, CLASSES, strict=True)]
    history = tl.fit(
        model, (x, CLASSES), 40, (x, CLASSES), tl.Adam(0.05), metrics=["accuracy"], batch_size=3
    )
    assert set(history[0]) >= {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert history[0]["accuracy"] <= history[-1]["accuracy"] == history[-1]["val_accuracy"] == 1
    assert model.evaluate(x, CLASSES, metrics="accuracy")["accuracy"] == 1
    assert (model.predict(x).argmax(1) == CLASSES).all()


def test_a_tuple_is_arrays():
    found = []
    for data in (
        (RAGGED, CLASSES), tl.Arrays(RAGGED, CLASSES, 3, seed=4, dtype=np.float64)
    ):  # fmt: skip
        model = classifier()
        history = tl.fit(model, data, 2, seed=4, batch_size=3, threads=2)
        found.append((resumed.digest(model), [entry["loss"] for entry in history]))
    assert found[0] == found[1]


def test_validation_split_holds_the_last_sequences_out():
    model, other = classifier(), classifier()
    history = tl.fit(model, (RAGGED, CLASSES), 2, validation_split=0.25, threads=1)
    split = tl.fit(
        other, (RAGGED[:6], CLASSES[:6]), 2, (RAGGED[6:], CLASSES[6:]), threads=1, seed=0
    )
    assert [e["val_loss"] for e in history] == pytest.approx([e["val_loss"] for e in split])
    assert tl.evaluate(
        model, tl.Arrays(RAGGED[6:], CLASSES[6:], dtype=np.float64)
    ) == pytest.approx(history[-1]["val_loss"])
    data = tl.Arrays(RAGGED, CLASSES)
    for wrong in ({"validation": data}, {"data": tl.Streams(pattern(), 4, 10)}):
        options = {"data": data, "validation_split": 0.5, **wrong}
        with pytest.raises(ValueError, match="validation_split needs arrays, and no validation"):
            tl.fit(model, epochs=1, **options)


@pytest.mark.parametrize("k", [2, 3, 8])
def test_accumulated_batches_are_one_batch(k):
    """Weights, losses, metrics and norms are those of batches k times the size."""
    found = []
    for size, accumulate in ((1, k), (k, 1)):
        model = classifier()
        data = tl.Arrays(RAGGED, CLASSES, size, shuffle=False, dtype=np.float64)
        history = tl.fit(
            model, data, 3, optimizer=tl.Adam(0.02), accumulate=accumulate, threads=1,
            metrics=["accuracy", "perplexity"], penalty=L2(0.01),
        )  # fmt: skip
        found.append((model, history))
    (model, history), (other, wanted) = found
    for path, array in other.params.items():
        np.testing.assert_allclose(model.params[path], array, rtol=1e-7, atol=1e-10)
    for ours, theirs in zip(history, wanted, strict=True):
        for name in ("loss", "accuracy", "perplexity", "norm"):
            assert ours[name] == pytest.approx(theirs[name], rel=1e-7), name


def test_accumulated_steps_of_streams_carry_the_state():
    """Batches of 5 steps, four at a time: the loss of each epoch's first update is that of 20."""
    losses = []
    for steps, accumulate in ((5, 4), (20, 1)):

        class First(tl.Callback):
            def on_batch_end(self, run, loss, found=losses):
                if run.step == 1:
                    found.append((loss, len(found)))

        data = tl.Streams(pattern(121), 3, steps, shuffle=False)
        tl.fit(small(dtype=np.float64), data, 1, accumulate=accumulate, callbacks=[First()])
    assert losses[0][0] == pytest.approx(losses[1][0], rel=1e-12)


def test_a_batch_without_targets_adds_nothing_to_an_accumulated_step():
    x = [RAGGED[0], RAGGED[3]]
    y = [np.array([0, 1, 1, 0, 1]), np.full(5, -1)]
    found = []
    for size, accumulate in ((1, 2), (2, 1)):
        model = tl.Sequential([tl.LSTM(3, True), tl.Dense(2)], 2, seed=1, dtype=np.float64)
        data = tl.Arrays(x, y, size, shuffle=False, dtype=np.float64)
        history = tl.fit(model, data, 1, optimizer=tl.SGD(0.5), accumulate=accumulate, threads=1)
        found.append((model.params["dense_1.b"], history[0]["loss"]))
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-9)
    assert found[0][1] == pytest.approx(found[1][1], rel=1e-12)


@pytest.mark.parametrize("moment", [2, 4, 5])  # in an epoch, at its end, in the next one
def test_a_run_with_metrics_and_accumulation_goes_on_to_the_same_bits(tmp_path, moment):
    path = tmp_path / "model.npz"

    def run(*callbacks, **options):
        model = tl.Sequential([tl.LSTM(6), tl.Dropout(0.3), tl.Dense(2)], 2, seed=1)
        keep = tl.ModelCheckpoint(path, "val_accuracy", every=0)
        history = tl.fit(
            model, (RAGGED, CLASSES), 3, validation_split=0.25, batch_size=1, accumulate=2,
            metrics=["accuracy", "perplexity"], optimizer=tl.AdamW(0.02), threads=2,
            callbacks=[keep, *callbacks], **options,
        )  # fmt: skip
        kept = [{k: v for k, v in entry.items() if "second" not in k} for entry in history]
        return resumed.digest(model), kept

    class Stop(tl.Callback):
        def on_batch_end(self, run, loss):
            if run.step == moment:
                raise KeyboardInterrupt

    whole = run()
    assert {"accuracy", "val_perplexity"} <= set(whole[1][0])
    path.unlink()
    with pytest.raises(KeyboardInterrupt):
        run(Stop())
    assert run(resume=path) == whole
    for other in ({"metrics": ["accuracy"]}, {"accumulate": 4}):
        model = tl.Sequential([tl.LSTM(6), tl.Dropout(0.3), tl.Dense(2)], 2, seed=1)
        options = {"metrics": ["accuracy", "perplexity"], "accumulate": 2, **other}
        with pytest.raises(ValueError, match=f"another run.*{next(iter(other))} was"):
            tl.fit(model, (RAGGED, CLASSES), 3, validation_split=0.25, resume=path, **options)


def test_the_best_accuracy_is_the_highest():
    class Score(tl.Metric):
        """A metric with the values of a list, one an epoch."""

        def __init__(self, values, higher):
            self.name, self.values, self.higher_is_better = "score", iter(values), higher

        def count(self, targets):
            return 1

        def total(self, y, targets):
            return next(self.values)

    for higher, epochs in ((True, 4), (False, 3)):
        score = Score([0.5, 0.9, 0.6, 0.7, 0.8], higher)
        stop = tl.EarlyStopping("score", patience=2)
        data = tl.Arrays(RAGGED, CLASSES, 8)
        history = tl.fit(classifier(), data, 5, metrics=[score], callbacks=[stop], threads=1)
        assert len(history) == epochs


def test_class_weights_and_errors_are_trained_too():
    x = np.zeros((8, 3, 2))  # nothing to tell them apart: only the weights decide
    loss = tl.CategoricalCrossentropy(class_weight={0: 10.0})
    model = classifier()
    tl.fit(model, (x, CLASSES), 60, optimizer=tl.Adam(0.05), loss=loss)
    assert (model.predict(x).argmax(1) == 0).all() and (CLASSES == 0).mean() < 0.5
    series = tl.Sequential([tl.LSTM(4, True), tl.Dense(1)], 2)
    y = [row.sum(axis=1) for row in RAGGED]
    history = tl.fit(
        series, (RAGGED, y), 80, optimizer=tl.Adam(0.05), loss=tl.MeanSquaredError(), metrics="mae"
    )
    assert history[-1]["loss"] < 0.1 * history[0]["loss"]
    assert history[-1]["mae"] < history[0]["mae"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"accumulate": 0}, "accumulate is 0: use at least 1"),
        ({"validation_split": 1.5}, "validation_split is 1.5, of 8 sequences: one part is empty"),
        ({"metrics": ["f1"]}, "metric is 'f1': use one of"),
        ({"batch_size": 0}, "batch_size is 0: use at least 1"),
    ],
)
def test_what_fit_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        tl.fit(classifier(), (RAGGED, CLASSES), 1, **options)


def test_a_softmax_before_a_loss_that_has_one_is_refused_before_training():
    for last in ([tl.Dense(2, "softmax")], [tl.Dense(2), tl.Activation("softmax")]):
        model = tl.Sequential([tl.LSTM(3), *last], 2)
        with pytest.raises(ValueError, match="model ends in softmax: remove it there, or use"):
            tl.fit(model, (RAGGED, CLASSES), 1)
        tl.fit(model, (RAGGED, CLASSES), 1, loss=tl.CategoricalCrossentropy(from_logits=False))


# ------------------------------------------------------------------------- the parts, one by one


def run_of(model, **options):
    return Run(model, tl.SGD(0.25), 3, 4, **options)


def test_an_epoch_becomes_an_entry_of_the_history():
    accuracy = tl.metrics.metrics_from(["accuracy"])
    run = run_of(classifier(), accumulate=2, metrics=accuracy, batch=3, states=[()])
    run.history = [{"loss": 9.0}]
    run.sums = {"loss": 6.0, "tokens": 3, "norm": 8.0, "seconds": 2.0, "first": 5.0}
    run.sums |= {"accuracy": 1.0, "accuracy of": 4}
    run.end_epoch({"loss": 7.0, "accuracy": 0.5})
    assert run.history[1:] == [
        {"epoch": 2, "loss": 2.0, "accuracy": 0.25, "norm": 4.0, "seconds": 2.0,
         "tokens_per_second": 1.5, "val_loss": 7.0, "val_accuracy": 0.5}
    ]  # fmt: skip
    assert (run.batch, run.states, run.sums) == (0, None, {"first": 5.0})
    run.sums |= {"loss": 0.0, "tokens": 0, "norm": 3.0, "seconds": 1.0}
    run.end_epoch({})
    assert run.history[2] == {
        "epoch": 3, "loss": 0.0, "norm": 3.0, "seconds": 1.0, "tokens_per_second": 0.0
    }  # fmt: skip


@pytest.mark.parametrize(
    ("monitor", "epochs"), [("loss", 2), ("val_loss", 0), ("val_accuracy", 3), ("accuracy", 1)]
)
def test_how_long_ago_the_best_epoch_was(monitor, epochs):
    run = run_of(classifier(), metrics=tl.metrics.metrics_from(["accuracy"]))
    losses, held, right = [3, 1, 2, 1], [4, 3, 2, 1], [0.9, 0.1, 0.9, 0.2]
    run.history = [
        {"loss": a, "val_loss": b, "val_accuracy": c}
        for a, b, c in zip(losses, held, right, strict=True)
    ]
    if monitor == "accuracy":  # which is not there: the loss, and more is better
        run.history = [{"loss": n} for n in (1, 2, 3, 2)]
    assert run.since_best(monitor) == epochs


def test_what_went_wrong_is_a_table():
    model = tl.Sequential([tl.Dense(2)], 2)
    model.params["dense_1.W"][...] = [[3, 0], [0, 4]]
    zero = {path: np.zeros_like(p) for path, p in model.params.items()}
    bad = {"dense_1.W": np.full((2, 2), 3.0), "dense_1.b": np.array([np.nan, 0])}
    head = "at step 7 the loss is nan. Lower the learning rate (now 0.25) or `clip`."
    assert diagnosis(run_of(model, step=6), [zero, bad], "the loss is nan").splitlines() == [
        head,
        "  dense_1.W  norm          5   gradient          6",
        "  dense_1.b  norm          0   gradient        nan   <- not finite",
    ]
    assert diagnosis(run_of(model, step=6), [], "the loss is nan").splitlines() == [
        head,
        "  dense_1.W  norm          5   gradient          0",
        "  dense_1.b  norm          0   gradient          0",
    ]


def test_arrays_become_sources_of_batches():
    model, x, y = classifier(), np.ones((6, 3, 2)), np.array([0, 1, 0, 1, 1, 0])
    train, held_out = sources(model, (x, y), (x[:4], y[:4]), 2, 0.0, 7)
    assert (train.batch_size, train.seed, train.shuffle, len(train.x)) == (2, 7, True, 6)
    assert (held_out.batch_size, held_out.shuffle, len(held_out.x)) == (2, False, 4)
    assert train.x.dtype == held_out.x.dtype == np.float64
    assert sources(model, train, held_out, 5, 0.0, 1) == (train, held_out)
    assert sources(model, train, None, 5, 0.0, 1) == (train, None)
    parts = sources(model, train, None, 5, 0.5, 1)
    assert [len(part.x) for part in parts] == [3, 3]


def test_an_epoch_goes_on_after_the_batches_that_are_done():
    """With the seconds and norms of those; a step is whole when a callback sees it."""
    data = tl.Streams(pattern(), 4, 10, shuffle=False)
    ends = []
    for batch, seconds in ((0, 0.0), (2, 100.0)):
        run, model = run_of(small(), batch=batch), small()
        run.model = model
        if batch:
            run.sums = {"seconds": seconds, "norm": 7.0, "loss": 1.0, "tokens": 2}
        with tl.parallel.Shards(model, run.loss, 1) as shards:
            losses = []
            for loss in train_epoch(run, shards, data):
                assert run.whole and run.step == len(losses) + 1
                losses.append(loss)
        assert run.batch == batch + len(losses) == len(data) and run.step == len(losses)
        assert seconds < run.sums["seconds"] < seconds + 99
        assert run.sums["norm"] > (7.0 if batch else 0.0)
        ends.append(run.sums)
    assert ends[0]["first"] == pytest.approx(np.log(4), abs=0.2)
    run = run_of(small())
    with tl.parallel.Shards(run.model, run.loss, 1) as shards:
        next(iter(train_epoch(run, shards, data)))
        run.model.params["dense_1.b"][...] = np.nan
        with pytest.raises(tl.DivergedError, match=r"^at step 2 "):
            next(iter(train_epoch(run, shards, data)))
    assert not run.whole and run.step == run.batch == 1


def test_the_averages_are_in_the_model_for_as_long_as_they_are_asked_for():
    run = run_of(small())
    own = {path: p.copy() for path, p in run.model.params.items()}
    run.optimizer.slots["average"] = {path: p + 1 for path, p in own.items()}
    assert set(run.optimizer.averages) == set(own)
    with suppress(KeyError), run.averaged():
        for path, p in run.model.params.items():
            np.testing.assert_array_equal(p, own[path] + 1)
            np.testing.assert_array_equal(run.weights[path], own[path] + 1)
        raise KeyError
    for path, p in run.model.params.items():
        np.testing.assert_array_equal(p, own[path])
