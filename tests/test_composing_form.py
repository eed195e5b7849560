"""Pieces in sections."""

import pytest
from test_compose import EVENTS_NET

from tinylstm.music import Control, Sampling
from tinylstm.music.composing.form import compose_form


@pytest.mark.parametrize(("form", "metre"), [("AABA", (4, 4)), ("ABAB", (3, 4))])
def test_sections_return_and_end_on_bar_lines(form, metre):
    (take,) = compose_form(EVENTS_NET, form, "3 bars", [5], Sampling(1.2), Control(metre=metre))
    long = 3 * metre[0]
    sections = [
        [(round(12 * (n.onset - k * long)), n.duration, n.pitch) for n in take.notes
         if k * long <= n.onset < (k + 1) * long]
        for k in range(len(form))
    ]  # fmt: skip
    assert sum(map(len, sections)) == len(take.notes)
    for one, other in ((a, b) for a in range(4) for b in range(a)):
        assert (sections[one] == sections[other]) == (form[one] == form[other])
    assert max(n.onset + n.duration for n in take.notes) == pytest.approx(4 * long)
    assert take.time_signature == metre


@pytest.mark.parametrize(
    ("form", "section"), [("", "2 bars"), ("A-B", "2 bars"), ("AB", "9 notes")]
)
def test_what_is_no_form(form, section):
    with pytest.raises(ValueError, match="want"):
        compose_form(EVENTS_NET, form, section)
