"""Grades one exercise: makes its checks, and finds the hint for a wrong answer.

A wrong answer is recognised by what it computes: each known wrong version of the reference solution
is run on the same input, and if one gives the learner's numbers, the hint is its own. So it does
not matter how the answer is written. Next: worker.py.
"""

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .answers import SOLUTIONS, NotFoundError, UnwrittenError, answer_in, file_of, from_source
from .calls import Outcome
from .checks import Answer, Task, Wrong


@dataclass(frozen=True)
class Grade:
    """What became of one exercise.

    status: "right", "wrong", "broken" (it does not run, or does not return what was wanted) or
    "unwritten". passed: the checks that it passed, in order; failed: the one that it did not.
    error: the largest relative error of right results.
    """

    number: int
    title: str
    file: str
    status: str
    passed: tuple[str, ...] = ()
    failed: str = ""
    message: str = ""
    hint: str = ""
    error: float = 0.0
    after: str = ""


def task_of(number: int) -> Task:
    """The checks and wrong answers of an exercise."""
    name = Path(file_of(number)).stem
    return importlib.import_module(f"{__package__}.tasks.{name}").TASK


def grade(folder: Path, number: int) -> Grade:
    """Grade a learner's answer to an exercise."""
    task = task_of(number)
    about: dict[str, Any] = {"number": number, "title": task.title, "file": file_of(number)}
    try:
        answer = answer_in(folder, number, task.functions)
    except UnwrittenError as error:
        return Grade(**about, status="unwritten", message=str(error))
    except NotFoundError as error:
        return Grade(**about, status="broken", message=str(error))
    return Grade(**about, **judged(task, number, complete(task, answer, folder)))


def complete(task: Task, answer: Answer, folder: Path) -> Answer:
    """The answer, with the functions of earlier exercises and those made of its own."""
    for number in task.needs:
        before = task_of(number)
        right = folder != SOLUTIONS and grade(folder, number).status == "right"
        earlier = answer_in(folder if right else SOLUTIONS, number, before.functions)
        answer = Answer(**{**vars(earlier), **vars(answer)})
    return Answer(**vars(answer), **task.derive(answer))


def judged(task: Task, number: int, answer: Answer) -> dict[str, Any]:
    """The checks in order, up to the first that fails."""
    passed, error = list[str](), 0.0
    for check in task.checks:
        outcome = check.attempt(answer)
        if outcome.kind:
            kinds = {"unwritten": "unwritten", "differs": "wrong"}
            return {
                "status": kinds.get(outcome.kind, "broken"),
                "passed": tuple(passed),
                "failed": check.name,
                "message": said(task, check, outcome),
                "hint": hint_for(task, number, check, answer, outcome),
            }
        passed.append(check.name)
        error = max(error, outcome.error)
    return {"status": "right", "passed": tuple(passed), "error": error, "after": task.after}


def said(task: Task, check: Any, outcome: Outcome) -> str:
    """What went wrong, beginning with the function's name where that is not clear."""
    named = outcome.kind in ("raised", "wrote", "returned")
    function = check.function if check.function in task.functions else ", ".join(task.functions)
    return f"{function} {outcome.message}" if named else outcome.message


def hint_for(task: Task, number: int, check: Any, answer: Answer, outcome: Outcome) -> str:
    """The hint of the known wrong answer that gives the same; of several, of the one that gives the
    same in most checks. Otherwise the check's own hint.
    """
    if outcome.kind == "unwritten":
        return ""
    candidates = []
    for wrong in task.wrong:
        variant = complete(task, wrong_answer(task, number, wrong), SOLUTIONS)
        if check.attempt(variant).same_as(outcome):
            candidates.append((wrong, variant))
    if len(candidates) > 1:
        others = {other.name: other.attempt(answer) for other in task.checks}
        candidates.sort(
            key=lambda pair: sum(
                other.attempt(pair[1]).same_as(others[other.name]) for other in task.checks
            ),
            reverse=True,
        )
    return candidates[0][0].hint if candidates else check.hint


def wrong_answer(task: Task, number: int, wrong: Wrong) -> Answer:
    """The reference solution with one edit, below the text at the top of its file."""
    path = SOLUTIONS / file_of(number)
    text, begin, code = path.read_text(encoding="utf-8").partition('"""\n\n')
    if code.count(wrong.right) != 1:
        times = code.count(wrong.right)
        raise ValueError(f"{path.name} holds {wrong.right!r} {times} times, not once")
    source = text + begin + code.replace(wrong.right, wrong.wrong)
    return from_source(source, path, task.functions)
