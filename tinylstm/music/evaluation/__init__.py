"""Composed pieces beside human ones. Read statistics.py first, then compare.py."""

from .classifier import Distinction, distinguish
from .compare import Comparison, Excerpt, Judge, Judgement, judge_takes, table

__all__ = [
    "Comparison",
    "Distinction",
    "Excerpt",
    "Judge",
    "Judgement",
    "distinguish",
    "judge_takes",
    "table",
]
