"""Exercise 1: its checks, and the wrong answers that are known."""

import numpy as np

from ..checks import Check, Task, Wrong, complex_step, numbers
from ..twins import naive

X, DY = numbers(1, 4, 3), numbers(2, 4, 3)
Z = X + 0.5j * numbers(3, 4, 3)

TASK = Task(
    title="the sigmoid",
    functions=("sigmoid", "sigmoid_backward"),
    checks=(
        Check(
            "sigmoid(1) is 0.731058578630",
            "sigmoid",
            lambda f: {"x": np.array([0.0, 1.0, -1.0])},
            lambda f: np.array([0.5, 0.73105857863000488, 0.26894142136999512]),
            "y",
            "every table of functions says",
        ),
        Check(
            "numbers of any size", "sigmoid", lambda f: {"x": X}, lambda f: naive.sigmoid(X), "y"
        ),
        Check(
            "very negative numbers",
            "sigmoid",
            lambda f: {"x": np.array([-1000.0, -30.0])},
            lambda f: np.array([0.0, 0.0]),
            "y",
            "the formula says",
            hint="exp of a large number is infinite. Use 1/2 + 1/2 tanh(x / 2)",
        ),
        Check(
            "very large numbers",
            "sigmoid",
            lambda f: {"x": np.array([30.0, 1000.0])},
            lambda f: np.array([1.0, 1.0]),
            "y",
            "the formula says",
            hint="exp of a large number is infinite. Use 1/2 + 1/2 tanh(x / 2)",
        ),
        Check(
            "complex numbers",
            "sigmoid",
            lambda f: {"x": Z},
            lambda f: 1 / (1 + np.exp(-Z)),
            "y",
            "the formula says",
            hint="for a complex x, abs, maximum, where(x > 0, ...) and float arrays lose the "
            "imaginary part, by which your backward pass is going to be graded. Use one formula",
        ),
        Check(
            "backward",
            "sigmoid_backward",
            lambda f: {"dy": DY, "y": f.sigmoid(X)},
            lambda f: complex_step(lambda x: (f.sigmoid(x) * DY).sum(), X),
            "dx",
            "the complex step of your sigmoid says",
            hint="the derivative of y = sigmoid(x) is y (1 - y), and the chain rule multiplies "
            "by dy",
        ),
    ),
    wrong=(
        Wrong(
            "0.5 + 0.5 * np.tanh(x / 2)",
            "1 / (1 + np.exp(-x))",
            "exp(-x) is infinite for x = -1000. Use 1/2 + 1/2 tanh(x / 2)",
        ),
        Wrong(
            "0.5 + 0.5 * np.tanh(x / 2)",
            "np.exp(x) / (1 + np.exp(x))",
            "exp(x) is infinite for x = 1000, and infinity / infinity is not a number. Use "
            "1/2 + 1/2 tanh(x / 2)",
        ),
        Wrong(
            "0.5 + 0.5 * np.tanh(x / 2)",
            "0.5 + 0.5 * np.tanh(x)",
            "this is sigmoid(2 x): the argument of tanh is x / 2. It looks right in a plot, and "
            "the "
            "LSTM example of a well-known library has it",
        ),
        Wrong(
            "0.5 + 0.5 * np.tanh(x / 2)",
            "np.tanh(x)",
            "this is tanh, from -1 to 1. A gate is between 0 and 1",
        ),
        Wrong(
            "0.5 + 0.5 * np.tanh(x / 2)",
            "1 / (1 + np.exp(x))",
            "this is sigmoid(-x): the sign in exp(-x) is lost",
        ),
        Wrong(
            "dy * y * (1 - y)",
            "y * (1 - y)",
            "you have the derivative; the chain rule multiplies by dy",
        ),
        Wrong("dy * y * (1 - y)", "dy * (1 - y)", "half of the derivative: it is y (1 - y)"),
        Wrong(
            "dy * y * (1 - y)",
            "dy * (1 - y**2)",
            "1 - y^2 is the derivative of tanh. That of the sigmoid is y (1 - y)",
        ),
        Wrong(
            "dy * y * (1 - y)",
            "dy * sigmoid(y) * (1 - sigmoid(y))",
            "y is sigmoid(x) already: you take the sigmoid of it once more",
        ),
    ),
    after="The house's own is in tinylstm/functional.py, one line as yours. One formula for all "
    "numbers is why every gradient here can be checked to the last digit.",
)
