"""Plots: the loss curve and the piano roll. matplotlib is imported only when one is drawn."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .files import replacing

INK, ACCENT, SOFT = "#1f2933", "#d1495b", "#00798c"


def figure(width: float, height: float) -> tuple[Any, Any]:
    """A figure of width x height inches and its axes; opens no window, uses no pyplot state."""
    from matplotlib.figure import Figure

    fig = Figure(figsize=(width, height), layout="constrained")
    axes = fig.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return fig, axes


def save(fig: Any, path: str | Path) -> None:
    """Write the figure; the path's suffix sets the format, PNG by default."""
    with replacing(path) as file:
        fig.savefig(file, format=Path(path).suffix[1:] or "png", dpi=130)


def plot_history(
    history: Sequence[Mapping[str, float]],
    path: str | Path,
    baselines: Mapping[str, float] | None = None,
) -> None:
    """Plot training and validation loss per epoch, in nats per token; baselines as dashed lines.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "loss.png"
    >>> plot_history([{"epoch": 1, "loss": 4.0}, {"epoch": 2, "loss": 3.1}], path, {"unigram": 4.6})
    >>> path.exists()
    True
    """
    fig, axes = figure(7, 4)
    epochs = [entry["epoch"] for entry in history]
    axes.plot(epochs, [entry["loss"] for entry in history], color=SOFT, label="training")
    if history and "val_loss" in history[0]:
        values = [entry["val_loss"] for entry in history]
        best = min(range(len(values)), key=values.__getitem__)
        axes.plot(epochs, values, color=ACCENT, label="validation (whole pieces)")
        axes.plot(epochs[best], values[best], "o", color=ACCENT)
        axes.annotate(f"{values[best]:.2f}", (epochs[best], values[best]), (0, 8),
                      textcoords="offset points", ha="center", color=ACCENT)  # fmt: skip
    for i, (name, nats) in enumerate((baselines or {}).items()):  # labels in a staircase
        axes.axhline(nats, color=INK, linewidth=0.8, linestyle="--")
        axes.annotate(name, (1, nats), (-70 * i, 3), xycoords=("axes fraction", "data"),
                      textcoords="offset points", ha="right", color=INK)  # fmt: skip
    axes.set(xlabel="epoch", ylabel="cross-entropy, nats per token")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
    save(fig, path)


def plot_roll(notes: Sequence[Any], path: str | Path, title: str = "") -> None:
    """Plot a piano roll: a bar per note, pitch over time in quarter notes; louder is darker.

    >>> import tempfile
    >>> from tinylstm.music import Note
    >>> path = Path(tempfile.mkdtemp()) / "roll.png"
    >>> plot_roll([Note(0, 1, 60), Note(1, 1, 64)], path, "two notes")
    >>> path.exists()
    True
    """
    fig, axes = figure(12, 4)
    axes.set(xlabel="quarter notes", ylabel="pitch", title=title)
    axes.barh(
        [note.pitch for note in notes],
        [note.duration for note in notes],
        left=[note.onset for note in notes],
        height=0.9,
        color=[(0.0, 0.47, 0.55, 0.35 + 0.65 * note.velocity / 127) for note in notes],
    )
    low = min((note.pitch for note in notes), default=60)
    high = max((note.pitch for note in notes), default=60)
    octaves = range(low // 12 * 12, high + 12, 12)
    axes.set_yticks(list(octaves), [f"C{pitch // 12 - 1}" for pitch in octaves])
    axes.grid(axis="y", linewidth=0.4)
    axes.margins(x=0.01)
    save(fig, path)
