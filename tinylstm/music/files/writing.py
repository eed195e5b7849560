"""From notes to a MIDI file, with music21's events and without a score."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ...files import replacing
from ..notes import DRUMS, LONGEST, Note
from .midi import DRUM_CHANNEL

TICKS_PER_QUARTER = 480  # divisible by 12 (triplets) and 16 (64th notes)


def write_midi(
    path: str | os.PathLike[str],
    notes: Iterable[Note],
    tempo: float = 120.0,
    time_signature: tuple[int, int] = (4, 4),
) -> Path:
    """Write notes to a MIDI file, 480 ticks per quarter note; a crash leaves the old file whole.

    tempo: quarter notes per minute. Overlapping notes of equal pitch go to separate tracks, because
    a note-off does not say which of them it ends; so `read_midi` gives the same notes back. Raises
    ValueError without notes, or for one outside MIDI's range.

    >>> import tempfile
    >>> path = write_midi(Path(tempfile.mkdtemp()) / "a.mid", [Note(0, 1, 60), Note(1, 1, 64)])
    >>> path.read_bytes()[:4]
    b'MThd'
    """
    from music21.midi import MidiFile

    notes = list(notes)
    if not notes:
        raise ValueError(f"no notes to write to {path}")
    for note in notes:
        if not (0 <= note.onset <= LONGEST and note.duration > 0 and 0 <= note.pitch <= 127):
            raise ValueError(f"{note} does not fit into a MIDI file")
    tracks = [_conductor(tempo, time_signature)]
    melodic = [channel for channel in range(1, 17) if channel != DRUM_CHANNEL]
    for number, program in enumerate(sorted({note.program for note in notes})):
        channel = melodic[number % len(melodic)]
        for voice in _voices([note for note in notes if note.program == program]):
            tracks.append(_voice_track(voice, DRUM_CHANNEL if program == DRUMS else channel))
    file = MidiFile()
    file.format, file.ticksPerQuarterNote, file.tracks = 1, TICKS_PER_QUARTER, tracks
    with replacing(Path(path)) as stream:
        stream.write(file.writestr())
    return Path(path)


def _voices(notes: list[Note]) -> list[list[tuple[int, int, Note]]]:
    """Voices of (start, end, note), in ticks, in none of which a sounding pitch begins again."""
    voices: list[list[tuple[int, int, Note]]] = []
    free: list[dict[int, int]] = []  # per voice: pitch -> the tick from which it is free
    for note in sorted(notes, key=lambda note: (note.onset, note.pitch, note.duration)):
        start = round(note.onset * TICKS_PER_QUARTER)
        end = max(start + 1, round((note.onset + note.duration) * TICKS_PER_QUARTER))
        ready = (v for v, pitches in enumerate(free) if pitches.get(note.pitch, 0) <= start)
        place = next(ready, len(voices))
        if place == len(voices):
            voices.append([])
            free.append({})
        voices[place].append((start, end, note))
        free[place][note.pitch] = end
    return voices


def _conductor(tempo: float, time_signature: tuple[int, int]) -> Any:
    """The first track: tempo and time signature."""
    from music21.midi import MetaEvents

    microseconds = min(max(round(60e6 / tempo), 1), 0xFFFFFF)
    beats, unit = time_signature
    metre = bytes([beats, unit.bit_length() - 1, 24, 8])
    speed = _event(MetaEvents.SET_TEMPO, data=microseconds.to_bytes(3))
    return _track([(0, 0, speed), (0, 1, _event(MetaEvents.TIME_SIGNATURE, data=metre))])


def _voice_track(voice: list[tuple[int, int, Note]], channel: int) -> Any:
    """One voice: its program, then note-offs before note-ons at every tick."""
    from music21.midi import ChannelVoiceMessages as Messages

    events = []
    program = voice[0][2].program
    if program != DRUMS:
        events.append((0, -1, _event(Messages.PROGRAM_CHANGE, channel, data=program)))
    for start, end, note in voice:
        velocity = min(max(note.velocity, 1), 127)
        on = _event(Messages.NOTE_ON, channel, pitch=note.pitch, velocity=velocity)
        off = _event(Messages.NOTE_OFF, channel, pitch=note.pitch, velocity=0)
        events += [(start, 1, on), (end, 0, off)]
    return _track(events)


def _event(kind: Any, channel: int | None = None, **values: Any) -> Any:
    from music21.midi import MidiEvent

    event = MidiEvent(type=kind, channel=channel)
    for name, value in values.items():
        setattr(event, name, value)
    return event


def _track(events: list[tuple[int, int, Any]]) -> Any:
    """A music21 track of events, each with its tick and its rank among those at the same tick."""
    from music21.midi import DeltaTime, MetaEvents, MidiTrack

    track, now = MidiTrack(), 0
    ordered = sorted(events, key=lambda event: event[:2])
    for time, _, event in [
        *ordered,
        (ordered[-1][0], 0, _event(MetaEvents.END_OF_TRACK, data=b"")),
    ]:
        track.events += [DeltaTime(track, time=time - now), event]
        now = time
    return track
