"""Sequential: a chain of layers, with parameters by path, states and files.

Inside, all arrays are time-major, (T, B, ...). Only `predict` takes batch-first arrays and
transposes them. Next: gradcheck/__init__.py, which checks a model's gradients.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import ndarray
from numpy.typing import ArrayLike, DTypeLike

from . import border
from .arrays import Arrays, Ragged, padded, time_major
from .files import FileError, SavedArrays, opened, quoted, save_arrays
from .fits import check_entry, differences
from .frozen import Frozen, changing
from .initializers import Unfilled
from .layers import Layer, State, layer_from_config
from .layers.base import check_finite, label

if TYPE_CHECKING:
    from .losses import Loss
    from .metrics import Metrics

NamedArrays = dict[str, ndarray]


class Sequential:
    """A chain of layers.

    layers: in order; each without a name gets one such as "lstm_1".
    input_size: features per step, if the first layer takes vectors; not needed for token ids.
    seed: of the initial parameters. dtype: of the parameters and of the computation.

    >>> from tinylstm.layers import LSTM, Dense, Embedding
    >>> model = Sequential([Embedding(10, 4), LSTM(8, return_sequences=True), Dense(10)], seed=0)
    >>> y, states, caches = model.forward(np.array([[1, 2], [3, 4], [5, 6]]))   # ids (T=3, B=2)
    >>> y.shape, sorted(model.params)[:3]
    ((3, 2, 10), ['dense_1.W', 'dense_1.b', 'embedding_1.table'])
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        input_size: int | None = None,
        seed: int = 0,
        dtype: DTypeLike = np.float32,
    ):
        if not layers:
            raise ValueError("Sequential needs at least one layer")
        self.layers = list(layers)
        self.input_size = input_size
        self.dtype = np.dtype(dtype)
        self.output_sizes: list[int | None] = []
        rng, size, seen = np.random.default_rng(seed), input_size, dict[str, int]()
        for layer in self.layers:
            kind = type(layer).__name__.lower()
            seen[kind] = seen.get(kind, 0) + 1
            layer.name = layer.name or f"{kind}_{seen[kind]}"
            if [other.name for other in self.layers].count(layer.name) > 1:
                raise ValueError(f"two layers are called {layer.name}: a layer stands only once")
            if isinstance(rng, Unfilled):
                rng.check_size(f"the input of {layer.name}", size)
            size = layer.build(size, rng, dtype)
            self.output_sizes.append(size)

    @property
    def params(self) -> NamedArrays:
        """All parameters by path, "lstm_1.Wh" for one; the arrays themselves, not copies.

        An array that two layers share (`TiedDense`) is listed once, under the first one's name.
        """
        found: dict[int, tuple[str, ndarray]] = {}
        for layer in self.layers:
            for name, array in layer.params.items():
                found.setdefault(id(array), (f"{layer.name}.{name}", array))
        return dict(found.values())

    @property
    def statistics(self) -> NamedArrays:
        """What layers measure and use without a gradient (BatchNormalization's running means)."""
        return {
            f"{layer.name}.{name}": array
            for layer in self.layers
            for name, array in layer.statistics.items()
        }

    @property
    def weights(self) -> NamedArrays:
        """What a file must hold: parameters and statistics."""
        return self.params | self.statistics

    def zero_grads(self) -> NamedArrays:
        """A zero array for each parameter, for `backward` to add to."""
        return {path: np.zeros(array.shape, array.dtype) for path, array in self.params.items()}

    def initial_states(self, batch: int) -> list[State]:
        """Each layer's state at the beginning of `batch` sequences."""
        return [layer.initial_state(batch) for layer in self.layers]

    def forward(
        self,
        x: ndarray,
        states: list[State] | None = None,
        rng: np.random.Generator | None = None,
        mask: ndarray | None = None,
    ) -> tuple[ndarray, list[State], list[Any]]:
        """From x (T, B, ...) and each layer's state to the output, the final states and the caches.

        rng: the source of randomness in training; None when the model is used. mask (T, B): False
        at padding, for sequences of different lengths; the outputs there mean nothing.
        Raises ValueError, by name, for an input that is empty, not finite, or of the wrong shape.
        """
        name = f"the input of {label(self.layers[0])}"
        check_finite(name, x)
        if isinstance(x, ndarray) and x.dtype.kind == "c" != self.dtype.kind:
            raise ValueError(f"{name} is {x.dtype}, but the model {self.dtype}: give real numbers")
        if isinstance(x, ndarray) and x.dtype != self.dtype and x.dtype.kind == self.dtype.kind:
            with np.errstate(over="ignore"):
                x = x.astype(self.dtype)  # once: in every layer the slower type would win
            check_finite(f"{name}, as {self.dtype}", x)
        given: list[Any] = [None] * len(self.layers) if states is None else states
        final, caches = [], []
        for layer, state in zip(self.layers, given, strict=True):
            use = {} if mask is None or not getattr(layer, "uses_mask", False) else {"mask": mask}
            x, state, cache = layer.forward(x, state, rng, **use)
            mask = mask if getattr(layer, "return_sequences", True) else None  # no time
            final.append(state)
            caches.append(cache)
        return x, final, caches

    def backward(
        self, dy: ndarray, caches: list[Any], grads: NamedArrays, dstates: list[State] | None = None
    ) -> tuple[ndarray | None, list[State]]:
        """From dy, the gradient of the output, to those of the input and of the initial states.

        grads: from `zero_grads`; the gradients of the parameters are added to it.
        dstates: the gradients of the final states, where something depends on them.
        """
        given: list[Any] = [None] * len(self.layers) if dstates is None else dstates
        initial: list[State] = []
        path = {id(array): path for path, array in self.params.items()}
        for layer, cache, dstate in reversed(list(zip(self.layers, caches, given, strict=True))):
            own = {name: grads[path[id(array)]] for name, array in layer.params.items()}
            dy, dstate = layer.backward(dy, cache, own, dstate)
            initial.insert(0, dstate)
        return dy, initial

    def update_statistics(self, caches: list[Any]) -> None:
        """Update each layer's statistics from a forward pass in training.

        The training loop calls it once per forward pass.
        """
        with changing(self.statistics.values()):
            for layer, cache in zip(self.layers, caches, strict=True):
                layer.update_statistics(cache)

    def frozen(self) -> Frozen:
        """A `with` block in which no weight changes, so that kernels prepare each weight only once.

        For generating step by step, and for the shards of one training step. Another thread that
        wants to change a weight waits until the block ends.

        >>> from tinylstm.layers import LSTM
        >>> model, states = Sequential([LSTM(4, return_sequences=True)], input_size=2), None
        >>> with model.frozen():
        ...     for step in range(3):
        ...         y, states, _ = model.forward(np.ones((1, 1, 2), np.float32), states)
        """
        return Frozen(self.weights.values())

    @property
    def return_sequences(self) -> bool:
        """Whether the output has a time axis, (T, B, V), or is one for each sequence, (B, V)."""
        return all(getattr(layer, "return_sequences", True) for layer in self.layers)

    def predict(
        self, x: Ragged, lengths: ArrayLike | None = None, batch_size: int = 256
    ) -> ndarray:
        """From batch-first ids (N, T) or vectors (N, T, D) to (N, T, V), or (N, V) without time.

        x may also be a list of sequences of different lengths, as in `tl.Arrays`; lengths (N,): the
        steps of each, if x is padded. Outputs at padding mean nothing.

        >>> from tinylstm.layers import LSTM, Dense
        >>> model = Sequential([LSTM(4), Dense(2)], input_size=3)
        >>> model.predict([np.ones((5, 3)), np.ones((2, 3))]).shape
        (2, 2)
        """
        x, mask = padded("x", x, lengths, None, self.dtype)  # (N, T, ...), (N, T) or None
        found = []
        with self.frozen():
            for i in range(0, len(x), batch_size):
                part = None if mask is None else mask[i : i + batch_size].T
                y, _, _ = self.forward(time_major(x[i : i + batch_size]), mask=part)
                found.append(np.swapaxes(y, 0, 1) if y.ndim == 3 else y)
        return np.concatenate(found)

    def evaluate(
        self,
        x: Ragged,
        y: Ragged,
        loss: "Loss | None" = None,
        metrics: "Metrics" = (),
        batch_size: int = 256,
        lengths: ArrayLike | None = None,
        mask: ndarray | None = None,
    ) -> dict[str, float]:
        """The loss, and metrics such as "accuracy", on batch-first arrays, as `tl.Arrays` takes
        them; see `tl.measure`, which this calls.

        >>> from tinylstm.layers import LSTM, Dense
        >>> model = Sequential([LSTM(4), Dense(2)], input_size=3)
        >>> sorted(model.evaluate(np.ones((5, 6, 3)), np.zeros(5, int), metrics=["accuracy"]))
        ['accuracy', 'loss']
        """
        from .evaluation import measure  # a convenience, as in Keras; nothing here depends on it

        data = Arrays(x, y, batch_size, lengths, mask, shuffle=False, dtype=self.dtype)
        return measure(self, data, loss, metrics)

    def summary(self) -> str:
        """A table of layers, output shapes and numbers of parameters, as Keras prints it.

        >>> from tinylstm.layers import LSTM, Dense
        >>> print(Sequential([LSTM(8), Dense(2)], input_size=3).summary())
        layer      type    output    parameters
        lstm_1     LSTM    (B, 8)           384
        dense_1    Dense   (B, 2)            18
        total                               402
        """
        rows, time, params = [("layer", "type", "output", "parameters")], ", T", self.params
        for layer, size in zip(self.layers, self.output_sizes, strict=True):
            time = "" if getattr(layer, "return_sequences", None) is False else time
            own = [f"{layer.name}.{name}" for name in layer.params]
            count = sum(params[path].size for path in own if path in params)
            rows.append((layer.name, type(layer).__name__, f"(B{time}, {size})", f"{count:,}"))
        total = sum(array.size for array in params.values())
        rows.append(("total", "", "", f"{total:,}"))
        wide = [max(len(row[i]) for row in rows) for i in range(4)]
        return "\n".join(
            f"{a:<{wide[0]}}    {b:<{wide[1]}}   {c:<{wide[2]}}    {d:>{wide[3]}}"
            for a, b, c, d in rows
        )

    def config(self) -> dict[str, Any]:
        """The arguments of `from_config`, as plain data."""
        return {
            "input_size": self.input_size,
            "dtype": self.dtype.name,
            "layers": [
                {"type": type(layer).__name__, "name": layer.name, **layer.config()}
                for layer in self.layers
            ],
        }

    @classmethod
    def from_config(
        cls, config: dict[str, Any], seed: int | np.random.Generator = 0
    ) -> "Sequential":
        """The network that `config` describes, with new parameters. Raises ValueError."""
        layers: dict[str, Layer] = {}
        for entry in config["layers"]:
            check_entry(entry)
            if entry["name"] in layers:
                raise ValueError(f"two layers are called {entry['name']}")
            layers[entry["name"]] = layer_from_config(entry, layers)
        dtype = np.dtype(config["dtype"])
        if dtype.kind not in "fc":
            raise ValueError(f"dtype is {dtype}: want float32 or float64")
        return cls(list(layers.values()), config["input_size"], seed, dtype)  # type: ignore[arg-type]

    def set_weights(self, weights: NamedArrays) -> None:
        """Copy values into the weights. Raises ValueError, and copies none, if one does not fit."""
        own, weights = self.weights, {path: np.asarray(a) for path, a in weights.items()}
        found = differences(weights, own) + [
            f"{path} is {weights[path].dtype}, which {array.dtype} cannot hold"
            for path, array in own.items()
            if path in weights and not border.holds(array.dtype, weights[path])
        ]
        if found:
            raise ValueError(f"weights do not fit the model: {'; '.join(found)}")
        with changing(own.values()):
            for path, array in own.items():
                array[...] = weights[path]

    def save(self, path: str | Path, arrays: NamedArrays | None = None, **extra: Any) -> None:
        """Write configuration, weights (or other `arrays`) and `extra`, plain data, to an .npz."""
        description = {"format": "tinylstm 1", "model": self.config(), **extra}
        save_arrays(path, self.weights if arrays is None else arrays, description)

    @classmethod
    def load(cls, path: str | Path) -> "Sequential":
        """A model that `save` wrote. Raises FileError that says what is wrong with the file."""
        with opened(path) as file:
            return cls.from_saved(file, path)

    @classmethod
    def from_saved(cls, file: SavedArrays, path: Any) -> "Sequential":
        """The model in an open file. No array is made that is larger than those in the file."""
        found = {name: header for name, header in file.headers.items() if "/" not in name}
        try:
            model = cls.from_config(file.description["model"], Unfilled(found.values()))
            own = model.weights
            if wrong := differences(found, own, dtypes=True):
                raise ValueError(f"weights do not fit the model: {'; '.join(wrong)}")
            for name, array in own.items():
                array[...] = file.read(name)
        except (KeyError, TypeError, ValueError) as error:
            raise FileError(f"{quoted(path)} holds no model that fits: {error}") from error
        return model
