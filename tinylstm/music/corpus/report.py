"""What became of each file of a folder: kept, or skipped and why, and what was lost on the way."""

from dataclasses import dataclass, field
from typing import Any

from ...files import printable


@dataclass(frozen=True)
class FileReport:
    """One file: how many of its notes became tokens, or why none did.

    >>> FileReport("song.mid", notes_in_file=100, notes_kept=80, tokens=160).skipped is None
    True
    """

    name: str
    digest: str = ""  # SHA-256 of its content
    notes_in_file: int = 0
    notes_kept: int = 0
    tokens: int = 0
    tempo: float = 0.0  # quarter notes per minute at the beginning
    bar: float = 4.0  # quarter notes, at the beginning; 4 if the file has no time signature
    rounding: float = 0.0  # quarter notes: how far the grid moves an onset, on average
    skipped: str | None = None
    faults: list[str] = field(default_factory=list)
    tried: float | None = None  # seconds after which it was given up; a longer limit may help


@dataclass
class Report:
    """All files of a folder, in order of name. `str` gives the summary, `table` every file.

    near_duplicates: groups of names. substitutes: for each token that only held-out pieces have,
    the known token that replaces it. licence: the notes on it that come with music21's corpus.
    unigram_nats, bigram_nats: the cross-entropies in nats per
    token that a network has to beat, on the held-out pieces, or on all if none is held out.
    """

    files: list[FileReport] = field(default_factory=list)
    near_duplicates: list[list[str]] = field(default_factory=list)
    substitutes: dict[str, str] = field(default_factory=dict)
    licence: str = ""
    classes: int = 0
    unigram_nats: float | None = None
    bigram_nats: float | None = None

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Report":
        """The inverse of `dataclasses.asdict`."""
        return cls(**{**config, "files": [FileReport(**row) for row in config["files"]]})

    @property
    def kept(self) -> list[FileReport]:
        """The files that gave tokens."""
        return [file for file in self.files if file.skipped is None]

    @property
    def skipped(self) -> list[FileReport]:
        """The files that gave none; their `skipped` says why."""
        return [file for file in self.files if file.skipped is not None]

    @property
    def notes_in_files(self) -> int:
        """The notes of all files that could be read."""
        return sum(file.notes_in_file for file in self.files)

    @property
    def notes_kept(self) -> int:
        """The notes that the tokens encode."""
        return sum(file.notes_kept for file in self.files)

    @property
    def tokens(self) -> int:
        """The tokens of all pieces, held out or not."""
        return sum(file.tokens for file in self.files)

    def table(self) -> str:
        """One line per file."""
        width = max([len(file.name) for file in self.files] + [4])
        lines = [f"{'file':{width}}  notes in file   kept       %  tokens"]
        for file in self.files:
            share = 100 * file.notes_kept / max(file.notes_in_file, 1)
            text = f" {file.notes_in_file:14} {file.notes_kept:6} {share:7.2f} {file.tokens:7}"
            text += f"  ({'; '.join(file.faults)})" if file.faults else ""
            text = text if file.skipped is None else f"  skipped: {file.skipped}"
            lines.append(f"{file.name:{width}}{text}")
        return _printable(lines)

    def __str__(self) -> str:
        kept, skipped, notes, every = self.kept, self.skipped, self.notes_kept, self.notes_in_files
        share = f"{notes} of {every} notes kept ({100 * notes / max(every, 1):.2f} %)"
        lines = [f"{len(kept)} files kept, {len(skipped)} skipped; {share}"]
        if kept:
            longest = max(kept, key=lambda file: file.tokens)
            lines.append(f"{self.tokens} tokens of {self.classes} classes")
            lines.append(f"longest piece: {longest.name} ({longest.tokens} tokens)")
        moved = sum(file.rounding * file.notes_kept for file in kept) / max(notes, 1)
        if moved > 1e-6:
            lines.append(f"onsets moved to the grid by {moved:.4f} quarter notes on average")
        if self.unigram_nats is not None:
            lines.append(
                f"unigram {self.unigram_nats:.2f} nats, bigram {self.bigram_nats:.2f} nats"
            )
        lines += [f"near-duplicates: {', '.join(group)}" for group in self.near_duplicates]
        lines += [f"skipped {file.name}: {file.skipped}" for file in skipped]
        lines += [f"damaged {f.name}: {'; '.join(f.faults)}" for f in kept if f.faults]
        if self.licence:
            lines += ["licence notes:", *self.licence.splitlines()]
        if self.substitutes:
            listed = ", ".join(f"{old} by {new}" for old, new in self.substitutes.items())
            lines.append(f"unknown in validation, replaced: {listed}")
        return _printable(lines)


def _printable(lines: list[str]) -> str:
    return "\n".join(printable(line) for line in lines)


class EmptyCorpusError(Exception):
    """A folder without a usable piece. `report` has every file and why, if there are files.

    >>> from tinylstm.music import load_corpus
    >>> try:
    ...     load_corpus("missing")
    ... except EmptyCorpusError as error:
    ...     print(error)
    missing is not a folder: name one that holds MIDI files
    """

    def __init__(self, message: str, report: Report | None = None):
        super().__init__(message)
        self.report = report
