"""11. Clipping: when the gradient explodes.

Now and then a gradient of a recurrent net is a thousand times the usual one, and one update with it
undoes hours. So its length is limited. All gradients together are one vector, whose length is

    norm = sqrt(sum over all arrays and all entries of g^2)

If it is greater than the limit, every gradient is multiplied by limit / norm: the vector gets the
length `limit` and keeps its direction. Otherwise nothing changes.

(R. Pascanu, T. Mikolov and Y. Bengio, On the difficulty of training RNNs, 2013)

    python -m exercises 11
"""

import numpy as np
from numpy import ndarray


def clip(grads: dict[str, ndarray], limit: float) -> tuple[dict[str, ndarray], float]:
    """New gradients under the same names, and the norm as it was *before*."""
    norm = float(np.sqrt(sum((g**2).sum() for g in grads.values())))
    factor = limit / norm if norm > limit else 1.0
    return {name: g * factor for name, g in grads.items()}, norm
