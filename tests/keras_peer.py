"""Keras, in a process of its own: what it makes of our files, and files that it wrote.

python tests/keras_peer.py answer|write|train FOLDER

KERAS_BACKEND must be set: "numpy" compiles nothing and keeps float64, and is enough for all but
training. The tests of other files may use another backend in their own process.
"""

import sys
from pathlib import Path

import keras
import numpy as np
from keras.src.backend.common import dtypes

k = keras.layers
# Keras's promotion table turns float64 into float32 halfway through a layer, but not on TensorFlow
dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"


def turned(x):
    """(T, B, ...) to (B, T, ...), and back."""
    return np.swapaxes(np.asarray(x), 0, 1)


def answer(folder):
    """What Keras computes from each case that the test wrote: twice, and with a state."""
    for path in sorted(folder.glob("case-*.npz")):
        given, found = np.load(path), {}
        keras.config.set_floatx(str(given["dtype"]))
        net = keras.saving.load_model(path.with_suffix(".keras"))
        found["whole"] = np.asarray(net(turned(given["x0"])))
        for variable in net.variables:
            variable.assign(0 * np.asarray(variable))
        net.load_weights(path.with_suffix(".weights.h5"))
        found["weights"] = np.asarray(net(turned(given["x0"])))
        if path.with_suffix(".stateful.keras").exists():
            net = keras.saving.load_model(path.with_suffix(".stateful.keras"))
            found["x0"], found["x1"] = (np.asarray(net(turned(given[x]))) for x in ("x0", "x1"))
        np.savez(path.with_suffix(".answer.npz"), **found)


def filled(net):
    """The net with other weights than those it began with."""
    rng = np.random.default_rng(0)
    for v in net.variables:
        if "float" in v.dtype:
            v.assign(rng.uniform(0.1, 0.9, v.shape) - 0.5 * (v.name != "moving_variance"))
    return net


def all_layers():
    """Every layer, with every argument, that can be read."""
    return [
        k.Embedding(9, 4),
        k.LSTM(6, return_sequences=True, recurrent_dropout=0.1),
        k.Dropout(0.3),
        k.Bidirectional(k.GRU(5, return_sequences=True)),
        k.BatchNormalization(scale=False),
        k.LayerNormalization(center=False),
        k.LSTM(4, return_sequences=True, go_backwards=True, use_bias=False),
        k.TimeDistributed(k.Dense(5, activation="tanh")),
        k.GRU(4, reset_after=False, return_sequences=True),
        k.GRU(4, reset_after=True, use_bias=False, return_sequences=True),
        k.SimpleRNN(3),
        k.Activation("relu"),
        k.Dense(7, use_bias=False),
        k.ReLU(),
        k.Dense(9, activation="softmax"),
    ]


def write(folder):
    """Nets that Keras wrote, and what it computes."""
    ids, found = np.random.default_rng(1).integers(9, size=(3, 7)), {}
    net = filled(keras.Sequential([keras.Input((None,), dtype="int32"), *all_layers()]))
    net.save(folder / "sequential.keras")
    found["sequential"] = np.asarray(net(ids))
    start = keras.Input((None,), dtype="int32")
    value = start
    for layer in all_layers():
        value = layer(value)
    net = filled(keras.Model(start, value))
    net.save(folder / "functional.keras")
    found["functional"] = np.asarray(net(ids))
    net = filled(keras.Sequential([
        keras.Input((None,)), k.Embedding(9, 4), k.LSTM(6, return_sequences=True),
        k.Bidirectional(k.GRU(5)), k.Dense(5, activation="relu"), k.BatchNormalization(),
        k.Dense(9),
    ]))  # fmt: skip
    net.save_weights(folder / "theirs.weights.h5")
    found["weights"] = np.asarray(net(ids))
    keras.Sequential([
        keras.Input((None, 3)), k.LSTM(4, dropout=0.2), k.Dense(2, kernel_regularizer="l2"),
    ]).save(folder / "trained.keras")  # fmt: skip
    both = keras.Input((None, 3))
    keras.Model(both, k.Add()([k.LSTM(3)(both), k.GRU(3)(both)])).save(folder / "joined.keras")
    np.savez(folder / "written.npz", ids=ids, **found)


def train(folder):
    """A tiny token model, trained on the streams (N, T+1) that the test wrote."""
    given = np.load(folder / "streams.npz")
    streams, V = given["streams"], int(given["vocabulary"])
    keras.utils.set_random_seed(0)
    net = keras.Sequential([
        keras.Input((None,), dtype="int32"), k.Embedding(V, 8),
        k.LSTM(16, return_sequences=True), k.Dense(V),
    ])  # fmt: skip
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    net.compile("adam", loss)
    net.optimizer.learning_rate = 0.02
    history = net.fit(streams[:, :-1], streams[:, 1:], epochs=5, batch_size=8, verbose=0)
    net.save(folder / "trained.keras")
    np.savez(folder / "trained.npz", losses=history.history["loss"], y=net(streams[:, :-1]))


if __name__ == "__main__":
    {"answer": answer, "write": write, "train": train}[sys.argv[1]](Path(sys.argv[2]))
