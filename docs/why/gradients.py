"""Vanishing and exploding gradients: the simple recurrent net, the LSTM, and its forget bias."""

from collections.abc import Callable

import numpy as np
from numpy import ndarray

import tinylstm as tl
from tinylstm.layers import Layer, SimpleRNN

from .page import ACCENT, INK, SOFT, Table, canvas, keep


def recurrent_nets(units: int) -> dict[str, tuple[Callable[[], Layer], float, str, str]]:
    """Name: the layer, the factor on its recurrent weights, colour and line."""

    def simple() -> Layer:
        return SimpleRNN(units, return_sequences=True)

    def lstm(bias: float) -> Callable[[], Layer]:
        return lambda: tl.LSTM(units, return_sequences=True, forget_bias=bias)

    return {
        "simple, Wh orthogonal x 0.8": (simple, 0.8, ACCENT, ":"),
        "simple, Wh orthogonal": (simple, 1.0, ACCENT, "-"),
        "simple, Wh orthogonal x 2": (simple, 2.0, ACCENT, "--"),
        "LSTM, forget bias 0": (lstm(0.0), 1.0, SOFT, ":"),
        "LSTM, forget bias 1": (lstm(1.0), 1.0, SOFT, "-"),
        "LSTM, forget bias 3": (lstm(3.0), 1.0, SOFT, "--"),
    }


class FirstLetter:
    """Which of 8 letters came first? It is asked T steps later; noise comes in between."""

    def __init__(self, steps: int, seed: int, batches: int):
        self.steps, self.seed, self.batches = steps, seed, batches

    def __len__(self) -> int:
        return self.batches

    def epoch(self, epoch: int):
        rng = np.random.default_rng([self.seed, epoch])
        for _ in range(self.batches):
            x = rng.integers(8, 12, (self.steps, 64))  # (T, B) noise
            x[0] = rng.integers(0, 8, 64)
            targets = np.full(x.shape, -1)  # (T, B)
            targets[-1] = x[0]
            yield tl.Batch(x, targets, np.ones(64, bool), 64)


def fading(make: Callable[[], Layer], scale: float) -> ndarray:
    """The log of the gradient's norm at 0, 1, ..., 200 steps back, less that at 0, (201,): the mean
    of five nets before training, on random input.
    """
    x = 0.3 * np.random.default_rng(0).standard_normal((201, 16))  # (T, D)
    total = np.zeros(201)
    for seed in range(5):
        model = tl.Sequential([make(), tl.Dense(8)], 16, seed, np.float64)
        model.params[f"{model.layers[0].name}.Wh"][...] *= scale
        total += np.log(tl.connectivity(model, x, 200, target=0))[::-1] / 5
    return total - total[0]


def gradients() -> Table:
    """At the start: how the gradient fades with distance. After 1,200 updates: what was learnt."""
    (fig, axes), steps = canvas(1, 2, 11, 4), (10, 25, 50, 100)
    rows: Table = [("net", "gradient per step", "after 100 steps", *(f"T = {T}" for T in steps))]
    for name, (make, scale, color, line) in recurrent_nets(64).items():
        faded = fading(make, scale)  # (201,)
        right = [np.median([learnt(make, scale, T, seed) for seed in range(3)]) for T in steps]
        axes[0].semilogy(np.exp(faded), line, color=color, label=name)
        axes[1].plot(steps, right, line, marker="o", color=color)
        per_step = np.exp((faded[100] - faded[20]) / 80)
        shares = [f"{share:.0%}" for share in right]
        rows.append((name, f"{per_step:.3f}", f"{np.exp(faded[100]):.0e}", *shares))
        print(rows[-1], flush=True)
    axes[0].set(xlabel="steps back", ylim=(1e-30, 1e9))
    axes[0].set_title("norm of the gradient, before training")
    axes[1].set(xlabel="T, steps to remember", title="share of letters remembered", ylim=(0, 1.05))
    axes[1].axhline(1 / 8, color=INK, lw=0.8, ls="--")
    fig.legend(loc="outside lower center", ncols=3, frameon=False)
    keep(fig, "gradients.png")
    return rows


def learnt(make: Callable[[], Layer], scale: float, steps: int, seed: int) -> float:
    """The share of first letters that a net remembers after 1,200 updates."""
    model = tl.Sequential([tl.Embedding(12, 16), make(), tl.Dense(8)], seed=seed)
    model.params[f"{model.layers[1].name}.Wh"][...] *= scale
    tl.fit(model, FirstLetter(steps, seed, 100), 12, None, tl.Adam(0.003), clip=1.0, seed=seed)
    batch = next(FirstLetter(steps, seed + 99, 1).epoch(0))
    return float((model.forward(batch.x)[0][-1].argmax(axis=-1) == batch.targets[-1]).mean())
