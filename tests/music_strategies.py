"""Music for tests: Hypothesis strategies for notes, and MIDI files byte by byte."""

from hypothesis import strategies as st

from tinylstm.music import DRUMS, Note

TICKS = 480


def ticks(low: int, high: int) -> st.SearchStrategy[float]:
    """Quarter notes on the grid that MIDI files are written on."""
    return st.integers(low, high).map(lambda n: n / TICKS)


MANY = st.sampled_from([0, 0, 0, 24, 40, 127, DRUMS])  # programs
ONSETS, DURATIONS = ticks(0, 20_000), ticks(1, 5_000)


def notes(
    programs: st.SearchStrategy[int] = MANY,
    onsets: st.SearchStrategy[float] = ONSETS,
    durations: st.SearchStrategy[float] = DURATIONS,
    max_size: int = 40,
) -> st.SearchStrategy[list[Note]]:
    """Notes that overlap, coincide and repeat, at every pitch; few pitches make it likelier."""
    pitches = st.one_of(st.integers(0, 127), st.integers(60, 62))
    note = st.builds(Note, onsets, durations, pitches, st.integers(1, 127), programs)
    return st.lists(note, min_size=1, max_size=max_size)


def variable_length(number: int) -> bytes:
    """MIDI's variable-length quantity."""
    low = bytes([number & 0x7F])
    while number := number >> 7:
        low = bytes([0x80 | number & 0x7F]) + low
    return low


def track(*events: tuple[int, bytes], end: bool = True) -> bytes:
    """A track chunk of ``(delta ticks, bytes of the event)``."""
    body = b"".join(variable_length(delta) + data for delta, data in events)
    if end:
        body += b"\x00\xff\x2f\x00"
    return b"MTrk" + len(body).to_bytes(4) + body


def midi_file(*tracks: bytes, division: int = TICKS, kind: int = 1) -> bytes:
    """A whole file."""
    numbers = (kind, len(tracks), division)
    return b"MThd\x00\x00\x00\x06" + b"".join(n.to_bytes(2) for n in numbers) + b"".join(tracks)


def on(pitch: int, velocity: int = 80, channel: int = 0) -> bytes:
    return bytes([0x90 | channel, pitch, velocity])


def off(pitch: int, channel: int = 0) -> bytes:
    return bytes([0x80 | channel, pitch, 0])
