"""13. Sampling: temperature and top-p.

A trained net gives logits. Always taking the most likely token (argmax) ends in one note, over and
over (docs/why.md). So a token is drawn at random, from probabilities that two numbers shape:

    temperature     p = softmax(logits / temperature): below 1 the likely ones gain, above 1 they
                    lose; 0 means argmax, all of the probability on one token
    top_p           only the smallest set of most likely tokens whose probabilities sum to at least
                    top_p is kept, and what is left is scaled to sum to 1 again

To draw with a uniform number u in [0, 1): lay the probabilities end to end, in the order of the
tokens, and take the token in which u falls: the first whose cumulative sum is greater than u.

(A. Holtzman et al., The curious case of neural text degeneration, 2020)

    python -m exercises 13
"""

import numpy as np
from numpy import ndarray


def distribution(logits: ndarray, temperature: float, top_p: float) -> ndarray:
    """The probabilities (V,) that a token is drawn from; logits (V,), 0 < top_p <= 1."""
    raise NotImplementedError


def draw(p: ndarray, u: float) -> int:
    """The token in which u falls."""
    raise NotImplementedError
