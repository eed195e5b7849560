"""A piece as a file in the format of its suffix.

`.mid` is written here, `.musicxml` by music21, `.wav` by FluidSynth if it is installed, pictures by
matplotlib. The page that plays a piece is in tinylstm/page/.
"""

import os
import shutil
import subprocess
import tempfile
import wave
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ...files import FileError, check_writable, quoted, replacing
from ..notes import Note, Piece
from . import write_midi

SOUNDFONTS = ("/usr/share/sounds/sf2", "/usr/share/sounds/sf3", "/usr/share/soundfonts")
RATE = 44_100  # samples per second
QUIET = "0.1"  # FluidSynth's gain: many notes at once must not be clipped
PEAK = 0.9  # of a .wav file, as a share of what it can hold
LONGEST_WRITTEN = 16.0  # quarter notes
KEYBOARDS = range(24)  # General MIDI's pianos, celesta to dulcimer, organs and accordions


class NoSynthesizerError(FileError):
    """FluidSynth or its sounds are missing; the message says how to get them."""


def write_piece(path: str | os.PathLike[str], piece: Piece) -> Path:
    """Write a piece to a file in the format of its suffix; a crash leaves the old file whole.

    Raises ValueError for an unknown suffix or a piece without notes, NoSynthesizerError for a .wav
    if FluidSynth or its sounds are missing.
    """
    path = Path(path)
    if not piece.notes:
        raise ValueError(f"no notes to write to {quoted(path)}")
    check_export(path)
    WRITERS[path.suffix.lower()](path, piece)
    return path


def check_export(path: Path) -> None:
    """Raise what `write_piece` would for this path, before there is a piece."""
    kind = path.suffix.lower()
    if kind not in WRITERS:
        known = ", ".join(WRITERS)
        raise ValueError(f"cannot write {quoted(path)}: the suffix must be one of {known}")
    if kind == ".wav":
        synthesizer(path), soundfont()
    check_writable(path)


def _midi(path: Path, piece: Piece) -> None:
    write_midi(path, piece.notes, piece.tempo, piece.time_signature)


def _musicxml(path: Path, piece: Piece) -> None:
    """A score: music21 reads the notes as MIDI and finds voices, bars, ties and triplets.

    A keyboard that plays on both sides of middle C has two staves with a brace. Times are rounded
    to sixteenths and triplets, and notes are cut after 16 quarter notes, because music21 writes no
    others.
    """
    from music21 import layout, metadata, stream, tempo

    score = stream.Score()
    for program in sorted({note.program for note in piece.notes}):
        notes = [note for note in piece.notes if note.program == program]
        hands = [[n for n in notes if n.pitch >= 60], [n for n in notes if n.pitch < 60]]
        if program not in KEYBOARDS or not all(hands):
            score.insert(0, _part(piece, notes))
            continue
        staves = [stream.PartStaff(), stream.PartStaff()]
        for staff, hand in zip(staves, hands, strict=True):
            for element in _part(piece, hand):
                staff.insert(element.offset, element)
            score.insert(0, staff)
        score.insert(0, layout.StaffGroup(staves, symbol="brace"))
    bars = max(len(part.getElementsByClass(stream.Measure)) for part in score.parts)
    for place, part in enumerate(score.parts):
        _lengthen(part, bars)
        if place:  # the tempo stands over the first part only
            part.remove(list(part[tempo.MetronomeMark]), recurse=True)
    score.metadata = metadata.Metadata(title=piece.name, composer="tinylstm")
    with tempfile.TemporaryDirectory() as folder:
        written = Path(score.write("musicxml", str(Path(folder) / "piece.musicxml")))
        with replacing(path) as stream_out:
            stream_out.write(written.read_bytes())


