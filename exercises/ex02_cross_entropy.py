"""2. Softmax and cross-entropy: where the loss begins.

The net gives a number for each of V classes, its logits. Softmax makes probabilities of them:

    p[n, v] = exp(logits[n, v]) / s[n]        s[n] = sum over v of exp(logits[n, v])

and the loss is the mean, over the N rows, of -log p[n, target of n], in nats.

exp overflows, but p does not change if a constant is subtracted from a row: take its maximum m.
And p can round to 0, whose log is minus infinity. So do not take the log of p:

    -log p[target] = log s - (logits[target] - m)        with s of the logits less m

Backward: the derivative of log s with respect to logits[v] is p[v], and that of -logits[target] is
-1 at the target. So dlogits = (p - onehot(target)) / N.

    python -m exercises 2
"""

import numpy as np
from numpy import ndarray


def softmax_cross_entropy(logits: ndarray, targets: ndarray) -> tuple[ndarray, ndarray]:
    """The loss () and the probabilities p (N, V), from logits (N, V) and class numbers (N,)."""
    raise NotImplementedError


def softmax_cross_entropy_backward(p: ndarray, targets: ndarray) -> ndarray:
    """dlogits (N, V), from the probabilities p (N, V) and the class numbers (N,)."""
    raise NotImplementedError
