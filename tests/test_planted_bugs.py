"""The tests that guard the maths are themselves tested: each planted bug must make them fail."""

import pytest
from planted_bugs import BUGS, CHECKS, caught_by, pass_on, patched_package


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: f"{bug.file}: {bug.kind}")
def test_the_tests_fail_on(bug, tmp_path):
    assert caught_by(bug, tmp_path) == bug.first_checks, f"{bug.right!r} -> {bug.wrong!r}"


def test_the_catalogue():
    assert len(BUGS) >= 40 and len({(bug.file, bug.right, bug.wrong) for bug in BUGS}) == len(BUGS)


def test_without_a_bug_they_pass(tmp_path):
    patched_package(BUGS[0]._replace(wrong=BUGS[0].right), tmp_path)
    assert pass_on(tmp_path, list(CHECKS.values()))
