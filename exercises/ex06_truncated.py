"""6. Truncated, with the state carried.

A piece of music has thousands of steps: too long to keep all states and to go back over all of
them. So the sequence is cut into chunks. From one chunk to the next

    the state goes on           h, c of the end of a chunk are h0, c0 of the next
    the gradient stops          each chunk's final state gets the gradient zero

So the net still remembers across chunks, although it learns only from what lies within one. The
outputs are those of the whole sequence, as if it had not been cut. The gradients of all chunks are
added up. The last chunk may be shorter.

    python -m exercises 6
"""

import numpy as np
from numpy import ndarray

from tinylstm.functional import lstm_backward, lstm_forward


def truncated(
    x: ndarray,
    dout: ndarray,
    h0: ndarray,
    c0: ndarray,
    Wx: ndarray,
    Wh: ndarray,
    b: ndarray,
    steps: int,
) -> tuple[ndarray, ndarray, ndarray, ndarray]:
    """The outputs (T, B, H), and dWx (D, 4H), dWh (H, 4H), db (4H,), summed over chunks of `steps`.

    x (T, B, D); dout (T, B, H) are the gradients of the outputs; h0 and c0 (B, H). Given:

        outputs, h, c, cache = lstm_forward(x, h0, c0, Wx, Wh, b)
        lstm_backward(dout, dh, dc, cache, dWx, dWh, db)        adds to dWx, dWh, db
    """
    raise NotImplementedError
