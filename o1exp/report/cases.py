"""Case studies: the same query before and after, side by side, chosen by rule or by name (Part 2, section 4)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from o1exp.history.arms import Arm, benchmarks
from o1exp.records.reflection import reflections, searches
from o1exp.report.compare import partner
from o1exp.report.samples import ShownProblem, beside

MOST = 12
"""Cases that are chosen by rule over all arms; the paper shows five."""


@dataclass(frozen=True)
class Case:
    """One query with the answers of the baseline and of an arm, and why it stands here.

    `reflecting` and `searching` count the reflective markers and the simulated searches of either.
    """

    why: str
    shown: ShownProblem
    reflecting: tuple[int, ...]
    searching: tuple[int, ...]


@dataclass(frozen=True)
class _Flip:
    """What a question lost or gained between two arms; `category` is its benchmark and what the set calls its part."""

    arm: Arm
    base: Arm
    benchmark: str
    question: str
    category: str
    change: float


def cases(arms: list[Arm], baseline: str, named: Sequence[str] = ()) -> list[Case]:
    """The queries `named` (their ids), or else the largest changes of credit, one of each category in turn.

    Errors: ValueError for a name that no benchmark with both arms has.
    """
    flips = list(_flips(arms, baseline, with_same=bool(named)))
    if named:
        known = {flip.question.partition(" ")[0] for flip in flips}
        if missing := [name for name in named if name not in known]:
            raise ValueError(
                f"no problem {missing[0]!r} was answered by an arm and its baseline; name ids such as {', '.join(sorted(known)[:3])}"
            )
        return [_case(flip, "asked for by its name") for name in named for flip in flips if flip.question.partition(" ")[0] == name]
    return [_case(flip, f"{flip.category}: {flip.arm.name} {_points(flip.change)}") for flip in _in_turn(flips)[:MOST]]


def _flips(arms: list[Arm], baseline: str, with_same: bool) -> Iterator[_Flip]:
    for name in benchmarks(arms):
        for arm in arms:
            base = partner(arm, arms, baseline)
            if base is None or base.identity == arm.identity:
                continue
            ours, theirs = _credits(arm, name), _credits(base, name)
            problems = arm.problems(name) if name in arm.grades else {}
            for question in ours.keys() & theirs.keys():
                change = ours[question] - theirs[question]
                part = problems[question].subset if question in problems else ""
                if change or with_same:
                    yield _Flip(arm, base, name, question, f"{name}, {part}" if part else name, change)


def _credits(arm: Arm, benchmark: str) -> dict[str, float]:
    return {one.question: one.total / one.samples for one in arm.outcome.questions.get(benchmark, [])}


def _in_turn(flips: Sequence[_Flip]) -> list[_Flip]:
    """The largest change of each category, then the second largest of each, and so on; equal ones by name."""
    groups: dict[str, list[_Flip]] = {}
    for flip in sorted(flips, key=lambda flip: (-abs(flip.change), flip.question, flip.arm.name)):
        groups.setdefault(flip.category, []).append(flip)
    turns = max((len(group) for group in groups.values()), default=0)
    return [groups[name][turn] for turn in range(min(turns, MOST)) for name in sorted(groups) if turn < len(groups[name])]


def _case(flip: _Flip, why: str) -> Case:
    """Where several answers were drawn, those that show the change: the better side's best one, the other side's worst."""
    best = {flip.arm.name: flip.change >= 0, flip.base.name: flip.change < 0} if flip.change else None
    (found,) = beside((flip.base, flip.arm), flip.benchmark, [flip.question], best=best) or [_gone(flip)]
    texts = [answer.whole for answer in found.answers]
    return Case(why, found, tuple(map(reflections, texts)), tuple(map(searches, texts)))


def _gone(flip: _Flip) -> ShownProblem:
    """The texts of both were deleted since."""
    return ShownProblem(flip.benchmark, flip.question, flip.question, "", [])


def _points(change: float) -> str:
    return f"{100 * change:+.0f} points".replace("-", "\N{MINUS SIGN}")
