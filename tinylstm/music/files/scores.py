"""Scores: what music21 makes of a file when it builds a whole score of it. Slow, and thorough.

For notation (MusicXML, Humdrum, ABC and others), and for the 2017 tutorial's way of reading MIDI.
"""

import os
import re
import warnings
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import redirect_stderr
from dataclasses import dataclass, field, replace
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import Any

from ..notes import DRUMS, SHORTEST, Note, Piece, UnreadableFileError, within_limits
from .midi import LARGEST, check_size

_VELOCITY = 64  # of notes without dynamics
_TUNE = re.compile(rb"^X:", re.MULTILINE)  # how each tune of an ABC file begins
_TITLE = re.compile(rb"^T:\s*(.*\S)", re.MULTILINE)


def read_score(
    path: str | os.PathLike[str], name: str | None = None, tune: int | None = None
) -> Piece:
    """The notes of a score: tied notes are one note, repeats are not expanded.

    tune: of a book of tunes (`tunes_of`), read this one alone; without it, a book becomes one
    piece, tune after tune. Raises UnreadableFileError if music21 cannot read it, or if it has no
    notes.
    """
    path = Path(path)
    faults: list[str] = []
    try:
        found = _read_tunes(_parse(path, tune))
    except UnreadableFileError:
        raise
    except Exception as error:  # what music21 makes of a damaged file can be odd in many ways
        raise _refused(path, error) from error
    notes = within_limits(found.notes, faults)
    if not notes:
        why = "; ".join(["no notes in it", *faults])
        raise UnreadableFileError(path, why, "remove the file, or export it again")
    return replace(
        found,
        name=path.name if name is None else name,
        notes=notes,
        path=path,
        faults=tuple(faults),
    )


def tunes_of(data: bytes) -> list[tuple[str, bytes]]:
    """The tunes of an ABC file: the title of each, and its text with the lines that hold for all.

    >>> tunes_of(b"M:C\\nX:1\\nT:Jig\\nK:C\\nCDE\\n\\nX:2\\nK:D\\nDEF\\n")
    [('Jig', b'M:C\\nX:1\\nT:Jig\\nK:C\\nCDE\\n\\n'), ('', b'M:C\\nX:2\\nK:D\\nDEF\\n')]
    """
    starts = [found.start() for found in _TUNE.finditer(data)]
    common = data[: starts[0]] if starts else b""
    tunes = [data[a:b] for a, b in pairwise([*starts, len(data)])]
    titles = [_TITLE.search(tune) for tune in tunes]
    return [
        (title[1].decode("utf-8", "replace") if title else "", common + tune)
        for title, tune in zip(titles, tunes, strict=True)
    ]


def _read_tunes(score: Any) -> Piece:
    """The notes, signatures and bars of a parsed score, tune after tune."""
    tunes = list(score.scores) if hasattr(score, "scores") else [score]
    found, start = _Found(), 0.0
    for tune in tunes:
        parts = list(tune.parts) or [tune]
        for mark in () if parts == [tune] else tune.elements:
            if not mark.isStream:
                found.add_mark(start + float(tune.elementOffset(mark)), mark)
        for track, part in enumerate(parts):
            found.add_part(part, track, start)
        start += float(tune.highestTime)
    changes: dict[str, Any] = {kind: tuple(sorted(set(n))) for kind, n in found.marks.items()}
    return Piece("", tuple(found.notes), len(found.notes), bars=tuple(found.bars), **changes)


