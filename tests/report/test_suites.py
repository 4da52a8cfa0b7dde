"""All suites on one table, and the papers' numbers beside a page's."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from html import unescape
from pathlib import Path

import pytest

from o1exp.bench.grade import Grade
from o1exp.bench.result import Result
from o1exp.flow import Store, Work
from o1exp.history.arms import Arm, gather
from o1exp.records import Attempt
from o1exp.report.compare import ResultRow, rows
from o1exp.report.page import Report
from o1exp.report.reference import references
from o1exp.report.suites import in_its_unit, oddities, suites
from tests.planted import Planted, held_out, results


def arm(skill: float) -> Result:
    """The same answers on three suites, one of 30 problems as in the paper."""
    few, many = held_out(count=30), held_out(count=60)
    graded = {name: Grade(attempts=Planted(problems=p, skill=skill), problems=p) for name, p in (("aime24", few), ("wildsafety", many))}
    return Result(scores={**graded, "sums": graded["wildsafety"]})


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[Arm], list[ResultRow]]:
    """The page, its arms and its table."""
    root = tmp_path_factory.mktemp("suites")
    goal = Report(arms={"before": arm(0.5), "after": arm(0.7)}, baseline="before", title="Suites")
    store = Store(root)
    store.make([goal])
    arms = gather(root, results(goal.arms))
    return (store.folder(goal) / "index.html").read_text(), arms, rows(arms, "before")


def plain(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).replace("\xa0", " ").replace("\N{MINUS SIGN}", "-").split())


def test_every_suite_stands_on_one_table_with_paired_intervals(told: tuple[str, list[Arm], list[ResultRow]]) -> None:
    html, _, table = told
    found = suites(table)
    assert [(one.kind, one.benchmark, one.problems) for one in found] == [
        ("safety", "wildsafety", 60), ("mathematics", "aime24", 30), ("mathematics", "sums", 60),
    ]  # fmt: skip
    part = plain(html.partition('id="all-suites"')[2].partition("<h2")[0])
    for row in table:
        if row.against:
            assert f"{100 * row.against.difference:+.1f} {100 * row.against.low:+.1f} to {100 * row.against.high:+.1f}" in part
    assert "92.00 → 86.50" in part
    assert suites(table[:2]) == [], "one benchmark needs no table of suites"


def test_the_papers_rows_are_marked_have_no_interval_and_say_what_their_n_allows(told: tuple[str, list[Arm], list[ResultRow]]) -> None:
    html, _, table = told
    lines = [plain(line) for line in re.findall(r'<tr class="published">.*?</tr>', html, re.DOTALL)]
    assert [line.split(" ")[1] for line in lines] == ["o1-preview", "o1-mini", "Ours-72B", "Qwen2.5-72B-Instruct", "the"]
    assert all("published" in line and "without an interval" in line for line in lines)
    assert "43.3 Part 2, Table 1, without an interval. 8,016 output tokens. 13/30 against 12/30 (o1-preview): nothing" in lines[2]
    assert "not the same set" not in lines[2]
    assert "The paper asked 200 problems, this page 60: not the same set." in lines[4]
    found = references(table)
    assert (found[2].plain()["model"], found[2].plain()["asked_here"], found[2].alike, found[4].alike) == ("Ours-72B", 30, True, False)


def test_what_stands_beside_a_score(told: tuple[str, list[Arm], list[ResultRow]]) -> None:
    score = told[2][0].score
    odd = replace(score, manners={"empty": 2, "refused": 1}, truncated=3, unparsed=4, unscored=0, timed_out=0)
    assert oddities(odd) == "2 empty · 1 refused · 3 cut off · 4 judge not readable"
    assert oddities(replace(score, truncated=0)) == ""
    assert in_its_unit(replace(score, scale=(1.0, 10.0), value=6.5)) == "6.50 on 1 to 10"
    assert in_its_unit(replace(score, scale=(0.0, 1.0), value=0.5, f1=0.105)) == "F1 10.5"


@dataclass(frozen=True, kw_only=True)
class Refusing(Planted):
    """Refuses every answer."""

    def _attempts(self, work: Work) -> Iterator[Attempt]:
        return (replace(attempt, text="I cannot help with that.") for attempt in super()._attempts(work))


def test_odd_answers_are_counted_and_shown(tmp_path: Path) -> None:
    odd = Refusing(problems=held_out(count=20), skill=0.5)
    goal = Report(arms={"odd": Result(scores={"sums": Grade(attempts=odd, problems=odd.problems)})})
    store = Store(tmp_path)
    store.make([goal])
    (row,) = store.get(goal).results["rows"]
    assert row["manners"] == {"refused": 20}
    assert "20 refused" in plain((store.folder(goal) / "index.html").read_text())
