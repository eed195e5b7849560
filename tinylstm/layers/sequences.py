"""The LSTM layer, and what all recurrent layers share. The contract of a layer is in base.py.

The LSTM's maths is in functional.py; gru.py has the other recurrent layers. Input (T, B, D); output
(T, B, H), or with `return_sequences=False` only the last step's (B, H). The state is a tuple of
arrays (B, H), zero at first. A step that the mask leaves out changes neither state nor output, so
the last output is that of each sequence's own last step. Next: ../losses.py.
"""

from typing import Any

import numpy as np
from numpy import ndarray
from numpy.typing import DTypeLike

from .. import backend
from ..initializers import glorot_uniform, orthogonal
from .base import (
    Backward,
    Forward,
    Grads,
    Layer,
    Mask,
    Rng,
    State,
    check_gradients,
    check_input,
    check_mask,
    check_positive,
    check_rate,
    check_shapes,
    check_state,
    known_size,
)
from .dropout import dropout_mask


class Recurrent(Layer):
    """Base class of the recurrent layers; a subclass defines `scan` and `scan_backward`.

    Parameters: Wx (D, nH) Glorot, Wh (H, nH) orthogonal, b (nH,) zero; n is `blocks`.
    """

    config_names: tuple[str, ...] = ("units", "return_sequences")
    uses_mask = True
    blocks = 1  # pre-activations per unit: 4 for the LSTM's gates
    memories = 1  # arrays in the state: 2 for the LSTM's h and c

    def __init__(self, units: int, return_sequences: bool = False):
        super().__init__()
        check_positive(self, units=units)
        self.units = units
        self.return_sequences = return_sequences

    def build(self, input_size: int | None, rng: np.random.Generator, dtype: DTypeLike) -> int:
        D, H, n = known_size(self, input_size), self.units, self.blocks
        self.dtype = np.dtype(dtype)
        self.params = {
            "Wx": glorot_uniform((D, n * H), rng, dtype),
            "Wh": orthogonal((H, n * H), rng, dtype),
            "b": np.zeros(n * H, dtype),
        }
        return H

    def initial_state(self, batch: int) -> State:
        return tuple(np.zeros((batch, self.units), self.dtype) for _ in range(self.memories))

    def scan(
        self, x: ndarray, state: State, rng: Rng, mask: Mask = None
    ) -> tuple[ndarray, State, Any]:
        """Run over x (T, B, D). Returns the outputs (T, B, H), the final state and the cache."""
        raise NotImplementedError

    def scan_backward(self, dy: ndarray, dstate: State, cache: Any, g: Grads) -> Backward:
        """Returns dx (T, B, D) and the initial state's gradient; adds to the parameters' in `g`."""
        raise NotImplementedError

    def forward(
        self, x: ndarray, state: State | None = None, rng: Rng = None, mask: Mask = None
    ) -> Forward:
        check_input(self, x, len(self.params["Wx"]), sequence=True)
        check_mask(self, mask, x)
        zeros = self.initial_state(x.shape[1])
        if state is not None:
            check_state(self, state, zeros)
        outputs, final, cache = self.scan(x, zeros if state is None else state, rng, mask)
        return (outputs if self.return_sequences else outputs[-1]), final, cache

    def backward(
        self, dy: ndarray, cache: Any, grads: Grads, dstate: State | None = None
    ) -> Backward:
        (T, B, _), time = cache.x.shape, self.return_sequences
        check_gradients(self, dy, (T, B, self.units) if time else (B, self.units), grads)
        dfinal = zeros = self.initial_state(B)
        if dstate is not None:
            check_shapes(self, "dstate", dstate, zeros)
            dfinal = dstate
        if not self.return_sequences:  # y = outputs[-1] = the final h
            dfinal = (dfinal[0] + dy, *dfinal[1:])  # (B, H) each
            dy = np.zeros_like(cache.h[1:])  # (T, B, H)
        return self.scan_backward(dy, dfinal, cache, grads)


class LSTM(Recurrent):
    """Long short-term memory; the equations are in `functional.lstm_cell_forward`.

    Parameters: Wx (D, 4H) Glorot, Wh (H, 4H) orthogonal, b (4H,) zero except for the forget gate,
    which starts at `forget_bias`, so that the cell keeps its memory early in training (R.
    Jozefowicz, W. Zaremba and I. Sutskever, 2015). State: h and c, (B, H) each.
    recurrent_dropout: the probability in training that a unit's h is hidden from the next step.
    One mask serves the whole sequence and all gates (Y. Gal and Z. Ghahramani, 2016).

    >>> layer = LSTM(4, return_sequences=True)
    >>> layer.build(3, np.random.default_rng(0), np.float64)
    4
    >>> y, (h, c), cache = layer.forward(np.ones((5, 2, 3)))
    >>> y.shape, h.shape, cache.gates.shape
    ((5, 2, 4), (2, 4), (5, 2, 16))
    """

    config_names = ("units", "return_sequences", "forget_bias", "recurrent_dropout")
    blocks, memories = 4, 2

    def __init__(
        self,
        units: int,
        return_sequences: bool = False,
        forget_bias: float = 1.0,
        recurrent_dropout: float = 0.0,
    ):
        super().__init__(units, return_sequences)
        check_rate(self, recurrent_dropout=recurrent_dropout)
        self.forget_bias = forget_bias
        self.recurrent_dropout = recurrent_dropout

    def build(self, input_size: int | None, rng: np.random.Generator, dtype: DTypeLike) -> int:
        H = super().build(input_size, rng, dtype)
        self.params["b"][H : 2 * H] = self.forget_bias
        return H

    def scan(
        self, x: ndarray, state: State, rng: Rng, mask: Mask = None
    ) -> tuple[ndarray, State, Any]:
        h0, c0 = state
        dropout = dropout_mask(rng, h0.shape, self.recurrent_dropout, self.dtype)  # (B, H) or None
        outputs, h, c, cache = backend.lstm_forward(x, h0, c0, *self.params.values(), dropout, mask)
        return outputs, (h, c), cache

    def scan_backward(self, dy: ndarray, dstate: State, cache: Any, g: Grads) -> Backward:
        dh, dc = dstate
        dx, dh0, dc0 = backend.lstm_backward(dy, dh, dc, cache, g["Wx"], g["Wh"], g["b"])
        return dx, (dh0, dc0)
