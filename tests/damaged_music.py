"""How music files are damaged, and what must become of them; `python tests/damaged.py` runs it.

A damaged file is refused with a reason, or gives sound notes. A MIDI file that was cut short, or in
which an event says that it is longer than its track, must say so: a fault, or a reason.
"""

import re
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
from music_strategies import midi_file, off, on, track

from tinylstm.music import EventTokenizer
from tinylstm.music.corpus.parse import File, parse_file, prepare_worker
from tinylstm.music.files import read_music

SONGS = Path(__file__).parents[1] / "midi_songs"
TOKENIZER = EventTokenizer(instruments="all")
WHOLE: list[tuple[str, bytes, int]] = []  # suffix, content, notes
ABC = """X:1
T:A scale
M:3/4
L:1/8
Q:1/4=90
K:G
|: "G"G2 A B- | B [ceg]2 d/2e/2 | (3fga !trill!b4 :|
w: la la
X:2
M:C|
K:Dm
V:1
D>E F2 z4 | {g}a^b _c'=d, |]
"""


def sound_files() -> list[bytes]:
    """Small real MIDI files, and one of everything that MIDI can say."""
    smallest = sorted(SONGS.glob("*.mid"), key=lambda path: path.stat().st_size)[:6]
    everything = midi_file(
        track((0, b"\xff\x51\x03\x07\xa1\x20"), (0, b"\xff\x58\x04\x03\x03\x18\x08")),
        track(
            (0, b"\xff\x03\x04name"),
            (0, b"\xc0\x28"),
            (0, b"\xb0\x40\x7f"),
            (0, on(60)),
            (10, b"\xe0\x00\x40"),
            (0, b"\xf0\x05\x01\x02\x03\x04\xf7"),
            (470, off(60)),
            (0, on(36, channel=9)),
            (240, bytes([36, 0])),
        ),
    )
    return [everything, *(path.read_bytes() for path in smallest)]


def prepare(folder: Path) -> None:
    from music21 import converter

    prepare_worker()  # as in the processes that parse: a limit on memory
    for data in sound_files():
        WHOLE.append((".mid", data, 0))
    score = converter.parse(ABC, format="abc").scores[0]
    score.write("musicxml", folder / "a.musicxml")
    text = (folder / "a.musicxml").read_bytes()
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("META-INF/container.xml", CONTAINER)
        archive.writestr("a.musicxml", text)
    for suffix, data in ((".abc", ABC.encode()), (".musicxml", text), (".mxl", packed.getvalue())):
        WHOLE.append((suffix, data, 0))
    for place, (suffix, data, _) in enumerate(WHOLE):
        path = folder / f"whole{suffix}"
        path.write_bytes(data)
        WHOLE[place] = suffix, data, len(read_music(path).notes)


CONTAINER = """<?xml version="1.0"?><container><rootfiles>
<rootfile full-path="a.musicxml"/></rootfiles></container>"""


def case(folder: Path, number: int, seed: int) -> str:
    """Damage one file in one way, and read it."""
    rng = np.random.default_rng([seed, number])
    suffix, data, notes = WHOLE[number % len(WHOLE)]
    way = (damage, longer, damage) if suffix == ".mid" else (damage, words, numbers)
    damaged = way[number // len(WHOLE) % 3](data, rng)
    return outcome(folder / f"damaged{suffix}", bytes(damaged), data, notes)


def outcome(path: Path, damaged: bytes, data: bytes = b"", notes: int = 0) -> str:
    """What becomes of a damaged file, in a word and a reason."""
    path.write_bytes(damaged)
    parsed = parse_file(File(path.name, path), TOKENIZER)
    report = parsed.report
    if report.tried is not None:
        return f"error: {report.skipped}"
    if report.skipped:
        said = len(report.skipped) > 10 and not report.tokens
        return f"{'refused' if said else 'unsaid'}: {report.skipped}"
    found = TOKENIZER.decode(parsed.symbols)
    lost = report.notes_in_file - report.notes_kept
    if not report.notes_kept == len(found) > 0 or (lost and not report.faults):
        return f"silent: {report.notes_kept} of {report.notes_in_file} notes, {len(found)} read"
    if any(not (n.onset >= 0 and n.duration > 0 and 0 <= n.pitch < 128) for n in found):
        return "silent: impossible notes"
    cut = data.startswith(damaged) and len(found) < notes
    if path.suffix == ".mid" and cut and not report.faults:
        return f"silent: {len(found)} of {notes} notes, without a fault"
    return "harmless" if damaged == data else "read"


def damage(data: bytes, rng) -> bytes:
    """One of the ways in which files go wrong."""
    data = bytearray(data)
    kind = rng.integers(7)
    place = int(rng.integers(len(data)))
    if kind == 0:  # cut short
        return data[:place]
    if kind == 1:  # bits flipped
        for where in rng.integers(0, len(data), rng.integers(1, 60)):
            data[where] ^= 1 << int(rng.integers(8))
    elif kind == 2:  # flipped in the header, where it hurts
        for where in rng.integers(0, min(30, len(data)), rng.integers(1, 6)):
            data[where] ^= 1 << int(rng.integers(8))
    elif kind == 3:  # a piece lost
        del data[place : place + int(rng.integers(1, 200))]
    elif kind == 4:  # a piece twice
        data[place:place] = data[place : place + int(rng.integers(1, 200))]
    elif kind == 5:  # noise written over it
        length = min(int(rng.integers(1, 100)), len(data) - place)
        data[place : place + length] = rng.bytes(length)
    else:  # nothing but a header and noise
        data = data[:14] + b"MTrk\x00\x00\x01\x00" + rng.bytes(int(rng.integers(300)))
    return data


def longer(data: bytes, rng) -> bytes:
    """A MIDI file with an event that says it is longer than its track, or with endless notes."""
    text = [
        b"\x00\xff\x01\x8f\xff\x7fabc",
        b"\x00\xf0\xff\x7f\x01",
        b"\x00\xff\x7f\xff\xff\xff\x7f",
    ]
    far = [b"\xc0\x00\x90\x3c\x40", b"\x8f\xff\xff\x7f\x80\x3c\x00"] * int(rng.integers(1, 500))
    put = [*text, b"".join(far)][rng.integers(4)]
    start = data.index(b"MTrk") + 8
    size = int.from_bytes(data[start - 4 : start]) + len(put)
    return data[: start - 4] + size.to_bytes(4) + put + data[start:]


def words(data: bytes, rng) -> bytes:
    """A text with a word, a tag or a line taken out, doubled, or put elsewhere."""
    parts = re.split(rb"(<[^>]*>|\n)", data)
    for _ in range(rng.integers(1, 4)):
        a, b = rng.integers(0, len(parts), 2)
        match rng.integers(3):
            case 0:
                parts[a] = b""
            case 1:
                parts[a] = parts[a] * int(rng.integers(2, 50))
            case 2:
                parts[a], parts[b] = parts[b], parts[a]
    return b"".join(parts)


def numbers(data: bytes, rng) -> bytes:
    """A text with other numbers in it."""
    nasty = [
        b"0",
        b"-1",
        b"999999999",
        b"1" * 400,
        b"1e99",
        b"nan",
        b"1/0",
        b"0.3333",
        b"\xff",
        b"",
    ]
    found = list(re.finditer(rb"\d+", data))
    for match in [found[i] for i in sorted(rng.integers(0, len(found), 2))][::-1]:
        data = data[: match.start()] + nasty[rng.integers(len(nasty))] + data[match.end() :]
    return data
