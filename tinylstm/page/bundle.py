"""From the page's files to one: its scripts in order, and a policy that lets nothing else run.

The scripts are modules, so that Node, the linter and the type checker read them as they are. Here
each becomes a function of its own inside one script, and nobody has to build anything. Next:
net.js.
"""

import html
import re
from base64 import b64encode
from hashlib import sha256
from importlib.resources import files
from string import Template

IMPORT = re.compile(r'^import (\{[^}]*\}) from "\./(\w+)\.js";\n', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const) ([\w$]+))", re.MULTILINE)


def read(name: str) -> str:
    """The text of a file of the page."""
    return (files(__package__) / name).read_text(encoding="utf-8")


def bundle(entry: str) -> str:
    """A module and all that it imports, as one script without imports.

    >>> bundle("unpack").splitlines()[0]
    'const unpack_js = (() => {'
    """
    done: dict[str, str] = {}

    def add(name: str) -> None:
        text = read(f"{name}.js")
        for _, other in IMPORT.findall(text):
            if other not in done:
                add(other)
        names = ", ".join(EXPORT.findall(text))
        text = IMPORT.sub(r"const \1 = \2_js;\n", EXPORT.sub("", text))
        done[name] = f"const {name}_js = (() => {{\n{text}return {{ {names} }};\n}})();\n"

    add(entry)
    return "".join(done.values())


def policy(scripts: list[str], style: str) -> str:
    """The Content-Security-Policy: these scripts, this style, a worker of the page's own making.

    No network at all, no markup from text.
    """

    def hashed(text: str) -> str:
        return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"

    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {' '.join(map(hashed, scripts))}",
            f"style-src {hashed(style)}",
            "img-src data:",
            "worker-src blob:",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types default",
        ]
    )


def page(title: str, data: str, texts: dict[str, str]) -> str:
    """The page. data: JSON. texts: further JSON, by the id of its element."""
    style = read("page.css")
    tone, midi = without_map(read("tone.min.js")), without_map(read("midi.min.js"))
    guard, script = read("guard.js"), bundle("page")
    if texts:
        texts = texts | {"worker": bundle("worker")}
    return Template(read("page.html")).substitute(
        policy=html.escape(policy([guard, tone, midi, script], style)),
        title=html.escape(title),
        style=style,
        data=inert(data),
        net="".join(
            f'<script type="text/plain" id="{name}">{inert(text)}</script>\n'
            for name, text in texts.items()
        ),
        guard=guard,
        tone=tone,
        midi=midi,
        script=script,
    )


def inert(text: str) -> str:
    """JSON, or a script without "<" in strings, that cannot end the element it is in."""
    return text.replace("<", "\\u003c") if text.startswith(("{", "[")) else text


def without_map(script: str) -> str:
    """A script without the address of its source map, which the page does not have."""
    return re.sub(r"//# sourceMappingURL=\S+", "", script)
