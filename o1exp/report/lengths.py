"""How long the documents of a training are, against the length cap and the model's window."""

from dataclasses import dataclass

from o1exp.history.arms import Arm
from o1exp.report.ledger import shared_trainings
from o1exp.train.facts import PreparedFacts


@dataclass(frozen=True)
class LengthBin:
    """Examples of more than `low` and up to `high` tokens; `lost` of the `count` are dropped or cut."""

    low: int
    high: int
    count: int
    lost: int


@dataclass(frozen=True)
class Lengths:
    """The documents of one phase: a histogram, the cap, what it does to longer ones, and the model's positions (None: unknown)."""

    title: str
    bars: tuple[LengthBin, ...]
    cap: int
    overlong: str
    window: int | None
    median: int
    longest: int


def lengths(arms: list[Arm]) -> list[Lengths]:
    """One for each data that a phase was trained on, equal ones once; none for trainings that do not tell."""
    found: dict[str, Lengths] = {}
    for training, owners in shared_trainings(arms):
        facts = training.encoded
        if facts is None or not facts.length_histogram:
            continue
        more = f" and {len(owners) - 1} more" if len(owners) > 1 else ""
        title = training.label if len(owners) == len(arms) else f"{training.label}, {owners[0]}{more}"
        one = Lengths(
            title, bars(facts), facts.max_length, "cut" if facts.cut else "dropped", training.window,
            facts.length_median, facts.length_longest,
        )  # fmt: skip
        found.setdefault(f"{training.number} {training.window} {facts}", one)
    return list(found.values())


def bars(facts: PreparedFacts) -> tuple[LengthBin, ...]:
    """The histogram of Prepare. Bins beyond the cap are lost whole, and the bin that holds the cap lost what is left of the losses."""
    cap, left, found = facts.max_length, facts.lost, list[LengthBin]()
    for edge, count in sorted(((int(edge), count) for edge, count in facts.length_histogram.items()), reverse=True):
        lost = min(count, left) if edge > cap else 0
        left -= lost
        found.append(LengthBin(edge // 2, edge, count, lost))
    return tuple(found[::-1])
