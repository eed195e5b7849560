"""New pieces from a network. Read compose.py first, then limits.py, shape.py and recall.py."""

from .compose import Take, compose_notes, compose_takes, openings
from .control import Control, Key
from .form import compose_form
from .limits import Length

__all__ = [
    "Control",
    "Key",
    "Length",
    "Take",
    "compose_form",
    "compose_notes",
    "compose_takes",
    "openings",
]
