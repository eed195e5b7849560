"""Connectivity: how much each earlier token still counts for one prediction.

It is measured, not guessed: the norm of a gradient that flows back through the whole net.
docs/why.md draws it over a piece. Next: plots.py.
"""

import copy

import numpy as np
from numpy import ndarray

from .layers import Layer
from .model import Sequential


def connectivity(model: Sequential, ids: ndarray, t: int, target: int | None = None) -> ndarray:
    """For each step k from 0 to t: the norm of the gradient of one logit at step t with respect to
    the vector that the net read at step k, (t + 1,). A step that the net has forgotten has 0.

    ids: the tokens (T,), or vectors (T, D) for a net without an embedding. t: the step, 0 to T - 1;
    its prediction is of the token at t + 1. target: the token whose logit counts; by default the
    token that followed, or at the end of the sequence the most likely one. For tokens, a step's
    vector is what the first layer makes of the token. The net runs as in use, without dropout.
    Raises ValueError for a step outside the sequence or a target outside the logits.

    >>> from tinylstm.layers import LSTM, Dense, Embedding
    >>> model = Sequential([Embedding(5, 4), LSTM(8, return_sequences=True), Dense(5)])
    >>> counts = connectivity(model, np.array([0, 1, 2, 3, 4, 0]), t=3)
    >>> counts.shape, bool(counts[3] > counts[0] > 0)    # the last token counts more than the first
    ((4,), True)

    (A. Madsen, Visualizing memorization in RNNs, Distill, 2019)
    """
    ids = np.asarray(ids)
    if not 0 <= t < len(ids):
        raise ValueError(
            f"t is {t}, but the sequence has {len(ids)} steps: use 0 to {len(ids) - 1}"
        )
    x, reader = ids[: t + 1, None], model  # (t + 1, 1) or (t + 1, 1, D)
    tokens = x.dtype.kind in "iu"
    if tokens:  # ids have no gradient, but what the first layer makes of them has
        x = part(model, model.layers[:1]).forward(x)[0]  # (t + 1, 1, U)
        reader = part(model, model.layers[1:])
    y, _, caches = reader.forward(x)  # (t + 1, 1, V) or (1, V)
    dy = np.zeros_like(y)  # the shape of y
    logits, dlogits = (y[-1, 0], dy[-1, 0]) if y.ndim == 3 else (y[0], dy[0])  # 2 x (V,)
    if target is None:
        target = int(ids[t + 1]) if tokens and t + 1 < len(ids) else int(logits.argmax())
    if not 0 <= target < len(logits):
        raise ValueError(f"target is {target}, but there are {len(logits)} logits")
    dlogits[target] = 1
    dx, _ = reader.backward(dy, caches, reader.zero_grads())
    return np.sqrt((np.asarray(dx)[:, 0] ** 2).sum(axis=-1))  # (t + 1,)


def part(model: Sequential, layers: list[Layer]) -> Sequential:
    """Some layers of a model, with the same parameters, as a model of their own."""
    if not layers:
        raise ValueError("connectivity needs a net with a layer after the one that reads the ids")
    found = copy.copy(model)
    found.layers = layers
    return found
