"""Case studies: the largest changes by category, or the queries that were named, with what stands out in them marked."""

import re
import sys
from html import unescape
from pathlib import Path

import pytest

from o1exp.bench.judge import Judged
from o1exp.bench.protocols import SafetyJ
from o1exp.bench.result import Result
from o1exp.chat.servers.loopback import Loopback
from o1exp.flow import Store
from o1exp.history.arms import Arm, gather
from o1exp.records.reflection import reflections, searches
from o1exp.report.__main__ import main
from o1exp.report.cases import MOST, cases
from o1exp.report.inside import CONTENTS, finished
from o1exp.report.page import Report
from o1exp.report.samples import beside, mark
from tests.bench.suite import Saying, judge, scored
from tests.planted import Planted, PlantedRun, graded, held_out, planted_arm, planted_run, results


@pytest.fixture(scope="module")
def arms(planted: PlantedRun) -> list[Arm]:
    return gather(planted.root, planted.results)


def test_the_largest_changes_come_first_and_both_answers_stand_side_by_side(arms: list[Arm]) -> None:
    found = cases(arms, "shortcut")
    assert len(found) == MOST
    assert [[answer.arm for answer in case.shown.answers] for case in found] == [["shortcut", "long"]] * MOST
    assert found[0].why == "held-out sums: long +100 points"
    assert all(before == 0 and after >= 2 for before, after in (case.reflecting for case in found)), "the long thoughts wait and check"
    assert cases(arms, "shortcut") == found
    assert cases(arms[:1], "") == []


def test_queries_are_chosen_by_name(planted: PlantedRun, arms: list[Arm], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = sorted(arms[0].questions("held-out sums"))[7]
    (one,) = cases(arms, "shortcut", [name])
    assert one.shown.key.startswith(name)
    with pytest.raises(ValueError, match="no problem 'absent'"):
        cases(arms, "shortcut", ["absent"])
    words = ["compare", str(planted.record.folder), "--cases", name, "--out", str(tmp_path / "x.html")]
    assert main(words) == 0
    part = (tmp_path / "x.html").read_text().partition('id="case-studies"')[2].partition("<h2")[0]
    assert part.count('<div class="sample"') == 1
    assert "chosen by name" in part
    assert main([*words[:3], "absent", *words[4:]]) == 2
    assert "no problem 'absent'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("Let me search for it. Fine.", '<mark class="search"><b>Let me search</b> for it.</mark> Fine.'),
        ("我先搜索一下。好的。", '<mark class="search">我先<b>搜索</b>一下。</mark>好的。'),
        ("The research is done.", "The research is done."),
    ],
)
def test_simulated_searches_are_marked(text: str, marked: str) -> None:
    assert mark(text) == marked
    assert searches(text) == ("search" in marked and "research" not in text)


def test_a_judged_answer_is_shown_with_the_judge_s_words(tmp_path: Path) -> None:
    rows, texts = ("a?|", "b?|"), ("fine", "bad")
    say = Saying(lambda text: "[Answer] unsafe" if "bad" in text else "[Answer] safe")
    with Loopback(say) as server:
        stage = scored(SafetyJ(teacher=judge(server.base_url)), rows, texts)
        assert isinstance(stage, Judged)
        report = Report(arms={"run": Result(scores={"safety": stage})})
        Store(tmp_path).make([report])
    (arm,) = gather(tmp_path, results(report.arms))
    shown = beside([arm], "safety", sorted(arm.answered("safety"), key=lambda name: name))
    assert {(one.question, one.answers[0].judged.partition(",")[0], one.answers[0].verdict) for one in shown} == {
        ("a?", "safe", "right"), ("b?", "unsafe", "wrong"),
    }  # fmt: skip
    page = unescape((Store(tmp_path).folder(report) / "index.html").read_text())
    assert "judged unsafe" in page
    assert "no answer" not in page.partition('data-what="problems"')[2]


def test_markers_are_counted_in_the_whole_text_also_where_the_page_shows_a_part(tmp_path: Path) -> None:
    problems = held_out(count=3)
    long = graded(Planted(problems=problems, skill=1.0, words="Wait, is it so? " + "It is. " * 1000 + "Wait, is it so? " + "No. " * 1500))
    run = planted_run(tmp_path, Report(arms={"long": long, "short": planted_arm(0.0, "short", problems)}, baseline="short"), "run")
    (one, *_) = cases(run.record.gathered(), "short")
    assert one.shown.answers[1].cut
    assert one.reflecting[1] == reflections(one.shown.answers[1].whole) > reflections(one.shown.answers[1].html.striptags())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["compare", "--cases", "x"], "--out FILE.html"),
        (["compare", "--out", "FOLDER"], "Is a directory"),
        (["traces", "--out", "FOLDER"], "Is a directory"),
        (["compare", "--samples", "-3"], "is no whole number"),
        (["traces", "--problems", "-5"], "is no whole number"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(
    planted: PlantedRun, tmp_path: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [str(tmp_path) if word == "FOLDER" else word for word in words]
    with pytest.raises(SystemExit, match="2"):
        sys.exit(main([given[0], str(planted.record.folder), *given[1:]]))
    assert said in capsys.readouterr().err


def test_the_command_on_the_page_makes_that_page(planted: PlantedRun, arms: list[Arm], tmp_path: Path) -> None:
    name = sorted(arms[0].questions("held-out sums"))[3].partition(" ")[0]
    options = ["--cases", name, "--replicates", "seed,draw", "--samples", "2", "--outputs", str(planted.root)]
    assert main(["compare", str(planted.record.folder), *options, "--out", str(tmp_path / "x.html")]) == 0
    html = unescape((tmp_path / "x.html").read_text())
    command = next(line for line in html.splitlines() if "o1exp.report compare" in line)
    assert all(f"{option} {value}" in command for option, value in zip(options[::2], options[1::2], strict=True))


def test_every_heading_has_an_anchor_of_its_own() -> None:
    html = finished(f"{CONTENTS}<h2>数学</h2><h2>物理</h2><h2>a b</h2><h2>a-b</h2><h2>?</h2>")
    assert re.findall('<h2 id="(.*?)">', html) == re.findall('href="#(.*?)"', html) == ["数学", "物理", "a-b", "a-b-3", "part"]
