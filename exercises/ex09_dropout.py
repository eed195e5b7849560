"""9. Dropout, and its way back.

In training, each number is set to 0 with the probability `rate`, so that no unit can rely on
another one. The others are divided by 1 - rate: then the mean stays what it was, and nothing has to
be rescaled in use.

    mask = 0 with probability rate, else 1 / (1 - rate)        y = x mask

Backward, y = x mask is linear, so dx = dy mask, with the *same* mask: it has to be kept.

Random numbers come from a Generator, so that a run can be repeated. In use there is none (None):
nothing is dropped.

    python -m exercises 9
"""

import numpy as np
from numpy import ndarray


def dropout(x: ndarray, rate: float, rng: np.random.Generator | None) -> tuple[ndarray, ndarray]:
    """y and the mask, both in the shape of x. Where rng.random(x.shape) >= rate, x is kept.

    Without a Generator, the mask is 1 everywhere.
    """
    raise NotImplementedError


def dropout_backward(dy: ndarray, mask: ndarray) -> ndarray:
    """dx, in the shape of dy, from dy and the mask that dropout returned."""
    raise NotImplementedError
