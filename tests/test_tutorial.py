"""The tutorial runs from top to bottom, and prints what stands on the page.

A code cell may be followed by a block of text: its output. Numbers must be equal, or as close as
the block says, "within 10 %": training magnifies the last digit, and processors differ in it.
"""

import io
import re
import warnings
from contextlib import redirect_stdout
from pathlib import Path

import matplotlib
import pytest

ROOT = Path(__file__).parents[1]
CELL = re.compile(
    r"^```\{code-cell\} ipython3\n(?P<code>.*?)^```\n"
    r"(?:\n```text(?: within (?P<percent>\d+) %)?\n(?P<output>.*?)^```\n)?",
    re.M | re.S,
)
NUMBER = re.compile(r"-?\d+\.?\d*")


def cells(name="tutorial.md"):
    return [match.groupdict() for match in CELL.finditer((ROOT / "docs" / name).read_text())]


def check(printed, output, percent):
    """Words must be equal, numbers as close as `percent` says."""
    assert NUMBER.sub("#", printed) == NUMBER.sub("#", output) if percent else printed == output
    for new, old in zip(NUMBER.findall(printed), NUMBER.findall(output), strict=True):
        assert float(new) == pytest.approx(float(old), rel=int(percent or 0) / 100), printed


def test_the_tutorial_prints_what_it_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("matplotlib.pyplot.show", lambda: None)
    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = {"__name__": "tutorial"}
    with warnings.catch_warnings():
        for cell in cells():
            with redirect_stdout(io.StringIO()) as printed:
                exec(compile(cell["code"], "docs/tutorial.md", "exec"), names)
            pyplot.close("all")
            check(printed.getvalue(), cell["output"] or "", cell["percent"])
    assert (tmp_path / "out" / "sixteen.mid").exists()


def test_a_wrong_output_would_be_found():
    check("a 3.30 (2,)", "a 3.20 (2,)", "10")
    for printed, output, percent in (
        ("(16, 4)", "(16, 5)", None),
        ("loss 3.2", "loss 3.3", None),
        ("loss 3.2", "loss 4.2", "10"),
        ("all right", "all wrong", "10"),
    ):
        with pytest.raises(AssertionError):
            check(printed, output, percent)
