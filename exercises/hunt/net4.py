"""Net 4: an LSTM.

python -m tinylstm.gradcheck exercises/hunt/net4.py:Net
"""

import numpy as np

from tinylstm import Layer
from tinylstm.functional import sigmoid


class Net(Layer):
    def build(self, input_size, rng, dtype):
        self.units = H = 2
        shapes = {"Wx": (input_size, 4 * H), "Wh": (H, 4 * H), "b": (4 * H,)}
        self.params = {name: rng.standard_normal(s).astype(dtype) for name, s in shapes.items()}
        return H

    def initial_state(self, batch):
        return np.zeros((batch, self.units)), np.zeros((batch, self.units))

    def forward(self, x, state=None, rng=None):
        Wx, Wh, b = self.params.values()
        h, c = self.initial_state(x.shape[1]) if state is None else state
        steps, ys = [], []
        for t in range(len(x)):
            zi, zf, zg, zo = np.split(x[t] @ Wx + h @ Wh + b, 4, axis=-1)
            i, f, g, o = sigmoid(zi), sigmoid(zf), np.tanh(zg), sigmoid(zo)
            before = h, c
            c = f * c + i * g  # (B, H)
            h = o * np.tanh(c)  # (B, H)
            steps.append((*before, c, i, f, g, o))
            ys.append(h)
        return np.stack(ys), (h, c), (x, steps)

    def backward(self, dy, cache, grads, dstate=None):
        x, steps = cache
        Wx, Wh, b = self.params.values()
        dh, dc = self.initial_state(x.shape[1]) if dstate is None else dstate
        dx = np.empty(x.shape, dy.dtype)  # (T, B, D)
        for t in reversed(range(len(x))):
            h_prev, c_prev, c, i, f, g, o = steps[t]
            dh = dh + dy[t]  # (B, H)
            do = dh * np.tanh(c)  # (B, H)
            dc = dc + dh * o * (1 - np.tanh(c) ** 2)  # (B, H)
            di, df, dg = dc * g, dc * c, dc * i  # (B, H) each
            dc = dc * f  # (B, H)
            dz = [di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)]
            dz = np.concatenate(dz, axis=-1)  # (B, 4H)
            grads["Wx"] += x[t].T @ dz  # (D, 4H)
            grads["Wh"] += h_prev.T @ dz  # (H, 4H)
            grads["b"] += dz.sum(axis=0)  # (4H,)
            dx[t], dh = dz @ Wx.T, dz @ Wh.T
        return dx, (dh, dc)
