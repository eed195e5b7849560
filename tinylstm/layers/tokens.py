"""From token ids to vectors and back: Embedding and TiedDense; one_hot.py has the fixed vectors.

The contract is in base.py.
"""

from typing import Any

import numpy as np
from numpy import ndarray
from numpy.typing import DTypeLike

from .. import backend
from .base import (
    Backward,
    Forward,
    Grads,
    Layer,
    Rng,
    State,
    check_gradients,
    check_ids,
    check_input,
    check_positive,
    known_size,
)


class Embedding(Layer):
    """Looks up a row of a table for each token: ids (T, B) to (T, B, U).

    table (V, U) starts standard normal: Glorot's weights expect inputs of variance 1. (Keras starts
    uniform in +-0.05, from which training takes far longer.)

    >>> layer = Embedding(10, 4)
    >>> layer.build(None, np.random.default_rng(0), np.float32)
    4
    >>> layer.forward(np.array([[3, 7]]))[0].shape
    (1, 2, 4)
    """

    config_names = ("vocabulary", "units")

    def __init__(self, vocabulary: int, units: int):
        super().__init__()
        check_positive(self, vocabulary=vocabulary, units=units)
        self.vocabulary = vocabulary
        self.units = units

    def build(self, input_size: int | None, rng: np.random.Generator, dtype: DTypeLike) -> int:
        self.dtype = np.dtype(dtype)
        table = rng.standard_normal((self.vocabulary, self.units)).astype(dtype)
        self.params = {"table": table}
        return self.units

    def forward(self, x: ndarray, state: State | None = None, rng: Rng = None) -> Forward:
        check_ids(self, x, self.vocabulary)
        return self.params["table"][x], (), x

    def backward(
        self, dy: ndarray, cache: Any, grads: Grads, dstate: State | None = None
    ) -> Backward:
        check_gradients(self, dy, (*cache.shape, self.units), grads)
        # y[t, b] = table[ids[t, b]]        a repeated token sums its gradients
        backend.add_rows(grads["table"], cache, dy)
        return None, ()


class TiedDense(Layer):
    """Logits from the weights of an Embedding earlier in the model: y = x table^T + b, b (V,) zero
    (O. Press and L. Wolf, 2017).

    Both layers hold the same array. The model lists it once, under the embedding's name, and both
    gradients are added to one array. Raises ValueError if the sizes do not match.

    >>> from tinylstm.layers import LSTM
    >>> from tinylstm.model import Sequential
    >>> table = Embedding(9, 4)
    >>> model = Sequential([table, LSTM(4, return_sequences=True), TiedDense(table)])
    >>> sorted(model.params)
    ['embedding_1.table', 'lstm_1.Wh', 'lstm_1.Wx', 'lstm_1.b', 'tieddense_1.b']
    """

    def __init__(self, embedding: Embedding):
        super().__init__()
        self.embedding = embedding

    def config(self) -> dict[str, Any]:
        """The name of the embedding."""
        return {"embedding": self.embedding.name}

    @classmethod
    def from_config(cls, config: dict[str, Any], earlier: dict[str, Layer]) -> Layer:
        embedding = earlier.get(config["embedding"])
        if not isinstance(embedding, Embedding):
            raise ValueError(f"TiedDense needs an Embedding {config['embedding']!r} before it")
        return cls(embedding)

    def build(self, input_size: int | None, rng: np.random.Generator, dtype: DTypeLike) -> int:
        if "table" not in self.embedding.params:
            raise ValueError(
                "TiedDense's embedding is not built: put the Embedding earlier in the same model"
            )
        if known_size(self, input_size) != self.embedding.units:
            raise ValueError(
                f"TiedDense gets {input_size} features but its Embedding has "
                f"{self.embedding.units}: make the last layer's units equal to the embedding's"
            )
        self.dtype = np.dtype(dtype)
        table = self.embedding.params["table"]  # (V, U) the same array, not a copy
        self.params = {"table": table, "b": np.zeros(len(table), dtype)}
        return len(table)

    def forward(self, x: ndarray, state: State | None = None, rng: Rng = None) -> Forward:
        check_input(self, x, self.embedding.units)
        table, b = self.params["table"], self.params["b"]
        # y = x table^T + b
        y = backend.matmul(x.reshape(-1, table.shape[1]), table.T)  # (N, V)
        y += b
        return y.reshape(*x.shape[:-1], len(b)), (), x  # (..., V)

    def backward(
        self, dy: ndarray, cache: Any, grads: Grads, dstate: State | None = None
    ) -> Backward:
        x, table = cache, self.params["table"]
        check_gradients(self, dy, (*x.shape[:-1], len(table)), grads)
        dy2 = dy.reshape(-1, len(table))  # (N, V)
        # y = x table^T + b
        grads["table"] += dy2.T @ x.reshape(-1, x.shape[-1])  # (V, U)
        grads["b"] += dy2.sum(axis=0)  # (V,)
        return backend.matmul(dy2, table).reshape(x.shape), ()  # (..., U)
