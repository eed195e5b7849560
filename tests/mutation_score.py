"""The mutation score, by one command, from the project's folder:

    python tests/mutation_score.py

mutmut (setup.cfg says what it changes and which tests it runs) makes some two thousand copies of
the maths with one operator, number or argument changed in each, and runs the tests that touch it.
A change that no test notices must be listed, with the reason why it changes nothing, in
mutation_survivors.txt:
    file: the line as it is -> as it was changed
        the reason (given once for the entries above it)
"""

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
SURVIVORS = Path(__file__).with_name("mutation_survivors.txt")
MUTMUT = [sys.executable, "-m", "mutmut"]


def main() -> int:
    """Run, print the score, and fail if a survivor is not explained."""
    environment = {**os.environ, "TINYLSTM_BACKEND": "numpy"}  # the textbook is what is mutated
    if "--no-run" not in sys.argv:
        subprocess.run([*MUTMUT, "run"], cwd=ROOT, env=environment, check=True)
    results = output("results", "--all", "true")
    status = dict(re.findall(r"^\s*(\S+__mutmut_\d+): (.+)$", results, flags=re.MULTILINE))
    counts = Counter(status.values())
    killed = counts["killed"] + counts["timeout"]
    print(f"{len(status)} mutants, {dict(counts)}")
    print(f"score: {100 * killed / len(status):.1f} % ({killed} of {len(status)})")
    explained = {line for line in SURVIVORS.read_text().splitlines() if " -> " in line}
    survivors = [change(name) for name, what in status.items() if what not in ("killed", "timeout")]
    new = [line for line in survivors if line not in explained]
    gone = sorted(explained - set(survivors))
    print(f"{len(survivors)} survivors, of which {len(survivors) - len(new)} are explained")
    print(*(f"not explained: {line}" for line in new), sep="\n")
    print(*(f"no survivor: {line}" for line in gone), sep="\n")
    return 1 if new else 0


def output(*arguments: str) -> str:
    """What mutmut prints."""
    done = subprocess.run(
        [*MUTMUT, *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout


def change(name: str) -> str:
    """A mutant as a line of the list: the file, the line before and after."""
    lines = output("show", name).splitlines()
    removed = [line[1:].strip() for line in lines if re.match(r"-[^-]", line)]
    added = [line[1:].strip() for line in lines if re.match(r"\+[^+]", line)]
    module = name.rpartition(".")[0]
    code = [" ".join(part).partition("  #")[0].strip() for part in (removed, added)]
    return f"{module}: {code[0]} -> {code[1]}"


if __name__ == "__main__":
    sys.exit(main())
