"""The site builds without a warning, its links lead somewhere, and every public name is in it.

The build needs the extra `docs` (`pip install -e .[docs]`), and is skipped without it.
"""

import inspect
import re
import subprocess
import sys
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote

import pytest

import tinylstm as tl
from tinylstm import music

ROOT = Path(__file__).parents[1]
NAMES = [(module, name) for module in (tl, music) for name in module.__all__]


@pytest.mark.parametrize(("module", "name"), NAMES, ids=str)
def test_every_public_name_has_an_example(module, name):
    thing = getattr(module, name)
    if inspect.isclass(thing) or inspect.isfunction(thing):
        found = ">>> " in (thing.__doc__ or "")
    else:  # constants have no docstring: their examples stand in the reference
        pages = [page.read_text() for page in (ROOT / "docs").glob("api*.md")]
        found = any(re.search(rf">>> .*\b{name}\b", page) for page in pages)
    assert found, f"{name} has no example"


class Links(HTMLParser):
    """The addresses that a page links to, and the places in it that a link can name."""

    def __init__(self, page):
        super().__init__()
        self.targets, self.places = [], {""}
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.places.update(v for k, v in attrs if k in ("id", "name") and v)
        self.targets += [values[key] for key in ("href", "src") if values.get(key)]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the built site. Without the tutorial's cells, which test_tutorial.py runs."""
    for package in ("sphinx", "furo", "myst_nb"):
        if not find_spec(package):
            pytest.skip(f"{package} is not installed: pip install -e '.[docs]'")
    out = tmp_path_factory.mktemp("site")
    options = ["-W", "-q", "-D", "nb_execution_mode=off", "-d", out / "cache", "-c", ROOT / "docs"]
    command = [sys.executable, "-m", "sphinx", *options, ROOT, out / "html"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return out / "html"


def test_links_inside_the_site_lead_somewhere(site):
    pages = {page.resolve(): Links(page) for page in site.rglob("*.html")}
    assert len(pages) > 20
    broken = []
    for page, links in pages.items():
        for target in links.targets:
            if target.split(":")[0] in ("http", "https", "mailto", "data"):
                continue
            path, _, place = unquote(target).partition("#")
            found = (page.parent / path.partition("?")[0]).resolve() if path else page
            places = pages[found].places if found in pages else {place}
            if not found.exists() or place not in places:
                broken.append(f"{page.relative_to(site)} -> {target}")
    assert not broken, "\n".join(broken)


def test_every_public_name_is_in_the_reference(site):
    pages = [Links(page) for page in (site / "docs").glob("api*.html")]
    places = {place for page in pages for place in page.places}
    missing = [n for m, n in NAMES if not {f"{m.__name__}.{n}", f"tinylstm.{n}"} & places]
    assert not missing
