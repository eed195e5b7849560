"""The tests of music, files and resuming are themselves tested: each planted bug must fail them."""

import pytest
from planted_bugs import pass_on, patched_package
from planted_music_bugs import MUSIC_BUGS


@pytest.mark.parametrize("bug", MUSIC_BUGS, ids=lambda bug: f"{bug.file}: {bug.kind}")
def test_the_tests_fail_on(bug, tmp_path):
    patched_package(bug, tmp_path, leave_out=())
    assert not pass_on(tmp_path, [bug.tests]), f"{bug.right!r} -> {bug.wrong!r}"


def test_the_catalogue():
    assert len(MUSIC_BUGS) >= 40
    assert len({(bug.file, bug.right, bug.wrong) for bug in MUSIC_BUGS}) == len(MUSIC_BUGS)


def test_without_a_bug_they_pass(tmp_path):
    patched_package(MUSIC_BUGS[0]._replace(wrong=MUSIC_BUGS[0].right), tmp_path, leave_out=())
    assert pass_on(tmp_path, ["test_midi.py", "test_split.py", "test_music_training.py"])
