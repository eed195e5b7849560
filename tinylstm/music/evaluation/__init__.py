"""Composed pieces beside human ones. Read statistics.py first, then copies.py and compare.py."""

from .compare import Comparison, Excerpt, Judge, Judgement, judge_takes, table

__all__ = ["Comparison", "Excerpt", "Judge", "Judgement", "judge_takes", "table"]
