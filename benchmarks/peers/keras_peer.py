"""Keras 3 as in the 2017 tutorial, on the backend that KERAS_BACKEND names."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers as L

from .workloads import CLASSES, Workload


def model_of(work: Workload) -> Any:
    """The 2017 tutorial's network."""
    net = [L.Input((work.steps, 1))]
    for i in range(work.layers):
        last = i == work.layers - 1
        net.append(L.LSTM(work.hidden, return_sequences=not last))
        if not last:
            net.append(L.Dropout(work.dropout))
    net += [L.Dense(256), L.Dropout(work.dropout), L.Dense(CLASSES), L.Activation("softmax")]
    model = keras.Sequential(net)
    model.compile(loss="categorical_crossentropy", optimizer="rmsprop")
    return model


def build(work: Workload) -> Callable[[], object]:
    """A function that runs one step; composing calls predict on a window, as in the tutorial."""
    rng = np.random.default_rng(0)
    model = model_of(work)
    if work.kind == "compose":

        def notes() -> None:
            window = rng.integers(0, CLASSES, work.steps)
            for _ in range(work.units_of("keras")):
                p = model.predict((window / CLASSES).reshape(1, -1, 1), verbose=0)
                window = np.append(window[1:], p.argmax())

        return notes
    x = (rng.integers(0, CLASSES, (work.batch, work.steps, 1)) / CLASSES).astype("float32")
    y = np.eye(CLASSES, dtype="float32")[rng.integers(0, CLASSES, work.batch)]
    return lambda: model.train_on_batch(x, y)
