"""Two arms on one benchmark, from what their results keep of every question."""

from collections.abc import Sequence
from dataclasses import dataclass

from o1exp.bench.comparison import AtEqualTokens, Comparison
from o1exp.bench.outcome import Outcome, QuestionScore
from o1exp.bench.scaling import Curve, at_equal_tokens
from o1exp.bench.statistics import Marks, paired, unpaired


@dataclass(frozen=True)
class Against:
    """Ours against theirs: over all answers, and at equal average tokens where both curves hold a common cost."""

    comparison: Comparison
    equal: AtEqualTokens | None


def compare(ours: Outcome, theirs: Outcome, benchmark: str) -> Against | None:
    """None where a result keeps no questions of the benchmark."""
    a, b = ours.questions.get(benchmark, []), theirs.questions.get(benchmark, [])
    if not (a and b):
        return None
    one, other = (Curve.kept(own, outcome.benchmarks[benchmark].curve) for own, outcome in ((a, ours), (b, theirs)))
    return Against(_compared(a, b), at_equal_tokens(one, other))


def _compared(ours: Sequence[QuestionScore], theirs: Sequence[QuestionScore]) -> Comparison:
    """Paired by question; unpaired where the questions are others: a chance overlap is no pairing."""
    a, b = _marks(ours), _marks(theirs)
    shared = [question for question in a if question in b]
    if 2 * len(shared) < max(len(a), len(b)):
        return unpaired(list(a.values()), list(b.values()))
    return paired([a[question] for question in shared], [b[question] for question in shared])


def _marks(questions: Sequence[QuestionScore]) -> dict[str, Marks]:
    return {one.question: Marks(one.total, one.samples, one.squares) for one in questions}
