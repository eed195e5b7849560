"""Writes proof.md: python docs/make_proof.py        (needs the extras test and parity; 3 minutes)

Every figure in the tables is measured by this command. The two that take longer, the deep run and
the mutation score, are measured by commands of their own, named there, and kept in RECORDED.
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

HEAD = """# What is proved, and by which command

The tables are written by `python docs/make_proof.py`{where}.
The derivation is in [backprop.md](backprop.md).
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

Largest relative error against the complex step, per layer, 4 steps of 2 sequences, everything
random, gradients flowing into outputs and final states. One layer:
`python -m tinylstm.gradcheck lstm`.

{table("layer", "arrays", "largest error", rows=rows)}

Over {deep["cases"]:,} generated nets of one to four layers, with and without a loss, in training
and in use: {deep["error"]:.1e} at most, where Hypothesis was told to look for the largest.
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

The same weights and data through ours, {peers}.
Ours: the largest number of the quantity, in float64 (of the last comparison). The rest: the
largest difference, relative to the largest number where that is above 1. A d is the gradient of
what follows it.
Asserted at 1e-10 (float64) and 1e-5 (float32): `python -m pytest tests/test_parity.py`.

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

{caught} of {len(rows)} caught. Each is one line of the real source gone wrong, and the ordinary
tests of that file must fail: `python -m pytest tests/test_planted_bugs.py`.

{table("what is wrong", "file", "the line", "becomes", "fails in", rows=rows)}
"""


def mutation_section():
    """The mutation score, as recorded."""
    score = json.loads(RECORDED.read_text())["mutation"]
    return f"""## Mutants

[mutmut](https://mutmut.readthedocs.io) changed the maths, layers, losses and optimizers in
{score["mutants"]:,} ways, one at a time; {score["killed"]:,} made a test fail:
{100 * score["killed"] / score["mutants"]:.1f} %. The others change nothing that can be observed,
and are listed with the reason in [mutation_survivors.txt](../tests/mutation_survivors.txt).
{score["time"]}.

    {score["command"]}
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
