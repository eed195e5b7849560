"""From the bytes of a MIDI track to its events, also where the track is damaged.

Next: ../tokenizers/base.py.
"""

from collections.abc import Iterator
from typing import Any

from ..notes import LONGEST

_SEARCHED = 1000  # bytes behind a broken event


def track_events(
    chunk: bytes, track: str, quarter: float, faults: list[str]
) -> Iterator[tuple[int, Any]]:
    """Decode a track's bytes with music21: yields the time of each event, in ticks, and the event.

    track: what to call it in `faults`, which collects what is wrong. quarter: ticks per quarter
    note. As music21's `MidiTrack.read`, but each event gets only its own bytes instead of all that
    follow: a megabyte takes seconds instead of minutes, and an event that is longer than its track
    is noticed. Bytes behind the end-of-track event are padding, and no fault.
    """
    from music21.midi import MidiEvent, MidiException

    place, ticks, count, status, ended = 0, 0, 0, None, False
    while place < len(chunk):
        event = MidiEvent()
        event.lastStatusByte = status
        try:
            delta, place = _number(chunk, place)
            ticks += delta
            end = _end_of_event(chunk, place, status)
            if end > len(chunk):
                place = _go_on(chunk, place, track, [] if ended else faults)
                continue
            try:
                event.read(chunk[place:end])
            except MidiException:  # unknown event: skipped, as in music21
                faults.append(f"{track} has an unknown event at tick {ticks}")
                place += 1
                continue
        except (MidiException, ValueError, IndexError, TypeError) as error:
            if not ended:
                faults.append(f"{track} is damaged after {count} events ({error})")
            return
        place = end
        count += 1
        status = event.lastStatusByte
        if ticks > LONGEST * quarter:
            faults.append(f"{track} jumps to tick {ticks}")
            return
        if event.type is not None:
            ended = event.type.name == "END_OF_TRACK"
            yield ticks, event


def _number(chunk: bytes, place: int) -> tuple[int, int]:
    """A number of variable length, and where it ends. Raises IndexError if the track ends in it,
    ValueError if it is longer than MIDI's four bytes.
    """
    number = 0
    for end in range(place + 1, place + 5):
        number = number << 7 | chunk[end - 1] & 0x7F
        if chunk[end - 1] < 0x80:
            return number, end
    raise ValueError("a number of more than four bytes")


def _end_of_event(chunk: bytes, place: int, status: int | None) -> int:
    """Where the event at `place` ends by its own account, which may be beyond its track."""
    kind = chunk[place]
    if kind < 0x80:  # running status: the last event's status byte is meant to stand before it
        kind, place = status or 0x90, place - 1
    if kind in (0xF0, 0xF7, 0xFF):
        length, start = _number(chunk, place + (2 if kind == 0xFF else 1))
        return start + length
    return place + (2 if kind & 0xE0 == 0xC0 else 3)


def _go_on(chunk: bytes, place: int, track: str, faults: list[str]) -> int:
    """Where to read on after an event that says it is longer than its track."""
    places = range(place + 2, min(len(chunk), place + _SEARCHED))
    may_be = (p for p in places if chunk[p] != 0xF7)  # which ends an event, and begins no delta
    found = next((p for p in may_be if _readable(chunk, p)), len(chunk))
    faults.append(f"{track} has an event longer than itself: {found - place} bytes are lost")
    return found


def _readable(chunk: bytes, place: int) -> bool:
    """Whether events begin at `place` that can be read up to the end-of-track event."""
    status = None
    try:
        while place < len(chunk):
            _, place = _number(chunk, place)
            kind = chunk[place]
            if kind < 0x80 and status is None:  # the first event has a status byte of its own
                return False
            end = _end_of_event(chunk, place, status)
            if chunk[place : place + 2] == b"\xff\x2f":
                return end == len(chunk)
            status = kind if kind >= 0x80 else status
            if kind < 0xF0 and max(chunk[place + (kind >= 0x80) : end], default=0) > 0x7F:
                return False
            if kind in range(0xF1, 0xFF) and kind != 0xF7:
                return False
            place = end
    except (IndexError, ValueError):
        pass
    return False
