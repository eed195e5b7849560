"""The one exception of reading music."""

from __future__ import annotations

import os
from pathlib import Path


class UnreadableFileError(Exception):
    """A file that gives no notes: which one, why, and what to do about it."""

    def __init__(self, path: str | os.PathLike[str], reason: str, advice: str = "") -> None:
        super().__init__(str(path), reason, advice)
        self.path, self.reason, self.advice = Path(path), reason, advice

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}" + (f": {self.advice}" if self.advice else "")
