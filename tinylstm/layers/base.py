"""The contract of a layer, and the checks of its input.

A layer holds parameters and never data. What `forward` computes and `backward` needs travels in a
cache, and gradients are added to arrays that the caller owns, so that one layer can serve several
threads at once, and two backward passes give exactly twice the gradient.

The contract, which your own layer follows too (`gradcheck` and `fit` take any class that does;
`register` makes it loadable):

    build(input_size, rng, dtype) -> output_size          makes the parameters, in `params`
    initial_state(batch) -> state                         a tuple of arrays, () without memory
    forward(x, state, rng) -> (y, state, cache)           rng: a Generator in training, else None
    backward(dy, cache, grads, dstate) -> (dx, dstate)    adds to grads[name] for each parameter

A layer whose `uses_mask` is True also takes a mask (T, B) in `forward`, False at padding.

Arrays are time-major: (T, B, features), or (T, B) for token ids. Sizes as in functional.py.
Next: sequences.py, the layers with memory.
"""

from typing import Any, TypeVar

import numpy as np
from numpy import ndarray
from numpy.typing import DTypeLike

State = tuple[ndarray, ...]
Grads = dict[str, ndarray]  # parameter name: its gradient, which backward adds to
Rng = np.random.Generator | None  # a Generator in training, None otherwise
Mask = ndarray | None  # (T, B) of bool: False at padding; None if every step counts
Forward = tuple[ndarray, State, Any]  # (y, final state, cache)
L = TypeVar("L", bound="Layer")
Backward = tuple[Any, State]  # (dx, or None for ids; gradient of the initial state)


LAYERS: dict[str, "type[Layer]"] = {}  # the classes that a file may name


def register(kind: type[L]) -> type[L]:
    """Make a layer class loadable: `Sequential.load` and resumed runs find it under its name.

    For classes of your own, as a decorator. Raises ValueError if another class has that name.

    >>> @register
    ... class Halve(Layer):
    ...     def forward(self, x, state=None, rng=None):
    ...         return x / 2, (), None
    ...
    ...     def backward(self, dy, cache, grads, dstate=None):
    ...         return dy / 2, ()
    >>> layer_from_config({"type": "Halve", "name": "halve_1"}, {})
    Halve()
    >>> del LAYERS["Halve"]    # of the example only
    """
    before = LAYERS.get(kind.__name__, kind)
    if (before.__module__, before.__qualname__) != (kind.__module__, kind.__qualname__):
        raise ValueError(f"a layer {kind.__name__} is registered already: {before}; rename yours")
    LAYERS[kind.__name__] = kind
    return kind


class Layer:
    """The contract above, for a layer without parameters, state or computation: the identity.

    >>> y, state, cache = Layer().forward(np.array([[[1.0]]]))
    >>> y.tolist(), state
    ([[[1.0]]], ())
    """

    config_names: tuple[str, ...] = ()  # constructor arguments, kept in checkpoints
    uses_mask = False  # whether `forward` takes a mask
    return_sequences = True  # False: the output has no time, (B, features)

    def __init__(self) -> None:
        self.name = ""
        self.params: dict[str, ndarray] = {}  # what training changes
        self.statistics: dict[str, ndarray] = {}  # measured, not trained: BatchNormalization
        self.dtype: np.dtype = np.dtype(np.float32)

    def build(
        self, input_size: int | None, rng: np.random.Generator, dtype: DTypeLike
    ) -> int | None:
        """Make the parameters for `input_size` features; returns the number of outputs."""
        self.dtype = np.dtype(dtype)
        return input_size

    def config(self) -> dict[str, Any]:
        """The constructor's arguments, as plain data."""
        return {name: getattr(self, name) for name in self.config_names}

    @classmethod
    def from_config(cls, config: dict[str, Any], earlier: "dict[str, Layer]") -> "Layer":
        """The layer that `config` describes; `earlier` are the layers before it, by name."""
        return cls(**config)

    def initial_state(self, batch: int) -> State:
        """The state at the start of a sequence: zeros (B, H), one array per kind of memory."""
        return ()

    def forward(self, x: ndarray, state: State | None = None, rng: Rng = None) -> Forward:
        """The output, the final state, and what `backward` needs."""
        return x, (), None

    def backward(
        self, dy: ndarray, cache: Any, grads: Grads, dstate: State | None = None
    ) -> Backward:
        """The gradients of the input (None for ids) and of the initial state; adds to `grads`."""
        return dy, ()

    def update_statistics(self, cache: Any) -> None:
        """Update `statistics` from a forward pass in training; the training loop calls it."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.config().items())})"


def layer_from_config(entry: dict[str, Any], earlier: dict[str, Layer]) -> Layer:
    """The layer of one entry of a model's `config()`; `earlier` are those before it, by name."""
    config = dict(entry)
    kind, name = config.pop("type"), config.pop("name")
    if kind not in LAYERS:
        known = ", ".join(sorted(LAYERS))
        raise ValueError(f"unknown layer type {kind!r}: known are {known}; for your own class, "
                         "import it and use tl.register")  # fmt: skip
    layer = LAYERS[kind].from_config(config, earlier)
    layer.name = name
    return layer


