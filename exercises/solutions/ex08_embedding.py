"""8. The embedding, and its scatter.

A token is a number without meaning: 17 is not nearly 18. So each of the V tokens gets a vector of
its own, a row of a table that is learnt:

    y[t, n] = table[ids[t, n]]

Backward: a row of the table was used wherever its token stood, so its gradient is the sum of dy
over all these places; the rows of other tokens get nothing.

    dtable[v] = sum of dy[t, n] over all t, n with ids[t, n] = v

The trap is in NumPy: `a[index] += values` adds only one of the values where an index occurs
several times. `np.add.at(a, index, values)` adds them all.

    python -m exercises 8
"""

import numpy as np
from numpy import ndarray


def embed(table: ndarray, ids: ndarray) -> ndarray:
    """The vectors (T, B, U) of the token numbers ids (T, B), from the table (V, U)."""
    return table[ids]


def add_embedding_gradient(dy: ndarray, ids: ndarray, dtable: ndarray) -> None:
    """Adds to dtable (V, U), which the caller owns; dy (T, B, U), ids (T, B). Returns nothing."""
    np.add.at(dtable, ids, dy)
