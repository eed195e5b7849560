"""Grades in a process of its own, so that an answer which never ends, or ends the process, ends
nothing else. Next: ../__main__.py.
"""

import faulthandler
import multiprocessing
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from .answers import file_of
from .calls import by_learner
from .grade import Grade, grade, task_of

LIMIT = 10.0  # seconds for one exercise; a right answer takes a fraction of one


def grades(folder: Path, numbers: Sequence[int], limit: float = LIMIT) -> Iterator[Grade]:
    """Yields the grade of each exercise of a learner's folder, as soon as it is known."""
    left = list(numbers)
    while left:
        with tempfile.TemporaryDirectory() as spare:
            dump = Path(spare) / "where"
            ours, theirs = multiprocessing.Pipe(duplex=False)
            process = multiprocessing.get_context("spawn").Process(
                target=serve, args=(theirs, folder, left, limit, dump), daemon=True
            )
            process.start()
            theirs.close()
            try:
                while left:
                    found = ours.recv()
                    left.pop(0)
                    yield found
            except EOFError:  # the process has ended in the middle of an exercise
                process.join()
                yield ended(left.pop(0), dump, limit)
            finally:
                process.terminate()
                process.join()


def serve(
    connection: Connection, folder: Path, numbers: Sequence[int], limit: float, dump: Path
) -> None:
    """In the process: grade, and send each grade. What learners print goes to stderr."""
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(folder))
    sys.stdout = sys.stderr
    for number in numbers:
        with dump.open("w") as file:
            faulthandler.dump_traceback_later(limit, exit=True, file=file)
            found = grade(folder, number)
            faulthandler.cancel_dump_traceback_later()
        connection.send(found)
    connection.close()
    os._exit(0)  # threads that a learner started cannot keep the process


def ended(number: int, dump: Path, limit: float) -> Grade:
    """The grade of an exercise during which the process ended: where it was, if time was up."""
    where = dump.read_text() if dump.exists() else ""
    message = "ends the whole process: it must return"
    if "Timeout" in where:
        message = f"was still running after {limit:g} s: a loop that never ends?"
        lines = re.findall(r'File "([^"]+)", line (\d+) in (\w+)', where)
        inside = [line for line in lines if by_learner(line[0])]
        if inside:
            file, line, function = inside[0]
            message = f"{function} {message} It was in line {line} of {Path(file).name}"
    return Grade(number, task_of(number).title, file_of(number), "broken", message=message)
