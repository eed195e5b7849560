"""Grade the exercises.

    python -m exercises                    all of them, and how far you are
    python -m exercises 4                  grade exercise 4
    python -m exercises --answers FOLDER ...    answers elsewhere: a folder for each learner
    python -m exercises --json --answers class/*        for programs: one record for each folder

Exits with 0 if all exercises that were graded are right, else with 1.
"""

import argparse
import json
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .grading.answers import COUNT, HERE
from .grading.grade import Grade
from .grading.worker import LIMIT, grades

MARKS = {"right": "[x]", "wrong": "[!]", "broken": "[!]", "unwritten": "[ ]"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="exercises", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("numbers", type=int, nargs="*", metavar="NUMBER", help=f"1 to {COUNT}")
    parser.add_argument("--answers", type=Path, nargs="+", default=[HERE], metavar="FOLDER",
                        help="where the answers are (default: here)")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print JSON and nothing else")
    parser.add_argument("--limit", type=float, default=LIMIT, metavar="SECONDS",
                        help=f"for one exercise (default {LIMIT:g})")  # fmt: skip
    options = parser.parse_args(arguments)
    for number in options.numbers:
        if not 1 <= number <= COUNT:
            parser.error(f"there is no exercise {number}: use 1 to {COUNT}")
    for folder in options.answers:
        if not folder.is_dir():
            parser.error(f"{folder} is not a folder: name one that holds answers")
    numbers = options.numbers or list(range(1, COUNT + 1))
    right, records = True, []
    for folder in options.answers:
        found = grades(folder.resolve(), numbers, options.limit)
        if options.json:
            shown = list(found)
            records.append(record(folder, shown))
        else:
            shown = show(folder, found, options.numbers, len(options.answers) > 1)
        right = right and all(grade.status == "right" for grade in shown)
    if options.json:
        print(json.dumps(records, indent=2))
    return 0 if right else 1


def record(folder: Path, found: list[Grade]) -> dict[str, Any]:
    """What a teacher's program reads of one learner."""
    solved = sum(grade.status == "right" for grade in found)
    learner = folder.resolve().name
    return {"learner": learner, "solved": solved, "exercises": [asdict(grade) for grade in found]}


def show(folder: Path, found: Any, numbers: list[int], several: bool) -> list[Grade]:
    """Print the grades as they come: in full if exercises were named, else a line for each."""
    if several:
        print(f"\n{folder}")
    shown = []
    for grade in found:
        shown.append(grade)
        print(in_full(grade, folder) if numbers else in_short(grade), flush=True)
    if not numbers:
        print(progress(shown, folder))
    return shown


def in_short(grade: Grade) -> str:
    """One line of the overview."""
    note = grade.file if grade.status in ("unwritten", "right") else grade.message.split("\n")[0]
    return f"{grade.number:4} {MARKS[grade.status]} {grade.title:36} {note[:80]}"


def progress(shown: list[Grade], folder: Path) -> str:
    """The last lines of the overview: how far, and what to do next."""
    done = sum(grade.status == "right" for grade in shown)
    bar = "#" * done + "." * (len(shown) - done)
    lines = ["", f"     {bar}  {done} of {len(shown)} solved"]
    for grade in shown:
        if grade.status != "right":
            lines.append(
                f"     Next: {place(folder, grade)}, then: python -m exercises {grade.number}"
            )
            break
    else:
        lines.append("     All of them. You have written an LSTM, and know that it is right.")
    return "\n".join(lines)


def in_full(grade: Grade, folder: Path) -> str:
    """Every check that was made, what went wrong, and the hint."""
    lines = ["", f"{grade.number}. {grade.title}    {place(folder, grade)}", ""]
    lines += [f"   right   {name}" for name in grade.passed]
    if grade.status == "right":
        lines += ["", *indented(f"Solved, {exactness(grade)}. {grade.after}")]
        if grade.number < COUNT:
            lines += ["", f"   Next: exercise {grade.number + 1}."]
    elif grade.status == "unwritten":
        lines += [f"   {grade.failed + ': ' if grade.passed else ''}{grade.message}"]
    else:
        lines += [f"   WRONG   {grade.failed}"] if grade.failed else []
        lines += indented(grade.message, "           " if grade.failed else "   ")
        lines += ["", *indented(f"Hint: {grade.hint}")] if grade.hint else []
    return "\n".join([*lines, ""])


def exactness(grade: Grade) -> str:
    """The largest relative error, in words."""
    return f"to {grade.error:.0e}" if grade.error else "exactly"


def indented(text: str, by: str = "   ") -> list[str]:
    """A text in lines of at most 90 columns."""
    return [
        by + line for part in text.split("\n") for line in textwrap.wrap(part, 90 - len(by)) or [""]
    ]


def place(folder: Path, grade: Grade) -> str:
    """The path of the answer, as short as it can be said."""
    path = folder.resolve() / grade.file
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


if __name__ == "__main__":
    sys.exit(main())
