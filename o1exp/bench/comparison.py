"""What a comparison of two arms found, and how it is said in a sentence."""

from dataclasses import dataclass

LEVEL = 0.95
"""Of every interval."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """`difference` is ours minus theirs with its interval; `detectable` the smallest true difference found with 80 % power at p < 0.05.

    `p` is that of `test`, `adjusted` the same after Holm's correction over the family it belongs to (equal to p for a family of one).
    """

    ours: float
    theirs: float
    difference: float
    low: float
    high: float
    p: float
    adjusted: float
    test: str
    questions: int
    paired: bool
    detectable: float


@dataclass(frozen=True, kw_only=True)
class AtEqualTokens:
    """Two models at the same average number of output tokens; `difference` is ours minus theirs with its 95 % interval.

    `detectable` is the smallest true difference that would be found in four cases of five.
    """

    tokens: float
    ours: float
    theirs: float
    difference: float
    low: float
    high: float
    detectable: float
    questions: int
    ours_by: str
    theirs_by: str


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """A mean over `seeds` x `questions` with its interval and p; `detectable` is found with 80 % power at p < 0.05.

    `adjusted` is p after Holm's correction over the family it belongs to (equal to p for a family of one).
    """

    value: float
    low: float
    high: float
    p: float
    adjusted: float
    seeds: int
    questions: int
    detectable: float

    @property
    def shown(self) -> bool:
        return self.adjusted < 1 - LEVEL


def verdict(comparison: Comparison, ours: str, theirs: str) -> str:
    """One sentence: what the comparison shows, and what it could not have shown."""
    c = comparison
    points, interval = f"{100 * c.difference:+.1f} points", f"95 % interval {100 * c.low:+.1f} to {100 * c.high:+.1f}"
    corrected = " after Holm" if c.adjusted != c.p else ""
    evidence = f"{interval}, {'' if c.paired else 'unpaired, '}{c.test} {p_words(c.adjusted)}{corrected}"
    if c.adjusted < 1 - LEVEL:
        word = "above" if c.difference > 0 else "below"
        return f"{ours} is {word} {theirs}: {points} ({evidence})."
    return (
        f"No difference shown between {ours} and {theirs}: {points} ({evidence}). "
        f"{c.questions} questions show a true difference of {100 * c.detectable:.0f} points or more in four cases of five."
    )


def sentence(found: AtEqualTokens, ours: str, theirs: str) -> str:
    """What the comparison at equal tokens shows, in words."""
    points = f"{100 * found.difference:+.1f} points (95 % interval {100 * found.low:+.1f} to {100 * found.high:+.1f})"
    shown = found.low > 0 or found.high < 0
    could = f"{found.questions} questions show a true difference of {100 * found.detectable:.0f} points or more in four cases of five"
    said = "a difference is shown" if shown else f"no difference is shown ({could})"
    return (
        f"At {found.tokens:,.0f} output tokens per question {ours} has {100 * found.ours:.1f} % ({found.ours_by}) and {theirs} "
        f"{100 * found.theirs:.1f} % ({found.theirs_by}): {points}; {said}."
    )


def p_words(p: float) -> str:
    return "p < 0.0001" if p < 0.0001 else f"p = {p_digits(p)}"


def p_digits(p: float) -> str:
    """So many that nobody takes 0.046 for 0.05."""
    return f"{p:.4f}" if p < 0.01 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"
