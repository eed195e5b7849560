"""Fast twins of the textbook functions, in Numba: same names, same arguments, same numbers.

Read in this order: vectors.py (the vector unit), gates.py (the cell's maths), tiles.py and
products.py (the matrix product), lstm.py (the recurrence), elementwise.py (the rest), pool.py
(memory). Compiled code is cached under a name made from these files' contents. Kernels trust the
shapes that they are handed: call them through backend.py, which has them checked in border.py.
Next: vectors.py.
"""

import hashlib
from contextlib import suppress
from pathlib import Path

from numba import config

from ..files import cache_folder


def _fingerprint() -> str:
    """A hash of all kernel sources: Numba itself looks only at the file that a function is in."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]


_before = config.CACHE_DIR
if not _before:
    with suppress(OSError):  # without that folder, Numba's own choice
        _folder = cache_folder() / "kernels" / _fingerprint()
        _folder.mkdir(parents=True, exist_ok=True)
        config.CACHE_DIR = str(_folder)
try:
    from .elementwise import (
        OPTIMIZER_STEPS,
        add_rows,
        matmul,
        softmax_cross_entropy_backward,
        softmax_cross_entropy_forward,
    )
    from .lstm import lstm_backward, lstm_forward
finally:
    config.CACHE_DIR = _before

__all__ = [
    "OPTIMIZER_STEPS",
    "add_rows",
    "lstm_backward",
    "lstm_forward",
    "matmul",
    "softmax_cross_entropy_backward",
    "softmax_cross_entropy_forward",
]
