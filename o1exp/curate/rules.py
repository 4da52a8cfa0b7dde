"""The filter: rules over problems, those over one at a time first, then those over the whole table."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from o1exp.curate.criteria import Criteria
from o1exp.curate.duplicates import repeated
from o1exp.curate.funnel import DROPPED, Drops, Funnel
from o1exp.curate.leaks import leaked
from o1exp.curate.rule import RowRule, WholeRule
from o1exp.curate.strip import Framed, Stripped, stripped
from o1exp.curate.verdicts import ROWS
from o1exp.flow import Expect, Role, Stage, Work, how
from o1exp.records import Problem, Table
from o1exp.records.table import write_frames

if TYPE_CHECKING:
    from polars import DataFrame

_MOST = 0.5
_COLUMNS = ("id", "question", "answer", "source", "revision", "row", "subset", "level")
"""What is held of all problems at once."""


@dataclass(frozen=True, kw_only=True)
class Rules(Criteria, Stage[Table[Problem]]):
    """Keeps problems that no switched-on rule drops.

    `dropped.tsv` lists the dropped ones: row of the source, id, rule, and the words that were matched; the facts hold the funnel, what each
    rule drops alone and in its turn, with examples. The paper does not publish its filters: the patterns here are ours.
    """

    role: ClassVar[Role] = "selection"
    does: ClassVar[str] = "rule filter on problems"
    version: ClassVar[int] = 5

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
        table: Framed = work.open(self.problems)
        if self.choice == "strip":
            table = Stripped(table)
        everything = _concat(table.frames(_COLUMNS))
        funnel = Funnel(everything.height)
        for name, drops in self._by_row(table).items():
            funnel.take(name, len(drops), drops)
        for name, rule in self.whole().items():
            funnel.take(name, *self._by_table(rule, everything, funnel, work))
        self._tell(funnel, everything, work)
        if not funnel.kept:
            raise ValueError(f"the filter dropped all problems: {funnel.turns}; switch a rule off, e.g. filter.not_numerical=false")
        work.note(rows=write_frames(work.folder, Problem, _without(table, funnel.by)))
        if isinstance(table, Stripped):
            work.note(stripped=len(table.changed))
            work.console.line(f"options were stripped off {len(table.changed)} problems")

    def rows(self) -> dict[str, RowRule]:
        """The rules over one problem that are switched on, in the order in which they are asked."""
        return {name: rule for name, rule in ROWS.items() if self._asks(name)}

    def whole(self) -> "dict[str, WholeRule[Rules]]":
        """The same for those over the whole table."""
        return {name: rule for name, rule in WHOLE.items() if self._asks(name)}

    def _asks(self, name: str) -> bool:
        return getattr(self, SWITCHES.get(name, name)) not in (False, None, "keep")

    def _by_row(self, table: Framed) -> dict[str, dict[int, str]]:
        """What each rule over one problem drops alone, by place in the table."""
        rules = self.rows()
        columns = list(dict.fromkeys(("id", *(name for rule in rules.values() for name in rule.reads))))
        found: dict[str, dict[int, str]] = {name: {} for name in rules}
        first = 0
        for frame in table.frames(columns):
            placed = frame.with_row_index("place", first)
            for name, rule in rules.items():
                some = placed if rule.maybe is None else placed.filter(rule.maybe(self))
                found[name] |= self._asked(rule, some.select("place", *rule.reads).iter_rows())
            first += frame.height
        return found

    def _asked(self, rule: RowRule, rows: "Iterator[tuple[Any, ...]]") -> dict[int, str]:
        """The words that drop a problem by its place; `rows` hold places and what the rule reads."""
        known: dict[tuple[Any, ...], str] = {}
        found = {}
        for place, *values in rows:
            what = tuple(values)
            words = known.get(what)
            if words is None:
                words = known[what] = rule.ask(_problem(rule.reads, what), self)
            if words:
                found[place] = words
        return found

    def _by_table(self, rule: "WholeRule[Rules]", table: "DataFrame", funnel: Funnel, work: Work) -> tuple[int, Drops]:
        """How many a rule over the whole table drops of all problems, and which of those that are left."""
        alone = rule(self, table, work)
        if not funnel.by or rule in ONE_BY_ONE:
            return len(alone), alone
        left = [place for place in range(table.height) if place not in funnel.by]
        return len(alone), {left[place]: words for place, words in rule(self, table[left], work).items()}

    def _tell(self, funnel: Funnel, table: "DataFrame", work: Work) -> None:
        funnel.write(work.folder, table)
        counts = {rule: count for rule, count in sorted(funnel.turns.items()) if count}
        work.note(dropped=counts, funnel=[asdict(step) for step in funnel.steps(table)])
        work.console.line(f"dropped of {funnel.total} problems: {funnel.in_words()}; each is in {DROPPED} with the words that were matched")
        for rule, times in counts.items():
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


def _contaminated(rules: Rules, table: "DataFrame", work: Work) -> Mapping[int, str]:
    return leaked(rules, table, work, rules.benchmarks)


def _duplicates(rules: Rules, table: "DataFrame", work: Work) -> Mapping[int, str]:
    if rules.stays == "first":
        return repeated(rules, table, ())
    frames = work.open(rules.problems).frames(("id", "solution"))
    lengths = {name: len(solution) for frame in frames for name, solution in frame.iter_rows()}
    return repeated(rules, table, [lengths[name] for name in table["id"]])


WHOLE: dict[str, WholeRule[Rules]] = {"contaminated": _contaminated, "duplicates": _duplicates}
"""Rules over the whole table, asked after all others, in this order. Each has a switch of its name among the settings: a field of Rules
that is not false, null or "keep" where it is to be asked.
"""
SWITCHES = {"contaminated": "decontaminate"}
"""Switches that have another name."""
ONE_BY_ONE: tuple[WholeRule[Rules], ...] = (_contaminated,)
"""Those of them for which it makes no difference what else is in the table: asked once, of all problems."""


def _off(rules: Rules, rule: str) -> str:
    switch = SWITCHES.get(rule, rule)
    return f"{switch}={'keep' if isinstance(getattr(rules, switch), str) else 'false'}"


def _problem(columns: Sequence[str], values: Sequence[Any]) -> Problem:
    known: dict[str, Any] = {"id": "", "question": "", "answer": "", **dict(zip(columns, values, strict=True))}
    return Problem(**known)


def _concat(frames: "Iterator[DataFrame]") -> "DataFrame":
    import polars

    return polars.concat(list(frames))


def _without(table: Framed, dropped: Mapping[int, object]) -> "Iterator[DataFrame]":
    """The problems that are left, as they came."""
    import polars

    first = 0
    for frame in table.frames():
        places = range(first, first + frame.height)
        yield frame.filter(polars.Series([place not in dropped for place in places], dtype=polars.Boolean))
        first += frame.height
