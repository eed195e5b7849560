"""The search for copied passages against trying everything."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tinylstm.music import Note
from tinylstm.music.evaluation.copies import KnownPieces


def longest_by_trying(one, other, exactly):
    def steps(notes):
        notes = sorted(notes, key=lambda n: (n.onset, n.program, n.pitch, n.duration))
        return [
            (b.pitch - a.pitch, round(12 * b.onset) - round(12 * a.onset),
             *((a.pitch, round(12 * a.duration)) if exactly else ()))
            for a, b in pairwise(notes)
        ]  # fmt: skip

    a, b = steps(one), steps(other)
    best = 0
    for i in range(len(a)):
        for j in range(len(b)):
            length = 0
            while a[i + length : i + length + 1] == b[j + length : j + length + 1] != []:
                length += 1
            best = max(best, length)
    return best + 1


FEW = st.lists(
    st.builds(Note, st.integers(0, 12), st.sampled_from([1.0, 2.0]), st.integers(60, 62)),
    min_size=1,
    max_size=14,
)


@given(FEW, st.lists(FEW, min_size=1, max_size=3), st.booleans())
def test_the_longest_copied_passage(notes, pieces, exactly):
    known = KnownPieces((str(i), piece) for i, piece in enumerate(pieces))
    found = known.longest(notes, exactly)
    lengths = [longest_by_trying(notes, piece, exactly) for piece in pieces]
    assert found.notes == max(lengths)
    if found.notes > 1:
        assert lengths[int(found.source)] == max(lengths)
        rest = known.longest(notes, exactly, but=[found.source])
        assert rest.source != found.source
        assert rest.notes == max([1, *(n for i, n in enumerate(lengths) if str(i) != found.source)])


def test_a_planted_copy_is_found_with_its_source():
    rng = np.random.default_rng(0)

    def piece(pitches):
        return [Note(i / 2, 0.5, int(p)) for i, p in enumerate(pitches)]

    pieces = [piece(rng.integers(40, 80, 300)) for _ in range(3)]
    known = KnownPieces(zip("abc", pieces, strict=True))
    mine = piece(rng.integers(40, 80, 100))
    stolen = [n._replace(onset=n.onset - 50 + 20, pitch=n.pitch + 5) for n in pieces[1][100:130]]
    mine[40:70] = stolen
    found = known.longest(mine)
    assert found.source == "b" and found.notes >= 30 and abs(found.at - 50) <= 1
    assert known.longest(mine, exactly=True).notes < 10
