"""What may be handed to the LSTM, the loss and the scatter: checked before any implementation runs.

Kernels read and write memory at offsets that they compute from a few sizes, so an array that is too
short would be read, or written, outside. NumPy would broadcast it instead, and give wrong numbers.
So backend.py calls the check of the same name first, for kernels and for the textbook: shapes and
types always, values only where they are indices. Strides, byte order and read-only memory need no
check: kernels copy what they cannot read as it lies. Next: frozen.py.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

from . import functional, recurrent

Wanted = tuple[str, Any, tuple[Any, ...]]  # an array's name, the array, the shape it must have


class Cell(NamedTuple):
    """The names of what a cell's functions take, in order, and its blocks of H columns."""

    blocks: int
    states: tuple[str, ...]
    weights: tuple[str, ...]
    optional: tuple[str, ...]
    cache: Any  # what its forward pass returns for its backward pass


LSTM = Cell(4, ("h0", "c0"), ("Wx", "Wh", "b"), ("dropout", "mask"), functional.LSTMCache)
GRU = Cell(3, ("h0",), ("Wx", "Wh", "b", "bh"), ("mask",), recurrent.GRUCache)
SIMPLE_RNN = Cell(1, ("h0",), ("Wx", "Wh", "b"), ("mask",), recurrent.SimpleRNNCache)


def lstm_forward(*args: Any) -> None:
    """Raise ValueError unless these are arguments of `functional.lstm_forward`. What an edited
    definition takes more is its own affair: kernels do not run then.

    >>> x, h, Wx, Wh, b = (np.ones(s) for s in [(5, 2, 3), (2, 4), (3, 16), (4, 16), (15,)])
    >>> lstm_forward(x, h, h, Wx, Wh, b)
    Traceback (most recent call last):
    ValueError: lstm_forward: b is float64 (15,), but floats (16,) are wanted
    """
    forward("lstm_forward", LSTM, *args)


def lstm_backward(*args: Any) -> None:
    """Raise ValueError unless these are arguments of `functional.lstm_backward`."""
    backward("lstm_backward", LSTM, *args)


def gru_forward(*args: Any) -> None:
    """Raise ValueError unless these are arguments of `recurrent.gru_forward`."""
    forward("gru_forward", GRU, *args)


def gru_backward(*args: Any) -> None:
    """Raise ValueError unless these are arguments of `recurrent.gru_backward`."""
    backward("gru_backward", GRU, *args)


def simple_rnn_forward(*args: Any) -> None:
    """Raise ValueError unless these are arguments of `recurrent.simple_rnn_forward`."""
    forward("simple_rnn_forward", SIMPLE_RNN, *args)


def simple_rnn_backward(*args: Any) -> None:
    """Raise ValueError unless these are arguments of `recurrent.simple_rnn_backward`."""
    backward("simple_rnn_backward", SIMPLE_RNN, *args)


def forward(name: str, cell: Cell, x: ndarray, *args: Any) -> None:
    """Raise ValueError unless these are arguments of a cell's forward pass."""
    names = (*cell.states, *cell.weights, *cell.optional)
    given = dict(zip(names, args, strict=False))
    T, B, D, H = sequence(name, cell, x, given["Wh"])
    n = cell.blocks * H
    shapes = {"Wx": (D, n), "Wh": (H, n), "b": (n,), "bh": (n,)}
    wanted = [(k, given[k], shapes.get(k, (B, H))) for k in (*cell.states, *cell.weights)]
    if given.get("dropout") is not None:
        wanted.append(("dropout", given["dropout"], (B, H)))
    floats(name, wanted)
    bools(name, given.get("mask"), (T, B))
    results = {"x": x, "Wx": given["Wx"], "b": given["b"]}
    real(name, results, [array for k, array, _ in wanted if k not in results])


def backward(name: str, cell: Cell, dout: ndarray, *args: Any) -> None:
    """Raise ValueError unless these are arguments of a cell's backward pass."""
    states = len(cell.states)
    cache, grads = args[states], args[states + 1 :]
    if getattr(cache, "_fields", None) != cell.cache._fields:
        first, kind = name.replace("backward", "forward"), type(cache).__name__
        raise ValueError(f"{name}: wants the cache that {first} returned, not a {kind}")
    T, B, D, H = sequence(name, cell, cache.x, cache.Wh)
    n, steps = cell.blocks * H, (T + 1, B, H)
    shapes: dict[str, tuple[int, ...]] = {"Wx": (D, n), "Wh": (H, n), "b": (n,), "bh": (n,)}
    saved = shapes | {"h": steps, "c": steps, "gates": (T, B, n), "an": (T, B, H)}
    wanted: list[Wanted] = [("dout", dout, (T, B, H))]
    wanted += [(f"d{k[0]}T", d, (B, H)) for k, d in zip(cell.states, args, strict=False)]
    fields = [(k, array) for k, array in cache._asdict().items() if k in saved]
    wanted += [(f"cache.{k}", array, saved[k]) for k, array in fields]
    if (dropout := getattr(cache, "dropout", None)) is not None:
        wanted.append(("cache.dropout", dropout, (B, H)))
    sums = [(f"d{k}", g, shapes[k]) for k, g in zip(cell.weights, grads, strict=False)]
    floats(name, [*wanted, *sums])
    bools(name, cache.mask, (T, B))
    for k, array, _ in sums:
        real(name, {k: array}, [cache.x, *(array for _, array, _ in wanted)])
        writeable(name, k, array)


