"""The report's two texts, and its way through JSON."""

import json
from dataclasses import asdict

from tinylstm.music.corpus.report import FileReport, Report

REPORT = Report(
    [
        FileReport("a.mid", "", 100, 50, 200, rounding=0.02),
        FileReport("long name.mid", "", 10, 10, 20, faults=["track 1 is cut short", "and more"]),
        FileReport("bad.mid", skipped="not a MIDI file"),
    ],
    near_duplicates=[["a.mid", "long name.mid"]],
    substitutes={"E7": "E3", "F7": "F3"},
    classes=384,
    unigram_nats=3.456,
    bigram_nats=2.345,
)


def test_the_summary():
    assert str(REPORT).splitlines() == [
        "2 files kept, 1 skipped; 60 of 110 notes kept (54.55 %)",
        "220 tokens of 384 classes",
        "longest piece: a.mid (200 tokens)",
        "onsets moved to the grid by 0.0167 quarter notes on average",
        "unigram 3.46 nats, bigram 2.35 nats",
        "near-duplicates: a.mid, long name.mid",
        "skipped bad.mid: not a MIDI file",
        "damaged long name.mid: track 1 is cut short; and more",
        "unknown in validation, replaced: E7 by E3, F7 by F3",
    ]
    assert str(Report()) == "0 files kept, 0 skipped; 0 of 0 notes kept (0.00 %)"


def test_the_table():
    assert REPORT.table().splitlines() == [
        "file           notes in file   kept       %  tokens",
        "a.mid                    100     50   50.00     200",
        "long name.mid             10     10  100.00      20  (track 1 is cut short; and more)",
        "bad.mid        skipped: not a MIDI file",
    ]


def test_it_comes_back_from_json():
    assert Report.from_config(json.loads(json.dumps(asdict(REPORT)))) == REPORT
