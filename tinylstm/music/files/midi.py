"""From the bytes of a MIDI file to a piece.

music21 offers two ways. `converter.parse` builds a score with measures, voices and ties: it takes
half a second per file, and in a live performance it invents bar lines that cut notes in two. One
level below, music21 decodes the bytes into events; here note-on is paired with note-off, which is
thirty times as fast, loses nothing and has no ties to mend. Next: track.py, the events of a track.
"""

import os
from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..notes import DRUMS, SHORTEST, Note, Piece, UnreadableFileError, within_limits
from .track import track_events

MIDI_SUFFIXES = (".mid", ".midi", ".kar", ".rmi")
SCORE_SUFFIXES = (".musicxml", ".mxl", ".xml", ".krn", ".abc", ".mei")
DRUM_CHANNEL = 10
LARGEST = 32 << 20  # bytes of a file


def read_music(
    path: str | os.PathLike[str], name: str | None = None, tune: int | None = None
) -> Piece:
    """The piece in a file of any format that music21 reads: MIDI as events, notation as a score.

    tune: which one of a book of tunes, from 0; all of them without it. Raises UnreadableFileError
    if the file cannot be read, or has no notes.
    """
    if Path(path).suffix.lower() in MIDI_SUFFIXES:
        return read_midi(path, name)
    from .scores import read_score

    return read_score(path, name, tune)


def read_midi(path: str | os.PathLike[str], name: str | None = None) -> Piece:
    """Every note of every track of a MIDI file.

    A damaged file gives the notes before the damage, and `faults` says what is wrong. Raises
    UnreadableFileError for a file that is no MIDI or has no notes.

    >>> import tempfile
    >>> from tinylstm.music import write_midi
    >>> path = write_midi(Path(tempfile.mkdtemp()) / "a.mid", [Note(0, 1, 60)], tempo=90)
    >>> piece = read_midi(path)
    >>> len(piece), piece.tempo, piece.notes[0].pitch
    (1, 90.0, 60)
    """
    path = Path(path)
    try:
        check_size(path)
        data = path.read_bytes()
    except OSError as error:
        raise UnreadableFileError(path, f"cannot be opened ({error.strerror})") from error
    reading = _Reading(path)
    for index, chunk in enumerate(_track_chunks(reading, data)):
        _decode_track(reading, index, chunk)
    for changes in reading.programs.values():
        changes.sort()
    for index, (events, end) in enumerate(reading.tracks):
        _pair_notes(reading, index, events, end)
    notes = within_limits(reading.notes, reading.faults)
    if not notes:
        why = "; ".join(["no notes in it", *_first(reading.faults)])
        raise UnreadableFileError(path, why, "remove the file, or export it again")
    return Piece(
        name=path.name if name is None else name,
        notes=notes,
        notes_in_file=reading.note_ons,
        tempos=tuple(sorted(set(reading.tempos))),
        time_signatures=tuple(sorted(set(reading.time_signatures))),
        keys=tuple(sorted(set(reading.keys))),
        path=path,
        faults=_first(reading.faults),
    )


def check_size(path: Path) -> None:
    """Raise UnreadableFileError for a file too large to be one piece, or that is not on disk, such
    as a pipe; OSError if it cannot be looked at.
    """
    if not path.is_file() and path.exists():
        raise UnreadableFileError(path, "not a file on disk")
    if (size := path.stat().st_size) > LARGEST:
        raise UnreadableFileError(
            path, f"has {size >> 20} MB, more than {LARGEST >> 20}", "no piece is so long: cut it"
        )


def _first(faults: list[str], most: int = 4) -> tuple[str, ...]:
    """The first faults, and how many more: a file of noise has thousands."""
    more = [f"{len(faults) - most} more faults"] if len(faults) > most else []
    return (*faults[:most], *more)


def _piano_first() -> dict[int, list[tuple[int, int]]]:
    """The program changes of each channel as (tick, program), in all tracks."""
    return defaultdict(lambda: [(-1, 0)])


