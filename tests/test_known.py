"""Passages of the training pieces, which a piece shall not copy."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tinylstm.music import Note
from tinylstm.music.composing.known import SPAN, Copied, known_passages, read_passages
from tinylstm.music.evaluation.copies import KnownPieces

TUNE = [(0, 60), (1, 64), (2, 67), (3, 65), (4, 62), (6, 59), (7, 60), (7, 64), (8, 72), (10, 71)]


def notes(rows):
    return [Note(onset, 1, pitch) for onset, pitch in rows]


def longest(known, rows):
    """The most notes in a row, as the sampler counts them."""
    copied, most = Copied(known), 0
    for (before, low), (now, high) in pairwise(rows):
        copied.add(high - low, (now - before) * 12)
        most = max(most, copied.notes)
    return most


@given(st.lists(st.tuples(st.integers(1, 2), st.integers(-1, 1)), min_size=8, max_size=30))
def test_no_copy_is_counted_too_short(steps):
    """The report's longest passage is at most the sampler's."""
    rows = [(0, 60)]
    for time, interval in steps:
        rows.append((rows[-1][0] + time, rows[-1][1] + interval))
    training = [TUNE, rows[2:9], [(0, 60), *((n, 60 + n % 2) for n in range(1, 12))]]
    known = read_passages(known_passages(map(notes, training), 12))
    report = KnownPieces((str(n), notes(piece)) for n, piece in enumerate(training))
    assert report.longest(notes(rows)).notes <= longest(known, rows)


def test_a_copy_in_another_key_is_counted_and_what_would_go_on_is_known():
    known = read_passages(known_passages([notes(TUNE)], 12))
    assert len(known) == len(TUNE) - SPAN + 1
    higher = [(onset + 5, pitch + 7) for onset, pitch in TUNE]
    assert longest(known, higher) == len(TUNE)
    assert longest(known, [(2 * onset, pitch) for onset, pitch in TUNE]) == SPAN - 1  # slower
    copied = Copied(known)
    for (before, low), (now, high) in pairwise(TUNE[:-1]):
        copied.add(high - low, (now - before) * 12)
    found = copied.after(np.arange(-12, 13), 24)
    assert np.arange(-12, 13)[found].tolist() == [-1]


def test_no_piece_no_passage():
    assert len(read_passages(known_passages([], 12))) == 0
    assert longest(read_passages(""), TUNE) == SPAN - 1
