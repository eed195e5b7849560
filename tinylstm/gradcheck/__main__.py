"""Check the gradients of a layer, of a net, of your own class, or of a model file.

Exits with 0 if every gradient is right, 1 if one is wrong, 2 if the check could not run.
"""

import argparse
import importlib.util
import inspect
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tinylstm.files import FileError
from tinylstm.gradcheck import METHODS, Report, gradcheck
from tinylstm.layers import LAYERS, LSTM, Bidirectional, Dense, Embedding, TiedDense
from tinylstm.losses import CategoricalCrossentropy
from tinylstm.model import Sequential

# for required constructor arguments that the command line does not set
DEFAULTS: dict[str, Any] = {"units": 3, "vocabulary": 5, "rate": 0.5, "activation": "tanh"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    options = parser().parse_args(arguments)
    try:
        report = check(options)
    except (FileError, ValueError) as error:
        print(f"gradcheck: {error}", file=sys.stderr)
        return 2
    print(report)
    return 0 if report.ok else 1


def parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    names = ", ".join([*sorted(name.lower() for name in LAYERS if name != "TiedDense"), *NETS])
    line = argparse.ArgumentParser(prog="gradcheck", description=__doc__)
    line.add_argument("net", help=f"{names}; your own FILE.py:CLASS; or a model's .npz file")
    line.add_argument("settings", nargs="*", help="constructor arguments: units=4 activation=relu")
    line.add_argument("--method", choices=sorted(METHODS), help="default: complex; for a "
                      "model file: directional")  # fmt: skip
    line.add_argument("--backend", default="numpy", choices=("numpy", "numba"), help="what is "
                      "checked: numpy, the textbook (default), or numba, the kernels; not by the "
                      "complex method")  # fmt: skip
    line.add_argument("--input-size", type=int, default=3, help="D, features (default 3)")
    line.add_argument("--steps", type=int, default=4, help="T, steps (default 4)")
    line.add_argument("--batch", type=int, default=2, help="B, sequences (default 2)")
    line.add_argument("--dtype", default="float64", choices=("float32", "float64"))
    line.add_argument("--tolerance", type=float, help="largest allowed relative error")
    line.add_argument("--seed", type=int, default=0)
    line.add_argument(
        "--inference",
        action="store_true",
        help="no dropout; batch normalization with its running means",
    )
    return line


def check(options: argparse.Namespace) -> Report:
    """Build the net and an input for it, and check it."""
    settings = dict(setting(text) for text in options.settings)
    rng = np.random.default_rng(options.seed)
    targets = loss = None
    method = options.method or ("central" if options.backend == "numba" else "complex")
    if options.net.endswith(".npz"):
        net: Any = Sequential.load(options.net)
        method = options.method or "directional"
    elif options.net in NETS:
        net = Sequential(NETS[options.net](), dtype=options.dtype)
        loss = CategoricalCrossentropy()
        targets = rng.integers(5, size=(options.steps, options.batch))
    else:
        net = made(maker(options.net), settings)
        net.build(options.input_size, rng, np.dtype(options.dtype))
    return gradcheck(
        net,
        input_for(net, options, rng),
        targets,
        loss,
        seed=options.seed,
        tolerance=options.tolerance,
        method=method,
        backend=options.backend,
        training=not options.inference,
    )


# whole nets, with cross-entropy
NETS: dict[str, Any] = {
    "model": lambda: [Embedding(5, 3), LSTM(4, True), LSTM(3, True), Dense(5)],
    "tied": lambda: [table := Embedding(5, 3), LSTM(3, True), TiedDense(table)],
}


def input_for(net: Any, options: argparse.Namespace, rng: np.random.Generator) -> np.ndarray:
    """Random ids if the first layer has a vocabulary, else random numbers."""
    first = net.layers[0] if isinstance(net, Sequential) else net
    if vocabulary := getattr(first, "vocabulary", None):
        return rng.integers(vocabulary, size=(options.steps, options.batch))
    size = (net.input_size if isinstance(net, Sequential) else None) or options.input_size
    return rng.standard_normal((options.steps, options.batch, size))


def maker(name: str) -> Any:
    """The class named `lstm` or `file.py:Class`. Raises ValueError if there is none."""
    known = {kind.lower(): LAYERS[kind] for kind in LAYERS}
    if name in known:
        return known[name]
    file, _, attribute = name.partition(":")
    if not attribute or not Path(file).is_file():
        raise ValueError(f"no {name!r}: use FILE.py:CLASS or one of {sorted([*known, *NETS])}")
    spec = importlib.util.spec_from_file_location(Path(file).stem, file)
    if spec is None or spec.loader is None:
        raise ValueError(f"{file} is not a Python file: use FILE.py:CLASS")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not hasattr(module, attribute):
        raise ValueError(f"{file} does not define {attribute}: use FILE.py:CLASS")
    return getattr(module, attribute)


def made(make: Any, settings: dict[str, Any]) -> Any:
    """Call a class with the settings, and with defaults for its other required arguments."""
    if make is Bidirectional:
        return Bidirectional(LSTM(**{"units": DEFAULTS["units"], **settings}))
    required = [
        name
        for name, parameter in inspect.signature(make).parameters.items()
        if parameter.default is parameter.empty and name in DEFAULTS
    ]
    try:
        return make(**{**{name: DEFAULTS[name] for name in required}, **settings})
    except TypeError as error:
        raise ValueError(f"{make.__name__} cannot be built: {error}: add name=value") from error


def setting(text: str) -> tuple[str, Any]:
    """Parse `units=4` into ("units", 4); a value that is not JSON stays a string."""
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"{text!r} is not a setting: write name=value")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value


if __name__ == "__main__":
    sys.exit(main())
