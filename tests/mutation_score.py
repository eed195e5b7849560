"""The mutation score, by one command, from the project's folder:

    python tests/mutation_score.py maths            or data, tokenizers, training

mutmut makes hundreds of copies of each module with one operator, number or argument changed, and
runs the tests that touch it. A change that no test notices must be listed, with the reason why it
changes nothing, in mutation_survivors.txt:
    file: the line as it is -> as it was changed
        the reason (given once for the entries above it)
"""

import os
import re
import subprocess
import sys
from collections import Counter
from configparser import ConfigParser
from pathlib import Path

ROOT = Path(__file__).parents[1]
SURVIVORS = Path(__file__).with_name("mutation_survivors.txt")
MUTMUT = [sys.executable, "-m", "mutmut"]
GROUPS = {  # the modules that are changed, and the tests that must notice
    "maths": (
        "functional recurrent normalization initializers layers/* losses pointwise optimizers",
        "functional layers losses optimizers model",
    ),
    "data": ("data windows arrays ngram", "data windows arrays ngram"),
    "tokenizers": (
        "music/tokenizers/base music/tokenizers/events music/tokenizers/grammar "
        "music/tokenizers/article music/tokenizers/article_symbols",
        "events bars article article_symbols",
    ),
    "training": ("training resume parallel", "training resume checkpoint loop parallel"),
}
SLOW = (  # what other tests show too
    *("real_files", "generated", "Mayer", "thousands", "music21s_reading", "docs"),
    *("through_a_file", "killed_at", "damaged_checkpoints", "disk", "folder"),
)


def main() -> int:
    """Run, print the score, and fail if a survivor is not explained."""
    group = sys.argv[1]
    folder = prepared(group)
    environment = {**os.environ, "TINYLSTM_BACKEND": "numpy"}  # the textbook is what is mutated
    if "--no-run" not in sys.argv:
        subprocess.run([*MUTMUT, "run"], cwd=folder, env=environment, check=True)
    results = output(folder, "results", "--all", "true")
    status = dict(re.findall(r"^\s*(\S+__mutmut_\d+): (.+)$", results, flags=re.MULTILINE))
    explained = {line for line in SURVIVORS.read_text().splitlines() if " -> " in line}
    names = [name for name, what in status.items() if what not in ("killed", "timeout")]
    survivors = {name: change(folder, name) for name in names}
    new = {name: line for name, line in survivors.items() if line not in explained}
    every, alive, unknown = (
        Counter(name.rpartition(".")[0] for name in found) for found in (status, survivors, new)
    )
    for module, mutants in every.items():
        killed = mutants - alive[module]
        print(f"{module}: {mutants} mutants, {killed} killed, {100 * killed / mutants:.1f} %; "
              f"{alive[module] - unknown[module]} explained, {unknown[module]} not")  # fmt: skip
    mine = {line for line in explained if line.partition(":")[0] in every}
    print(*(f"not explained: {line}" for line in new.values()), sep="\n")
    print(*(f"no survivor: {line}" for line in sorted(mine - {*survivors.values()})), sep="\n")
    return 1 if new else 0


def prepared(group: str) -> Path:
    """A folder with the project and mutmut's configuration for one group."""
    modules, tests = GROUPS[group]
    folder = ROOT / "mutants" / group
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("tinylstm", "tests", "midi_songs"):
        if not (folder / name).exists():
            (folder / name).symlink_to(ROOT / name)
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    config["mutmut"] = {
        "source_paths": "tinylstm",
        "also_copy": "midi_songs",
        "only_mutate": "".join(f"\ntinylstm/{module}.py" for module in modules.split()),
        "pytest_add_cli_args_test_selection": "".join(
            f"\ntests/test_{name}.py" for name in tests.split()
        ),
        "pytest_add_cli_args": "\n--hypothesis-profile=mutants\n--tb=no\n-k\n"
        + " and ".join(f"not {name}" for name in SLOW),
    }
    with (folder / "setup.cfg").open("w") as stream:
        config.write(stream)
    return folder


def output(folder: Path, *arguments: str) -> str:
    """What mutmut prints."""
    done = subprocess.run(
        [*MUTMUT, *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout


def change(folder: Path, name: str) -> str:
    """A mutant as a line of the list: the file, the line before and after."""
    lines = output(folder, "show", name).splitlines()
    removed = [line[1:].strip() for line in lines if re.match(r"-[^-]", line)]
    added = [line[1:].strip() for line in lines if re.match(r"\+[^+]", line)]
    module = name.rpartition(".")[0]
    code = [" ".join(part).partition("  #")[0].strip() for part in (removed, added)]
    return f"{module}: {code[0]} -> {code[1]}"


if __name__ == "__main__":
    sys.exit(main())
