"""Writes proof.md: python docs/make_proof.py        (needs the extras test and parity; 3 minutes)

This command measures every figure in the tables. The two that take longer, the deep run and the
mutation score, have commands of their own, named in the file, and are kept in RECORDED.
"""

import json
import platform
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
RECORDED = Path(__file__).with_name("recorded.json")
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import parity  # noqa: E402
from planted_bugs import BUGS, caught_by  # noqa: E402
from test_layers import MAKERS, built, numbers  # noqa: E402

from tinylstm.gradcheck import gradcheck  # noqa: E402

HEAD = """# What is proved, and with which command

The tables are written by `python docs/make_proof.py`{where}.
[backprop.md](backprop.md) has the derivation of the gradients.
"""


def table(*columns, rows):
    """A Markdown table."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def gradient_section():
    """The complex-step error of every layer."""
    rows = []
    for name, make in MAKERS.items():
        report = gradcheck(built(make()), numbers(4, 2, 3))
        arrays = ", ".join(row.name.partition(".")[2] or row.name for row in report.rows)
        rows.append((name, arrays, f"{report.error:.1e}"))
    deep = json.loads(RECORDED.read_text())["deep"]
    return f"""## Gradients

The largest relative error of each layer, compared with the complex step: 4 steps of 2 sequences,
all inputs random, gradients into outputs and final states. To check one layer:
`python -m tinylstm.gradcheck lstm`.

{table("layer", "arrays", "largest error", rows=rows)}

Over {deep["cases"]:,} generated networks of one to four layers, with and without a loss, with and
without dropout, the error is at most {deep["error"]:.1e},
although Hypothesis searches for the largest.
{deep["time"]}.

    {deep["command"]}
"""


def parity_section():
    """Each quantity against both frameworks."""
    differences: dict[str, dict[str, float]] = {}
    examples: dict[str, float] = {}
    for peer, comparisons in parity.COMPARISONS.items():
        for comparison in comparisons.values():
            for bits, dtype in (("64", np.float64), ("32", np.float32)):
                for quantity, ours, theirs in parity.compare(comparison, np.dtype(dtype)):
                    found = differences.setdefault(quantity, {})
                    worst = max(found.get(peer + bits, 0.0), parity.difference(ours, theirs))
                    found[peer + bits] = worst
                    if bits == "64":
                        flat = np.ravel(ours)
                        examples[quantity] = float(flat[np.argmax(np.abs(flat))])
    columns = ("torch64", "keras64", "torch32", "keras32")
    rows = []
    for quantity, found in differences.items():
        cells = [f"{found[c]:.0e}" if c in found else "-" for c in columns]
        rows.append((quantity, f"{examples[quantity]:.6g}", *cells))
    titles = [f"{peer}, {bits} bit" for bits in (64, 32) for peer in ("PyTorch", "Keras")]
    import jax
    import keras
    import torch

    peers = f"PyTorch {torch.__version__} and Keras {keras.__version__} (JAX {jax.__version__})"
    conventions = str(parity.__doc__).split("Conventions that differ")[1].rstrip()
    return f"""## Parity

The same weights and data were given to tinylstm, {peers}.
"Ours" gives one number for orientation: the entry of largest magnitude, in float64, in the last
comparison. The other columns give the largest difference from that framework, relative to the
largest entry if that is above 1. dq is the gradient of the loss with respect to q.
`python -m pytest tests/test_parity.py` asserts 1e-10 in float64 and 1e-5 in float32.

{table("quantity", "ours", *titles, rows=rows)}

Conventions that differ{conventions}
"""


def bug_section():
    """Each planted bug and the tests that fail on it."""
    rows = []
    for bug in BUGS:
        with tempfile.TemporaryDirectory() as folder:
            by = caught_by(bug, Path(folder)) or "**nothing**"
        code = [f"`{text.strip()}`".replace("|", "\\|") for text in (bug.right, bug.wrong)]
        rows.append((f"{bug.kind}", bug.file, *(c.replace("\n", " ") for c in code), by))
    caught = sum("nothing" not in row[-1] for row in rows)
    return f"""## Planted bugs

{caught} of {len(rows)} bugs are found. Each changes one line of the real source, and the ordinary
tests of that file must then fail. If Numba is installed, each bug in functional.py must also cause
the warning about its kernel when a network is run or trained. To repeat this:
`python -m pytest tests/test_planted_bugs.py`.

{table("bug", "file", "the line", "becomes", "found by", rows=rows)}
"""


def mutation_section():
    """The mutation scores, as recorded."""
    scores = json.loads(RECORDED.read_text())["mutation"]
    rows = [
        (score["what"], f"{score['mutants']:,}", f"{score['killed']:,}",
         f"{100 * score['killed'] / score['mutants']:.1f} %", f"`{score['command']}`")
        for score in scores
    ]  # fmt: skip
    return f"""## Mutants

[mutmut](https://mutmut.readthedocs.io) changes one operator, number or argument at a time, and the
tests of that module must fail. Those that remain change nothing that a test could observe;
[mutation_survivors.txt](../tests/mutation_survivors.txt) lists each with the reason.
The maths takes 6 minutes on one core.

{table("changed", "mutants", "made a test fail", "score", "command", rows=rows)}
"""


def main():
    """Write the file."""
    warnings.simplefilter("ignore")  # the frameworks'
    where = f" (Python {platform.python_version()}, NumPy {np.__version__})"
    parts = [HEAD.format(where=where), gradient_section(), parity_section(), bug_section()]
    target = Path(__file__).with_name("proof.md")
    target.write_text("\n".join([*parts, mutation_section()]))
    print(target)


if __name__ == "__main__":
    main()
