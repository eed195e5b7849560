"""The suite in other environments than yours, each by its name:

    python tests/environments.py                      all that this machine has, one after another
    python tests/environments.py floors no-numba      some of them
    python tests/environments.py no-jit -- -m quick   with arguments for pytest

Environments with other packages are virtual environments in out/environments, made once. Ends with
the number of those in which the suite failed.
"""

import configparser
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PLACE = ROOT / "out" / "environments"


class Environment(NamedTuple):
    """How one environment differs from this process."""

    what: str
    python: Callable[[], Path | None] = lambda: Path(sys.executable)  # None: not on this machine
    flags: tuple[str, ...] = ()  # of Python
    variables: Mapping[str, str | None] = MappingProxyType({})  # None: unset
    tests: tuple[str, ...] = ()  # arguments of pytest, unless others are given
    ignores_sigint: bool = False


def made(name: str, requirements: list[str], base: str = sys.executable, *less: str) -> Path:
    """The interpreter of a virtual environment with these packages, without some."""
    folder = PLACE / name
    python = folder / "bin" / "python"
    if not (folder / "whole").exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([base, "-m", "venv", folder], check=True)
        pip = [python, "-m", "pip"]
        subprocess.run([*pip, "install", "-q", *requirements], check=True)
        subprocess.run([*pip, "install", "-q", "--no-deps", "-e", ROOT], check=True)
        if less:
            subprocess.run([*pip, "uninstall", "-q", "-y", *less], check=True)
        (folder / "whole").touch()
    return python


def declared() -> list[str]:
    """The requirements of the package and of its tests, as setup.cfg states them."""
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    parts = settings["options"]["install_requires"], settings["options.extras_require"]["test"]
    return [line.strip() for part in parts for line in part.strip().splitlines()]


def lowest() -> list[str]:
    """The same at the lowest versions that they allow."""
    return [re.sub(r">=\s*([\d.]+)", r"==\1", line) for line in declared()]


def python_313() -> Path | None:
    """Another Python than the one that runs this."""
    base = shutil.which("python3.13")
    return made("python-3.13", declared(), base) if base else None


ENVIRONMENTS = {
    "floors": Environment(
        "the lowest versions that setup.cfg allows", lambda: made("floors", lowest())
    ),
    "python-3.13": Environment("Python 3.13, with new packages", python_313),
    "no-numba": Environment(
        "without Numba: the textbook alone",
        lambda: made("no-numba", declared(), sys.executable, "numba", "llvmlite"),
    ),
    "no-jit": Environment(
        "Numba's compiler switched off",
        variables={"NUMBA_DISABLE_JIT": "1"},
        tests=("-m", "quick"),
    ),
    "optimized": Environment("no assertions in the package", flags=("-O",)),
    "bare": Environment(
        "no home and no language",
        variables={"HOME": None, "LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0"},
    ),
    "background": Environment("SIGINT ignored, as under nohup", ignores_sigint=True),
}


def passes(name: str, arguments: list[str]) -> bool | None:
    """Run the suite in an environment; None if this machine has it not."""
    environment = ENVIRONMENTS[name]
    python = environment.python()
    if python is None:
        return None
    variables = {**os.environ, "TINYLSTM_CACHE": str(PLACE / "cache" / name)}
    variables |= {key: value for key, value in environment.variables.items() if value is not None}
    for key in [key for key, value in environment.variables.items() if value is None]:
        variables.pop(key, None)
    before = signal.getsignal(signal.SIGINT)
    if environment.ignores_sigint:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # which the child inherits
    command = [python, *environment.flags, "-m", "pytest", "-p", "no:cacheprovider"]
    try:
        done = subprocess.run(
            [*command, *(arguments or environment.tests)], cwd=ROOT, env=variables, check=False
        )
    finally:
        signal.signal(signal.SIGINT, before)
    return done.returncode == 0


def main() -> int:
    """Run those that are asked for, and print a table."""
    names, _, arguments = " ".join(sys.argv[1:]).partition("--")
    results = {}
    for name in names.split() or ENVIRONMENTS:
        print(f"--- {name}: {ENVIRONMENTS[name].what}", flush=True)
        results[name] = passes(name, arguments.split())
    for name, passed in results.items():
        print(f"{name:12} {'not here' if passed is None else 'passes' if passed else 'FAILS'}")
    return sum(passed is False for passed in results.values())


if __name__ == "__main__":
    sys.exit(main())
