"""Which pieces are held out for validation."""

from collections.abc import Sequence


def split_pieces(
    count: int, validation: float = 0.1, groups: Sequence[list[int]] = ()
) -> tuple[list[int], list[int]]:
    """Hold out one piece in ten, or the share `validation`: the training and the held-out pieces.

    groups: pieces that stay on one side together (near-duplicates), counted as one at the place of
    the first. Raises ValueError if the share is not in [0, 1).

    >>> split_pieces(5, validation=0.5)
    ([0, 2, 4], [1, 3])
    >>> split_pieces(30)[1], split_pieces(1)[1]
    ([3, 13, 23], [])
    >>> split_pieces(12, groups=[[3, 7], [1, 11]])[1]
    [3, 7]
    """
    if not 0 <= validation < 1:
        raise ValueError(f"validation is {validation}: use a share in [0, 1)")
    together = {group[0]: group for group in groups}
    later = {piece for group in groups for piece in group[1:]}
    units = [together.get(piece, [piece]) for piece in range(count) if piece not in later]
    if validation == 0 or len(units) < 2:
        return list(range(count)), []
    every = max(2, round(1 / validation))
    first = min(3, every - 1, len(units) - 1)
    held_out = sorted(piece for unit in units[first::every] for piece in unit)
    return [piece for piece in range(count) if piece not in set(held_out)], held_out
