"""Measures why.md: trains the nets, draws the pictures, and writes the tables of the page.

    python docs/make_why.py                      all four parts, half an hour on two cores
    python docs/make_why.py gradients            one of: repeats gradients copies connections

Each part is a file of the folder why/. What its function returns is a table, and replaces the one
in why.md that stands between the part's two comment lines. The text around it is written by hand.
"""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

from why.connections import connections  # noqa: E402
from why.copies import copies  # noqa: E402
from why.gradients import gradients  # noqa: E402
from why.page import put  # noqa: E402
from why.repeats import repeats  # noqa: E402

PARTS = {
    "repeats": repeats, "gradients": gradients, "copies": copies, "connections": connections
}  # fmt: skip

if __name__ == "__main__":
    for part in sys.argv[1:] or PARTS:
        put(part, PARTS[part]())