def check_input(layer: Layer, x: ndarray, size: int | None, sequence: bool = False) -> None:
    """Raise ValueError unless x is a non-empty float (..., size), or (T, B, size) if sequence.

    Checks shape and type only, which is cheap; `check_finite` reads the numbers.
    """
    shape = f"({'T, B' if sequence else '...'}, {'features' if size is None else size})"
    wanted = f"{label(layer)} wants a float array {shape}"
    if not isinstance(x, np.ndarray) or x.ndim < 1:
        raise ValueError(f"{wanted}, got {describe(x)}: use np.asarray")
    if x.dtype.kind not in "fc":
        raise ValueError(f"{wanted}, got {describe(x)}: use Embedding or OneHot for token ids")
    if (sequence and x.ndim != 3) or (size is not None and x.shape[-1] != size):
        raise ValueError(f"{wanted}, got {describe(x)}: check the layer before it, or transpose")
    if x.size == 0:
        raise ValueError(f"{wanted} with at least one number, got {describe(x)}")


def check_ids(layer: Layer, ids: ndarray, size: int) -> None:
    """Raise ValueError unless ids is a non-empty (T, B) array of integers in [0, size)."""
    wanted = f"{label(layer)} wants token ids (T, B), integers in [0, {size})"
    if not isinstance(ids, np.ndarray) or ids.ndim != 2 or ids.dtype.kind not in "iu":
        raise ValueError(f"{wanted}, got {describe(ids)}")
    if ids.size == 0:
        raise ValueError(f"{wanted}, with at least one step and one sequence, got {describe(ids)}")
    if ids.min() < 0 or ids.max() >= size:
        worst = ids.max() if ids.max() >= size else ids.min()
        raise ValueError(
            f"{wanted}, got {worst}: encode with the vocabulary the model was made for"
        )


def check_mask(layer: Layer, mask: Mask, x: ndarray) -> None:
    """Raise ValueError unless the mask is None, or bool (T, B) for x (T, B, ...)."""
    if mask is None:
        return
    if not isinstance(mask, np.ndarray) or mask.dtype != bool or mask.shape != x.shape[:2]:
        raise ValueError(f"{label(layer)} wants a mask of bool {x.shape[:2]}, got {describe(mask)}")


def check_state(layer: Layer, state: State, expected: State) -> None:
    """Raise ValueError unless the state is finite and of the expected shapes."""
    check_shapes(layer, "a state", state, expected)
    for array in state:
        check_finite(f"the state of {label(layer)}", array)


def check_shapes(layer: Layer, what: str, state: State, expected: State) -> None:
    """Raise ValueError unless these are arrays of floats, of the expected shapes."""
    shapes, wanted = [np.shape(array) for array in state], [array.shape for array in expected]
    if shapes != wanted:
        raise ValueError(
            f"{label(layer)} wants {what} of shapes {wanted}, got {shapes}: "
            f"begin with initial_state({wanted[0][0]})"
        )
    for array in state:
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "fc":
            raise ValueError(f"{label(layer)} wants {what} of floats, got {describe(array)}")


def check_gradients(layer: Layer, dy: Any, shape: tuple[int, ...], grads: Grads) -> None:
    """Raise ValueError unless dy has the shape of the output, and `grads` those of the parameters:
    NumPy would reshape or broadcast them.
    """
    given = [("dy", dy, shape)]
    given += [(f"grads[{n!r}]", grads.get(n), p.shape) for n, p in layer.params.items()]
    for name, array, wanted in given:
        if (
            not isinstance(array, np.ndarray)
            or array.shape != wanted
            or array.dtype.kind not in "fc"
        ):
            raise ValueError(f"{label(layer)} wants {name} as floats {wanted}, "
                             f"got {describe(array)}")  # fmt: skip


def check_finite(name: str, array: Any) -> None:
    """Raise ValueError if a float array holds NaN or infinity. It reads every number, so it is
    called where data enters a model, not in every layer.
    """
    if isinstance(array, np.ndarray) and array.dtype.kind in "fc":
        bad = ~np.isfinite(array)  # the array's shape
        if bad.any():
            index = tuple(int(i) for i in np.argwhere(bad)[0])
            raise ValueError(f"{name} holds {array[index]} at {index}: clean the data")


def check_positive(layer: Layer, **sizes: int) -> None:
    """Raise ValueError for a size below 1."""
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{type(layer).__name__} {name} is {size}: use at least 1")


def check_rate(layer: Layer, **rates: float) -> None:
    """Raise ValueError for a rate outside [0, 1)."""
    for name, rate in rates.items():
        if not 0 <= rate < 1:
            raise ValueError(f"{type(layer).__name__} {name} is {rate}: use a number in [0, 1)")


def known_size(layer: Layer, input_size: int | None) -> int:
    """The input size. Raises ValueError if it is None."""
    if input_size is None:
        kind = type(layer).__name__
        raise ValueError(f"{kind} does not know its input size: Sequential(..., input_size=D)")
    return input_size


def label(layer: Layer) -> str:
    """The layer's name in error messages."""
    return layer.name or type(layer).__name__


def describe(x: Any) -> str:
    """An array's type and shape, for error messages."""
    return f"{x.dtype} {x.shape}" if isinstance(x, np.ndarray) else repr(type(x).__name__)
