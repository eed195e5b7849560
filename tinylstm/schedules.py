"""Schedules of the learning rate, for `LearningRateScheduler`: functions of the fraction done.

All begin with a linear warm-up, because the first gradients of a net are its worst guide (and
Adam's averages have seen few of them). Your own is any function from [0, 1] to a learning rate.
Next: checkpoint.py.
"""

import math
from collections.abc import Callable

Schedule = Callable[[float], float]  # from the fraction of the run that is done to the rate


def warmed(peak: float, warmup: float, floor: float, after: Schedule) -> Schedule:
    """Linear warm-up from near 0 to peak over the fraction `warmup`; then peak * after(fraction of
    the rest). Raises ValueError for a number out of range.
    """
    if not 0 < peak < math.inf:
        raise ValueError(f"peak is {peak}: use a positive learning rate")
    if not 0 <= warmup < 1:
        raise ValueError(f"warmup is {warmup}: use a fraction of the run in [0, 1)")
    if not 0 <= floor <= 1:
        raise ValueError(f"floor is {floor}: use a fraction of the peak, from 0 to 1")

    def rate(share: float) -> float:
        if share < warmup:
            return min(peak, peak * max(share, 1e-3) / warmup)
        return peak * after((share - warmup) / (1 - warmup))

    return rate


def cosine(peak: float, warmup: float = 0.02, floor: float = 0.02) -> Schedule:
    """A schedule: linear warm-up over the fraction `warmup`, then half a cosine to floor * peak.

    >>> rate = cosine(1.0, warmup=0.1, floor=0.0)
    >>> [round(rate(share), 3) for share in (0.05, 0.1, 0.55, 1.0)]
    [0.5, 1.0, 0.5, 0.0]
    """
    half = lambda share: 0.5 * (1 + math.cos(math.pi * share))  # noqa: E731
    return warmed(peak, warmup, floor, lambda share: floor + (1 - floor) * half(share))


def linear_decay(peak: float, warmup: float = 0.02, floor: float = 0.0) -> Schedule:
    """A schedule: linear warm-up, then a straight line down to floor * peak.

    >>> rate = linear_decay(1.0, warmup=0.2)
    >>> [round(rate(share), 3) for share in (0.1, 0.2, 0.6, 1.0)]
    [0.5, 1.0, 0.5, 0.0]
    """
    return warmed(peak, warmup, floor, lambda share: 1 - (1 - floor) * share)


def exponential_decay(peak: float, warmup: float = 0.02, floor: float = 0.01) -> Schedule:
    """A schedule: linear warm-up, then multiplied by the same factor at every step, down to
    floor * peak.

    >>> rate = exponential_decay(1.0, warmup=0.0, floor=0.01)
    >>> [round(rate(share), 3) for share in (0.0, 0.5, 1.0)]
    [1.0, 0.1, 0.01]
    """
    return warmed(peak, warmup, floor, lambda share: floor**share)
