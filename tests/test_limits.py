"""Lengths: what can be asked for, and what it is in quarter notes."""

import numpy as np
import pytest

from tinylstm.generate import Count
from tinylstm.music import ArticleTokenizer, EventTokenizer, Length
from tinylstm.music.composing.limits import GrammarRules
from tinylstm.music.composing.shape import rules_for


@pytest.mark.parametrize("wrong", ["", "none", "-3 notes", "4 pages", "0", "1.2.3 bars", "bars"])
def test_wrong_lengths(wrong):
    with pytest.raises(ValueError, match="length is"):
        Length.parse(wrong)


@pytest.mark.parametrize(
    ("text", "amount", "unit", "quarters"),
    [
        ("500 notes", 500, "notes", np.inf),
        ("12", 12, "notes", np.inf),
        ("32 Bars", 32, "bars", 96),
        ("1 bar", 1, "bars", 3),
        ("90s", 90, "seconds", 180),
        ("0.5 seconds", 0.5, "seconds", 1),
        ("free", np.inf, "free", np.inf),
    ],
)
def test_lengths_in_quarter_notes(text, amount, unit, quarters):
    length = Length.parse(text)
    assert (length.amount, length.unit) == (amount, unit)
    assert length.quarters(tempo=120, metre=(3, 4)) == quarters
    assert Length.parse(length) is length


def test_the_rules_follow_from_the_grammar():
    counted = rules_for(ArticleTokenizer(vocabulary=["C4"]), Length.parse("2 bars"), 120, (4, 4))
    assert isinstance(counted, Count) and counted.n == 16  # a token every half quarter note
    rules = rules_for(EventTokenizer(), Length.parse("2 bars"), 120, (6, 8))
    assert isinstance(rules, GrammarRules) and rules.steps_wanted == 2 * 3 * 12
    free = rules_for(EventTokenizer(), Length.parse("free"), 120, (4, 4))
    assert free.notes_wanted == 4000
