"""7. The weights' gradients, in one product.

z[t] = x[t] Wx + h[t] Wh + b uses the same weights at every step and in every sequence. So their
gradient is a sum over steps t and sequences n:

    dWx = sum over t, n of  x[t, n]^T dz[t, n]        (an outer product of a row and a row)
    dWh = sum over t, n of  h[t, n]^T dz[t, n]        h[t] is the state that went into step t
    db  = sum over t, n of  dz[t, n]

A sum of outer products is one matrix product: lay the T B rows of x below each other as (TB, D),
those of dz as (TB, 4H); then dWx = x^T dz. One large product instead of T small ones is the reason
why the backward pass keeps all dz.

The gradients are *added* to arrays that the caller owns, with +=. So chunks, parts of a batch and
layers that share weights can all add to the same array.

    python -m exercises 7
"""

import numpy as np
from numpy import ndarray


def add_weight_gradients(
    x: ndarray, h: ndarray, dz: ndarray, dWx: ndarray, dWh: ndarray, db: ndarray
) -> None:
    """Adds to dWx (D, 4H), dWh (H, 4H) and db (4H,); returns nothing.

    x (T, B, D), h (T+1, B, H) with the initial state in front, dz (T, B, 4H).
    """
    raise NotImplementedError
