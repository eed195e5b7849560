"""Net 3: layer normalization.

python -m tinylstm.gradcheck exercises/hunt/net3.py:Net
"""

import numpy as np

from tinylstm import Layer


class Net(Layer):
    def build(self, input_size, rng, dtype):
        self.params = {"scale": np.ones(input_size, dtype), "shift": np.zeros(input_size, dtype)}
        return input_size

    def forward(self, x, state=None, rng=None):
        centred = x - x.mean(axis=-1, keepdims=True)  # (T, B, D)
        deviation = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 0.1)  # (T, B, 1)
        xhat = centred / deviation  # (T, B, D)
        return xhat * self.params["scale"] + self.params["shift"], (), (xhat, deviation)

    def backward(self, dy, cache, grads, dstate=None):
        xhat, deviation = cache
        grads["scale"] += (dy * xhat).sum(axis=(0, 1))  # (D,)
        grads["shift"] += dy.sum(axis=(0, 1))  # (D,)
        dxhat = dy * self.params["scale"]  # (T, B, D)
        mean = dxhat.mean(axis=-1, keepdims=True)  # (T, B, 1) through the mean
        stretch = (dxhat * xhat).mean(axis=-1, keepdims=True)  # (T, B, 1) through the deviation
        return (dxhat - mean - stretch) / deviation, ()  # (T, B, D)
