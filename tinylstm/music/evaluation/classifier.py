"""How well a classifier tells composed pieces from human ones, and by which features.

Two-sample testing with a classifier (D. Lopez-Paz and M. Oquab, "Revisiting classifier two-sample
tests", 2017): if nothing that can be measured gives a composed piece away, a classifier that is
trained on some pieces is no better than chance on the others. The number is the area under the ROC
curve (AUC): the probability that, of a composed and a human piece, the right one is taken for the
composed one; 0.5 is chance, 1 is certainty. Needs scikit-learn: pip install 'tinylstm[judge]'.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

FOLDS = 5
REPEATS = 4
TREES = 100


class Feature(NamedTuple):
    """What one feature gives away."""

    name: str
    auc: float  # of this feature alone, at least 0.5
    ours: float  # medians
    human: float


class Distinction(NamedTuple):
    """How well composed pieces can be told from human ones.

    auc: the mean over the folds of all repeats. spread: the standard deviation over the repeats.
    features: the most telling ones first.
    """

    auc: float
    spread: float
    ours: int  # pieces
    human: int  # excerpts
    human_pieces: int
    features: list[Feature]

    def plain(self) -> dict[str, Any]:
        """As plain JSON values."""
        return self._asdict() | {"features": [feature._asdict() for feature in self.features]}

    def __str__(self) -> str:
        """The number, and the ten features that give us away most."""
        lines = [
            f"AUC {self.auc:.3f} (0.5: cannot be told apart; {self.ours} pieces, {self.human} "
            f"excerpts of {self.human_pieces} human pieces)",
            f"{'given away by':40}  {'alone':>6}{'ours':>9}{'human':>9}",
        ]
        for feature in self.features[:10]:
            lines.append(
                f"{feature.name:40}  {feature.auc:6.3f}{feature.ours:9.3f}{feature.human:9.3f}"
            )
        return "\n".join(lines)


def distinguish(
    ours: Sequence[dict[str, float]],
    human: Sequence[dict[str, float]],
    groups: Sequence[Any] | ndarray,
    seed: int = 0,
    our_groups: Sequence[Any] | ndarray | None = None,
) -> Distinction:
    """Cross-validate a classifier between composed pieces and human excerpts.

    ours, human: what `features` found in each, of the same length in notes. groups: of each human
    excerpt, the piece that it is from; excerpts of one piece are never in both the training and the
    test part of a fold. our_groups: likewise; by default every composed piece is its own group.

    The classifier is the mean of two: logistic regression on standardised features, and 100
    randomised trees (P. Geurts et al., "Extremely randomized trees", 2006). Five folds, stratified
    and grouped, repeated four times in another order. Features are ordered by the AUC of each one
    alone: where many tell the same, shuffling one of them (permutation importance) loses nothing.

    Raises ImportError without scikit-learn, ValueError if there are fewer than five groups of
    either kind.

    >>> rng = np.random.default_rng(0)
    >>> rows = [{"a": x, "b": y} for x, y in rng.standard_normal((20, 2))]
    >>> higher = [{"a": row["a"] + 8, "b": row["b"]} for row in rows]
    >>> found = distinguish(higher, rows, range(20))
    >>> found.auc, found.features[0].name
    (1.0, 'a')
    """
    _need_sklearn()
    names, x = list(human[0]), np.array([[*row.values()] for row in [*human, *ours]])  # (N, F)
    y = np.repeat([0, 1], [len(human), len(ours)])  # (N,)
    our_groups = range(len(ours)) if our_groups is None else our_groups
    pairs = [*((0, str(g)) for g in groups), *((1, str(g)) for g in our_groups)]
    numbers = {pair: number for number, pair in enumerate(dict.fromkeys(pairs))}
    group = np.array([numbers[pair] for pair in pairs])  # (N,)
    people, composed = len({*groups}), len({*our_groups})
    if min(people, composed) < FOLDS:
        raise ValueError(
            f"{composed} composed and {people} human pieces: a classifier needs {FOLDS} of each, "
            "and 50 for a number that means something"
        )
    scores = np.zeros((REPEATS, FOLDS))
    for repeat in range(REPEATS):
        for fold, (train, test) in enumerate(_folds(x, y, group, seed + repeat)):
            model = _classifier(seed + repeat).fit(x[train], y[train])
            scores[repeat, fold] = _auc(y[test], model.predict_proba(x[test])[:, 1])
    found = []
    for f, name in enumerate(names):
        alone, medians = _auc(y, x[:, f]), [float(np.median(x[y == k, f])) for k in (1, 0)]
        found.append(Feature(name, max(alone, 1 - alone), *medians))
    return Distinction(
        float(scores.mean()),
        float(scores.mean(axis=1).std()),
        len(ours),
        len(human),
        people,
        sorted(found, key=lambda feature: -feature.auc),
    )


def _need_sklearn() -> None:
    """Raise ImportError, with what to do, if scikit-learn is missing."""
    try:
        import sklearn  # noqa: F401
    except ImportError as error:
        raise ImportError("needs scikit-learn: pip install 'tinylstm[judge]'") from error


def _classifier(seed: int) -> Any:
    """An untrained classifier."""
    from sklearn.ensemble import ExtraTreesClassifier, VotingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    lines = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))
    trees = ExtraTreesClassifier(TREES, min_samples_leaf=2, random_state=seed)
    return VotingClassifier([("lines", lines), ("trees", trees)], voting="soft")


def _folds(x: ndarray, y: ndarray, group: ndarray, seed: int) -> Any:
    """Training and test rows of each fold."""
    from sklearn.model_selection import StratifiedGroupKFold

    return StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed).split(x, y, group)


def _auc(y: ndarray, scores: ndarray) -> float:
    """The probability that a piece of ours has a higher score than a human one; ties are halves.

    >>> _auc(np.array([0, 0, 1, 1]), np.array([1, 3, 3, 4]))
    0.875
    """
    ours, human = scores[y == 1], np.sort(scores[y == 0])
    below = np.searchsorted(human, ours) + np.searchsorted(human, ours, "right")
    return float(below.mean() / (2 * len(human)))
