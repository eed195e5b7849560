"""1. The sigmoid, and how you are graded.

A gate of an LSTM is a number between 0 (shut) and 1 (open):

    sigmoid(x) = 1 / (1 + exp(-x))

Computed like that it overflows: exp(1000) is infinite. The tanh overflows nowhere, and

    sigmoid(x) = 1/2 + 1/2 tanh(x / 2)

Backward: y = sigmoid(x) has the derivative y (1 - y). If dy is the gradient of the loss with
respect to y, the chain rule gives that of x, entry by entry: dx = dy y (1 - y).

There is no answer key. The grader calls *your* forward pass with x + 1e-20 i. The imaginary part
of the result, divided by 1e-20, is its derivative to the last digit, and your backward pass must
be equal to it. So a forward pass must take complex numbers: no abs, no maximum, no `if x > 0`.

    python -m exercises 1
"""

import numpy as np
from numpy import ndarray


def sigmoid(x: ndarray) -> ndarray:
    """y, in the shape of x: 1 / (1 + exp(-x)), without overflow.

    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    return 0.5 + 0.5 * np.tanh(x / 2)


def sigmoid_backward(dy: ndarray, y: ndarray) -> ndarray:
    """dx, in the shape of x, from dy and from y = sigmoid(x).

    >>> sigmoid_backward(np.array([4.0]), np.array([0.5])).tolist()
    [1.0]
    """
    return dy * y * (1 - y)
