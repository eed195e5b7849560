"""Whether what a file holds fits: arguments of layers, numbers, arrays by name. Next: model.py."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from .layers import LAYERS, Layer


def check_entry(entry: dict[str, Any]) -> None:
    """Raise ValueError if a layer's arguments in a file are of other types than it declares."""
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        raise ValueError(f"{entry!r} is not a layer")
    kind = LAYERS.get(str(entry.get("type")), Layer)
    wanted = getattr(kind.__init__, "__annotations__", {})
    for name, value in entry.items():
        if isinstance(value, dict):  # a layer inside another
            check_entry({"name": entry["name"], **value})
        want = wanted.get(name, object)
        fits = {int: type(value) is int, bool: type(value) is bool, float: finite_number(value)}
        if not fits.get(want, True):
            raise ValueError(f"{name} of {entry['name']} is {value!r}, not {want.__name__}")


def finite_number(value: Any) -> bool:
    """Whether a value from JSON is a number."""
    return type(value) in (int, float) and bool(np.isfinite(value))


def differences(
    found: Mapping[str, Any], wanted: Mapping[str, Any], dtypes: bool = False
) -> list[str]:
    """In words, how arrays (or their headers) differ from those wanted, by name.

    >>> differences({"a": np.zeros(2)}, {"a": np.zeros(3), "b": np.zeros(1)})
    ['no b', 'a is (2,), not (3,)']
    """
    both = [name for name in wanted if name in found]
    said = [f"no {name}" for name in wanted if name not in found]
    said += [f"unknown {name}" for name in found if name not in wanted]
    for name in both:
        if found[name].shape != wanted[name].shape:
            said.append(f"{name} is {found[name].shape}, not {wanted[name].shape}")
        elif dtypes and found[name].dtype.newbyteorder("=") != wanted[name].dtype:
            said.append(f"{name} is {found[name].dtype}, not {wanted[name].dtype}")
    return said
