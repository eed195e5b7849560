"""Reading backwards: Bidirectional and Reverse. The contract of a layer is in base.py."""

from typing import Any

import numpy as np
from numpy import ndarray
from numpy.typing import DTypeLike

from .base import (
    Backward,
    Forward,
    Grads,
    Layer,
    Mask,
    Rng,
    State,
    check_input,
    check_state,
    label,
    layer_from_config,
)
from .sequences import Recurrent


class Bidirectional(Layer):
    """Two copies of a recurrent layer, one reading backwards; their outputs are concatenated, 2H.

    The state is the forward reader's, followed by the backward reader's. A sequence cannot be cut
    into chunks, because the backward reader starts at its end. (M. Schuster, K. Paliwal, 1997)
    The mask is reversed with the input: padding at the end leaves the backward reader's state as it
    was, so that it starts at each sequence's own last step.
    Raises ValueError unless `layer` is an LSTM, GRU or SimpleRNN.

    >>> from tinylstm.layers import LSTM
    >>> layer = Bidirectional(LSTM(4, return_sequences=True))
    >>> layer.build(3, np.random.default_rng(0), np.float64)
    8
    >>> layer.forward(np.ones((5, 2, 3)))[0].shape, sorted(layer.params)[:2]
    ((5, 2, 8), ['backward.Wh', 'backward.Wx'])
    """

    uses_mask = True

    def __init__(self, layer: Recurrent):
        super().__init__()
        if not isinstance(layer, Recurrent):
            raise ValueError(f"Bidirectional wants an LSTM, GRU or SimpleRNN, got {layer!r}")
        kind = type(layer)
        self.readers: dict[str, Recurrent] = {
            "forward": kind(**layer.config()),
            "backward": kind(**layer.config()),
        }
        self.return_sequences = layer.return_sequences

    def config(self) -> dict[str, Any]:
        """The recurrent layer's type and arguments."""
        reader = self.readers["forward"]
        return {"layer": {"type": type(reader).__name__, **reader.config()}}

    @classmethod
    def from_config(cls, config: dict[str, Any], earlier: dict[str, Layer]) -> Layer:
        return cls(layer_from_config({"name": "", **config["layer"]}, earlier))  # type: ignore[arg-type]

    def build(self, input_size: int | None, rng: np.random.Generator, dtype: DTypeLike) -> int:
        self.dtype, outputs = np.dtype(dtype), 0
        for direction, reader in self.readers.items():
            outputs += reader.build(input_size, rng, dtype)
            reader.name = f"{self.name or 'bidirectional'}.{direction}"
            # the reader's own arrays under a second name, not copies
            self.params |= {f"{direction}.{name}": p for name, p in reader.params.items()}
        return outputs

    def initial_state(self, batch: int) -> State:
        ahead, back = self.readers.values()
        return ahead.initial_state(batch) + back.initial_state(batch)

    def forward(
        self, x: ndarray, state: State | None = None, rng: Rng = None, mask: Mask = None
    ) -> Forward:
        ahead, back = self.readers.values()
        check_input(self, x, len(ahead.params["Wx"]), sequence=True)
        if state is not None:
            check_state(self, state, self.initial_state(x.shape[1]))
        n = ahead.memories
        first, second = (None, None) if state is None else (state[:n], state[n:])
        reverse = None if mask is None else mask[::-1]  # (T, B)
        ya, final, cache = ahead.forward(x, first, rng, mask)  # (T, B, H) or (B, H)
        yb, final_b, cache_b = back.forward(np.ascontiguousarray(x[::-1]), second, rng, reverse)
        yb = yb[::-1] if self.return_sequences else yb  # in the order of ya
        return np.concatenate([ya, yb], axis=-1), final + final_b, (cache, cache_b)

    def backward(
        self, dy: ndarray, cache: Any, grads: Grads, dstate: State | None = None
    ) -> Backward:
        ahead, back = self.readers.values()
        own = {
            direction: {name: grads[f"{direction}.{name}"] for name in reader.params}
            for direction, reader in self.readers.items()
        }
        n = ahead.memories
        first, second = (None, None) if dstate is None else (dstate[:n], dstate[n:])
        # y = [ya, yb reversed in time]
        dya, dyb = (np.ascontiguousarray(half) for half in np.split(dy, 2, axis=-1))
        dyb = np.ascontiguousarray(dyb[::-1]) if self.return_sequences else dyb
        dxa, dinitial = ahead.backward(dya, cache[0], own["forward"], first)
        dxb, dinitial_b = back.backward(dyb, cache[1], own["backward"], second)
        return dxa + dxb[::-1], dinitial + dinitial_b  # (T, B, D): both read x


class Reverse(Layer):
    """Turns x (T, B, features) round in time. A net reads backwards between two of these.

    Raises ValueError for sequences of different lengths, whose padding would come first.

    >>> Reverse().forward(np.array([[[1.0]], [[2.0]]]))[0].tolist()
    [[[2.0]], [[1.0]]]
    """

    uses_mask = True

    def forward(
        self, x: ndarray, state: State | None = None, rng: Rng = None, mask: Mask = None
    ) -> Forward:
        check_input(self, x, None, sequence=True)
        if mask is not None and not mask.all():
            raise ValueError(f"{label(self)} cannot turn round sequences of different lengths: use "
                             "Bidirectional, or sequences of one length")  # fmt: skip
        return np.ascontiguousarray(x[::-1]), (), None  # (T, B, features)

    def backward(
        self, dy: ndarray, cache: Any, grads: Grads, dstate: State | None = None
    ) -> Backward:
        # y[t] = x[T - 1 - t]
        return np.ascontiguousarray(dy[::-1]), ()
