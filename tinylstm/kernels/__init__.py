"""Fast twins of the textbook functions, in Numba: same names, same arguments, same numbers.

Read in this order: compiled.py (what is compiled once), vectors.py (the vector unit), gates.py (the
cells' maths), tiles.py and products.py (the matrix product), crew.py (threads that share a batch),
recurrence.py (all steps), lstm.py and gru.py (the twins), elementwise.py (the rest), pool.py
(memory). Kernels trust the shapes that they are handed: call them through backend.py, which has
them checked in border.py. Next: compiled.py.
"""

from .compiled import cached_here

with cached_here():
    from .elementwise import (
        OPTIMIZER_STEPS,
        add_rows,
        matmul,
        softmax_cross_entropy_backward,
        softmax_cross_entropy_forward,
    )
    from .gru import gru_backward, gru_forward, simple_rnn_backward, simple_rnn_forward
    from .lstm import lstm_backward, lstm_forward

__all__ = [
    "OPTIMIZER_STEPS",
    "add_rows",
    "gru_backward",
    "gru_forward",
    "lstm_backward",
    "lstm_forward",
    "matmul",
    "simple_rnn_backward",
    "simple_rnn_forward",
    "softmax_cross_entropy_backward",
    "softmax_cross_entropy_forward",
]
