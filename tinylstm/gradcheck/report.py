"""The result of a check, as data and as a table."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Entry:
    """One entry of an array: its index, backward's gradient and the numerical one."""

    index: tuple[int, ...]
    backward: float
    check: float


@dataclass(frozen=True)
class Row:
    """One array: its name and shape, its largest relative error, and its three worst entries."""

    name: str
    shape: tuple[int, ...]
    error: float
    worst: tuple[Entry, ...]


@dataclass(frozen=True)
class Report:
    """All rows. `print` shows a table; `ok` says whether every error is within the tolerance.

    >>> row = Row("lstm_1.b", (8,), 0.5, (Entry((3,), 0.1, 0.2),))
    >>> print(Report([row], 1e-12, "textbook"))
    array     shape           largest error
    lstm_1.b  (8,)            5.0e-01  WRONG
        at (3,) backward says 0.1, the check 0.2
    NOT within 1e-12 (textbook)
    """

    rows: list[Row]
    tolerance: float
    implementation: str = ""  # what was checked: the textbook, or the kernels by name

    @property
    def error(self) -> float:
        """The largest error of all rows; NaN if any is NaN."""
        return float(np.max([row.error for row in self.rows], initial=0.0))

    @property
    def ok(self) -> bool:
        """Whether every error is at most the tolerance."""
        return bool(self.error <= self.tolerance)

    def __str__(self) -> str:
        width = max([len(row.name) for row in self.rows] + [5])
        lines = [f"{'array':<{width}}  {'shape':<14}  largest error"]
        for row in self.rows:
            good = row.error <= self.tolerance
            verdict = "" if good else "  WRONG"
            lines.append(f"{row.name:<{width}}  {row.shape!s:<14}  {row.error:.1e}{verdict}")
            for entry in () if good else row.worst:
                place = f"at {entry.index} " if entry.index else ""
                says = f"backward says {entry.backward:.6g}, the check {entry.check:.6g}"
                lines.append(f"    {place}{says}")
        what = f" ({self.implementation})" if self.implementation else ""
        verdict = "all" if self.ok else "NOT"
        return "\n".join([*lines, f"{verdict} within {self.tolerance:.0e}{what}"])
