"""The filter: rules over problems, those over one at a time first, then those over the whole table."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from o1exp.curate.asked import Shown, asked
from o1exp.curate.criteria import Criteria
from o1exp.curate.duplicates import repeated
from o1exp.curate.funnel import DROPPED, Funnel
from o1exp.curate.leaks import leaked
from o1exp.curate.rule import Among, Problems, RowRule, WholeRule
from o1exp.curate.strip import Stripped, stripped
from o1exp.curate.verdicts import ROWS
from o1exp.flow import Expect, Role, Stage, Work, how
from o1exp.flow.progress import Bar
from o1exp.records import Problem, Table
from o1exp.records.table import write_frames

if TYPE_CHECKING:
    from polars import DataFrame

    from o1exp.curate.words import Places

_MOST = 0.5


@dataclass(frozen=True, kw_only=True)
class Rules(Criteria, Stage[Table[Problem]]):
    """Keeps problems that no switched-on rule drops.

    `dropped.tsv` lists the dropped ones: row of the source, id, rule, and the words that were matched; the facts hold the funnel, what each
    rule drops alone and in its turn, with examples. The paper does not publish its filters: the patterns here are ours.
    """

    role: ClassVar[Role] = "selection"
    does: ClassVar[str] = "rule filter on problems"
    version: ClassVar[int] = 6

    only_with: ClassVar[Mapping[str, str]] = {"benchmarks": "decontaminate"}
    of_each: ClassVar[Mapping[str, str]] = {"benchmarks": "problems"}

    problems: Stage[Table[Problem]]
    benchmarks: dict[str, Stage[Table[Problem]]] = field(default_factory=dict)
    """What decontaminate looks for; no inputs without it."""
    expected_kept: float = how(0.5)

    def expect(self, inputs: dict[str, Expect]) -> Expect:
        rows = inputs["problems"].rows
        return Expect(rows=rows and rows * self.expected_kept, remark=f"keeps {self.expected_kept:.0%} if data are as assumed")

    def peek(self, count: int) -> list[Problem]:
        """Those of the first problems that no rule over one of them drops; rules over the whole table are not asked."""
        rules, first = self.rows().values(), self.problems.peek(count)
        problems = [stripped(problem) or problem for problem in first] if self.choice == "strip" else first
        return [problem for problem in problems if not any(rule.ask(problem, self) for rule in rules)]

    def make(self, work: Work) -> None:
        import numpy as np

        problems = work.open(self.problems)
        table: Problems = Stripped(problems) if self.choice == "strip" else problems
        funnel = Funnel(asked(table, len(problems), self.rows(), self, work), self.rows())
        for name, rule in self.whole().items():
            among = rule(self, Shown(table, name, funnel.total, work), work)
            alone = among(np.arange(funnel.total))
            funnel.take(name, len(alone.places), alone if funnel.kept == funnel.total else among(funnel.left))
        self._tell(funnel, work)
        if not funnel.kept:
            raise ValueError(f"the filter dropped all problems: {funnel.turns}; switch a rule off, e.g. filter.not_numerical=false")
        with work.progress("problems written", len(problems)) as bar:
            rows = write_frames(work.folder, Problem, _counted(funnel.through(table, work.folder), bar))
        work.note(dropped=_counts(funnel), funnel=[asdict(step) for step in funnel.steps()], rows=rows)
        if isinstance(table, Stripped):
            work.note(stripped=table.changed)
            work.console.line(f"options were stripped off {table.changed} problems")

    def rows(self) -> dict[str, RowRule]:
        """The rules over one problem that are switched on, in the order in which they are asked."""
        return {name: rule for name, rule in ROWS.items() if self._asks(name)}

    def whole(self) -> "dict[str, WholeRule[Rules]]":
        """The same for those over the whole table."""
        return {name: rule for name, rule in WHOLE.items() if self._asks(name)}

    def _asks(self, name: str) -> bool:
        return getattr(self, SWITCHES.get(name, name)) not in (False, None, "keep")

    def _tell(self, funnel: Funnel, work: Work) -> None:
        work.console.line(f"dropped of {funnel.total} problems: {funnel.in_words()}; each is in {DROPPED} with the words that were matched")
        for rule, times in _counts(funnel).items():
            if times > _MOST * funnel.total:
                share = f"the rule {rule} dropped {times / funnel.total:.0%} of the problems"
                work.console.line(f"[yellow]warning[/] {share}; look at {DROPPED}, or set filter.{_off(self, rule)}")


@dataclass(frozen=True, kw_only=True)
class Unfiltered(Rules):
    """All problems but those that a rule over the whole table drops."""

    does: ClassVar[str] = "near-duplicates and problems of benchmarks looked for"

    image: bool = False
    proof: bool = False
    no_answer: bool = False
    choice: Literal["drop", "strip", "keep"] = "keep"
    not_numerical: bool = False
    expected_kept: float = how(1.0)


def _contaminated(rules: Rules, table: Problems, work: Work) -> Among:
    return leaked(rules, table, work, rules.benchmarks)


def _duplicates(rules: Rules, table: Problems, work: Work) -> Among:
    lengths = _lengths(work.open(rules.problems)) if rules.stays == "longest" else None
    return repeated(table, work.scratch / "signatures", rules.alike, lengths)


WHOLE: dict[str, WholeRule[Rules]] = {"contaminated": _contaminated, "duplicates": _duplicates}
"""Rules over the whole table, asked after all others, in this order. Each has a switch of its name among the settings: a field of Rules
that is not false, null or "keep" where it is to be asked.
"""
SWITCHES = {"contaminated": "decontaminate"}
"""Switches that have another name."""


def _off(rules: Rules, rule: str) -> str:
    switch = SWITCHES.get(rule, rule)
    return f"{switch}={'keep' if isinstance(getattr(rules, switch), str) else 'false'}"


def _counts(funnel: Funnel) -> dict[str, int]:
    return {rule: count for rule, count in sorted(funnel.turns.items()) if count}


def _lengths(table: Table[Problem]) -> "Places":
    """Letters of every solution."""
    import numpy as np

    return np.concatenate([frame["solution"].str.len_chars().to_numpy() for frame in table.frames(("solution",))]).astype(np.int64)


def _counted(frames: "Iterator[DataFrame]", bar: Bar) -> "Iterator[DataFrame]":
    for frame in frames:
        yield frame
        bar.advance(frame.height)