def _part(piece: Piece, notes: Sequence[Note]) -> Any:
    """One staff with some of the piece's notes."""
    from music21 import converter

    with tempfile.TemporaryDirectory() as folder:
        middle = Path(folder) / "part.mid"
        short = tuple(n._replace(duration=min(n.duration, LONGEST_WRITTEN)) for n in notes)
        _midi(middle, replace(piece, notes=short))
        return converter.parse(str(middle), format="midi", forceSource=True).parts[0]


def _lengthen(part: Any, bars: int) -> None:
    """Add rests, so that all parts have the same number of bars."""
    from music21 import note, stream

    have = list(part.getElementsByClass(stream.Measure))
    have[-1].rightBarline = "final" if len(have) == bars else None
    for number in range(len(have) + 1, bars + 1):
        rest = note.Rest(quarterLength=have[0].barDuration.quarterLength)
        rest.fullMeasure = True
        measure = stream.Measure([rest], number=number)
        measure.rightBarline = "final" if number == bars else None
        part.append(measure)


def _wav(path: Path, piece: Piece) -> None:
    """Sound, with FluidSynth."""
    program = synthesizer(path)
    font = soundfont()
    with tempfile.TemporaryDirectory() as folder:
        middle, sound = Path(folder) / "piece.mid", Path(folder) / "piece.wav"
        _midi(middle, piece)
        command = [program, "-ni", "-q", "-g", QUIET, "-r", str(RATE), "-F", str(sound)]
        done = subprocess.run([*command, str(font), str(middle)], capture_output=True, text=True)
        if done.returncode or not sound.exists():
            raise NoSynthesizerError(f"cannot write {path}: fluidsynth says {done.stderr.strip()}")
        normalise(sound)
        with replacing(path) as stream:
            stream.write(sound.read_bytes())


def normalise(path: Path) -> None:
    """Scale a 16-bit .wav file, so that its peak is at PEAK of what the format can hold."""
    with wave.open(str(path)) as file:
        form, frames = file.getparams(), file.readframes(file.getnframes())
    samples = np.frombuffer(frames, "<i2").astype(np.float64)  # (N,) of all channels
    if form.sampwidth != 2 or not (loudest := np.abs(samples).max(initial=0)):
        return
    with wave.open(str(path), "wb") as file:
        file.setparams(form)
        file.writeframes((samples * (PEAK * 32767 / loudest)).round().astype("<i2").tobytes())


def synthesizer(path: Path) -> str:
    """FluidSynth, as a command."""
    if found := shutil.which("fluidsynth"):
        return found
    raise NoSynthesizerError(
        f"cannot write {quoted(path)}: fluidsynth is missing; install it with its sounds "
        "(Debian: apt-get install fluidsynth timgm6mb-soundfont; macOS: brew install "
        "fluid-synth), or write a .mid"
    )


def soundfont() -> Path:
    """The soundfont: the file that TINYLSTM_SOUNDFONT names, or the first that is installed."""
    named = os.environ.get("TINYLSTM_SOUNDFONT")
    if named:
        if not Path(named).is_file():
            raise NoSynthesizerError(f"TINYLSTM_SOUNDFONT is {named}, which is not a file")
        return Path(named)
    for folder in SOUNDFONTS:
        for path in sorted(Path(folder).glob("*.sf[23]")):
            return path
    raise NoSynthesizerError(
        f"fluidsynth has no sounds: no .sf2 file in {' or '.join(SOUNDFONTS)}; install "
        "one (Debian: apt-get install timgm6mb-soundfont) or name one in TINYLSTM_SOUNDFONT"
    )


def _picture(path: Path, piece: Piece) -> None:
    from ...plots import plot_roll

    plot_roll(piece.notes, path, piece.name)


WRITERS: dict[str, Callable[[Path, Piece], None]] = {
    ".mid": _midi,
    ".midi": _midi,
    ".musicxml": _musicxml,
    ".xml": _musicxml,
    ".wav": _wav,
    ".png": _picture,
    ".svg": _picture,
    ".pdf": _picture,
}
