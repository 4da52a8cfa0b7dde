"""What K answers per problem are worth: pass@k, maj@k, and what they cost in tokens (paper section 4)."""

import itertools
import math
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from o1exp.answers.compare import canonical
from o1exp.records import Score

EXACT = 3000
"""Up to this many subsets are counted out; of more, as many are drawn at random."""


def pass_at_k(n: int, right: int, k: int) -> float:
    """The chance that k of n answers, drawn without replacement, contain one of the `right` ones: the unbiased estimate of pass@k."""
    if not 0 <= right <= n or not 1 <= k <= n:
        raise ValueError(f"pass@{k} of {n} answers with {right} right: k must lie between 1 and n, right between 0 and n")
    return 1.0 - math.comb(n - right, k) / math.comb(n, k)


def maj_at_k(answers: Sequence[str], right: Sequence[bool], k: int, seed: int = 0) -> float:
    """The chance that the majority of k of these answers is right.

    The mean over subsets of size k: over all of them where they are few, else over random ones drawn by `seed`. Answers of one canonical
    spelling vote together, empty answers do not vote. A tie is shared: its classes win in equal parts. A subset without votes is wrong.
    """
    if len(answers) != len(right):
        raise ValueError(f"{len(answers)} answers, but {len(right)} verdicts; give one verdict per answer")
    if not 1 <= k <= len(answers):
        raise ValueError(f"maj@{k} of {len(answers)} answers: k must lie between 1 and the number of answers")
    votes = [(_class(answer), float(verdict)) for answer, verdict in zip(answers, right, strict=True)]
    subsets = list(_subsets(len(votes), k, seed))
    return math.fsum(_majority_right([votes[place] for place in subset]) for subset in subsets) / len(subsets)


@cache
def _class(answer: str) -> str:
    return canonical(answer) if answer.strip() else ""


def _subsets(n: int, k: int, seed: int) -> Iterable[Sequence[int]]:
    if math.comb(n, k) <= EXACT:
        return itertools.combinations(range(n), k)
    chance = random.Random(f"{seed}/{n}/{k}")
    return (chance.sample(range(n), k) for _ in range(EXACT))


def _majority_right(votes: Sequence[tuple[str, float]]) -> float:
    """How right the winning classes are: a class counts by the share of its own votes that are right, all 0 or 1 for a sane grader."""
    counts = Counter(name for name, _ in votes if name)
    most = max(counts.values(), default=0)
    winners = [name for name, count in counts.items() if count == most]
    rights = [sum(right for name, right in votes if name == winner) / most for winner in winners]
    return sum(rights) / len(rights) if rights else 0.0


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """Output tokens per answer: the inference cost. `right` and `wrong` are means over answers of that verdict, None without any."""

    mean: float
    median: float
    p90: float
    right: float | None
    wrong: float | None


def token_statistics(scores: Sequence[Score]) -> Tokens:
    """Mean, median and 90th percentile of output tokens. Unscored answers count in these, but neither as right nor as wrong."""
    if not scores:
        raise ValueError("no scores: token statistics need at least one")
    counts = sorted(score.tokens for score in scores)
    return Tokens(
        mean=_mean(counts) or 0.0, median=_quantile(counts, 0.5), p90=_quantile(counts, 0.9),
        right=_mean([score.tokens for score in scores if score.correct is True]),
        wrong=_mean([score.tokens for score in scores if score.correct is False]),
    )  # fmt: skip


def _mean(counts: Sequence[int]) -> float | None:
    return sum(counts) / len(counts) if counts else None


def _quantile(ordered: Sequence[int], share: float) -> float:
    """Linear between neighbours, as numpy's default."""
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])
