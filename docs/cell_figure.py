"""Draws cell.svg, the LSTM's cell with its gradients: python docs/cell_figure.py"""

from pathlib import Path

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "tinylstm"  # the same file every time
matplotlib.rcParams["svg.fonttype"] = "path"
import matplotlib.pyplot as plt  # noqa: E402

INK, BACK, BOX, GATE = "#1b2733", "#c2410c", "#e8eef4", "#fdf3d8"
TOP, MIDDLE, GATES, BOTTOM = 5.0, 3.55, 2.2, 0.7


def arrow(ax, path, color=INK, dashed=False):
    """Straight pieces from point to point, the last one with a head."""
    style = {"color": color, "lw": 1.5, "ls": (0, (4, 2)) if dashed else "-"}
    ax.plot(*zip(*path[:-1], strict=True), solid_capstyle="round", **style)
    head = {"arrowstyle": "-|>", "mutation_scale": 12, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", path[-1], path[-2], arrowprops={**head, **style})


def circle(ax, x, y, text):
    """An operation on single numbers."""
    ax.add_patch(plt.Circle((x, y), 0.26, fc="white", ec=INK, lw=1.5, zorder=3))
    ax.text(x, y, text, ha="center", va="center", fontsize=13, color=INK, zorder=4)


def box(ax, x, y, text, color=GATE, width=0.95):
    """A nonlinearity."""
    ax.add_patch(plt.Rectangle((x - width / 2, y - 0.28), width, 0.56, fc=color, ec=INK, lw=1.5,
                               zorder=3))  # fmt: skip
    ax.text(x, y, text, ha="center", va="center", fontsize=11, color=INK, zorder=4)


def note(ax, x, y, text, color=INK, **how):
    """A formula."""
    how = {"ha": "center", "va": "center", "fontsize": 11, **how}
    ax.text(x, y, text, color=color, zorder=5, **how)


def forward_pass(ax):
    """Black: the equations."""
    ax.add_patch(plt.Rectangle((0.9, 0.15), 9.0, 5.45, fc=BOX, ec="none", zorder=0))
    arrow(ax, [(0, TOP), (2.14, TOP)])
    arrow(ax, [(2.66, TOP), (4.64, TOP)])
    arrow(ax, [(5.16, TOP), (10.6, TOP)])
    circle(ax, 2.4, TOP, "×")
    circle(ax, 4.9, TOP, "+")
    circle(ax, 4.9, MIDDLE, "×")
    circle(ax, 8.6, MIDDLE, "×")
    for x, name, kind in ((2.4, "f", "σ"), (4.2, "i", "σ"), (5.6, "g", "tanh"), (7.4, "o", "σ")):
        box(ax, x, GATES, kind)
        arrow(ax, [(x, BOTTOM), (x, GATES - 0.28)])
        note(ax, x + 0.17, GATES + 0.5, f"${name}$", style="italic", fontsize=12)
    arrow(ax, [(2.4, GATES + 0.28), (2.4, TOP - 0.26)])
    arrow(ax, [(4.2, GATES + 0.28), (4.2, MIDDLE), (4.64, MIDDLE)])
    arrow(ax, [(5.6, GATES + 0.28), (5.6, MIDDLE), (5.16, MIDDLE)])
    arrow(ax, [(4.9, MIDDLE + 0.26), (4.9, TOP - 0.26)])
    arrow(ax, [(7.4, GATES + 0.28), (7.4, MIDDLE), (8.34, MIDDLE)])
    arrow(ax, [(8.6, TOP), (8.6, TOP - 0.42)])
    box(ax, 8.6, TOP - 0.7, "tanh", "white")
    arrow(ax, [(8.6, TOP - 0.98), (8.6, MIDDLE + 0.26)])
    arrow(ax, [(8.6, MIDDLE - 0.26), (8.6, BOTTOM), (10.6, BOTTOM)])
    ax.plot([0, 7.4], [BOTTOM, BOTTOM], color=INK, lw=1.5)
    note(ax, 0.02, TOP + 0.3, r"$c_{t-1}$", ha="left", fontsize=13)
    note(ax, 0.02, BOTTOM + 0.3, r"$h_{t-1},\ x_t$", ha="left", fontsize=13)
    note(ax, 10.6, TOP + 0.3, r"$c_t$", ha="right", fontsize=13)
    note(ax, 10.6, BOTTOM + 0.3, r"$h_t$", ha="right", fontsize=13)
    note(ax, 3.3, BOTTOM - 0.28, r"$z = x_t W_x + h_{t-1} W_h + b$", fontsize=10)


def backward_pass(ax):
    """Orange: the gradients, against the arrows."""
    low = TOP - 0.22
    arrow(ax, [(10.6, low), (9.0, low)], BACK, True)
    arrow(ax, [(4.5, low), (2.8, low)], BACK, True)
    arrow(ax, [(2.0, low), (0, low)], BACK, True)
    arrow(ax, [(10.6, BOTTOM - 0.22), (8.9, BOTTOM - 0.22), (8.9, MIDDLE - 0.4)], BACK, True)
    note(ax, 9.75, low - 0.25, r"$dc$", BACK)
    note(ax, 1.2, low - 0.28, r"$dc\,\cdot f$", BACK)
    note(ax, 9.75, BOTTOM - 0.42, r"$dh$", BACK)
    note(ax, 2.3, MIDDLE, r"$df = dc\cdot c_{t-1}$", BACK, fontsize=9.5, ha="right")
    note(ax, 4.1, MIDDLE - 0.3, r"$di = dc\cdot g$", BACK, fontsize=9.5, ha="right")
    note(ax, 5.75, MIDDLE - 0.05, r"$dg = dc\cdot i$", BACK, fontsize=9.5, ha="left")
    note(ax, 7.3, MIDDLE - 0.6, r"$do = dh\cdot\tanh c_t$", BACK, fontsize=9.5, ha="right")
    note(
        ax,
        8.0,
        TOP - 0.7,
        r"$dc\; +\!\!=\; dh\cdot o\,(1-\tanh^2 c_t)$",
        BACK,
        fontsize=9.5,
        ha="right",
    )


def main():
    """Write the figure beside this file."""
    figure, ax = plt.subplots(figsize=(9.2, 5.2))
    forward_pass(ax)
    backward_pass(ax)
    ax.set(xlim=(-0.1, 10.7), ylim=(0.0, 5.7), aspect="equal")
    ax.axis("off")
    target = Path(__file__).with_name("cell.svg")
    figure.savefig(target, bbox_inches="tight", metadata={"Date": None})
    print(target)
    return figure


if __name__ == "__main__":
    main()
