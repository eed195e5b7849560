"""New pieces from a trained network. Read compose.py first, then limits.py."""

from .compose import Take, compose_notes, compose_takes, openings
from .limits import Length

__all__ = ["Length", "Take", "compose_notes", "compose_takes", "openings"]
