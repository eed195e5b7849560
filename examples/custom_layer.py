"""A layer of your own: written, gradient-checked, registered, trained, saved and loaded.

    python examples/custom_layer.py
    python examples/custom_layer.py --decays 0.99 0.5 --epochs 60

`Leaky` is a memory that fades: h[t] = a h[t-1] + (1 - a) x[t], with a learnt decay a for each
feature. The data are noise, and its average with the decays that you choose; so one can see whether
training finds them. The contract of a layer is at the top of tinylstm/layers/base.py.
Next: custom_loop.py.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

import tinylstm as tl
from tinylstm.functional import sigmoid


@tl.register  # so that a saved network finds the class
class Leaky(tl.Layer):
    """Parameter: w (D,), with a = sigmoid(w). State: h (B, D). Input and output (T, B, D)."""

    def build(self, input_size: int | None, rng: np.random.Generator, dtype: Any) -> int | None:
        self.params = {"w": np.zeros(input_size or 1, dtype)}  # a = 0.5
        return super().build(input_size, rng, dtype)

    def initial_state(self, batch: int) -> tuple[np.ndarray, ...]:
        return (np.zeros((batch, len(self.params["w"])), self.dtype),)

    def forward(self, x: np.ndarray, state: Any = None, rng: Any = None) -> Any:
        (h,) = self.initial_state(x.shape[1]) if state is None else state  # (B, D)
        a, hs = sigmoid(self.params["w"]), [h]  # (D,), T + 1 times (B, D)
        for x_t in x:
            hs.append(a * hs[-1] + (1 - a) * x_t)  # (B, D)
        return np.stack(hs[1:]), (hs[-1],), (x, np.stack(hs[:-1]), a)

    def backward(self, dy: np.ndarray, cache: Any, grads: Any, dstate: Any = None) -> Any:
        x, before, a = cache  # (T, B, D), (T, B, D), (D,)
        dh, dx, da = 0 if dstate is None else dstate[0], np.empty_like(dy), np.zeros_like(a)
        for t in reversed(range(len(x))):
            dh = dh + dy[t]  # (B, D)
            # h[t] = a h[t-1] + (1 - a) x[t]
            da += (dh * (before[t] - x[t])).sum(axis=0)  # (D,)
            dx[t] = dh * (1 - a)  # (B, D)
            dh = dh * a  # (B, D)
        grads["w"] += da * a * (1 - a)  # (D,) the derivative of sigmoid
        return dx, (dh,)


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--decays", type=float, nargs="+", default=[0.95, 0.8, 0.3])
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--out", type=Path, default=Path("out/custom_layer.npz"))
    args = parser.parse_args()
    decays, rng = np.array(args.decays), np.random.default_rng(0)

    model = tl.Sequential([Leaky()], input_size=len(decays))
    print(tl.gradcheck(model, rng.standard_normal((6, 2, len(decays)))))

    x, h = rng.standard_normal((256, 50, len(decays))), np.zeros(len(decays))  # (N, T, D), (D,)
    y = np.stack([h := decays * h + (1 - decays) * x[:, t] for t in range(50)], axis=1)
    history = tl.fit(model, (x, y), args.epochs, optimizer=tl.Adam(0.05),
                     loss=tl.MeanSquaredError())  # fmt: skip
    print(f"squared error {history[0]['loss']:.2g} after one epoch, {history[-1]['loss']:.2g} "
          f"after {len(history)}")  # fmt: skip
    model.save(args.out)
    again = tl.Sequential.load(args.out)
    print("decays of the data:", decays.round(3), " learnt:", sigmoid(again.params["leaky_1.w"]))
    print("loaded from", args.out, "and equal:", (again.predict(x) == model.predict(x)).all())


if __name__ == "__main__":
    main()
