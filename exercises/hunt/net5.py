"""Net 5: a highway layer, which mixes its input with what it makes of it.

python -m tinylstm.gradcheck exercises/hunt/net5.py:Net
"""

import numpy as np

from tinylstm import Layer
from tinylstm.functional import sigmoid


class Net(Layer):
    def build(self, input_size, rng, dtype):
        D = input_size
        shapes = {"Wg": (D, D), "Wk": (D, D)}
        self.params = {name: rng.standard_normal(s).astype(dtype) for name, s in shapes.items()}
        return D

    def forward(self, x, state=None, rng=None):
        g = np.tanh(x @ self.params["Wg"])  # (T, B, D) what it makes of x
        k = sigmoid(x @ self.params["Wk"])  # (T, B, D) how much of x is kept
        return k * x + (1 - k) * g, (), (x, g, k)

    def backward(self, dy, cache, grads, dstate=None):
        x, g, k = cache
        dzg = dy * (1 - k) * (1 - g**2)  # (T, B, D)
        dzk = dy * (x - g) * k * (1 - k)  # (T, B, D)
        rows = x.reshape(-1, x.shape[-1])  # (TB, D)
        grads["Wg"] += rows.T @ dzg.reshape(rows.shape)  # (D, D)
        grads["Wk"] += rows.T @ dzk.reshape(rows.shape)  # (D, D)
        dx = dzg @ self.params["Wg"].T + dzk @ self.params["Wk"].T  # (T, B, D)
        return dx + dy * k, ()
