"""Net 2: a simple recurrent net.

python -m tinylstm.gradcheck exercises/hunt/net2.py:Net
"""

import numpy as np

from tinylstm import Layer


class Net(Layer):
    def build(self, input_size, rng, dtype):
        self.units = 3
        shapes = {"Wx": (input_size, 3), "Wh": (3, 3), "b": (3,)}
        self.params = {name: rng.standard_normal(s).astype(dtype) for name, s in shapes.items()}
        return self.units

    def initial_state(self, batch):
        return (np.zeros((batch, self.units)),)

    def forward(self, x, state=None, rng=None):
        Wx, Wh, b = self.params.values()
        (h,) = self.initial_state(x.shape[1]) if state is None else state
        hs = [h]
        for t in range(len(x)):
            hs.append(np.tanh(x[t] @ Wx + hs[-1] @ Wh + b))  # (B, H)
        hs = np.stack(hs)  # (T+1, B, H)
        return hs[1:], (hs[-1],), (x, hs)

    def backward(self, dy, cache, grads, dstate=None):
        x, hs = cache
        Wx, Wh, b = self.params.values()
        dh = np.zeros_like(hs[0]) if dstate is None else dstate[0]  # (B, H)
        dx = np.empty(x.shape, dy.dtype)  # (T, B, D)
        for t in reversed(range(len(x))):
            dh = dh + dy[t]  # (B, H)
            dz = dh * (1 - hs[t + 1] ** 2)  # (B, H)
            grads["Wx"] += x[t].T @ dz  # (D, H)
            grads["Wh"] += hs[t + 1].T @ dz  # (H, H)
            grads["b"] += dz.sum(axis=0)  # (H,)
            dx[t] = dz @ Wx.T  # (B, D)
            dh = dz @ Wh.T  # (B, H)
        return dx, (dh,)
