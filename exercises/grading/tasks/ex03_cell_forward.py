"""Exercise 3: its checks, and the wrong answers that are known."""

import numpy as np

from tinylstm.functional import lstm_cell_forward

from ..cells import problem, ramp, slow_lstm
from ..checks import Check, Task, Wrong, numbers

P = problem()
SAMPLE = {"x": P.x[0], "h_prev": P.h0, "c_prev": P.c0, "Wx": P.Wx, "Wh": P.Wh, "b": P.b}
IMAGINARY = {name: array + 0.2j * numbers(11, *array.shape) for name, array in SAMPLE.items()}


def twin(f):
    h, c, gates = slow_lstm(P.x[:1], P.h0, P.c0, P.Wx, P.Wh, P.b)
    return h[1], c[1], gates[0]


def in_complex(f):
    x, h_prev, c_prev, Wx, Wh, b = IMAGINARY.values()
    return lstm_cell_forward(x @ Wx + b, h_prev, c_prev, Wh)


TASK = Task(
    title="the cell, forward",
    functions=("cell_forward",),
    checks=(
        Check(
            "a published step",
            "cell_forward",
            lambda f: {
                "x": np.array([[1.0, -1.0]]),
                "h_prev": np.array([[0.5, -0.5]]),
                "c_prev": np.array([[1.0, 2.0]]),
                "Wx": ramp(2, 8),
                "Wh": ramp(2, 8),
                "b": ramp(8),
            },
            lambda f: (
                np.array([[-0.3248778414198002, -0.34855596829311764]]),
                np.array([[-0.3780860977558158, -0.3832114207828914]]),
                None,
            ),
            "h c gates",
            "PyTorch 2.13 says",
            blocks={"gates": "i f g o"},
        ),
        Check("any numbers", "cell_forward", lambda f: SAMPLE, twin, "h c gates"),
        Check(
            "complex numbers",
            "cell_forward",
            lambda f: IMAGINARY,
            in_complex,
            "h c gates",
            "the formula says",
            hint="make no float arrays for complex numbers: np.concatenate takes the type it is "
            "given",
        ),
    ),
    wrong=(
        Wrong(
            "zi, zf, zg, zo = np.split",
            "zi, zf, zo, zg = np.split",
            "the blocks of z are in the order i f g o; you read i f o g",
        ),
        Wrong(
            "zi, zf, zg, zo = np.split",
            "zf, zi, zg, zo = np.split",
            "the input gate and the forget gate are swapped: the order is i f g o",
        ),
        Wrong(
            "np.tanh(zg)",
            "sigmoid(zg)",
            "the candidate g is not a gate: it is a tanh, so that it can be negative",
        ),
        Wrong(
            "f * c_prev + i * g", "f * c_prev + g", "the input gate is missing: c = f c_prev + i g"
        ),
        Wrong("f * c_prev + i * g", "i * g", "the old memory is lost: c = f c_prev + i g"),
        Wrong(
            "f * c_prev + i * g",
            "f * h_prev + i * g",
            "the forget gate keeps c_prev, the memory, not h_prev, the output",
        ),
        Wrong("o * np.tanh(c)", "o * c", "h shows the cell through a tanh: h = o tanh(c)"),
        Wrong(
            "o * np.tanh(c)",
            "np.tanh(o * c)",
            "the tanh is taken of c alone, and the output gate multiplies it: h = o tanh(c)",
        ),
        Wrong(
            "o * np.tanh(c)",
            "o * np.tanh(c_prev)",
            "h shows the new cell state c, not c_prev",
        ),
        Wrong("h_prev @ Wh + b", "h_prev @ Wh", "the bias b is missing from z"),
        Wrong("x @ Wx + h_prev @ Wh", "x @ Wx", "z has a part from h_prev: h_prev Wh"),
        Wrong(
            "[i, f, g, o], axis=-1",
            "[i, f, o, g], axis=-1",
            "h and c are right. The gates are to be returned in the order i f g o",
        ),
        Wrong(
            "    return h, c, np",
            "    return c, h, np",
            "h and c are returned in the wrong order: the output h comes first",
        ),
    ),
    after="With f near 1 and i near 0 the memory stays for hundreds of steps: that is the whole "
    "idea of 1997. The house's own: lstm_cell_forward in tinylstm/functional.py.",
)
