"""The LSTM and its loss, forward and backward, as the papers write them. Read this file first.

Pure functions over NumPy arrays: no state, no randomness, no speed tricks; no other file is needed.
`layers/` gives these functions parameters; `kernels/` holds fast twins that must agree.

Sizes, one letter each: T steps, B sequences in the batch, D inputs, H units, V classes.
Arrays are time-major: x is (T, B, D), so x[t] is one contiguous (B, D) slab.
The four gates stand side by side on the last axis, always in the order i f g o
(input, forget, candidate, output): Wx (D, 4H), Wh (H, 4H), b (4H,).
The gradient of the loss with respect to q is called dq and has the shape of q.
Every function takes float32, float64 and complex128. Complex numbers make exact gradient checks
possible: the derivative of f at x is Im f(x + 1e-20 i) / 1e-20, to the last digit (gradcheck/).

Sources: S. Hochreiter, J. Schmidhuber, Long Short-Term Memory, Neural Computation 9(8), 1997;
the forget gate: F. Gers, J. Schmidhuber, F. Cummins, Learning to Forget, ibid. 12(10), 2000;
the backward pass: K. Greff et al., LSTM: A Search Space Odyssey, IEEE TNNLS 28(10), 2017, appendix
(without its peepholes). Next: docs/backprop.md, which derives the backward pass line by line.
"""

from typing import NamedTuple

import numpy as np
from numpy import ndarray


class LSTMCache(NamedTuple):
    """What lstm_forward computes and lstm_backward needs. Public: plots read the gates from it."""

    x: ndarray  # (T, B, D) the input
    h: ndarray  # (T+1, B, H) hidden states; h[0] is the initial one, h[t+1] the output at step t
    c: ndarray  # (T+1, B, H) cell states; c[0] is the initial one
    gates: ndarray  # (T, B, 4H) the gates i f g o after their nonlinearities
    Wx: ndarray  # (D, 4H)
    Wh: ndarray  # (H, 4H)
    dropout: ndarray | None  # (B, H) recurrent dropout, or None
    mask: ndarray | None  # (T, B) which steps count, or None for all


