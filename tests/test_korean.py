"""The Korean pages keep step with the English ones: headings, code, links and figures."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = ["README.md", "docs/tutorial.md"]
FENCE = re.compile(r"^```.*?^```$", re.M | re.S)
BLOCK = re.compile(r"(?<=\n\n)(?:    .*\n|\n(?=    ))+")  # indented code


def text(page):
    return (ROOT / page).read_text(encoding="utf-8")


def korean(page):
    return text(page.replace(".md", ".ko.md"))


def sections(page):
    """The text below each heading, without fenced code."""
    return re.split(r"^#+ .*\n", FENCE.sub("", page), flags=re.M)


def found(pattern, page):
    """All matches, in order of the alphabet: the order of words differs between languages."""
    return sorted(re.findall(pattern, page))


@pytest.mark.parametrize("page", PAGES)
def test_headings_are_in_step(page):
    levels, theirs = (re.findall(r"^(#+) (\d*)", FENCE.sub("", p), re.M) for p in
                      (text(page), korean(page)))  # fmt: skip
    assert levels == theirs


@pytest.mark.parametrize("page", PAGES)
def test_code_is_identical(page):
    assert FENCE.findall(text(page)) == FENCE.findall(korean(page))
    assert BLOCK.findall(text(page)) == BLOCK.findall(korean(page))


@pytest.mark.parametrize("page", PAGES)
def test_words_of_code_links_and_tables_are_in_step(page):
    for ours, theirs in zip(sections(text(page)), sections(korean(page)), strict=True):
        assert found(r"`[^`\n]+`", ours) == found(r"`[^`\n]+`", theirs)
        own = {"README.md", "docs/tutorial.md", "tutorial.md"}  # a page may link to the other
        links = [{link.replace(".ko.md", ".md") for link in found(r"\]\(([^)]+)\)", side)} - own
                 for side in (ours, theirs)]  # fmt: skip
        assert links[0] == links[1]
        assert len(found(r"(?m)^\|", ours)) == len(found(r"(?m)^\|", theirs))
        assert len(found(r"(?m)^- ", ours)) == len(found(r"(?m)^- ", theirs))


@pytest.mark.parametrize("page", PAGES)
def test_every_figure_is_in_both(page):
    """Korean may write a word such as "three" as a figure, but has every figure of the English."""
    for ours, theirs in zip(sections(text(page)), sections(korean(page)), strict=True):
        figures = set(found(r"\d[\d.,e-]*\d|\d", theirs))
        assert set(found(r"\d[\d.,e-]*\d|\d", ours)) <= figures, ours


@pytest.mark.parametrize("page", PAGES)
def test_it_is_korean(page):
    prose = re.sub(r"`[^`\n]+`|\([^)]*\)", "", FENCE.sub("", korean(page)))
    letters = [len(re.findall(script, prose)) for script in ("[가-힣]", "[A-Za-z]")]
    assert letters[0] > 2 * letters[1]
