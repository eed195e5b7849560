"""Where an answer is found: in the exercise's own file, or where `adapters.py` says.

Next: grade.py.
"""

import importlib
import importlib.util
from pathlib import Path
from types import ModuleType, SimpleNamespace

HERE = Path(__file__).parents[1]
SOLUTIONS = HERE / "solutions"
FILES = sorted(path.name for path in HERE.glob("ex[0-9][0-9]_*.py"))  # the file of each exercise
COUNT = len(FILES)


class NotFoundError(Exception):
    """An answer's file does not load, or lacks a function; the message says which and why."""


class UnwrittenError(Exception):
    """There is no file for the exercise yet."""


def file_of(number: int) -> str:
    """The name of an exercise's file: the same for stub, solution and task."""
    return FILES[number - 1]


def load(path: Path) -> ModuleType:
    """Run a Python file as a module. Raises NotFoundError, with the line, if it does not load."""
    spec = importlib.util.spec_from_file_location(f"{path.parent.name}_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise NotFoundError(f"{path.name} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        line = f"line {error.lineno}: {(error.text or '').strip()}"
        raise NotFoundError(f"{path.name} does not load: {error.msg}, {line}") from error
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        raise NotFoundError(f"{path.name} does not load: {what}") from error
    return module


def answer_in(folder: Path, number: int, functions: tuple[str, ...]) -> SimpleNamespace:
    """The learner's functions. Raises UnwrittenError or NotFoundError."""
    adapters = folder / "adapters.py"
    registered = getattr(load(adapters), "ANSWERS", {}) if adapters.exists() else {}
    found = {name: registered[name] for name in functions if name in registered}
    missing = [name for name in functions if name not in found]
    path = folder / file_of(number)
    if missing and not path.exists():
        raise UnwrittenError(f"not written yet: {folder} has no {path.name}")
    module = load(path) if missing else None
    for name in missing:
        if not hasattr(module, name):
            raise NotFoundError(f"{path.name} does not define {name}: it is asked for by that name")
        found[name] = getattr(module, name)
    return SimpleNamespace(**found)


def from_source(source: str, path: Path, functions: tuple[str, ...]) -> SimpleNamespace:
    """The functions that a text defines; `path` is the file it is a version of."""
    module = {"__name__": path.stem, "__file__": str(path)}
    exec(compile(source, str(path), "exec"), module)
    return SimpleNamespace(**{name: module[name] for name in functions})
