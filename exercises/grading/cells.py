"""Inputs for the exercises about cells: small, random, with nonzero states, biases and gradients.

Of 16 planted bugs, a check of one step with zero states found 7; one of four steps with all this,
16.
"""

from types import SimpleNamespace

import numpy as np
from numpy import ndarray

from .checks import numbers
from .twins import naive


def ramp(*shape: int) -> ndarray:
    """The numbers cos 0, cos 1, ...: what the published examples have for weights and biases."""
    return np.cos(np.arange(int(np.prod(shape)), dtype=float)).reshape(shape)


def problem(blocks: int = 4, T: int = 4, B: int = 2, D: int = 3, H: int = 2) -> SimpleNamespace:
    """A sequence, weights, states, and gradients of outputs and final states."""
    return SimpleNamespace(
        x=numbers(1, T, B, D), h0=numbers(2, B, H), c0=numbers(3, B, H),
        Wx=numbers(4, D, blocks * H), Wh=numbers(5, H, blocks * H), b=numbers(6, blocks * H),
        bh=numbers(7, blocks * H), dout=numbers(8, T, B, H), dhT=numbers(9, B, H),
        dcT=numbers(10, B, H),
    )  # fmt: skip


def slow_lstm(
    x: ndarray, h0: ndarray, c0: ndarray, Wx: ndarray, Wh: ndarray, b: ndarray
) -> tuple[ndarray, ndarray, ndarray]:
    """All states and gates, (T+1, B, H) twice and (T, B, 4H): each step by the slow twin."""
    h, c, gates = [h0], [c0], []
    for t in range(len(x)):
        _, h_next, c_next = naive.lstm(x[t : t + 1], h[-1], c[-1], Wx, Wh, b)
        z = x[t] @ Wx + h[-1] @ Wh + b  # (B, 4H)
        i, f, g, o = np.split(z, 4, axis=-1)
        gates.append(
            np.concatenate(
                [naive.sigmoid(i), naive.sigmoid(f), np.tanh(g), naive.sigmoid(o)], axis=-1
            )
        )
        h.append(h_next)
        c.append(c_next)
    return np.stack(h), np.stack(c), np.stack(gates)