@dataclass
class _Found:
    """What has been found in a score so far.

    One walk over music21's streams, which `flatten` and `stripTies` would each copy: they took
    half the time of reading a score.
    """

    notes: list[Note] = field(default_factory=list)
    marks: dict[str, list[tuple[float, Any]]] = field(
        default_factory=lambda: {"tempos": [], "time_signatures": [], "keys": []}
    )
    bars: list[float] = field(default_factory=list)

    def add_part(self, part: Any, track: int, start: float) -> None:
        """The notes of a part, ties joined; the bars of the first part."""
        from music21.harmony import Harmony
        from music21.note import NotRest

        program = _program(part.getElementsByClass("Instrument").first())
        tied: dict[int, list[tuple[float, int]]] = defaultdict(list)  # pitch: end, place in notes
        for time, element in sorted(_leaves(part, start), key=lambda leaf: leaf[0]):
            if not isinstance(element, NotRest):
                self.add_mark(time, element, track)
            elif not isinstance(element, Harmony):  # a chord symbol
                duration = float(element.quarterLength)
                for member in getattr(element, "notes", [element]):
                    self._add_note(member, tied, time, duration, program, track)

    def _add_note(
        self, member: Any, tied: Any, time: float, duration: float, program: int, track: int
    ) -> None:
        """A note, or a longer end of the one that it is tied to."""
        tie = member.tie.type if member.tie else ""
        pitch, program = _pitch(member, program)
        place = len(self.notes)
        if duration:  # of a tied pair, files may mark the first note only
            ending = [entry for entry in tied[pitch] if abs(entry[0] - time) < 1e-6]
            if ending:
                tied[pitch].remove(ending[0])
                place = ending[0][1]
        if place < len(self.notes):
            longer = time + duration - self.notes[place].onset
            self.notes[place] = self.notes[place]._replace(duration=longer)
        else:  # grace notes have no duration
            velocity = member.volume.velocity if member.hasVolumeInformation() else None
            velocity = min(max(int(velocity or _VELOCITY), 1), 127)
            self.notes.append(Note(time, duration or SHORTEST, pitch, velocity, program, track))
        if tie in ("start", "continue") and duration:
            tied[pitch].append((time + duration, place))

    def add_mark(self, time: float, mark: Any, track: int = 0) -> None:
        """A tempo, a time signature, a key, or a bar of the first part."""
        kinds = mark.classSet
        if "MetronomeMark" in kinds:
            if speed := mark.getQuarterBPM():
                self.marks["tempos"].append((time, round(float(speed), 3)))
        elif "TimeSignature" in kinds:
            value = (mark.numerator, mark.denominator)
            self.marks["time_signatures"].append((time, value))
        elif "KeySignature" in kinds:
            self.marks["keys"].append((time, _key_name(mark)))
        elif "Measure" in kinds and not track:
            self.bars.append(time)


def _leaves(stream: Any, start: float) -> Iterator[tuple[float, Any]]:
    """All that is in a stream and in those within it, with its time; measures too."""
    for element in stream.elements:
        time = start + float(stream.elementOffset(element))
        if not element.isStream or "Measure" in element.classSet:
            yield time, element
        if element.isStream:
            yield from _leaves(element, time)


def _pitch(member: Any, program: int) -> tuple[int, int]:
    """The pitch of a note, or of the drum that it stands for, and its program."""
    if hasattr(member, "pitch"):
        return min(max(int(member.pitch.midi), 0), 127), program
    drum = getattr(member.storedInstrument, "percMapPitch", None)
    return min(max(int(drum or member.displayPitch().midi), 0), 127), DRUMS


def _key_name(key: Any) -> str:
    """Such as "E- major". A signature alone is taken as major, as music21 does."""
    from music21.key import sharpsToPitch

    if hasattr(key, "tonic"):
        return f"{key.tonic.name} {key.mode}"
    return f"{sharpsToPitch(key.sharps or 0).name} major"


def _program(instrument: Any) -> int:
    program = getattr(instrument, "midiProgram", None)
    return program if isinstance(program, int) and 0 <= program <= 127 else 0


def _refused(path: Path, error: Exception) -> UnreadableFileError:
    why = str(error)[:300] or type(error).__name__
    return UnreadableFileError(path, f"music21 cannot read it ({why})")


def _parse(path: Path, tune: int | None = None) -> Any:
    from music21 import converter

    try:
        check_size(path)
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                if sum(member.file_size for member in archive.infolist()) > LARGEST:
                    raise UnreadableFileError(path, f"holds more than {LARGEST >> 20} MB")
        with warnings.catch_warnings(), redirect_stderr(StringIO()):
            warnings.simplefilter("ignore")  # about names of instruments and the like
            if tune is None:
                return converter.parse(path, forceSource=True)
            text = tunes_of(path.read_bytes())[tune][1]
            return converter.parseData(text.decode("utf-8", "replace"), format="abc")
    except UnreadableFileError:
        raise
    except OSError as error:
        raise UnreadableFileError(path, f"cannot be opened ({error.strerror})") from error
    except Exception as error:  # music21 raises exceptions of many kinds
        raise _refused(path, error) from error


def first_part_tokens(path: str | os.PathLike[str]) -> list[str]:
    """The 2017 tutorial's reading of a file: the names of the notes and chords of its first part.

    On many files that part is empty, and so is the list. Raises UnreadableFileError if music21
    cannot read the file.
    """
    from music21 import chord, instrument, note

    score = _parse(Path(path))
    try:
        elements = instrument.partitionByInstrument(score).parts[0].recurse()
    except (AttributeError, IndexError):  # no parts
        elements = score.flatten().notes
    tokens = []
    for element in elements:
        if isinstance(element, note.Note):
            tokens.append(str(element.pitch))
        elif isinstance(element, chord.Chord):
            tokens.append(".".join(str(number) for number in element.normalOrder))
    return tokens
