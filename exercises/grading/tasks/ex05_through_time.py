"""Exercise 5: its checks, and the wrong answers that are known."""

import numpy as np

from tinylstm import functional

from ..cells import problem, ramp, slow_lstm
from ..checks import Check, Task, Wrong, complex_step, numbers

P = problem()
ZX = P.x @ P.Wx + P.b  # (T, B, 4H)
SAMPLE = {"x": P.x, "h0": P.h0, "c0": P.c0, "Wx": P.Wx, "Wh": P.Wh, "b": P.b}
IMAGINARY = {name: array + 0.2j * numbers(11, *array.shape) for name, array in SAMPLE.items()}
OURS = "the complex step of your forward says"


def forward(f, zx, h0, c0):
    """The learner's forward as a function of zx: x = zx, Wx is the identity, b is zero."""
    return f.lstm_forward(zx, h0, c0, np.eye(zx.shape[-1]), P.Wh, np.zeros(zx.shape[-1]))


def in_complex(f):
    cache = functional.lstm_forward(*IMAGINARY.values())[3]
    return cache.h, cache.c, cache.gates


def backward_check(name, dout, dhT, dcT):
    def arguments(f):
        _, c, gates = forward(f, ZX, P.h0, P.c0)
        return {"dout": dout, "dhT": dhT, "dcT": dcT, "c": c, "gates": gates, "Wh": P.Wh}

    def loss(f, zx, h0, c0):
        h, c, _ = forward(f, zx, h0, c0)
        return (h[1:] * dout).sum() + (h[-1] * dhT).sum() + (c[-1] * dcT).sum()

    def expected(f):
        return complex_step(lambda *arrays: loss(f, *arrays), ZX, P.h0, P.c0)

    return Check(name, "lstm_backward", arguments, expected, "dz dh0 dc0", OURS)


TASK = Task(
    title="through time",
    functions=("lstm_forward", "lstm_backward"),
    checks=(
        Check(
            "a published sequence",
            "lstm_forward",
            lambda f: {
                "x": ramp(3, 1, 2),
                "h0": np.array([[0.5, -0.5]]),
                "c0": np.array([[1.0, 2.0]]),
                "Wx": ramp(2, 8),
                "Wh": ramp(2, 8),
                "b": ramp(8),
            },
            lambda f: (
                np.array(
                    [
                        [[0.5, -0.5]],
                        [[-0.4905176726311856, 0.49653159727115403]],
                        [[-0.2693693869781565, 0.038790824026956335]],
                        [[-0.07452726881163788, 0.07361763064382598]],
                    ]
                ),
                None,
                None,
            ),
            "h c gates",
            "PyTorch 2.13 says",
        ),
        Check(
            "any numbers",
            "lstm_forward",
            lambda f: SAMPLE,
            lambda f: slow_lstm(*SAMPLE.values()),
            "h c gates",
        ),
        Check(
            "complex numbers",
            "lstm_forward",
            lambda f: IMAGINARY,
            in_complex,
            "h c gates",
            "the formula says",
            hint="np.empty(shape) makes a float array, which cannot hold a complex number: "
            "np.empty(shape, x.dtype)",
        ),
        backward_check("gradient from the final state alone", 0 * P.dout, P.dhT, P.dcT),
        backward_check("gradients from all outputs", P.dout, 0 * P.dhT, 0 * P.dcT),
        backward_check("gradients from both", P.dout, P.dhT, P.dcT),
    ),
    wrong=(
        Wrong("h[0], c[0] = h0, c0", "h[0], c[0] = 0, 0", "the initial state h0, c0 is ignored"),
        Wrong(
            "h[0], c[0] = h0, c0", "h[0], c[0] = h0, h0", "the cell state begins with c0, not h0"
        ),
        Wrong(
            "lstm_cell_forward(zx[t], h[t], c[t], Wh)",
            "lstm_cell_forward(zx[t], h[t], c[0], Wh)",
            "each step reads the cell state of the step before, c[t], not the initial one",
        ),
        Wrong(
            "lstm_cell_forward(zx[t], h[t], c[t], Wh)",
            "lstm_cell_forward(zx[t], h[0], c[t], Wh)",
            "each step reads the output of the step before, h[t], not the initial one",
        ),
        Wrong(
            "zx = x @ Wx + b  # (T, B, 4H)\n    h = np.empty((T + 1, B, H), zx.dtype)",
            "zx = x @ Wx + b  # (T, B, 4H)\n    h = np.empty((T + 1, B, H))",
            "np.empty(shape) makes a float array, which drops the imaginary part of a complex "
            "number: np.empty(shape, zx.dtype)",
        ),
        Wrong(
            "zx = x @ Wx + b",
            "zx = x @ Wx",
            "the bias is missing: zx = x Wx + b",
        ),
        Wrong(
            "dh = dh + dout[t]",
            "dh = dout[t]",
            "no backpropagation through time: h is used by the next step too, whose gradient is in "
            "dh already. Add: dh = dh + dout[t]",
        ),
        Wrong(
            "dh = dh + dout[t]",
            "dh = dh + dout[-1]",
            "each step has the gradient of its own output, dout[t]; you always take the last one",
        ),
        Wrong(
            "dh, dc = dhT, dcT",
            "dh, dc = 0 * dhT, dcT",
            "dhT, the gradient of the final h, is lost",
        ),
        Wrong(
            "dh, dc = dhT, dcT",
            "dh, dc = dhT, 0 * dcT",
            "dcT, the gradient of the final c, is lost",
        ),
        Wrong(
            "dz[t], dc = lstm_cell_backward(dh, dc, c[t], c[t + 1], gates[t])",
            "dz[t], _ = lstm_cell_backward(dh, dc, c[t], c[t + 1], gates[t])",
            "dc stays what it was at the end: the cell's backward pass returns dc_prev, which is "
            "the "
            "dc of the step before",
        ),
        Wrong(
            "c[t], c[t + 1], gates[t])\n        dh",
            "c[t + 1], c[t], gates[t])\n        dh",
            "c[t] is the cell state before step t, and c[t + 1] the one after it: you have them "
            "the "
            "other way round",
        ),
        Wrong(
            "for t in reversed(range(len(dz))):",
            "for t in range(len(dz)):",
            "backward begins with the last step: reversed(range(T))",
        ),
        Wrong(
            "        dh = dz[t] @ Wh.T  # (B, H)\n    return",
            "        dh = dh @ (Wh @ Wh.T)  # (B, H)\n    return",
            "the gradient of h_prev comes through z: dh = dz[t] Wh^T",
        ),
    ),
    after="The loop of the whole course. In PyTorch it is hidden behind `loss.backward()`; here "
    "you "
    "wrote it. The house's own: lstm_forward and lstm_backward in tinylstm/functional.py.",
)
