"""What K answers per problem are worth: pass@k, maj@k, rm@k, and what they cost in tokens (paper section 4)."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from o1exp.records import Score

Floats = NDArray[np.float64]


def sample_counts(most: int) -> list[int]:
    """1, 2, 4, 8 ... and `most` itself."""
    powers = [2**i for i in range(most.bit_length()) if 2**i <= most]
    return powers if powers[-1] == most else [*powers, most]


def pass_at_k(credits: Sequence[float], k: int) -> float:
    """The expected credit of the best of k answers, drawn without replacement; of right and wrong ones the unbiased estimate of pass@k."""
    n = len(credits)
    if not 1 <= k <= n:
        raise ValueError(f"pass@{k} of {n} answers: k must lie between 1 and the number of answers")
    return rm_at_k(credits, credits, k)


@dataclass(frozen=True)
class Votes:
    """The votes on one problem: size and mean credit of each class of equal answers; `silent` answers do not vote."""

    sizes: tuple[int, ...]
    rights: tuple[float, ...]
    silent: int = 0

    @classmethod
    def of(cls, group: Sequence[Score]) -> "Votes | None":
        """None where answers were not compared with each other, as a judge's are."""
        votes = [row.vote for row in group if row.vote is not None]
        return cls.cast(votes, [row.credit or 0.0 for row in group]) if len(votes) == len(group) else None

    @classmethod
    def cast(cls, votes: Sequence[int], credits: Sequence[float]) -> "Votes":
        """From the class that each answer votes for (-1: none). Errors: ValueError where votes and credits differ in number."""
        if len(votes) != len(credits):
            raise ValueError(f"{len(votes)} answers, but {len(credits)} verdicts; give one verdict per answer")
        sizes = Counter(vote for vote in votes if vote >= 0)
        sums = dict.fromkeys(sizes, 0.0)
        for vote, credit in zip(votes, credits, strict=True):
            if vote >= 0:
                sums[vote] += credit
        return cls(tuple(sizes.values()), tuple(sums[vote] / size for vote, size in sizes.items()), len(votes) - sizes.total())

    def maj_at(self, k: int) -> float:
        """The chance that the majority of k of these answers, drawn without replacement, is right: exact, over all subsets.

        A tie is shared: its classes win in equal parts. A subset without votes is wrong.
        """
        n = sum(self.sizes) + self.silent
        if not 1 <= k <= n:
            raise ValueError(f"maj@{k} of {n} answers: k must lie between 1 and the number of answers")
        return math.fsum(share * self._wins(place, k) for place, share in enumerate(self.rights) if share) / math.comb(n, k)

    def _wins(self, place: int, k: int) -> float:
        """The number of subsets in which the class at `place` wins, those in which it ties with t others counted 1 / (t + 1) times."""
        others = Counter(size for i, size in enumerate(self.sizes) if i != place)
        total = 0.0
        for votes in range(1, min(self.sizes[place], k) + 1):
            ways = self._rest(others, votes, k - votes)
            total += math.comb(self.sizes[place], votes) * float((ways / np.arange(1, len(ways) + 1)).sum())
        return total

    def _rest(self, others: Counter[int], votes: int, left: int) -> Floats:
        """By the number of other classes that get exactly `votes`: the ways to draw `left` answers with no other class above it."""
        ways = np.zeros((left // votes + 1, left + 1))  # [ties, answers drawn]
        ways[0, : min(self.silent, left) + 1] = [math.comb(self.silent, a) for a in range(min(self.silent, left) + 1)]
        for size, count in others.items():
            fewer = [math.comb(size, a) for a in range(min(size, votes - 1, left) + 1)]
            equal = math.comb(size, votes) if size >= votes else 0
            for _ in range(count):
                ways = _with_class(ways, fewer, equal, votes)
        drawn: Floats = ways[:, left]
        return drawn


def _with_class(ways: Floats, fewer: Sequence[int], equal: int, votes: int) -> Floats:
    """One more class: it gets a answers in fewer[a] ways, or exactly `votes` in `equal` ways, which is a tie more."""
    width = ways.shape[1]
    new = np.zeros_like(ways)
    for a, count in enumerate(fewer):
        new[:, a:] += count * ways[:, : width - a]
    if equal and width > votes:
        new[1:, votes:] += equal * ways[:-1, : width - votes]
    return new


def rm_at_k(rewards: Sequence[float], credits: Sequence[float], k: int) -> float:
    """The chance that the answer with the highest reward among k, drawn without replacement, is right; equal rewards share."""
    if len(rewards) != len(credits):
        raise ValueError(f"{len(rewards)} rewards, but {len(credits)} verdicts; give one reward per answer")
    n = len(rewards)
    if not 1 <= k <= n:
        raise ValueError(f"rm@{k} of {n} answers: k must lie between 1 and the number of answers")
    if not all(math.isfinite(reward) for reward in rewards):
        raise ValueError("a reward is not finite; leave out the problem or give every answer a number")
    total = 0.0
    for reward in set(rewards):
        equal = [credit for other, credit in zip(rewards, credits, strict=True) if other == reward]
        below = sum(other < reward for other in rewards)
        best = math.comb(below + len(equal), k) - math.comb(below, k)  # subsets whose highest reward this is
        total += best * sum(equal) / len(equal)
    return total / math.comb(n, k)


def f1(correct: int, incorrect: int, total: int) -> tuple[float, float]:
    """SimpleQA's accuracy given attempted and F1 = the harmonic mean of it and the overall share of correct answers; 0 where undefined."""
    given = correct / (correct + incorrect) if correct + incorrect else 0.0
    overall = correct / total
    return given, 2 * given * overall / (given + overall) if given + overall else 0.0


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """Output tokens per answer: the inference cost. `right` and `wrong` are means over answers with full credit and with none, None without
    any."""

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
        right=_mean([score.tokens for score in scores if score.credit == 1]),
        wrong=_mean([score.tokens for score in scores if score.credit == 0]),
    )  # fmt: skip


def _mean(counts: Sequence[int]) -> float | None:
    return sum(counts) / len(counts) if counts else None


def _quantile(ordered: Sequence[int], share: float) -> float:
    """Linear between neighbours, as numpy's default."""
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])
