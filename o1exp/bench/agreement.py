"""How far several raters agree: Krippendorff's alpha over all of them and Cohen's kappa of each pair, with intervals over the texts."""

import itertools
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
Level = Literal["nominal", "interval"]
RESAMPLES = 1000
COVERED = 0.95


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A coefficient with its 95 % interval from drawing the texts again; None where it is not defined, as where nobody ever differs."""

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """`units` are the texts that two raters or more have rated; `kappas` are by "one / other", for classes alone."""

    raters: int
    units: int
    level: Level
    alpha: Estimate
    kappas: dict[str, Estimate] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        return asdict(self)


def agreement(ratings: Mapping[str, Mapping[str, str | float]], level: Level) -> Agreement:
    """The agreement of raters: rater -> text -> what the rater gave it, a class (nominal) or a number (interval).

    A rater may lack texts. Errors: ValueError with fewer than two raters.
    """
    import numpy as np

    if len(ratings) < 2:
        raise ValueError(f"agreement needs two raters, there is {', '.join(ratings) or 'none'}")
    texts = list(dict.fromkeys(text for own in ratings.values() for text in own))
    shared = [text for text in texts if sum(text in own for own in ratings.values()) > 1]
    table = _coded(ratings, shared, level)
    found = dict[str, Estimate]()
    if level == "nominal":
        for (place, one), (other_place, other) in itertools.combinations(enumerate(ratings), 2):
            pair = table[[place, other_place]]
            found[f"{one} / {other}"] = _estimate(pair[:, ~np.isnan(pair).any(axis=0)], _kappa)
    alpha = _estimate(table, lambda part: _alpha(part, level))
    return Agreement(raters=len(ratings), units=len(shared), level=level, alpha=alpha, kappas=found)


def _coded(ratings: Mapping[str, Mapping[str, str | float]], texts: Sequence[str], level: Level) -> "Floats":
    """Numbers [raters, texts], NaN where a rater has none; classes are counted."""
    import numpy as np

    classes = sorted({str(value) for own in ratings.values() for value in own.values()}) if level == "nominal" else []
    code = {name: float(number) for number, name in enumerate(classes)}
    rows = [[_number(own.get(text), code) for text in texts] for own in ratings.values()]
    return np.array(rows, dtype=np.float64).reshape(len(ratings), len(texts))


def _number(value: str | float | None, code: Mapping[str, float]) -> float:
    if value is None:
        return math.nan
    return code[str(value)] if code else float(value)


def _estimate(table: "Floats", coefficient: "Callable[[Floats], float]") -> Estimate:
    import numpy as np

    whole = coefficient(table)
    if math.isnan(whole):
        return Estimate(value=None)
    luck = np.random.default_rng(0)
    again = [coefficient(table[:, luck.integers(0, table.shape[1], table.shape[1])]) for _ in range(RESAMPLES)]
    known = [value for value in again if not math.isnan(value)]
    low, high = np.quantile(known, [(1 - COVERED) / 2, (1 + COVERED) / 2]) if len(known) > RESAMPLES / 2 else (None, None)
    return Estimate(
        value=round(whole, 4), low=None if low is None else round(float(low), 4), high=None if high is None else round(float(high), 4)
    )


def _alpha(table: "Floats", level: Level) -> float:
    """NaN where all ratings are the same, or no text has two."""

    import krippendorff
    import numpy as np

    rated = table[~np.isnan(table)]
    if not len(rated) or (rated == rated[0]).all() or (np.sum(~np.isnan(table), axis=0) < 2).all():
        return math.nan
    return float(krippendorff.alpha(reliability_data=table, level_of_measurement=level))


def _kappa(pair: "Floats") -> float:
    """NaN where both raters always say the same one thing."""
    import numpy as np
    from sklearn.metrics import cohen_kappa_score

    if pair.shape[1] == 0 or len(np.unique(pair)) < 2:
        return math.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(cohen_kappa_score(pair[0], pair[1]))
