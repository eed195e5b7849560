"""What became of the files of a folder: kept, skipped and why, and what was lost on the way.

``tinylstm inspect DIR`` prints it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class FileReport:
    """One file: how many of its notes became tokens, or why none did."""

    name: str
    notes_in_file: int = 0
    notes_kept: int = 0
    tokens: int = 0
    length: float = 0.0  # quarter notes
    tempo: float = 0.0  # at the beginning, as are the next two
    time_signature: str = ""
    key: str | None = None
    rounding: float = 0.0  # quarter notes by which an onset is moved to the grid, on average
    skipped: str | None = None
    faults: list[str] = field(default_factory=list)


@dataclass
class Report:
    """All files of a folder, in order of name; `str` is the summary, `table` has every file.

    unigram_nats and bigram_nats are cross-entropies on the held-out pieces: what a network has to
    beat. Where nothing is held out, on the training pieces themselves.
    """

    files: list[FileReport] = field(default_factory=list)
    near_duplicates: list[list[str]] = field(default_factory=list)  # groups of names
    substitutes: dict[str, str] = field(default_factory=dict)  # unknown in validation -> known
    tokens: int = 0
    classes: int = 0
    unigram_nats: float | None = None
    bigram_nats: float | None = None

    @property
    def kept(self) -> list[FileReport]:
        """Files that gave tokens."""
        return [file for file in self.files if file.skipped is None]

    @property
    def skipped(self) -> list[FileReport]:
        """Files that gave none; `skipped` says why."""
        return [file for file in self.files if file.skipped is not None]

    @property
    def notes_in_files(self) -> int:
        """Note-ons of all files that could be read."""
        return sum(file.notes_in_file for file in self.files)

    @property
    def notes_kept(self) -> int:
        """Notes that the tokens stand for."""
        return sum(file.notes_kept for file in self.files)

    def to_config(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Report:
        """The inverse of `to_config`."""
        return cls(**{**config, "files": [FileReport(**row) for row in config["files"]]})

    def table(self) -> str:
        """One line a file."""
        width = max([len(file.name) for file in self.files] + [4])
        lines = [f"{'file':{width}}  notes in file   kept       %  tokens"]
        for file in self.files:
            if file.skipped is not None:
                lines.append(f"{file.name:{width}}  skipped: {file.skipped}")
                continue
            faults = f"  ({'; '.join(file.faults)})" if file.faults else ""
            lines.append(
                f"{file.name:{width}} {file.notes_in_file:14} {file.notes_kept:6} "
                f"{_percent(file.notes_kept, file.notes_in_file):7.2f} {file.tokens:7}{faults}"
            )
        return "\n".join(lines)

    def __str__(self) -> str:
        kept = self.kept
        lines = [
            f"{len(kept)} files kept, {len(self.skipped)} skipped; {self.notes_kept} of "
            f"{self.notes_in_files} notes kept "
            f"({_percent(self.notes_kept, self.notes_in_files):.2f} %)"
        ]
        if kept:
            longest = max(kept, key=lambda file: file.tokens)
            lines.append(f"{self.tokens} tokens of {self.classes} classes")
            lines.append(f"longest piece: {longest.name} ({longest.tokens} tokens)")
            notes = max(self.notes_kept, 1)
            moved = sum(file.rounding * file.notes_kept for file in kept) / notes
            if moved > 1e-6:
                lines.append(f"onsets moved to the grid by {moved:.4f} quarter notes on average")
        if self.unigram_nats is not None:
            lines.append(
                f"unigram {self.unigram_nats:.2f} nats, bigram {self.bigram_nats:.2f} nats"
            )
        lines += [f"near-duplicates: {', '.join(group)}" for group in self.near_duplicates]
        lines += [f"skipped {file.name}: {file.skipped}" for file in self.skipped]
        lines += [f"damaged {f.name}: {'; '.join(f.faults)}" for f in kept if f.faults]
        if self.substitutes:
            listed = ", ".join(f"{old} by {new}" for old, new in self.substitutes.items())
            lines.append(f"unknown in validation, replaced: {listed}")
        return "\n".join(lines)


def _percent(part: int, whole: int) -> float:
    return 100 * part / max(whole, 1)
