"""Grading and voting."""

import random
from itertools import combinations

from tests.speed.measure import Measure, interleaved


def grading() -> Measure:
    """Numeric answers, as GSM8K and AIME have them: ours against math-verify."""
    from math_verify import parse, verify

    from o1exp.answers.compare import same

    luck = random.Random(0)
    pairs = [(str(n), luck.choice([str(n), f"{n}.0", f"{n + 1}", rf"\frac{{{2 * n}}}{{2}}"])) for n in luck.sample(range(10_000), 200)]

    def ours() -> int:
        return len([same(gold, answer) for gold, answer in pairs])

    def theirs() -> int:
        return len([verify(parse(f"${gold}$"), parse(f"${answer}$")) for gold, answer in pairs])

    return Measure("grading numeric answers", "math-verify parse + verify", "pairs per CPU-s", *interleaved(ours, theirs))


def voting() -> Measure:
    """Majority over 64 numeric answers: canonical classes against comparing all pairs."""
    from o1exp.answers import majority
    from o1exp.answers.compare import same

    luck = random.Random(0)
    answers = [luck.choice(["1/2", "0.5", r"\frac{1}{2}", "3", "12"]) for _ in range(64)]

    def pairwise() -> int:
        return len([same(left, right) for left, right in combinations(answers, 2)]) and 1

    def classes() -> int:
        majority(answers)
        return 1

    return Measure("majority of 64 answers", "comparing all pairs", "votes per CPU-s", *interleaved(classes, pairwise))
