"""The one table of gate orders and layouts, and the two conversions that follow from it.

All frameworks compute the same LSTM, GRU and simple recurrent net; they differ in the order of the
gates' blocks, in whether a matrix is stored transposed, and in how many biases they keep. Nothing
here depends on a framework. docs/interchange.md draws the table. Next: parts.py.
"""

from typing import NamedTuple

import numpy as np
from numpy import ndarray

from ..layers import GRU, LSTM, SimpleRNN
from ..layers.sequences import Recurrent

KINDS: dict[str, type[Recurrent]] = {"LSTM": LSTM, "GRU": GRU, "SimpleRNN": SimpleRNN}

# LSTM: i input, f forget, g candidate, o output. GRU: r reset, u update, n candidate.
ORDERS = {
    "LSTM": {"tinylstm": "ifgo", "PyTorch": "ifgo", "Keras": "ifgo", "ONNX": "iofg"},
    "GRU": {"tinylstm": "run", "PyTorch": "run", "Keras": "urn", "ONNX": "urn"},
    "SimpleRNN": {"tinylstm": "n", "PyTorch": "n", "Keras": "n", "ONNX": "n"},
}
GATES_FIRST = ("PyTorch", "ONNX")  # their matrices are (nH, D) and (nH, H): ours, transposed


class Gates(NamedTuple):
    """The weights of one recurrent layer, in some framework's order and layout."""

    Wx: ndarray  # (D, nH) or (nH, D)
    Wh: ndarray  # (H, nH) or (nH, H)
    b: ndarray  # (nH,) the bias of the input's part
    bh: ndarray  # (nH,) the bias of the state's part


def reorder(array: ndarray, source: str, target: str) -> ndarray:
    """Move the gates' blocks on the last axis from one order to another.

    >>> reorder(np.array([1, 1, 2, 2, 3, 3, 4, 4]), "ifgo", "iofg").tolist()
    [1, 1, 4, 4, 2, 2, 3, 3]
    """
    blocks = np.split(array, len(source), axis=-1)
    return np.concatenate([blocks[source.index(gate)] for gate in target], axis=-1)


def to_framework(layer: Recurrent, framework: str) -> Gates:
    """The weights of a layer as `framework` ("PyTorch", "Keras", "ONNX") wants them.

    Where we have one bias and the framework two, its second is zero.
    """
    orders, p = ORDERS[type(layer).__name__], layer.params
    given = p["Wx"], p["Wh"], p["b"], p.get("bh", np.zeros_like(p["b"]))
    Wx, Wh, b, bh = (reorder(a, orders["tinylstm"], orders[framework]) for a in given)
    if framework in GATES_FIRST:
        Wx, Wh = np.ascontiguousarray(Wx.T), np.ascontiguousarray(Wh.T)
    return Gates(Wx, Wh, b, bh)


def from_framework(
    kind: str, framework: str, gates: Gates, reset_after: bool = True
) -> dict[str, ndarray]:
    """Our parameters of a layer of `kind` ("LSTM", "GRU", "SimpleRNN") from a framework's weights.

    Two biases that are only ever used as their sum become that sum: always, except in a GRU with
    `reset_after`.
    Raises ValueError if the shapes do not fit one another.

    >>> Wx, Wh, b = np.ones((8, 3)), np.ones((8, 2)), np.ones(8)
    >>> params = from_framework("LSTM", "PyTorch", Gates(Wx, Wh, b, b))
    >>> {name: array.shape for name, array in params.items()}
    {'Wx': (3, 8), 'Wh': (2, 8), 'b': (8,)}
    """
    Wx, Wh, b, bh = gates
    orders, shapes = ORDERS[kind], [array.shape for array in gates]
    if framework in GATES_FIRST:
        Wx, Wh = Wx.T, Wh.T
    H, n = (Wh.shape[0] if Wh.ndim == 2 else 0), len(orders[framework])
    wanted = [(*Wx.shape[:1], n * H), (H, n * H), (n * H,), (n * H,)]
    if not H or [Wx.shape, Wh.shape, b.shape, bh.shape] != wanted or not Wx.size:
        raise ValueError(f"weights of shapes {shapes} are no {kind} in the layout of {framework}")
    Wx, Wh, b, bh = (reorder(a, orders[framework], orders["tinylstm"]) for a in (Wx, Wh, b, bh))
    if kind == "GRU" and reset_after:
        return {"Wx": Wx, "Wh": Wh, "b": b, "bh": bh}
    return {"Wx": Wx, "Wh": Wh, "b": b + bh}
