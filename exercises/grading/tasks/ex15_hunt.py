"""Exercise 15: each net of hunt/ with the learner's line in it, checked by gradcheck."""

from dataclasses import dataclass
from typing import Any

import numpy as np

import tinylstm as tl

from ..answers import HERE
from ..calls import Outcome, refused
from ..checks import Answer, Task, Wrong, numbers


@dataclass(frozen=True)
class Mended:
    """One net. `hint` is for a line that does not mend it."""

    name: str
    hint: str
    function: str = "FOUND"

    def attempt(self, answer: Answer) -> Outcome:
        """Put the line in, and ask gradcheck."""
        found = answer.FOUND.get(self.name) if isinstance(answer.FOUND, dict) else None
        path = HERE / "hunt" / f"{self.name}.py"
        source = path.read_text(encoding="utf-8")
        if found is None or found is Ellipsis:
            what = f"not written yet: FOUND has nothing for {self.name}"
            return Outcome(kind="unwritten", message=what)
        if found == "sound":
            wrong, error = wrong_arrays(source, str(path))
            what = f"gradcheck finds a wrong gradient in it: {wrong}"
            return self.no("sound", what) if wrong else Outcome(error=error)
        if not (isinstance(found, tuple) and len(found) == 2 and all(map(is_text, found))):
            return self.no("form", 'an answer is "sound", or ("the wrong line", "the right line")')
        old, new = (text.strip() for text in found)
        if source.count(old) != 1:
            times = source.count(old)
            return self.no("absent", f"{path.name} holds {old!r} {times} times, not once")
        if source.index(old) < source.index("def backward"):
            return self.no("forward", "this line is not in the backward pass")
        try:
            wrong, error = wrong_arrays(source.replace(old, new), str(path))
        except Exception as problem:
            return refused(problem)
        if wrong:
            return self.no("wrong still", f"with your line, gradcheck still finds: {wrong}")
        if not wrong_arrays(source, str(path))[0]:
            return self.no(
                "was sound", "gradcheck finds nothing wrong in it, with your line or not"
            )
        return Outcome(error=error)

    def no(self, detail: str, message: str) -> Outcome:
        """Not found yet, and why."""
        return Outcome((), "differs", f"{self.name}: {message}", f"{self.name} {detail}")


def is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def wrong_arrays(source: str, path: str) -> tuple[str, float]:
    """The names of the arrays whose gradients are wrong, and the largest error: two shapes."""
    names: dict[str, None] = {}
    largest = 0.0
    for T, B in ((4, 2), (5, 3)):
        module: dict[str, Any] = {"__name__": "hunted"}
        exec(compile(source, path, "exec"), module)
        net = module["Net"]()
        net.build(3, np.random.default_rng(0), np.dtype(float))
        report = tl.gradcheck(net, numbers(1, T, B, 3))
        largest = max(largest, report.error)
        bad = [row.name for row in report.rows if not row.error <= report.tolerance]
        names |= dict.fromkeys(name.partition(".")[2] or name for name in bad)
    return ", ".join(names), largest


TASK = Task(
    title="the hunt",
    functions=("FOUND",),
    checks=(
        Mended(
            "net1",
            "b alone is wrong, so the fault is in the line that makes its gradient. b "
            "is used at every step of every sequence",
        ),
        Mended(
            "net2",
            "Wh alone is wrong, so the fault is in its own line. Which state went into "
            "step t, hs[t] or hs[t + 1]?",
        ),
        Mended(
            "net3",
            "x alone is wrong: scale and shift are cleared. The deviation was made of "
            "centred, so its part is a multiple of xhat",
        ),
        Mended(
            "net4",
            "all is wrong, and --steps 1 shows that one gate's part of b is: which? Which "
            "cell state did that gate multiply?",
        ),
        Mended("net5", "look at every path from x to y, and believe the table"),
        Mended(
            "net6", "with --steps 1 it nearly passes: what does a step get from the one after it?"
        ),
    ),
    wrong=(
        Wrong(
            "'grads[\"b\"] += dz.sum(axis=(0, 1))'",
            "'grads[\"b\"] += dz.mean(axis=(0, 1))'",
            "net1: still a mean. b is added at every step of every sequence: a sum over both",
        ),
        Wrong(
            "'grads[\"b\"] += dz.sum(axis=0).mean(axis=0)'",
            "'grads[\"b\"] += dz.sum(0).mean(0)'",
            "net1: copy the line as it stands in the file; a part of it is enough, if it stands "
            "there once",
        ),
        Wrong(
            '    "net3": (\n',
            '    "net3": "sound",\n    "spare": (\n',
            "net3 is not sound: x is wrong. Begin with the arrays that are right, and see which "
            "lines they clear",
        ),
        Wrong(
            '"di, df, dg = dc * g, dc * c, dc * i"',
            '"c = f * c + i * g  # (B, H)"',
            "net4: forward is right by definition: if you change it, you have mended another net. "
            "The fault is below `def backward`",
        ),
        Wrong(
            '"di, df, dg = dc * g, dc * c_prev, dc * i"',
            '"di, df, dg = dc * i, dc * c, dc * g"',
            "net4: this line it is, but another part of it: which gate multiplied a cell state, "
            "and "
            "which one?",
        ),
        Wrong(
            '"net5": "sound"',
            '"net5": ("dzg = dy * (1 - k) * (1 - g**2)", "dzg = dy * (1 - g**2) * (1 - k)")',
            "net5: your line changes nothing, and nothing was wrong. If gradcheck is content, "
            'believe it: write "sound"',
        ),
        Wrong(
            '"dh = dh + dy[t]"',
            '"dh = dh"',
            "net6: now the output's own gradient is lost. h is used twice, by the output and by "
            "the "
            "next step: a sum",
        ),
    ),
    after="The README lists well-known teaching codes in which one line is wrong. You can check "
    "any "
    "code now, and your own first.",
)
