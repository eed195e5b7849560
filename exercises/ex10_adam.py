"""10. Adam, with its t.

Adam keeps two running means for each number of the weights: m of the gradient, v of its square.

    m = beta_1 m + (1 - beta_1) g
    v = beta_2 v + (1 - beta_2) g^2

Both begin at zero, so at first they are too small: after t updates by the factors 1 - beta_1^t and
1 - beta_2^t. Divided by these, they are right from the first update on:

    m_hat = m / (1 - beta_1^t)
    v_hat = v / (1 - beta_2^t)
    p = p - rate m_hat / (sqrt(v_hat) + epsilon)

The first update has t = 1, and moves each weight by the rate, whatever the size of its gradient.

(D. Kingma and J. Ba, Adam, ICLR 2015, algorithm 1)

    python -m exercises 10
"""

import numpy as np
from numpy import ndarray


def adam(
    p: ndarray,
    g: ndarray,
    m: ndarray,
    v: ndarray,
    t: int,
    rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> tuple[ndarray, ndarray, ndarray]:
    """The new p, m and v, all of the same shape; the old ones stay as they are. t counts from 1.

    m and v are returned as they are kept, without the hats.
    """
    raise NotImplementedError
