"""Exercise 12: its checks, and the wrong answers that are known."""

import numpy as np

from tinylstm.recurrent import gru_cell_forward

from ..cells import problem, ramp
from ..checks import Check, Task, Wrong, complex_step, numbers
from ..twins import naive

P = problem(blocks=3)
ZX = P.x[0] @ P.Wx + P.b  # (B, 3H)
SAMPLE = {"zx": ZX, "h_prev": P.h0, "Wh": P.Wh, "bh": P.bh}
IMAGINARY = {name: array + 0.2j * numbers(11, *array.shape) for name, array in SAMPLE.items()}
OURS = "the complex step of your forward says"
H = P.h0.shape[1]


def twin(f):
    """The state by the slow loops; a_n by the formula."""
    h = naive.gru(P.x[:1], P.h0, P.Wx, P.Wh, P.b, P.bh)[1]
    return h, None, (P.h0 @ P.Wh + P.bh)[:, 2 * H :]


def arguments(f):
    _, gates, an = f.gru_forward(ZX, P.h0, P.Wh, P.bh)
    return {"dh": P.dhT, "h_prev": P.h0, "gates": gates, "an": an, "Wh": P.Wh}


def expected(f):
    """da is the derivative with respect to bh, one sequence at a time: a = h_prev Wh + bh."""

    def loss(zx, h_prev):
        return (f.gru_forward(zx, h_prev, P.Wh, P.bh)[0] * P.dhT).sum()

    dzx, dh_prev = complex_step(loss, ZX, P.h0)
    rows = []
    for n in range(len(ZX)):
        part = slice(n, n + 1)
        rows += complex_step(
            lambda bh, part=part: (
                f.gru_forward(ZX[part], P.h0[part], P.Wh, bh)[0] * P.dhT[part]
            ).sum(),
            P.bh,
        )
    return dzx, np.stack(rows), dh_prev


TASK = Task(
    title="the GRU and its reset gate",
    functions=("gru_forward", "gru_backward"),
    checks=(
        Check(
            "a published step",
            "gru_forward",
            lambda f: {
                "zx": np.array([[1.0, -1.0]]) @ ramp(2, 6) + ramp(6),
                "h_prev": np.array([[0.5, -0.5]]),
                "Wh": ramp(2, 6),
                "bh": ramp(6)[::-1],
            },
            lambda f: (np.array([[0.09923359780512031, 0.5397825788441111]]), None, None),
            "h gates an",
            "PyTorch 2.13 says",
        ),
        Check("any numbers", "gru_forward", lambda f: SAMPLE, twin, "h gates an"),
        Check(
            "complex numbers, and the gates",
            "gru_forward",
            lambda f: IMAGINARY,
            lambda f: gru_cell_forward(*IMAGINARY.values()),
            "h gates an",
            "the formula says",
            blocks={"gates": "r u n"},
            hint="make no float arrays for complex numbers, and return the gates in the order r "
            "u n",
        ),
        Check(
            "backward",
            "gru_backward",
            arguments,
            expected,
            "dzx da dh_prev",
            OURS,
            blocks={"dzx": "r u n", "da": "r u n"},
        ),
    ),
    wrong=(
        Wrong(
            "n = np.tanh(zn + r * an)",
            "n = np.tanh(zn + an)",
            "the reset gate is missing: n = tanh(zx_n + r a_n)",
        ),
        Wrong(
            "n = np.tanh(zn + r * an)",
            "n = np.tanh(zn + (r * h_prev) @ Wh[:, -h_prev.shape[1]:] + bh[-h_prev.shape[1]:])",
            "you reset the state before the product, as in the first version of the paper. "
            "PyTorch, "
            "Keras and this exercise multiply a_n, which is the product, by r",
        ),
        Wrong(
            "n = np.tanh(zn + r * an)",
            "n = np.tanh(r * (zn + an))",
            "the reset gate multiplies a_n alone, not the input's part",
        ),
        Wrong(
            "h = (1 - u) * n + u * h_prev",
            "h = u * n + (1 - u) * h_prev",
            "the update gate is the wrong way round: u is how much of the state is kept",
        ),
        Wrong(
            "a = h_prev @ Wh + bh", "a = h_prev @ Wh", "the state's own bias bh is missing from a"
        ),
        Wrong(
            "dan = dzn * r",
            "dan = dzn",
            "a_n was multiplied by r on its way into n, so da_n = dzx_n r",
        ),
        Wrong("dr = dzn * an", "dr = dzn * n", "r multiplied a_n, not n: dr = dzx_n a_n"),
        Wrong("dr = dzn * an", "dr = dn * an", "between r and n there is a tanh: dr = dzx_n a_n"),
        Wrong(
            "du = dh * (h_prev - n)",
            "du = dh * (n - h_prev)",
            "a sign: h = (1 - u) n + u h_prev grows with u by h_prev - n",
        ),
        Wrong(
            "return dzx, da, dh * u + da @ Wh.T",
            "return dzx, da, da @ Wh.T",
            "h_prev is used twice: in a, and straight in h = ... + u h_prev. The second path is "
            "lost",
        ),
        Wrong(
            "return dzx, da, dh * u + da @ Wh.T",
            "return dzx, da, dh * u",
            "h_prev is used twice: straight in h, and in a = h_prev Wh + bh. The second path is "
            "lost",
        ),
        Wrong(
            "return dzx, da, dh * u + da @ Wh.T",
            "return dzx, da, dh * u + dzx @ Wh.T",
            "the way back to h_prev goes through a: da Wh^T, not dzx Wh^T",
        ),
    ),
    after="The straight path dh u does for the GRU what dc f does for the LSTM. The house's own: "
    "tinylstm/recurrent.py.",
)
