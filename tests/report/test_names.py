"""Whatever an arm or a benchmark is called, the report shows it and nothing else happens."""

import csv
import re
from html import unescape
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from o1exp.bench.grade import Grade
from o1exp.bench.outcome import Outcome
from o1exp.bench.result import Result
from o1exp.flow import Stage
from o1exp.media.text import labels, one_line
from o1exp.report.page import Report
from o1exp.report.table import reported, summary
from tests.media.test_text import NASTY
from tests.planted import Planted, PlantedRun, held_out, planted_run

BENCHMARK = "[$sums$_^ \\"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> PlantedRun:
    """An arm of each name, all on a benchmark with a bad name."""
    problems = held_out(count=5)
    grade = Grade(attempts=Planted(problems=problems, skill=0.5), problems=problems)
    arms: dict[str, Stage[Outcome]] = {name: Result(scores={BENCHMARK: grade}) for name in NASTY}
    goal = Report(arms=arms, baseline=NASTY[0], title=NASTY[1], samples=1)
    return planted_run(tmp_path_factory.mktemp("names"), goal)


def read(run: PlantedRun, name: str) -> str:
    with (run.page / name).open(newline="", encoding="utf-8") as text:
        return text.read()


def test_figures_show_every_name_as_it_is(run: PlantedRun) -> None:
    words = {unescape(word) for word in re.findall(r"<text[^>]*>([^<]*)</text>", read(run, "index.html"))}
    assert set(labels(NASTY).values()) <= words
    assert BENCHMARK in words


class Tags(HTMLParser):
    """Every tag of a page, and every attribute that acts."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {tag, *(name for name, _ in attrs if name.startswith("on") or name == "src")}


def test_the_page_takes_no_name_for_html(run: PlantedRun) -> None:
    tags = Tags()
    tags.feed(read(run, "index.html"))
    assert not tags.found & {"img", "onerror", "src"}
    assert read(run, "index.html").count("<script") == 1, "its own"
    assert "\u202e" not in read(run, "index.html"), "a sentence with such a name would run backwards"


def test_tables_hold_a_line_for_each_arm(run: PlantedRun) -> None:
    rows = list(csv.DictReader(StringIO(read(run, "results.csv"), newline="")))
    assert len(rows) == len(NASTY)
    assert not any(row["arm"].lstrip().startswith(("=", "+", "-", "@")) for row in rows)
    tex = read(run, "results.tex").splitlines()
    assert len(tex) == len(NASTY) + 3
    assert all(line.startswith(r"{[}\$sums\$\_\textasciicircum{} \textbackslash{} & ") for line in tex[2:-1])


def test_the_terminal_takes_no_name_for_markup(run: PlantedRun, tmp_path: Path) -> None:
    terminal = Console(width=1000, file=StringIO())
    terminal.print(summary(reported(run.record.gathered(), run.page)))
    said = terminal.file.getvalue()  # type: ignore[attr-defined]
    assert all(one_line(name) in said for name in NASTY)
