"""Scores: what music21 makes of a file when it builds a whole score of it. Slow, and thorough.

For notation (MusicXML, Humdrum, ABC and others), and for the 2017 tutorial's way of reading MIDI.
"""

import os
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import redirect_stderr
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

from ..notes import DRUMS, SHORTEST, Note, Piece, UnreadableFileError, within_limits
from .midi import LARGEST, check_size

_VELOCITY = 64  # of notes without dynamics


def read_score(path: str | os.PathLike[str], name: str | None = None) -> Piece:
    """The notes of a score: tied notes are one note, repeats are not expanded.

    A file of several tunes becomes one piece, tune after tune. Raises UnreadableFileError if
    music21 cannot read it, or if it has no notes.
    """
    path = Path(path)
    faults: list[str] = []
    try:
        found = _read_tunes(_parse(path))
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
        notes_in_file=max(found.notes_in_file, len(notes)),  # a tie may end that never began
        path=path,
        faults=tuple(faults),
    )


def _read_tunes(score: Any) -> Piece:
    """The notes and signatures of a parsed score, tune after tune."""
    tunes = list(score.scores) if hasattr(score, "scores") else [score]
    notes: list[Note] = []
    sounding = 0
    marks: dict[str, list[tuple[float, Any]]] = {"tempos": [], "time_signatures": [], "keys": []}
    start = 0.0
    for tune in tunes:
        sounding += _count_notes(tune)
        parts = list(tune.parts) or [tune]
        for track, part in enumerate(parts):
            notes += _part_notes(part, track, start)
        for kind, time, value in _signatures(tune):
            marks[kind].append((start + time, value))
        start += float(tune.highestTime)
    changes: dict[str, Any] = {kind: tuple(sorted(set(found))) for kind, found in marks.items()}
    return Piece("", tuple(notes), sounding, **changes)


def _refused(path: Path, error: Exception) -> UnreadableFileError:
    why = str(error)[:300] or type(error).__name__
    return UnreadableFileError(path, f"music21 cannot read it ({why})")


def _parse(path: Path) -> Any:
    from music21 import converter

    try:
        check_size(path)
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                if sum(member.file_size for member in archive.infolist()) > LARGEST:
                    raise UnreadableFileError(path, f"holds more than {LARGEST >> 20} MB")
        with warnings.catch_warnings(), redirect_stderr(StringIO()):
            warnings.simplefilter("ignore")  # about names of instruments and the like
            return converter.parse(path, forceSource=True)
    except UnreadableFileError:
        raise
    except OSError as error:
        raise UnreadableFileError(path, f"cannot be opened ({error.strerror})") from error
    except Exception as error:  # music21 raises exceptions of many kinds
        raise _refused(path, error) from error


def _elements(stream: Any) -> Iterator[Any]:
    """Notes and chords, without chord symbols."""
    from music21.harmony import Harmony

    return (e for e in stream.flatten().notes if not isinstance(e, Harmony))


def _count_notes(tune: Any) -> int:
    """The number of notes; tied notes count once."""
    return sum(
        member.tie is None or member.tie.type in ("start", "let-ring")
        for element in _elements(tune)
        for member in (element.notes if element.isChord else [element])
    )


def _part_notes(part: Any, track: int, start: float) -> Iterator[Note]:
    program = _program(part.getElementsByClass("Instrument").first())
    part = part.stripTies()
    for element in _elements(part):
        onset = start + float(element.offset)
        duration = float(element.quarterLength) or SHORTEST  # grace notes have none
        for member in element.notes if element.isChord else [element]:
            velocity = min(max(int(member.volume.velocity or _VELOCITY), 1), 127)
            if hasattr(member, "pitch"):
                pitch = min(max(int(member.pitch.midi), 0), 127)
                yield Note(onset, duration, pitch, velocity, program, track)
            else:
                drum = getattr(member.storedInstrument, "percMapPitch", None)
                pitch = min(max(int(drum or member.displayPitch().midi), 0), 127)
                yield Note(onset, duration, pitch, velocity, DRUMS, track)


def _program(instrument: Any) -> int:
    program = getattr(instrument, "midiProgram", None)
    return program if isinstance(program, int) and 0 <= program <= 127 else 0


def _signatures(tune: Any) -> Iterator[tuple[str, float, Any]]:
    flat = tune.flatten()
    for mark in flat.getElementsByClass("MetronomeMark"):
        if speed := mark.getQuarterBPM():
            yield "tempos", float(mark.offset), round(float(speed), 3)
    for signature in flat.getElementsByClass("TimeSignature"):
        value = (signature.numerator, signature.denominator)
        yield "time_signatures", float(signature.offset), value
    for key in flat.getElementsByClass("KeySignature"):
        named = key if hasattr(key, "tonic") else key.asKey()
        yield "keys", float(key.offset), f"{named.tonic.name} {named.mode}"


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
