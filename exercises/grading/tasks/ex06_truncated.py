"""Exercise 6: its checks, and the wrong answers that are known."""

from tinylstm.functional import lstm_forward

from ..cells import problem, slow_lstm
from ..checks import Check, Task, Wrong, complex_step

P = problem(T=7)


def expected(steps):
    """The outputs of the whole sequence; each chunk's derivative, from the state it began with."""
    h, c, _ = slow_lstm(P.x, P.h0, P.c0, P.Wx, P.Wh, P.b)

    def loss(Wx, Wh, b):
        total = 0
        for t in range(0, len(P.x), steps):
            y = lstm_forward(P.x[t : t + steps], h[t], c[t], Wx, Wh, b)[0]
            total = total + (y * P.dout[t : t + steps]).sum()
        return total

    return (h[1:], *complex_step(loss, P.Wx, P.Wh, P.b))


def check(name, steps):
    return Check(
        name,
        "truncated",
        lambda f: {
            "x": P.x, "dout": P.dout, "h0": P.h0, "c0": P.c0, "Wx": P.Wx, "Wh": P.Wh, "b": P.b,
            "steps": steps,
        },
        lambda f: expected(steps),
        "outputs dWx dWh db",
        "the complex step of each chunk says",
    )  # fmt: skip


TASK = Task(
    title="truncated, with the state carried",
    functions=("truncated",),
    checks=(
        check("one chunk", 7),
        check("chunks of one step", 1),
        check("chunks of three steps, the last one shorter", 3),
    ),
    wrong=(
        Wrong(
            "lstm_forward(x[t : t + steps], h, c, Wx, Wh, b)",
            "lstm_forward(x[t : t + steps], h0, c0, Wx, Wh, b)",
            "every chunk begins with h0, c0 again: the net forgets everything at each cut. Begin "
            "with the state in which the chunk before it ended",
        ),
        Wrong(
            "lstm_forward(x[t : t + steps], h, c, Wx, Wh, b)",
            "lstm_forward(x[t : t + steps], 0 * h0 if t else h0, 0 * c0 if t else c0, Wx, Wh, b)",
            "every chunk after the first begins with zeros: carry the state on from the chunk "
            "before",
        ),
        Wrong(
            "lstm_forward(x[t : t + steps], h, c, Wx, Wh, b)",
            "lstm_forward(x[t : t + steps], h, c0, Wx, Wh, b)",
            "h is carried on, but c begins anew in each chunk: the state is both",
        ),
        Wrong(
            "    for t in range(0, len(x), steps):\n",
            "    for t in range(0, len(x), steps):\n"
            "        dWx, dWh, db = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b)\n",
            "only the last chunk's gradient is left: make dWx, dWh, db once, before the loop; "
            "lstm_backward adds to them",
        ),
        Wrong(
            "range(0, len(x), steps)",
            "range(0, len(x) - steps + 1, steps)",
            "the last, shorter chunk is missing",
        ),
        Wrong(
            "lstm_backward(dout[t : t + steps], dh, dc, cache, dWx, dWh, db)",
            "_, back, cell = lstm_backward(\n"
            "            dout[t : t + steps], *((dh, dc) if t == 0 else (back, cell)), cache, "
            "dWx, dWh, db\n"
            "        )",
            "you hand the gradient of one chunk's initial state on to the next chunk. A gradient "
            "flows back in time, not on: begin each chunk's backward pass with zeros",
        ),
        Wrong(
            "    return np.concatenate(outputs), dWx, dWh, db",
            "    y, h, c, cache = lstm_forward(x, h0, c0, Wx, Wh, b)\n"
            "    dWx, dWh, db = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b)\n"
            "    lstm_backward(dout, 0 * h, 0 * c, cache, dWx, dWh, db)\n"
            "    return y, dWx, dWh, db",
            "this is the gradient over the whole sequence. It is to be cut: each chunk's backward "
            "pass is on its own and begins with zeros for dh and dc",
        ),
        Wrong(
            "    return np.concatenate(outputs), dWx, dWh, db",
            "    n = len(outputs)\n    return np.concatenate(outputs), dWx / n, dWh / n, db / n",
            "a mean over the chunks where the sum belongs",
        ),
    ),
    after="Set `steps` to T and you have the exact gradient; the price is the memory. The house's "
    "own: Streams in tinylstm/data.py cuts, fit in tinylstm/training.py carries.",
)
