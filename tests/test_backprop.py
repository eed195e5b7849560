"""What docs/backprop.md says of the code is so: the lines it quotes are where it says they are."""

import re
from pathlib import Path

import pytest

from tinylstm import functional

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "backprop.md").read_text()
QUOTE = re.compile(r"\[`(?P<file>[\w./]+):(?P<line>\d+)`\]\((?P<link>[^)]+)\)\s+`(?P<code>[^`]+)`")
QUOTES = [match.groupdict() for match in QUOTE.finditer(TEXT)]


@pytest.mark.parametrize("quote", QUOTES, ids=lambda quote: f"{quote['file']}:{quote['line']}")
def test_the_quoted_line_still_stands_there(quote):
    lines = (ROOT / "tinylstm" / quote["file"]).read_text().splitlines()
    found = [n for n, line in enumerate(lines, start=1) if line.strip().startswith(quote["code"])]
    assert int(quote["line"]) in found, f"{quote['code']!r} now stands in {found}"
    assert quote["link"] == f"../tinylstm/{quote['file']}#L{quote['line']}"


def test_every_line_of_the_backward_step_is_explained():
    assert len(QUOTES) >= 30
    source = Path(functional.__file__).read_text().splitlines()
    begin = next(n for n, line in enumerate(source, 1) if line.startswith("def lstm_cell_backward"))
    end = next(n for n, line in enumerate(source, 1) if n > begin and line.startswith("def "))
    code = {
        n for n in range(begin, end) if re.match(r"    (\w+(, \w+)* = |return )", source[n - 1])
    }
    quoted = {int(quote["line"]) for quote in QUOTES if quote["file"] == "functional.py"}
    assert code <= quoted, f"not explained: {sorted(code - quoted)}"


@pytest.mark.parametrize("link", re.findall(r"\]\(([\w./-]+)(?:#L\d+)?\)", TEXT))
def test_links_lead_somewhere(link):
    assert (ROOT / "docs" / link).exists()


def test_functional_is_one_file_of_at_most_200_lines():
    source = Path(functional.__file__).read_text()
    assert len(source.splitlines()) <= 200
    imports = [line for line in source.splitlines() if line.startswith(("import ", "from "))]
    assert not [line for line in imports if "from ." in line or "tinylstm" in line]
