"""A stranger's code: all of the public API, as `mypy --strict` must accept it."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

import tinylstm as tl
from tinylstm.layers import Backward, Forward, Grads, Rng, State

Floats = NDArray[np.float32]


@tl.register
class Scale(tl.Layer):
    """A layer with one parameter."""

    config_names = ("start",)

    def __init__(self, start: float = 1.0) -> None:
        super().__init__()
        self.start = start

    def build(
        self, input_size: int | None, rng: np.random.Generator, dtype: DTypeLike
    ) -> int | None:
        self.params = {"scale": np.full(1, self.start, dtype)}
        return super().build(input_size, rng, dtype)

    def forward(
        self,
        x: np.ndarray,
        state: State | None = None,
        rng: Rng = None,
    ) -> Forward:
        return x * self.params["scale"], (), x

    def backward(
        self, dy: np.ndarray, cache: np.ndarray, grads: Grads, dstate: State | None = None
    ) -> Backward:
        grads["scale"] += (dy * cache).sum()
        return dy * self.params["scale"], ()


class HuberCache(NamedTuple):
    error: np.ndarray
    divisor: int


class Huber(tl.Loss):
    """Squared near zero, absolute far from it."""

    def forward(
        self, y: np.ndarray, targets: np.ndarray, count: int | None = None
    ) -> tuple[np.ndarray, HuberCache]:
        error = y - targets
        divisor = self.count(targets) if count is None else count
        size = np.abs(error)
        each = np.where(size < 1, 0.5 * error**2, size - 0.5)
        return each.sum() / divisor, HuberCache(error, divisor)

    def backward(self, cache: HuberCache) -> np.ndarray:
        dy: np.ndarray = np.clip(cache.error, -1, 1) / cache.divisor
        return dy


class Within(tl.Metric):
    """The share of outputs within a tolerance."""

    higher_is_better = True

    def __init__(self, tolerance: float) -> None:
        super().__init__(tl.MeanSquaredError())
        self.name, self.tolerance = "within", tolerance

    def total(self, y: np.ndarray, targets: np.ndarray) -> float:
        return float((np.abs(y - targets) < self.tolerance).sum())


class Watch(tl.Callback):
    """Keeps the losses, and stops when one is small."""

    def __init__(self) -> None:
        self.losses: list[float] = []

    def on_batch_end(self, run: tl.Run, loss: float) -> None:
        self.losses.append(loss)
        run.optimizer.learning_rate *= 0.999

    def on_epoch_end(self, run: tl.Run) -> None:
        run.stop = run.history[-1]["loss"] < 1e-3


class Own:
    """A source of batches of one's own."""

    def __len__(self) -> int:
        return 2

    def epoch(self, epoch: int, /) -> Iterator[tl.Batch]:
        for _ in range(len(self)):
            x = np.ones((3, 2, 1), np.float32)
            yield tl.Batch(x, x, np.ones(2, bool), 6)


def sine(folder: Path) -> Floats:
    x: list[Floats] = [np.ones((n, 1), np.float32) for n in (4, 2, 3, 5)]
    y: list[Floats] = [np.zeros((n, 1), np.float32) for n in (4, 2, 3, 5)]
    model = tl.Sequential(
        [
            Scale(),
            tl.Bidirectional(tl.LSTM(4, return_sequences=True)),
            tl.GRU(3, return_sequences=True),
            tl.LayerNormalization(),
            tl.SimpleRNN(3, return_sequences=True),
            tl.BatchNormalization(),
            tl.Dropout(0.1),
            tl.Activation("tanh"),
            tl.Dense(1),
        ],
        input_size=1,
        seed=1,
    )
    watch = Watch()
    schedule = tl.LearningRateScheduler(tl.linear_decay(0.01, warmup=0.1))
    history: tl.History = tl.fit(
        model,
        (x, y),
        epochs=1,
        optimizer=tl.AdamW(0.01, weight_decay=0.1),
        loss=Huber(),
        callbacks=[watch, schedule, tl.EarlyStopping("val_within")],
        metrics=["mae", Within(0.1), tl.MeanSquaredError()],
        batch_size=2,
        validation_split=0.5,
        accumulate=2,
        penalty=tl.L2(1e-4),
        threads=1,
    )
    loss: float = history[-1]["val_loss"]
    tl.fit(model, Own(), 1, loss=Huber(), optimizer=tl.SGD(0.01), threads=1)
    found: dict[str, float] = model.evaluate(x, y, loss=tl.MeanAbsoluteError(), metrics=["mse"])
    data = tl.Arrays(x, y, batch_size=2, shuffle=False)
    more: dict[str, float] = tl.measure(model, data, Huber(), metrics="mae", threads=1)
    assert np.isfinite([loss, *found.values(), *more.values(), *watch.losses]).all()
    model.save(folder / "sine.npz")
    again: tl.Sequential = tl.Sequential.load(folder / "sine.npz")
    predicted: np.ndarray = again.predict(x)
    report = tl.gradcheck(again, x[0][:, None], y[0][:, None], tl.MeanSquaredError())
    assert report.ok, str(report)
    return predicted.astype(np.float32)


def words(folder: Path) -> list[int]:
    tokens = tl.Tokens(np.tile([0, 1, 2], 40), [0])
    streams = tl.Streams(tokens, streams=2, steps=10)
    table = tl.Embedding(3, 4)
    layers: list[tl.Layer] = [table, tl.LSTM(4, return_sequences=True), tl.TiedDense(table)]
    model = tl.Sequential(layers)
    path = folder / "words.npz"
    tl.fit(
        model,
        streams,
        1,
        validation=streams,
        optimizer=tl.Adam(0.01, ema_momentum=0.9),
        loss=tl.CategoricalCrossentropy(label_smoothing=0.1, class_weight={0: 2.0}),
        callbacks=[tl.ModelCheckpoint(path), tl.CSVLogger(folder / "log.csv"), tl.TimeLimit(60)],
        metrics=["accuracy", tl.Perplexity()],
    )
    checkpoint: tl.Checkpoint = tl.load_checkpoint(path)
    primer = np.array([0, 1])
    new: np.ndarray = tl.generate(checkpoint.model, primer, 5, tl.Sampling(temperature=0.8))
    ids: list[int] = list(islice(tl.stream(model, primer, tl.Sampling(top_k=2), seed=1), 5))
    return [*ids, *new.tolist()]


def by_hand() -> float:
    """A loop of one's own."""
    model = tl.Sequential([tl.LSTM(4), tl.Dense(2)], input_size=3)
    x, classes = np.ones((5, 2, 3), np.float32), np.array([0, 1])
    criterion, optimizer, value = tl.CategoricalCrossentropy(), tl.RMSprop(0.01), 0.0
    for _ in range(3):
        grads = model.zero_grads()
        y, states, caches = model.forward(x, rng=np.random.default_rng(0))
        loss, cache = criterion.forward(y, classes)
        dx, dstates = model.backward(criterion.backward(cache), caches, grads)
        tl.clip_by_global_norm(grads, 5.0)
        optimizer.update(model.params, grads)
        value = float(loss)
        assert dx is not None and len(states) == len(dstates) == 2
    return value


def main(folder: Path) -> None:
    assert sine(folder).shape == (4, 5, 1)
    assert len(words(folder)) == 10
    assert by_hand() > 0
