"""The site: `sphinx-build -W -c docs . out/site` makes it from the pages of the project.

Pages link to each other and to source files as they do on disk. Here a link to a source file leads
to a page that shows it, and the tutorial's cells run (`-D nb_execution_mode=off` leaves that out).
"""

import inspect
import re
import shutil
import sys
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

project = html_title = "tinylstm"
root_doc = "docs/index"
include_patterns = ["*.md", "docs/*.md", "exercises/README.md", "midi_songs/README.md"]
exclude_patterns = [".*", "out", "midi_songs/*.mid"]
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.linkcode"]
html_theme = "furo"
html_show_copyright = smartquotes = False
highlight_language = "text"
default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
autodoc_typehints_format = "short"
toc_object_entries_show_parents = "hide"
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
nb_execution_mode = "cache"  # the Korean page has the same cells, and they run once
nb_execution_timeout = 600
nb_execution_raise_on_error = nb_merge_streams = True

COMPOSED = ROOT / "docs" / "out" / "sixteen.html"  # written by the tutorial
SOURCE = "source"  # the folder of the pages that show source files
WIDE = "<style>.content { width: 58em; }</style>"  # room for 100 columns
shown: set[Path] = set()  # source files that some page links to


def source_page(path: Path, line: int) -> str:
    """The address, from the top of the site, of a line of a source file."""
    shown.add(path)
    return f"{SOURCE}/{path.relative_to(ROOT).as_posix()}.html#L-{line}"


def linkcode_resolve(domain: str, info: dict) -> str | None:
    """Where the source of something in the API reference is; all its pages are in docs/."""
    thing = import_module(info["module"])
    for name in info["fullname"].split("."):
        thing = getattr(thing, name, None)
    try:
        thing = inspect.unwrap(getattr(thing, "fget", None) or thing)
        path, line = Path(inspect.getsourcefile(thing)).resolve(), inspect.getsourcelines(thing)[1]
    except TypeError:  # a constant, or a field
        return None
    return f"../{source_page(path, line)}" if path.is_relative_to(ROOT) else None


def link_to_source(app, doctree, docname: str) -> None:
    """Let links to source files lead to the pages that show them."""
    from docutils import nodes
    from sphinx.addnodes import download_reference

    up = "../" * docname.count("/")
    for node in list(doctree.findall(download_reference)):
        path, _, line = node["reftarget"].partition("#L")
        path = (ROOT / docname).parent.joinpath(path).resolve()
        if path.suffix == ".py":
            uri = up + source_page(path, int(line or 1))
        elif path == COMPOSED:
            uri = f"out/{path.name}"
        else:
            continue
        node.replace_self(nodes.reference("", "", *node.children, refuri=uri, internal=True))


def source_pages(app):
    """The pages that show source files, with a place to link to at each line."""
    for path in sorted(shown):
        name = path.relative_to(ROOT).as_posix()
        code = app.builder.highlighter.highlight_block(
            path.read_text(), "python3", linenos="inline", lineanchors="L", anchorlinenos=True
        )
        context = {"title": name, "body": f"{WIDE}<h1>{name}</h1>{code}"}
        yield f"{SOURCE}/{name}", context, "page.html"


def as_restructured_text(app, what, name, thing, options, lines: list[str]) -> None:
    """Docstrings are plain prose: escape what would be markup, and mark indented tables."""
    result: list[str] = []
    example = table = False
    for line in lines:
        example = bool(line) and (example or line.startswith(">>>"))
        indented = not example and line.startswith("    ")
        if indented != table and line:  # a table begins or ends
            result += ["", "::", ""] if indented else [""]
            table = indented
        if not (example or table):
            line = re.sub(r"`([\w.]+)`|`([^`]+)`|([*|_\\])", escaped, line)
        result.append(line)
    lines[:] = result


def escaped(match: re.Match) -> str:
    """A name between backticks is a link if it can be one; other code is code."""
    name, code, mark = match.groups()
    return f"`{name}`" if name else f"``{code}``" if code else f"\\{mark}"


def real_outputs(app, docname: str, text: list[str]) -> None:
    """Where the tutorial's cells run, show their outputs instead of those in the text."""
    if app.config.nb_execution_mode != "off" and "{code-cell}" in text[0]:
        text[0] = re.sub(r"(^```\n)\n```text.*?^```\n", r"\1", text[0], flags=re.M | re.S)
        text[0] = text[0].replace(": `out/sixteen.html`", ": [out/sixteen.html](out/sixteen.html)")


def skipped(app, what, name, thing, skip, options) -> bool | None:
    """Leave out the fields of named tuples: the class shows them."""
    return True if type(thing).__name__ == "_tuplegetter" else None


def finish(app, exception) -> None:
    """The top of the site leads to the first page; what the tutorial composed comes along."""
    if exception is None:
        out = Path(app.outdir)
        page = f'<meta http-equiv="refresh" content="0; url={root_doc}.html">'
        (out / "index.html").write_text(page)
        if COMPOSED.exists():
            (out / "docs" / "out").mkdir(exist_ok=True)
            shutil.copy(COMPOSED, out / "docs" / "out")


def setup(app) -> None:
    """Called by Sphinx."""
    app.connect("source-read", real_outputs)
    app.connect("autodoc-process-docstring", as_restructured_text)
    app.connect("autodoc-skip-member", skipped)
    app.connect("doctree-resolved", link_to_source)
    app.connect("html-collect-pages", source_pages)
    app.connect("build-finished", finish)
