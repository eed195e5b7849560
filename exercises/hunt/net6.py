"""Net 6: a running mean with a learnt share, h = (1 - a) h + a x, and a = sigmoid(w).

python -m tinylstm.gradcheck exercises/hunt/net6.py:Net
"""

import numpy as np

from tinylstm import Layer
from tinylstm.functional import sigmoid


class Net(Layer):
    def build(self, input_size, rng, dtype):
        self.size = input_size
        self.params = {"w": rng.standard_normal(input_size).astype(dtype)}
        return input_size

    def initial_state(self, batch):
        return (np.zeros((batch, self.size)),)

    def forward(self, x, state=None, rng=None):
        a = sigmoid(self.params["w"])  # (D,)
        (h,) = self.initial_state(x.shape[1]) if state is None else state
        hs = [h]
        for t in range(len(x)):
            hs.append((1 - a) * hs[-1] + a * x[t])  # (B, D)
        hs = np.stack(hs)  # (T+1, B, D)
        return hs[1:], (hs[-1],), (x, hs, a)

    def backward(self, dy, cache, grads, dstate=None):
        x, hs, a = cache
        dh = np.zeros_like(hs[0]) if dstate is None else dstate[0]  # (B, D)
        dx = np.empty(x.shape, dy.dtype)  # (T, B, D)
        for t in reversed(range(len(x))):
            dh = dy[t]  # (B, D)
            da = (dh * (x[t] - hs[t])).sum(axis=0)  # (D,)
            grads["w"] += da * a * (1 - a)  # (D,)
            dx[t] = dh * a  # (B, D)
            dh = dh * (1 - a)  # (B, D)
        return dx, (dh,)
