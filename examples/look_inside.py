"""Look inside a character model: which unit follows what, and how far back the gradient reaches.

    python examples/char_model.py && python examples/look_inside.py

The page shows the text in the colours of the gate or cell that follows a thing most closely: red is
high, blue is low (A. Karpathy et al., 2015). The picture shows the norm of h, and of the gradient
of the last h with respect to the state n steps earlier, for this LSTM and two untrained nets.
"""

import argparse
from pathlib import Path

import numpy as np

import tinylstm as tl
from tinylstm import plots

PARTS = ("input gate", "forget gate", "candidate", "output gate", "cell")
FOLLOWED = {  # from the text so far to a number that a unit may follow
    "a name in capitals": lambda s: s[-2:].isupper(),
    "how far along the line": lambda s: len(s) - s.rfind("\n"),
    "how far into the word": lambda s: len(s) - max(s.rfind(" "), s.rfind("\n")),
    "a vowel": lambda s: s[-1] in "aeiou",
}
NAMES = ("this LSTM", "untrained LSTM", "untrained SimpleRNN")
LETTER = '<span style="background: rgba({0[0]},{0[1]:.2f})">{1}</span>'.format


def reach(layer: tl.Layer, x: np.ndarray) -> tuple[list[float], list[float]]:
    """The norms of the state's gradient, 0, 1, 2, ... steps back, and of h; x is (T, 1, D)."""
    state, caches, h_norms, norms = layer.initial_state(1), list[tuple](), list[float](), []
    for t in range(len(x)):  # one step at a time: so the gradient can be measured at each
        h, state, cache = layer.forward(x[t : t + 1], state)
        caches, h_norms = [*caches, cache], [*h_norms, float(np.linalg.norm(h))]
    grads = {name: np.zeros_like(array) for name, array in layer.params.items()}
    dstate = (np.ones_like(state[0]) / state[0].size ** 0.5, *map(np.zeros_like, state[1:]))
    for cache in reversed(caches):
        norms.append(float(np.linalg.norm(np.concatenate(dstate))))
        _, dstate = layer.backward(np.zeros_like(h), cache, grads, dstate)
    return norms, h_norms


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--model", type=Path, default=Path("out/char_model.npz"))
    parser.add_argument("--text", type=Path, default=Path(__file__).parent / "data/two_plays.txt")
    parser.add_argument("--out", type=Path, default=Path("out/look_inside.html"))
    args = parser.parse_args()

    saved, text = tl.load_checkpoint(args.model), args.text.read_text("utf-8")[-1500:]
    ids = np.array([[saved.settings["letters"].find(letter)] for letter in text])  # (T, 1)
    cache = saved.model.forward(ids)[2][1]  # the LSTM's
    values = np.concatenate([cache.gates[:, 0], np.tanh(cache.c[1:, 0])], axis=1)  # (T, 5H)
    values = (values - values.mean(axis=0)) / (values.std(axis=0) + 1e-6)  # (T, 5H)
    page, H = "<meta charset=utf-8><title>Which unit follows what</title>", values.shape[1] // 5
    for name, what in FOLLOWED.items():
        wanted = np.array([float(what(text[: t + 1])) for t in range(len(text))])  # (T,)
        follows = values.T @ (wanted - wanted.mean()) / (len(text) * wanted.std() + 1e-6)  # (5H,)
        k = int(np.abs(follows).argmax())
        print(line := f"{name}: {PARTS[k // H]} of unit {k % H}, correlation {follows[k]:+.2f}")
        colours = [("209,73,91" if v > 0 else "0,121,140", abs(np.tanh(v))) for v in values[:, k]]
        page += f"<h3>{line}</h3><pre>{''.join(map(LETTER, colours, text.replace('<', ' ')))}</pre>"

    fig, axes = plots.figure(7, 4)
    new = [tl.Sequential([kind(H)], cache.x.shape[2]).layers[0] for kind in (tl.LSTM, tl.SimpleRNN)]
    for i, layer in enumerate((saved.model.layers[1], *new)):
        norms, h_norms = reach(layer, cache.x[-100:])
        axes.semilogy(norms, f"C{i}", label=f"{NAMES[i]}: gradient, over steps back")
        axes.semilogy(h_norms, f"C{i}:", label="h, over steps")
        print(f"{NAMES[i]}: 20 steps back the gradient's norm is {norms[20]:.0e}, at first 1")
    axes.legend(frameon=False)
    plots.save(fig, args.out.with_suffix(".png"))
    args.out.write_text(page, "utf-8")
    print(f"{args.out}: the text in colour; {args.out.with_suffix('.png')}: the norms over time")


if __name__ == "__main__":
    main()
