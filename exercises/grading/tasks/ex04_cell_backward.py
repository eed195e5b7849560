"""Exercise 4: its checks, and the wrong answers that are known."""

import numpy as np

from ..cells import problem
from ..checks import Check, Task, Wrong, complex_step

P = problem()
Z = P.x[0] @ P.Wx + P.h0 @ P.Wh + P.b  # (B, 4H)
NOTHING = np.zeros_like(P.dhT)


def forward(f, z, c_prev):
    """The learner's cell, as a function of its pre-activation: x = z, and Wx is the identity."""
    four = z.shape[-1]
    return f.cell_forward(
        z, NOTHING, c_prev, np.eye(four), np.zeros((four // 4, four)), np.zeros(four)
    )


def arguments(dh, dc):
    def made(f):
        _, c, gates = forward(f, Z, P.c0)
        return {"dh": dh, "dc": dc, "c_prev": P.c0, "c": c, "gates": gates}

    return made


def expected(dh, dc):
    def loss(f, z, c_prev):
        h, c, _ = forward(f, z, c_prev)
        return (h * dh).sum() + (c * dc).sum()

    return lambda f: complex_step(lambda z, c_prev: loss(f, z, c_prev), Z, P.c0)


def check(name, dh, dc):
    judge = "the complex step of your forward says"
    results = "dz dc_prev"
    return Check(
        name,
        "cell_backward",
        arguments(dh, dc),
        expected(dh, dc),
        results,
        judge,
        blocks={"dz": "i f g o"},
    )


TASK = Task(
    title="the cell, backward",
    functions=("cell_backward",),
    needs=(3,),
    checks=(
        check("gradient from the next cell alone", NOTHING, P.dcT),
        check("gradient from the output alone", P.dhT, NOTHING),
        check("gradients from both", P.dhT, P.dcT),
    ),
    wrong=(
        Wrong(
            "dc = dc + dh * o * (1 - tanh_c**2)",
            "dc = dh * o * (1 - tanh_c**2)",
            "your dc ignores the next cell. c is used twice, by h and by the next step, so its "
            "gradient has two terms: dc = dc + ... In a check of one step this cannot be seen",
        ),
        Wrong(
            "dc = dc + dh * o * (1 - tanh_c**2)",
            "dc = dc + 0 * dh",
            "your dc ignores the output. h = o tanh(c) depends on c: dc = dc + dh o (1 - "
            "tanh(c)^2)",
        ),
        Wrong(
            "dc = dc + dh * o * (1 - tanh_c**2)",
            "dc = dc + dh * (1 - tanh_c**2)",
            "h = o tanh(c): on the way from h to c the gradient is multiplied by the output gate o",
        ),
        Wrong(
            "dc = dc + dh * o * (1 - tanh_c**2)",
            "dc = dc + dh * o * (1 - c**2)",
            "the derivative of tanh(c) is 1 - tanh(c)^2, not 1 - c^2",
        ),
        Wrong(
            "dc = dc + dh * o * (1 - tanh_c**2)",
            "dc = dc + dh * o * tanh_c",
            "h = o tanh(c) is to be differentiated with respect to c: o (1 - tanh(c)^2)",
        ),
        Wrong(
            "df = dc * c_prev",
            "df = dc * c",
            "the forget gate multiplied the old cell state: df = dc c_prev, not dc c",
        ),
        Wrong("di = dc * g", "di = dc * i", "the input gate multiplied the candidate: di = dc g"),
        Wrong(
            "dg = dc * i", "dg = dc", "the candidate was multiplied by the input gate: dg = dc i"
        ),
        Wrong(
            "do = dh * tanh_c",
            "do = dh * c",
            "h = o tanh(c): the derivative of h with respect to o is tanh(c)",
        ),
        Wrong(
            "dc_prev = dc * f",
            "dc_prev = dc",
            "c = f c_prev + i g: on the way to c_prev the gradient is multiplied by f",
        ),
        Wrong(
            "dzf = df * f * (1 - f)",
            "dzf = df * (1 - f)",
            "half of the derivative of a sigmoid: it is f (1 - f)",
        ),
        Wrong(
            "dzo = do * o * (1 - o)",
            "dzo = do * (1 - o**2)",
            "1 - o^2 is the derivative of tanh, but o is a sigmoid: o (1 - o)",
        ),
        Wrong(
            "dzg = dg * (1 - g**2)",
            "dzg = dg * g * (1 - g)",
            "g is a tanh: its derivative is 1 - g^2",
        ),
        Wrong(
            "[dzi, dzf, dzg, dzo]",
            "[dzi, dzf, dzo, dzg]",
            "the parts of dz are right, but in the wrong order: i f g o",
        ),
        Wrong(
            "    dzi = di * i * (1 - i)  # (B, H)\n",
            "    dzi, df, dg = di, df / f / (1 - f), dg / (1 - g**2)  # (B, H)\n    do = do / o "
            "/ (1 - o)\n",
            "you return the gradients of the gates. One more step leads to z, through sigmoid and "
            "tanh: dz_i = di i (1 - i), and so on",
        ),
    ),
    after="Each line is a line of lstm_cell_backward in tinylstm/functional.py; docs/backprop.md "
    "derives them.",
)