@dataclass
class _Reading:
    """What has been read of a file so far."""

    path: Path
    ticks: float = 480.0  # per quarter note, from the file's header
    tracks: list[tuple[list[tuple[int, Any]], int]] = field(default_factory=list)
    programs: dict[int, list[tuple[int, int]]] = field(default_factory=_piano_first)
    notes: list[Note] = field(default_factory=list)
    note_ons: int = 0
    tempos: list[tuple[float, float]] = field(default_factory=list)
    time_signatures: list[tuple[float, tuple[int, int]]] = field(default_factory=list)
    keys: list[tuple[float, str]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def _track_chunks(reading: _Reading, data: bytes) -> Iterator[bytes]:
    """Read the header, then yield the bytes of each track; other chunks are skipped."""
    start = data.find(b"MThd", 0, 64)  # not always 0: .rmi files wrap MIDI in a RIFF header
    if start < 0 or len(data) < start + 14:
        raise UnreadableFileError(
            reading.path, "not a MIDI file (no MThd header)", "remove the file"
        )
    header = [int.from_bytes(data[i : i + 2]) for i in range(start + 8, start + 14, 2)]
    kind, declared, division = header
    if kind > 2 or division in (0, 0x8000):
        raise UnreadableFileError(
            reading.path, f"broken MIDI header (format {kind}, division {division})"
        )
    reading.ticks = float(division)
    if division & 0x8000:  # frames per second x ticks per frame; half a second is a quarter note
        reading.ticks = max(1.0, (256 - (division >> 8)) * (division & 0xFF) / 2)
    position = start + 8 + int.from_bytes(data[start + 4 : start + 8])
    found = 0
    while position + 8 <= len(data):
        size = int.from_bytes(data[position + 4 : position + 8])
        if data[position : position + 4] == b"MTrk":
            found += 1
            chunk = data[position + 8 : position + 8 + size]
            if len(chunk) < size:
                reading.faults.append(f"track {found} is cut short ({len(chunk)} of {size} bytes)")
            yield chunk
        position += 8 + size
    if found != declared:
        reading.faults.append(f"{found} tracks, though its header says {declared}")


def _decode_track(reading: _Reading, index: int, chunk: bytes) -> None:
    """Collect the notes of a track, and read its tempos, time signatures and keys."""
    notes, end = [], 0
    for end, event in track_events(chunk, f"track {index + 1}", reading.ticks, reading.faults):
        kind = event.type.name
        if kind == "PROGRAM_CHANGE":
            reading.programs[event.channel].append((end, event.data))
            notes.append((end, event))
        elif kind not in ("NOTE_ON", "NOTE_OFF"):
            _read_meta(reading, end / reading.ticks, kind, event.data)
        elif event.pitch > 127 or event.velocity > 127:
            reading.faults.append(f"track {index + 1} has an impossible note at tick {end}")
        else:
            notes.append((end, event))
    reading.tracks.append((notes, end))


def _pair_notes(reading: _Reading, index: int, events: list[tuple[int, Any]], end: int) -> None:
    """Match note-on with note-off, first in, first out, by channel and pitch.

    A note without note-off ends at the pitch's next note-on, or at the end of the track.
    """
    programs: dict[int, int] = {}  # set in this track; else those of other tracks count
    opened: list[tuple[int, Any, int]] = []  # time, event, program
    sounding: dict[tuple[int, int], deque[int]] = defaultdict(deque)  # -> places in `opened`
    onsets: dict[tuple[int, int], list[int]] = defaultdict(list)
    ends: dict[int, int] = {}  # place in `opened` -> time
    for time, event in events:
        key = (event.channel, event.pitch)
        if event.type.name == "PROGRAM_CHANGE":
            programs[event.channel] = event.data
        elif event.isNoteOn():
            changes = reading.programs[event.channel]
            before = changes[bisect_right(changes, (time, 128)) - 1][1]
            program = DRUMS if event.channel == DRUM_CHANNEL else programs.get(key[0], before)
            sounding[key].append(len(opened))
            onsets[key].append(time)
            opened.append((time, event, program))
        elif waiting := sounding[key]:
            ends[waiting.popleft()] = time
    for key, waiting in sounding.items():
        times = [*onsets[key], end]
        for place in waiting:
            ends[place] = times[bisect_right(onsets[key], opened[place][0])]
    reading.note_ons += len(opened)
    for place, (start, event, program) in enumerate(opened):
        duration = (ends[place] - start) / reading.ticks or SHORTEST
        rest = (event.pitch, event.velocity, program, index)
        reading.notes.append(Note(start / reading.ticks, duration, *rest))


def _read_meta(reading: _Reading, time: float, kind: str, data: Any) -> None:
    """Keep tempo, time signature and key; skip events that are too short."""
    if kind == "SET_TEMPO" and len(data) >= 3 and any(data[:3]):
        reading.tempos.append((time, round(60e6 / int.from_bytes(data[:3]), 3)))
    elif kind == "TIME_SIGNATURE" and len(data) >= 2 and data[0] and data[1] < 8:
        reading.time_signatures.append((time, (data[0], 2 ** data[1])))
    elif kind == "KEY_SIGNATURE" and len(data) >= 2 and data[1] < 2:
        from music21.key import sharpsToPitch

        sharps, minor = (data[0] + 128) % 256 - 128, bool(data[1])
        if abs(sharps) <= 7:
            tonic = sharpsToPitch(sharps + 3 if minor else sharps).name
            reading.keys.append((time, f"{tonic} {'minor' if minor else 'major'}"))