def softmax_cross_entropy_forward(
    logits: ndarray, targets: ndarray, count: Any = None, name: str = "logits"
) -> None:
    """Raise ValueError unless these are arguments of `functional.softmax_cross_entropy_forward`."""
    shape: tuple[Any, ...] = np.shape(logits)
    if len(shape) != 2 or 0 in shape:
        shape = ("N", "V")
    floats("softmax_cross_entropy", [(name, logits, shape)])
    indices("softmax_cross_entropy", "targets", targets, shape[:1], shape[1], below_zero=True)
    if count is not None and not count > 0:
        raise ValueError(f"softmax_cross_entropy: count is {count}, but it divides: want above 0")


def softmax_cross_entropy_backward(p: ndarray, targets: ndarray, count: Any = None) -> None:
    """The same for p, the probabilities, in place of the logits."""
    softmax_cross_entropy_forward(p, targets, count, "p")


def add_rows(table: ndarray, ids: ndarray, rows: ndarray) -> None:
    """Raise ValueError unless these are arguments of `backend.add_rows`."""
    shape: tuple[Any, ...] = np.shape(table) if np.ndim(table) == 2 else ("V", "U")
    floats("add_rows", [("table", table, shape)])
    floats("add_rows", [("rows", rows, (*np.shape(ids), shape[1]))])
    indices("add_rows", "ids", ids, np.shape(ids), shape[0])
    real("add_rows", {"table": table}, (rows,))
    writeable("add_rows", "table", table)


def update(name: str, p: Any, g: Any, slots: dict[str, dict[str, ndarray]]) -> None:
    """Raise ValueError unless parameter p, its gradient and its slots are of one shape and kind."""
    shape = np.shape(p)
    memories = [
        (f"the slot {slot!r} of {name}", at[name]) for slot, at in slots.items() if name in at
    ]
    for what, array in ((name, p), (f"the gradient of {name}", g), *memories):
        if (
            not isinstance(array, ndarray)
            or array.shape != shape
            or array.dtype.kind != p.dtype.kind
        ):
            advice = ": an optimizer serves one model" if array is not p and array is not g else ""
            raise ValueError(f"{wrong('update', what, array, 'floats', shape)}{advice}")
        if array is not g:
            writeable("update", what, array)
    if p.dtype.kind not in "fc":
        raise wrong("update", name, p, "floats", shape)


def sequence(name: str, cell: Cell, x: Any, Wh: Any) -> tuple[int, int, int, int]:
    """T, B, D and H. Raises ValueError unless x is (T, B, D) and Wh is (H, nH), none of them 0."""
    columns = f"{cell.blocks if cell.blocks > 1 else ''}H"
    for what, array, wanted in (("x", x, ("T", "B", "D")), ("Wh", Wh, ("H", columns))):
        right = isinstance(array, ndarray) and array.ndim == len(wanted) and 0 not in array.shape
        floats(name, [(what, array, array.shape if right else wanted)])
    return (*x.shape, Wh.shape[0])


def floats(function: str, wanted: Iterable[Wanted]) -> None:
    """Raise ValueError unless each is an array of floats (or complex numbers) of its shape."""
    for name, array, shape in wanted:
        if not isinstance(array, ndarray) or array.shape != shape or array.dtype.kind not in "fc":
            raise wrong(function, name, array, "floats", shape)


def bools(function: str, mask: Any, shape: tuple[int, ...]) -> None:
    """Raise ValueError unless the mask is None or bool: ~ of integers would be other indices."""
    if mask is None or (isinstance(mask, ndarray) and mask.shape == shape and mask.dtype == bool):
        return
    raise wrong(function, "mask", mask, "bools", shape)


def indices(
    function: str, name: str, ids: Any, shape: tuple[Any, ...], size: Any, below_zero: bool = False
) -> None:
    """Raise ValueError unless `ids` are integers below `size`, and not below 0 if that is wrong."""
    if not isinstance(ids, ndarray) or ids.shape != shape or ids.dtype.kind not in "iu":
        raise wrong(function, name, ids, "integers", shape)
    if 0 in ids.strides:  # broadcast, of any size: the same numbers again and again
        ids = ids[tuple(slice(None if step else 1) for step in ids.strides)]
    if ids.size and (worst := int(ids.max())) >= size:
        raise ValueError(f"{function}: {name} hold {worst}, but the largest index is {size - 1}")
    if ids.size and not below_zero and (worst := int(ids.min())) < 0:
        raise ValueError(f"{function}: {name} hold {worst}, but the smallest index is 0")


def real(function: str, results: dict[str, ndarray], others: Iterable[ndarray | None]) -> None:
    """Raise ValueError for complex numbers whose imaginary part would be lost in real results."""
    if not any(array.dtype.kind == "c" for array in results.values()) and any(
        array is not None and array.dtype.kind == "c" for array in others
    ):
        raise ValueError(f"{function}: {', '.join(results)} must be complex too: others are")


def writeable(function: str, name: str, array: ndarray) -> None:
    """Raise ValueError for read-only memory that the function is to add to."""
    if not array.flags.writeable:
        raise ValueError(f"{function}: {name} is read-only, but it is added to: pass a copy")


def wrong(
    function: str, name: str, array: Any, kind: str, shape: tuple[int | str, ...]
) -> ValueError:
    """The error that names an array, what it is and what is wanted."""
    is_array = isinstance(array, ndarray)
    given = f"{array.dtype} {array.shape}" if is_array else f"a {type(array).__name__}"
    wanted = f"({', '.join(map(str, shape))}{',' * (len(shape) == 1)})"
    return ValueError(f"{function}: {name} is {given}, but {kind} {wanted} are wanted")


def holds(dtype: Any, values: ndarray) -> bool:
    """Whether numbers keep their meaning in this type: neither text, nor complex, nor too large."""
    if values.dtype == dtype or values.dtype.kind not in "biuf":
        return bool(values.dtype == dtype)
    with np.errstate(over="ignore"):
        return bool((np.isfinite(values.astype(dtype)) | ~np.isfinite(values)).all())
