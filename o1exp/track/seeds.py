"""Cells that differ in the seed alone, as one: mean and interval over seeds and questions."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from o1exp.history.arms import Arm, benchmarks
from o1exp.report.effects import REPLICATES
from o1exp.track import measured
from o1exp.track.settings import words


@dataclass
class Group:
    """The cells of one combination of the other settings; `name` is that combination."""

    name: str
    params: dict[str, str]
    seeds: int
    metrics: list[Any] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)


def means(arms: list[Arm]) -> Iterator[Group]:
    """A group for each combination that several seeds have; nothing where no seed was swept."""
    groups: dict[str, list[Arm]] = {}
    for arm in arms:
        told = arm.name.split(" ")
        others = [word for word in told if word.partition("=")[0] not in REPLICATES]
        if len(others) < len(told):
            groups.setdefault(" ".join(others), []).append(arm)
    for name, members in groups.items():
        if len(members) > 1:
            yield _group(name or "all cells", members)


def _group(name: str, members: list[Arm]) -> Group:
    found = Group(name, dict(words(name.split(" "))) if "=" in name else {}, len(members))
    every: dict[str, list[float]] = {key: [] for key in measured.HEADLINES}
    for one in (one for arm in members for one in measured.headlines(arm)):
        every[one.key].append(one.value)
    found.metrics += [measured.metric(key, sum(values) / len(values)) for key, values in every.items() if len(values) == len(members)]
    for benchmark in benchmarks(members):
        _over_seeds(found, benchmark, members)
    return found


def _over_seeds(found: Group, benchmark: str, members: list[Arm]) -> None:
    """Seeds x questions: both are drawn, so both are chance."""
    import numpy as np

    from o1exp.bench.contrast import contrast

    rates = [{q.question: q.total / q.samples for q in arm.outcome.questions.get(benchmark, ())} for arm in members]
    shared = [question for question in rates[0] if all(question in other for other in rates)]
    if not shared:
        return
    over = contrast(np.array([[one[question] for question in shared] for one in rates]))
    low, high = max(0.0, over.low), min(1.0, over.high)
    values = {"accuracy": over.value, "accuracy_low": low, "accuracy_high": high}
    found.metrics += [measured.metric(f"{benchmark}/{name}", value) for name, value in values.items()]
    found.tags[measured.score_tag(benchmark)] = measured.percents(over.value, low, high)
