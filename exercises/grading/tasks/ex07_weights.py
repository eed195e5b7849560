"""Exercise 7: its checks, and the wrong answers that are known."""

from ..cells import problem
from ..checks import Check, Task, Wrong, complex_step, numbers

P = problem(B=3)
H = numbers(11, 5, 3, 2)  # (T+1, B, H)
DZ = numbers(12, 4, 3, 8)  # (T, B, 4H)
BEFORE = numbers(13, 3, 8), numbers(14, 2, 8), numbers(15, 8)


def expected(T):
    """The derivative of sum(z * dz): z is the forward pass that this exercise reverses."""

    def loss(Wx, Wh, b):
        return ((P.x[:T] @ Wx + H[:T] @ Wh + b) * DZ[:T]).sum()

    def added(f):
        steps = complex_step(loss, P.Wx, P.Wh, P.b)
        return tuple(before + step for before, step in zip(BEFORE, steps, strict=True))

    return added


def check(name, T):
    dWx, dWh, db = BEFORE
    return Check(
        name,
        "add_weight_gradients",
        lambda f: {"x": P.x[:T], "h": H[: T + 1], "dz": DZ[:T], "dWx": dWx, "dWh": dWh, "db": db},
        expected(T),
        "",
        "what it was plus the complex step of z says",
        writes="dWx dWh db",
        hint="dWx += x^T dz, with the rows of all steps and sequences below each other",
    )


TASK = Task(
    title="the weights, in one product",
    functions=("add_weight_gradients",),
    checks=(check("one step", 1), check("four steps of three sequences", 4)),
    wrong=(
        Wrong(
            "dWx += x.reshape(len(rows), -1).T @ rows",
            "dWx = dWx + x.reshape(len(rows), -1).T @ rows",
            "dWx = dWx + ... makes a new array and calls it dWx; the caller's stays as it was. "
            "dWx += ... adds to the array itself",
        ),
        Wrong(
            "dWx += x.reshape(len(rows), -1).T @ rows",
            "dWx[...] = x.reshape(len(rows), -1).T @ rows",
            "you overwrite what was in dWx; others have added to it before you: +=",
        ),
        Wrong(
            "h[:-1].reshape",
            "h[1:].reshape",
            "h[1:] came out of the steps; what went into step t is h[t], so h[:-1]",
        ),
        Wrong(
            "x.reshape(len(rows), -1).T",
            "x.swapaxes(0, 1).reshape(len(rows), -1).T",
            "the rows of x are sorted by sequence, those of dz by step: x and dz must be laid out "
            "in the same order",
        ),
        Wrong(
            "db += rows.sum(axis=0)",
            "db += rows.mean(axis=0)",
            "a mean where the sum belongs: b is used at every step of every sequence",
        ),
        Wrong(
            "db += rows.sum(axis=0)",
            "db += dz[-1].sum(axis=0)",
            "db has the last step alone: b is used at every step",
        ),
        Wrong(
            "dWh += h[:-1].reshape(len(rows), -1).T @ rows",
            "dWh += h[-2].T @ dz[-1]",
            "dWh has the last step alone: Wh is used at every step",
        ),
        Wrong(
            "dWh += h[:-1].reshape(len(rows), -1).T @ rows",
            "dWh += h[:-1].reshape(len(rows), -1).T @ rows / len(rows)",
            "dWh is divided by the number of rows. If a mean is wanted, the loss has taken it",
        ),
    ),
    after="On a CPU the product over all steps runs at full speed, the T small ones do not. The "
    "house's own: the end of lstm_backward in tinylstm/functional.py.",
)
