"""Composed pieces beside human ones. Read statistics.py first, then copies.py and compare.py."""

from .compare import Comparison, Excerpt, Judge, Judgement, table

__all__ = ["Comparison", "Excerpt", "Judge", "Judgement", "table"]