def sigmoid(x: ndarray) -> ndarray:
    """The logistic function 1 / (1 + exp(-x)), in a form that cannot overflow and has no branch.

    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    return 0.5 + 0.5 * np.tanh(0.5 * x)


def lstm_cell_forward(
    zx: ndarray, h_prev: ndarray, c_prev: ndarray, Wh: ndarray
) -> tuple[ndarray, ndarray, ndarray]:
    """One step. zx (B, 4H) is the input's part of z, x Wx + b; h_prev and c_prev are (B, H).

    Returns h (B, H), c (B, H) and the gates (B, 4H).
    """
    # z = x Wx + h_prev Wh + b            the pre-activation of all four gates
    z = zx + h_prev @ Wh  # (B, 4H)
    zi, zf, zg, zo = np.split(z, 4, axis=-1)  # 4 x (B, H)
    i = sigmoid(zi)  # (B, H) input gate: how much of the candidate is written
    f = sigmoid(zf)  # (B, H) forget gate: how much of the cell is kept
    g = np.tanh(zg)  # (B, H) candidate: what would be written
    o = sigmoid(zo)  # (B, H) output gate: how much of the cell is shown
    # c = f * c_prev + i * g              the cell state: the memory
    c = f * c_prev + i * g  # (B, H)
    # h = o * tanh(c)                     the output
    h = o * np.tanh(c)  # (B, H)
    return h, c, np.concatenate([i, f, g, o], axis=-1)


def lstm_cell_backward(
    dh: ndarray, dc: ndarray, c_prev: ndarray, c: ndarray, gates: ndarray
) -> tuple[ndarray, ndarray]:
    """The step above, line by line in reverse order. A comment repeats each forward line.

    dh and dc (B, H) are the gradients of h and c from all later steps.
    Returns dz (B, 4H) and dc_prev (B, H).
    """
    i, f, g, o = np.split(gates, 4, axis=-1)  # 4 x (B, H)
    # h = o * tanh(c)
    tanh_c = np.tanh(c)  # (B, H)
    do = dh * tanh_c  # (B, H)
    dc = dc + dh * o * (1 - tanh_c**2)  # (B, H) c is used twice: by h, and by the next cell
    # c = f * c_prev + i * g
    df = dc * c_prev  # (B, H)
    dc_prev = dc * f  # (B, H) no weights and no tanh on this path: the gradient survives
    di = dc * g  # (B, H)
    dg = dc * i  # (B, H)
    # i, f, o = sigmoid(z)                the derivative of a sigmoid s is s (1 - s)
    dzi = di * i * (1 - i)  # (B, H)
    dzf = df * f * (1 - f)  # (B, H)
    dzo = do * o * (1 - o)  # (B, H)
    # g = tanh(z)                         the derivative of tanh is 1 - tanh^2
    dzg = dg * (1 - g**2)  # (B, H)
    return np.concatenate([dzi, dzf, dzg, dzo], axis=-1), dc_prev


def lstm_forward(
    x: ndarray, h0: ndarray, c0: ndarray, Wx: ndarray, Wh: ndarray, b: ndarray,
    dropout: ndarray | None = None, mask: ndarray | None = None,
) -> tuple[ndarray, ndarray, ndarray, LSTMCache]:  # fmt: skip
    """The LSTM over a sequence: x (T, B, D), initial state h0 and c0 (B, H).

    dropout (B, H), if given, multiplies h before it enters the next step, the same for the whole
    sequence (Y. Gal and Z. Ghahramani, 2016). mask (T, B), if given, is False at padding, where h
    and c stay as they were. So the final state is that after each sequence's last step.
    Returns the outputs (T, B, H), the final h and c (B, H), and the cache for lstm_backward.

    >>> x, h0, c0 = np.ones((5, 2, 3)), np.zeros((2, 4)), np.zeros((2, 4))
    >>> Wx, Wh, b = np.ones((3, 16)), np.ones((4, 16)), np.zeros(16)
    >>> outputs, h, c, cache = lstm_forward(x, h0, c0, Wx, Wh, b)
    >>> outputs.shape, h.shape, bool((outputs[-1] == h).all())
    ((5, 2, 4), (2, 4), True)
    """
    (T, B, D), H = x.shape, Wh.shape[0]
    # zx = x Wx + b: it does not depend on h, so all T steps go into one matrix product
    zx = (x.reshape(T * B, D) @ Wx + b).reshape(T, B, 4 * H)  # (T, B, 4H)
    h = np.empty((T + 1, B, H), zx.dtype)  # (T+1, B, H)
    c = np.empty((T + 1, B, H), zx.dtype)  # (T+1, B, H)
    gates = np.empty((T, B, 4 * H), zx.dtype)  # (T, B, 4H)
    h[0], c[0] = h0, c0
    for t in range(T):
        h_in = h[t] if dropout is None else h[t] * dropout  # (B, H)
        h[t + 1], c[t + 1], gates[t] = lstm_cell_forward(zx[t], h_in, c[t], Wh)
        if mask is not None:  # a masked step leaves the state unchanged
            h[t + 1, ~mask[t]], c[t + 1, ~mask[t]] = h[t, ~mask[t]], c[t, ~mask[t]]
    return h[1:], h[T], c[T], LSTMCache(x, h, c, gates, Wx, Wh, dropout, mask)


def lstm_backward(
    dout: ndarray, dhT: ndarray, dcT: ndarray, cache: LSTMCache,
    dWx: ndarray, dWh: ndarray, db: ndarray,
) -> tuple[ndarray, ndarray, ndarray]:  # fmt: skip
    """Backpropagation through time. dout (T, B, H) is the gradient of the outputs, dhT and dcT
    (B, H) are those of the final state. Returns dx (T, B, D), dh0 and dc0 (B, H).

    The weights' gradients are added to dWx (D, 4H), dWh (H, 4H), db (4H,), which the caller owns.
    """
    x, h, c, gates, Wx, Wh, dropout, mask = cache
    (T, B, D), H = x.shape, Wh.shape[0]
    dz = np.empty_like(gates)  # (T, B, 4H)
    dh, dc = dhT, dcT  # (B, H)
    for t in reversed(range(T)):
        # outputs[t] = h[t+1]             h is used twice: as an output, and by the next step
        dh = dh + dout[t]  # (B, H)
        dz[t], dc_prev = lstm_cell_backward(dh, dc, c[t], c[t + 1], gates[t])
        # z = zx + (h_prev * dropout) Wh
        dh_prev = dz[t] @ Wh.T  # (B, H)
        dh_prev = dh_prev if dropout is None else dh_prev * dropout  # (B, H)
        if mask is not None:  # h[t+1] = h[t], c[t+1] = c[t]
            dz[t, ~mask[t]], dh_prev[~mask[t]], dc_prev[~mask[t]] = 0, dh[~mask[t]], dc[~mask[t]]
        dh, dc = dh_prev, dc_prev
    dz2 = dz.reshape(T * B, 4 * H)  # (TB, 4H) the weights are the same at every step, so
    h_in = h[:T] if dropout is None else h[:T] * dropout  # their gradient is a sum over the steps:
    # z = zx + (h_prev * dropout) Wh      one product over steps and batch computes that sum
    dWh += h_in.reshape(T * B, H).T @ dz2  # (H, 4H)
    # zx = x Wx + b
    dWx += x.reshape(T * B, D).T @ dz2  # (D, 4H)
    db += dz2.sum(axis=0)  # (4H,)
    dx = (dz2 @ Wx.T).reshape(T, B, D)  # (T, B, D)
    return dx, dh, dc


def softmax_cross_entropy_forward(
    logits: ndarray, targets: ndarray, count: int | None = None
) -> tuple[ndarray, ndarray]:
    """The mean of -log p[target], where p = softmax(logits). logits (N, V), targets (N,) integers.

    Targets below 0 are left out of the loss. count is the divisor, by default the number of
    targets that are kept. Returns the loss in nats, (), and the probabilities (N, V).

    >>> loss, p = softmax_cross_entropy_forward(np.zeros((2, 4)), np.array([1, -1]))
    >>> float(round(loss, 4)), p[0].tolist()
    (1.3863, [0.25, 0.25, 0.25, 0.25])
    """
    rows = np.flatnonzero(targets >= 0)  # (n,) the rows that count
    count = max(len(rows), 1) if count is None else count
    # p = exp(z) / sum(exp(z))            the same for z = logits or logits - m: the maximum, m,
    z = logits - logits.real.max(axis=-1, keepdims=True)  # (N, V)      prevents overflow
    e = np.exp(z)  # (N, V)
    s = e.sum(axis=-1, keepdims=True)  # (N, 1)
    p = e / s  # (N, V)
    # loss = mean of -log p[target] = mean of log(sum(exp(z))) - z[target]
    loss = (np.log(s[rows, 0]) - z[rows, targets[rows]]).sum() / count  # ()
    return loss, p


def softmax_cross_entropy_backward(
    p: ndarray, targets: ndarray, count: int | None = None
) -> ndarray:
    """The gradient with respect to the logits, (N, V): (p - onehot(target)) / count."""
    rows = np.flatnonzero(targets >= 0)  # (n,)
    count = max(len(rows), 1) if count is None else count
    dlogits = np.zeros_like(p)  # (N, V)
    # loss = sum of (log(sum(exp(logits))) - logits[target]) / count
    dlogits[rows] = p[rows] / count
    dlogits[rows, targets[rows]] -= 1 / count
    return dlogits
