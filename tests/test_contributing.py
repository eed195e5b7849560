"""CONTRIBUTING.md quotes lines of the source: they must still be there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / "CONTRIBUTING.md").read_text()
SOURCES = ("tinylstm/functional.py", "tinylstm/kernels/gates.py")


def squeezed(text):
    """Without white space, comments and trailing commas."""
    text = re.sub(r"#.*", "", text)
    return re.sub(r",\)", ")", re.sub(r"\s", "", text))


@pytest.mark.parametrize("line", re.findall(r"^    -\s+(.*)$", GUIDE, re.M))
def test_a_line_that_the_guide_changes_is_there(line):
    sources = "".join(squeezed((ROOT / name).read_text()) for name in SOURCES)
    assert squeezed(line) in sources


def test_there_are_lines():
    assert len(re.findall(r"^    -\s+", GUIDE, re.M)) == 7


def test_every_file_and_command_of_the_guide_exists():
    for name in re.findall(r"`(?:tinylstm/|tests/|docs/|kernels/|layers/)[\w/.]+`", GUIDE):
        path = name.strip("`")
        assert (ROOT / path).exists() or (ROOT / "tinylstm" / path).exists(), path
