"""`python -m tinylstm.gradcheck NAME`: check a layer or a net of ours, or yours, or a model file.

Exits with 0 if every gradient is right, 1 if one is wrong, 2 if there was nothing to check.
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

# what a layer is made with where the command line says nothing else
DEFAULTS: dict[str, Any] = {"units": 3, "vocabulary": 5, "rate": 0.5, "activation": "tanh"}


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    options = parser().parse_args(arguments)
    try:
        report = check(options)
    except (FileError, ValueError) as error:
        print(f"gradcheck: {error}", file=sys.stderr)
        return 2
    print(report)
    return 0 if report.ok else 1


def parser() -> argparse.ArgumentParser:
    """The command line."""
    names = ", ".join([*sorted(name.lower() for name in LAYERS if name != "TiedDense"), *NETS])
    line = argparse.ArgumentParser(prog="gradcheck", description=__doc__)
    line.add_argument("net", help=f"{names}; FILE.py:CLASS of your own; or a model in a .npz file")
    line.add_argument("settings", nargs="*", help="constructor arguments: units=4 activation=relu")
    line.add_argument("--method", choices=sorted(METHODS), help="default: complex; of a file: "
                      "directional")  # fmt: skip
    line.add_argument("--input-size", type=int, default=3, help="features of the input")
    line.add_argument("--steps", type=int, default=4, help="steps of the input")
    line.add_argument("--batch", type=int, default=2, help="sequences of the input")
    line.add_argument("--dtype", default="float64", choices=("float32", "float64"))
    line.add_argument("--tolerance", type=float, help="of the largest relative error")
    line.add_argument("--seed", type=int, default=0)
    line.add_argument("--inference", action="store_true", help="as in use: no dropout")
    return line


def check(options: argparse.Namespace) -> Report:
    """Make the net and an input for it, and check it."""
    settings = dict(setting(text) for text in options.settings)
    rng = np.random.default_rng(options.seed)
    targets = loss = None
    method = options.method or "complex"
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
        training=not options.inference,
    )


# whole nets, with cross-entropy
NETS: dict[str, Any] = {
    "model": lambda: [Embedding(5, 3), LSTM(4, True), LSTM(3, True), Dense(5)],
    "tied": lambda: [table := Embedding(5, 3), LSTM(3, True), TiedDense(table)],
}


def input_for(net: Any, options: argparse.Namespace, rng: np.random.Generator) -> np.ndarray:
    """Ids for a net that begins with a vocabulary, else numbers."""
    first = net.layers[0] if isinstance(net, Sequential) else net
    if vocabulary := getattr(first, "vocabulary", None):
        return rng.integers(vocabulary, size=(options.steps, options.batch))
    size = (net.input_size if isinstance(net, Sequential) else None) or options.input_size
    return rng.standard_normal((options.steps, options.batch, size))


def maker(name: str) -> Any:
    """The class called `lstm`, or `file.py:Class`."""
    known = {kind.lower(): LAYERS[kind] for kind in LAYERS}
    if name in known:
        return known[name]
    file, _, attribute = name.partition(":")
    if not attribute or not Path(file).is_file():
        raise ValueError(f"no {name!r}: use FILE.py:CLASS or one of {sorted([*known, *NETS])}")
    spec = importlib.util.spec_from_file_location(Path(file).stem, file)
    if spec is None or spec.loader is None:
        raise ValueError(f"{file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not hasattr(module, attribute):
        raise ValueError(f"{file} has no {attribute}")
    return getattr(module, attribute)


def made(make: Any, settings: dict[str, Any]) -> Any:
    """Call a class with the settings, and with defaults for what it cannot do without."""
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
        raise ValueError(f"{make.__name__} cannot be made: {error}: add name=value") from error


def setting(text: str) -> tuple[str, Any]:
    """`units=4` as ("units", 4); what is not JSON is a string."""
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"{text!r} is no setting: write name=value")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value


if __name__ == "__main__":
    sys.exit(main())
