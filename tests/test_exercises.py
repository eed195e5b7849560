"""The course: every solution passes, every known wrong answer gets its own hint, and whatever else a
learner may write gets a clear message.
"""

import pytest

from exercises.grading.answers import COUNT, SOLUTIONS
from exercises.grading.grade import complete, grade, judged, task_of, wrong_answer

NUMBERS = range(1, COUNT + 1)
WRONG = [(number, wrong) for number in NUMBERS for wrong in task_of(number).wrong]


@pytest.mark.parametrize("number", NUMBERS)
def test_the_reference_solution_passes(number):
    found = grade(SOLUTIONS, number)
    assert (found.status, found.message) == ("right", "")
    assert len(found.passed) == len(task_of(number).checks) and found.error < 1e-12 and found.after


@pytest.mark.parametrize(("number", "wrong"), WRONG)
def test_a_wrong_answer_gets_its_own_hint(number, wrong):
    task = task_of(number)
    found = judged(task, number, complete(task, wrong_answer(task, number, wrong), SOLUTIONS))
    assert found["status"] in ("wrong", "broken") and found["hint"] == wrong.hint, found


@pytest.mark.parametrize("number", NUMBERS)
def test_at_least_four_wrong_answers_are_known(number):
    hints = [wrong.hint for wrong in task_of(number).wrong]
    assert len(set(hints)) >= 4
