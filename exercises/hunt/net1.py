"""Net 1: a dense layer, y = tanh(x W + b).

python -m tinylstm.gradcheck exercises/hunt/net1.py:Net
"""

import numpy as np

from tinylstm import Layer


class Net(Layer):
    def build(self, input_size, rng, dtype):
        D, U = input_size, 3
        self.params = {"W": rng.standard_normal((D, U)).astype(dtype), "b": np.zeros(U, dtype)}
        return U

    def forward(self, x, state=None, rng=None):
        y = np.tanh(x @ self.params["W"] + self.params["b"])  # (T, B, U)
        return y, (), (x, y)

    def backward(self, dy, cache, grads, dstate=None):
        x, y = cache
        dz = dy * (1 - y**2)  # (T, B, U)
        rows = dz.reshape(-1, dz.shape[-1])  # (TB, U)
        grads["W"] += x.reshape(len(rows), -1).T @ rows  # (D, U)
        grads["b"] += dz.sum(axis=0).mean(axis=0)  # (U,)
        return dz @ self.params["W"].T, ()  # (T, B, D)
