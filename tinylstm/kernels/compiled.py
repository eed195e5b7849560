"""Compiled functions that others call at their address: each is compiled once, at first use.

A function that Numba calls by name is compiled again inside each of its callers. The product is too
large for that: compiling it once halves the seconds of a first run. Cached under a name made from
the contents of these files, because Numba itself looks only at the file that a function is in.
Next: vectors.py.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from numba import cfunc, config

from ..files import cache_folder


@cache
def fingerprint() -> str:
    """A hash of all kernel sources."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]


@contextmanager
def cached_here() -> Iterator[None]:
    """A `with` block in which Numba takes our cache folder, unless the user chose one."""
    before = config.CACHE_DIR
    if not before:
        with suppress(OSError):  # without that folder, Numba's own choice
            folder = cache_folder() / "kernels" / fingerprint()
            folder.mkdir(parents=True, exist_ok=True)
            config.CACHE_DIR = str(folder)
    try:
        yield
    finally:
        config.CACHE_DIR = before


@cache
def compiled(function: Callable[..., None], signature: Any) -> Any:
    """The function as C code of that signature; its `address` is what callers need."""
    with cached_here():
        return cfunc(signature, cache=True, error_model="numpy")(function)
