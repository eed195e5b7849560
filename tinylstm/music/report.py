"""What became of the files of a folder: kept, skipped and why, and what was lost on the way.

``python -m tinylstm.music.report DIR`` prints it.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field


@dataclass(frozen=True)
class FileReport:
    """One file: how many of its notes became tokens, or why none did."""

    name: str
    notes_in_file: int = 0
    notes_kept: int = 0
    tokens: int = 0
    length: float = 0.0  # quarter notes
    skipped: str | None = None
    faults: tuple[str, ...] = ()


@dataclass
class Report:
    """All files of a folder, in order of name; `str` prints the summary, `table` every file."""

    files: list[FileReport] = field(default_factory=list)
    substitutes: dict[str, str] = field(default_factory=dict)

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

    def table(self) -> str:
        """One line a file."""
        width = max([len(file.name) for file in self.files] + [4])
        lines = [f"{'file':{width}}  notes in file   kept       %  tokens"]
        for file in self.files:
            if file.skipped is not None:
                lines.append(f"{file.name:{width}}  skipped: {file.skipped}")
                continue
            share = 100 * file.notes_kept / max(file.notes_in_file, 1)
            faults = f"  ({'; '.join(file.faults)})" if file.faults else ""
            lines.append(
                f"{file.name:{width}} {file.notes_in_file:14} {file.notes_kept:6} {share:7.2f} "
                f"{file.tokens:7}{faults}"
            )
        return "\n".join(lines)

    def __str__(self) -> str:
        share = 100 * self.notes_kept / max(self.notes_in_files, 1)
        lines = [
            f"{len(self.kept)} files kept, {len(self.skipped)} skipped; "
            f"{self.notes_kept} of {self.notes_in_files} notes kept ({share:.2f} %)"
        ]
        if self.kept:
            longest = max(self.kept, key=lambda file: file.tokens)
            lines.append(f"longest piece: {longest.name} ({longest.tokens} tokens)")
        lines += [f"skipped {file.name}: {file.skipped}" for file in self.skipped]
        lines += [f"damaged {f.name}: {'; '.join(f.faults)}" for f in self.kept if f.faults]
        if self.substitutes:
            listed = ", ".join(f"{old} by {new}" for old, new in self.substitutes.items())
            lines.append(f"unknown in validation, replaced: {listed}")
        return "\n".join(lines)


def main(folder: str) -> None:
    """Print the report of one folder."""
    from tinylstm.music.article import ArticleTokenizer
    from tinylstm.music.corpus import load_corpus

    corpus = load_corpus(folder, ArticleTokenizer())
    print(corpus.report.table())
    print(corpus.report)


if __name__ == "__main__":
    main(sys.argv[1])
