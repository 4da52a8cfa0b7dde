"""Two arms on one benchmark, from what their results keep of every question."""

from collections.abc import Sequence
from dataclasses import dataclass

from o1exp.bench.comparison import AtEqualTokens, Comparison
from o1exp.bench.outcome import Outcome, QuestionScore
from o1exp.bench.scaling import Curve, at_equal_tokens
from o1exp.bench.statistics import Marks, paired, unpaired


@dataclass(frozen=True)
class Against:
    """Ours against theirs: over all answers, and at equal average tokens where both curves hold a common cost.

    `shared` of `questions` were answered by both. Where that is less than half, they are different sets, and `comparison` is None unless
    it was asked for all the same.
    """

    comparison: Comparison | None
    equal: AtEqualTokens | None
    shared: int
    questions: int

    @property
    def grouped(self) -> bool:
        """Are so few questions shared that they are no pairing? Then all answers of the one stand against all of the other."""
        return apart(self.shared, self.questions)


def apart(shared: int, questions: int) -> bool:
    """A chance overlap is no pairing."""
    return 2 * shared < questions


def compare(ours: Outcome, theirs: Outcome, benchmark: str, across: bool = False) -> Against | None:
    """None where a result keeps no questions of the benchmark; `across` compares different sets of questions too, as groups."""
    a, b = ours.questions.get(benchmark, []), theirs.questions.get(benchmark, [])
    if not (a and b):
        return None
    here, there = _marks(a), _marks(b)
    shared, most = [question for question in here if question in there], max(len(here), len(there))
    if apart(len(shared), most):
        found = unpaired(list(here.values()), list(there.values())) if across else None
        return Against(found, None, len(shared), most)
    one, other = (Curve.kept(own, outcome.benchmarks[benchmark].curve) for own, outcome in ((a, ours), (b, theirs)))
    comparison = paired([here[question] for question in shared], [there[question] for question in shared])
    return Against(comparison, at_equal_tokens(one, other), len(shared), most)


def _marks(questions: Sequence[QuestionScore]) -> dict[str, Marks]:
    return {one.question: Marks(one.total, one.samples, one.squares) for one in questions}
