"""Schedules: warm-up, the peak, the end, and what they refuse."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinylstm.schedules import cosine, exponential_decay, linear_decay

SCHEDULES = (cosine, linear_decay, exponential_decay)
shares = st.floats(0, 1)


@given(st.sampled_from(SCHEDULES), st.floats(1e-5, 1), st.floats(0, 0.9), st.floats(0, 1), shares)
def test_up_to_the_peak_and_down_to_the_floor(make, peak, warmup, floor, share):
    rate = make(peak, warmup, floor)
    assert 0 <= rate(share) <= peak * (1 + 1e-12)
    assert rate(warmup) == pytest.approx(peak)
    assert rate(1.0) == pytest.approx(floor * peak, abs=1e-12 * peak)
    earlier, later = sorted([warmup + (1 - warmup) * share, warmup + (1 - warmup) * share / 2])
    assert rate(earlier) >= rate(later) - 1e-12 * peak  # after the warm-up it never rises
    if warmup > 0:
        assert rate(0) > 0 and rate(warmup / 2) <= peak


def test_warm_up_is_a_straight_line():
    for make in SCHEDULES:
        assert make(2.0, warmup=1e-4)(0.0) == 2.0  # the first step is above a short warm-up
        rate = make(2.0, warmup=0.4)
        assert [rate(0.1), rate(0.2), rate(0.3)] == pytest.approx([0.5, 1.0, 1.5])
        assert make(2.0, warmup=0.0)(0.0) == 2.0


def test_the_formulas_after_it():
    for share in (0.2, 0.5, 0.9):
        rest = (share - 0.1) / 0.9
        wanted = 0.3 + 0.7 * (1 + math.cos(math.pi * rest)) / 2
        assert cosine(1.0, 0.1, 0.3)(share) == pytest.approx(wanted)
        assert linear_decay(1.0, 0.1, 0.3)(share) == pytest.approx(1 - 0.7 * rest)
        assert exponential_decay(1.0, 0.1, 0.3)(share) == pytest.approx(0.3**rest)


@pytest.mark.parametrize("make", SCHEDULES)
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0,), "peak is 0: use a positive learning rate"),
        ((math.nan,), "peak is nan: use a positive learning rate"),
        ((1, 1), "warmup is 1: use a fraction of the run in [0, 1)"),
        ((1, -0.1), "warmup is -0.1: use a fraction of the run in [0, 1)"),
        ((1, 0.1, -0.5), "floor is -0.5: use a fraction of the peak, from 0 to 1"),
        ((1, 0.1, 1.5), "floor is 1.5: use a fraction of the peak, from 0 to 1"),
    ],
)
def test_what_does_not_fit_is_named(make, arguments, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        make(*arguments)
