"""The slow twins: tests/naive.py, scalar loops that share no code with anything."""

from .answers import HERE, load

naive = load(HERE.parent / "tests" / "naive.py")
