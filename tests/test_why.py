"""docs/why.md: its tables and pictures are there; what is quick to measure is measured again."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

DOCS = Path(__file__).parents[1] / "docs"
sys.path.insert(0, str(DOCS))

pytest.importorskip("matplotlib", reason="matplotlib is not installed")

from why import gradients, page, repeats  # noqa: E402

TEXT = (DOCS / "why.md").read_text(encoding="utf-8")
PARTS = ("repeats", "gradients", "copies", "connections")


def rows(part):
    """The table of a part, without its head."""
    table = re.search(rf"<!-- {part} -->\n(.*?)<!-- /{part} -->", TEXT, re.DOTALL)[1]
    lines = [line for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@pytest.mark.parametrize("part", PARTS)
def test_each_part_has_its_table_and_its_experiment(part):
    assert len(rows(part)) >= 3 and (DOCS / "why" / f"{part}.py").exists()


@pytest.mark.parametrize("picture", re.findall(r"!\[[^\]]+\]\(([^)]+)\)", TEXT))
def test_the_pictures_are_there_and_small(picture):
    assert 5_000 < (DOCS / picture).stat().st_size < 200_000


@pytest.mark.parametrize("row", rows("gradients"), ids=lambda row: row[0])
def test_the_gradients_fade_as_the_table_says(row):
    make, scale, _, _ = gradients.recurrent_nets(64)[row[0]]
    faded = gradients.fading(make, scale)
    assert f"{np.exp((faded[100] - faded[20]) / 80):.3f}" == row[1]
    assert np.isclose(np.exp(faded[100]), float(row[2]), rtol=0.5)


def test_the_figures_in_the_text_follow_from_the_tables():
    biases = [f"{1 / (1 + np.exp(-bias)):.2g}" for bias in (0, 1, 3)]
    assert f"sigmoid(forget bias): {biases[0]}, {biases[1]} and {biases[2]}" in TEXT
    factors = {row[0]: row[1] for row in rows("gradients")}
    assert f"A factor of {factors['simple, Wh orthogonal']} leaves" in TEXT
    assert f"a factor of {factors['simple, Wh orthogonal x 2']} makes" in TEXT
    after_100 = {row[0]: float(row[-1]) for row in rows("connections")}
    ratio = after_100["LSTM, trained"] / after_100["LSTM, before training"]
    assert "more than 40,000 times" in TEXT and 40_000 < ratio < 50_000
    last = rows("copies")[-2]
    assert (last[1], last[3]) == ("0.10", "12") and f"at the end it is {float(last[2]):.1f}" in TEXT
    assert f"guessing ({np.log(240):.1f})" in TEXT


def test_a_cycle_is_measured():
    one_note = np.full((20, 1), 3)
    pair = np.array([5, 9, 8] + [1, 2] * 6 + [7])[:, None]
    assert repeats.habits(one_note) == (1.0, 20.0)
    assert repeats.habits(pair) == (6.0, 12.0)
    assert repeats.habits(np.arange(20)[:, None]) == (20.0, 0.0)


def test_a_table_takes_the_place_of_the_last(tmp_path, monkeypatch):
    (tmp_path / "why").mkdir()
    (tmp_path / "why.md").write_text("a\n<!-- x -->\nold\n<!-- /x -->\nb\n")
    monkeypatch.setattr(page, "HERE", tmp_path / "why")
    page.put("x", [("n", "m"), ("1", "2")])
    page.put("x", [("n", "m"), ("3", "4")])
    text = (tmp_path / "why.md").read_text()
    assert text == "a\n<!-- x -->\n\n| n | m |\n| --- | --- |\n| 3 | 4 |\n\n<!-- /x -->\nb\n"
    with pytest.raises(ValueError, match="0 places for y"):
        page.put("y", [("n",)])
