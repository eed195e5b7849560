"""The other recurrent layers: GRU and SimpleRNN. What they share with the LSTM is in sequences.py.

Their maths is in recurrent.py, and in reset_before.py for the other GRU.
"""

from typing import Any

import numpy as np
from numpy import ndarray
from numpy.typing import DTypeLike

from .. import backend
from ..reset_before import gru_reset_before_backward, gru_reset_before_forward
from .base import Backward, Grads, Mask, Rng, State
from .sequences import Recurrent


class GRU(Recurrent):
    """The gated recurrent unit; the equations are in `recurrent.gru_cell_forward`.

    Parameters: Wx (D, 3H), Wh (H, 3H), b (3H,) as in the LSTM, for the gates r u n; bh (3H,) zero,
    the bias of the state's part. State: h.
    reset_after: with False, the reset gate acts before the matrix product, as in the paper, and
    there is no bh; the equations are in `reset_before.reset_before_cell_forward`.

    >>> layer = GRU(4, return_sequences=True)
    >>> layer.build(3, np.random.default_rng(0), np.float64)
    4
    >>> y, (h,), cache = layer.forward(np.ones((5, 2, 3)))
    >>> y.shape, h.shape
    ((5, 2, 4), (2, 4))
    """

    config_names = ("units", "return_sequences", "reset_after")
    blocks = 3

    def __init__(self, units: int, return_sequences: bool = False, reset_after: bool = True):
        super().__init__(units, return_sequences)
        self.reset_after = reset_after

    def build(self, input_size: int | None, rng: np.random.Generator, dtype: DTypeLike) -> int:
        H = super().build(input_size, rng, dtype)
        if self.reset_after:
            self.params["bh"] = np.zeros(3 * H, dtype)
        return H

    def scan(
        self, x: ndarray, state: State, rng: Rng, mask: Mask = None
    ) -> tuple[ndarray, State, Any]:
        forward: Any = backend.gru_forward if self.reset_after else gru_reset_before_forward
        outputs, h, cache = forward(x, *state, *self.params.values(), mask)
        return outputs, (h,), cache

    def scan_backward(self, dy: ndarray, dstate: State, cache: Any, g: Grads) -> Backward:
        (dh,) = dstate
        backward: Any = backend.gru_backward if self.reset_after else gru_reset_before_backward
        dx, dh0 = backward(dy, dh, cache, *(g[name] for name in self.params))
        return dx, (dh0,)


class SimpleRNN(Recurrent):
    """h = tanh(x Wx + h_prev Wh + b): the net that the LSTM was invented to replace. State: h.

    >>> layer = SimpleRNN(4)
    >>> layer.build(3, np.random.default_rng(0), np.float64)
    4
    >>> layer.forward(np.ones((5, 2, 3)))[0].shape
    (2, 4)
    """

    def scan(
        self, x: ndarray, state: State, rng: Rng, mask: Mask = None
    ) -> tuple[ndarray, State, Any]:
        outputs, h, cache = backend.simple_rnn_forward(x, *state, *self.params.values(), mask)
        return outputs, (h,), cache

    def scan_backward(self, dy: ndarray, dstate: State, cache: Any, g: Grads) -> Backward:
        (dh,) = dstate
        dx, dh0 = backend.simple_rnn_backward(dy, dh, cache, g["Wx"], g["Wh"], g["b"])
        return dx, (dh0,)
