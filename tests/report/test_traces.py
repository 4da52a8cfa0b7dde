"""The trace viewer: every kind of text of several runs, right whatever stands in it, and the same with and without its script."""

import json
import re
import shutil
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest

from o1exp.history.arms import Arm, gather
from o1exp.records import Attempt, Draft, Example, Node, Problem, Score
from o1exp.records.draft import DraftStep
from o1exp.report.__main__ import main
from o1exp.report.thoughts import chains, thoughts
from o1exp.report.viewer import viewer
from tests.artefacts import artefact, encoded, summed_up, training
from tests.planted import PlantedRun, planted_report, planted_run
from tests.report.browser import Browser, browser, program

PROBLEMS = [
    Problem(id=f"p{n}", question=f"What is {n} + {n} & <b>?", answer=str(2 * n), subset="sums" if n else "zeros", level="Level 1")
    for n in range(3)
]
WALK = (
    DraftStep(node="0", text="I multiply: 1.", part="detour"), DraftStep(node="", text="Wait, it says plus.", part="turn"),
    DraftStep(node="1", text="It is 2, \\boxed{2}"),
)  # fmt: skip


def _tree(problem: str, solved: bool) -> list[Node]:
    first = Node(problem=problem, id="0", text="I multiply: 1.", verdict="wrong", reason="plus is asked <i>", judge="judge")
    last = Node(problem=problem, id="1", text="It is 2, \\boxed{2}", verdict="right", correct=solved)
    return [first, last, Node(problem=problem, id="1.0", parent="1", text="One more.")]


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> list[Arm]:
    """An arm that learned from the one right tree of two, and one that learned the solutions; p0 was dropped, p2 has no right end."""
    root = tmp_path_factory.mktemp("searched")
    source = artefact(root, "Local", {}, rows=PROBLEMS)
    grown = artefact(root, "TreeSearch", {"problems": source}, rows=[*_tree("p1", True), *_tree("p2", False)])
    drafts = artefact(root, "Walk", {"trees": grown, "problems": source}, rows=[Draft(problem="p1", prompt="?", steps=WALK)])
    thought = "I multiply: 1. Wait, it says plus. It is 2, so \\boxed{2}"
    written = artefact(root, "Rewrite", {"drafts": drafts}, rows=[Example(problem="p1", prompt="?", response=thought)])
    kept = artefact(
        root, "Rejection", {"thoughts": written, "problems": source}, rows=[Example(problem="p1", prompt="?", response=thought)]
    )
    distilled = artefact(
        root, "Distil", {"problems": source}, said={"role": "writing", "does": "distillation"},
        rows=[Example(problem=f"p{n}", prompt="?", response=f"So \\boxed{{{n + n}}}") for n in range(2)]
        + [Example(problem="p1", draw=1, prompt="?", response="So \\boxed{9}")],
    )  # fmt: skip
    fewer = artefact(root, "Rejection", {"thoughts": distilled}, rows=[Example(problem="p1", prompt="?", response="So \\boxed{2}")])
    return gather(root, {"tree": _result(root, source, kept, [1, 0, 1]), "distilled": _result(root, source, fewer, [0, 0, 1])})


def _result(root: Path, source: str, data: str, right: list[int]) -> str:
    base = artefact(root, "Untrained", {}, files={"model/config.json": "{}"})
    model = training(root, "Sft", {"start": base, "data": data, "prepared": encoded(root, data)}, 4, {})
    texts = [Attempt(problem=one.id, draw=0, text=f"wait {n}", tokens=10 * (n + 1), finish_reason="stop") for n, one in enumerate(PROBLEMS)]
    scores = [
        Score(problem=one.id, draw=0, correct=bool(right[n]), tokens=10 * (n + 1), problem_digest=one.digest)
        for n, one in enumerate(PROBLEMS)
    ]
    sampled = artefact(root, "Sample", {"model": model, "problems": source}, rows=texts)
    return summed_up(root, {"sums": artefact(root, "Grade", {"attempts": sampled, "problems": source}, rows=scores)}, scores)


@pytest.fixture(scope="module")
def html(searched: list[Arm]) -> str:
    return viewer("Traces", searched, "distilled", 50)


def test_a_tree_its_walk_and_its_thought_belong_together(searched: list[Arm]) -> None:
    tree, distilled = chains(searched)
    assert (tree.arms, distilled.arms) == (("tree",), ("distilled",))
    assert tree.problems() == ["p1", "p2"]
    found = thoughts(tree, ["p1", "p2"])
    (solved,), (unsolved,) = found["p1"], found["p2"]
    assert solved.kept
    assert (solved.nodes, [line.visits for line in solved.lines]) == (3, [(1,), (2,), ()])
    assert [(one.number, one.part) for one in solved.steps] == [(1, "detour"), (None, "turn"), (2, "path")]
    assert (unsolved.text, unsolved.kept, unsolved.nodes) == ("", False, 3)


def test_what_was_not_trained_on_is_there_and_says_so(searched: list[Arm], html: str) -> None:
    kept, dropped = thoughts(chains(searched)[1], ["p1"])["p1"]
    assert (kept.kept, dropped.kept, dropped.text) == (True, False, "So \\boxed{9}")
    assert html.count("<b>not trained on</b>") == 2, "the wrong draw of p1, and p0"
    assert html.count("<b>no right end was found</b>") == 1


def test_every_text_is_shown_and_nothing_of_it_is_markup(html: str) -> None:
    assert "What is 1 + 1 &amp; &lt;b&gt;?" in html
    assert "plus is asked &lt;i&gt;" in html
    assert html.count("<script") == 1
    assert not re.findall(r"""(?:src|href)\s*=\s*["'](?!#)""", html)
    assert {label for labels in re.findall(r"data-labels='(.*?)'", html) for label in json.loads(unescape(labels))} == {
        "training", "sums", "zeros", "Level 1",
    }  # fmt: skip


def test_flipped_problems_say_so_and_come_first_where_not_all_are_shown(searched: list[Arm]) -> None:
    few = viewer("Traces", searched, "distilled", 1)
    shown = few.partition('id="sums"')[2]
    assert "1 of 3 problems: 1 that flipped" in shown
    assert 'data-change="wrong to right"' in shown


def test_judged_answers_are_right_by_their_credit(planted: PlantedRun) -> None:
    from o1exp.report.samples import shown_answer

    score = Score(problem="p", draw=0, label="safe", value=4, scale=(1, 5))
    answer = shown_answer("a", "text", score)
    assert (answer.verdict, answer.judged) == ("right", "safe, 4 on the scale from 1 to 5")
    assert shown_answer("a", "text", Score(problem="p", draw=0)).verdict == "unscored"


def test_runs_without_texts_have_a_page_that_says_so(planted: PlantedRun, tmp_path: Path) -> None:
    shutil.copytree(planted.root, tmp_path / "o")
    for folder in (tmp_path / "o/artefacts/Planted").iterdir():
        shutil.rmtree(folder)
    assert main(["traces", planted.record.name, "--outputs", str(tmp_path / "o")]) == 0
    assert "There is nothing to show" in (tmp_path / "o/runs" / planted.record.name / "traces.html").read_text()


def test_several_runs_stand_side_by_side(planted: PlantedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = planted_run(tmp_path / "other", planted_report(samples=4, skill=0.6), "other")
    page = tmp_path / "traces.html"
    asked = [str(planted.record.folder), str(other.record.folder), "--problems", "10"]
    assert main(["traces", *asked, "--baseline", "shortcut", "--out", str(page)]) == 0
    text = page.read_text()
    assert text.count('<div class="sample"') == 10
    first = text.partition('<div class="sample"')[2].partition('<div class="sample"')[0]
    assert len(re.findall(r'<div class="column"', first)) == 3, "both shortcuts are one result"
    assert first.count('<div class="answer"') == 12
    assert f"page of {planted.record.name}" not in text, "no page lies in these folders"
    assert main(["traces", "absent", "--outputs", str(planted.root)]) == 2
    assert "no run 'absent'" in capsys.readouterr().err


@pytest.fixture(scope="module")
def opened(html: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Browser, Path]]:
    if program() is None:
        pytest.skip("no Chromium on this machine; apt-get install chromium")
    folder = tmp_path_factory.mktemp("viewer")
    (folder / "traces.html").write_text(html)
    with browser(tmp_path_factory.mktemp("browser")) as driven:
        yield driven, folder / "traces.html"


SHOWN = "[...document.querySelectorAll('.samples')].map(group => [...group.querySelectorAll('.sample')].filter(one => !one.hidden).length)"
SET = """((group, name, value) => {
  const field = document.querySelectorAll('.samples')[group].querySelector('.filters ' + name);
  if (field.type === 'checkbox') field.checked = value; else field.value = value;
  field.dispatchEvent(new Event('input'));
})"""


@pytest.mark.parametrize("script", [True, False])
def test_a_phone_reads_it_with_and_without_its_script(opened: tuple[Browser, Path], script: bool) -> None:
    driven, page = opened
    driven.open(page, width=390, script=script)
    assert driven.value("document.documentElement.scrollWidth") == 390
    assert driven.value("document.querySelectorAll('.sample').length") == 6
    assert driven.value("document.querySelectorAll('.tree li').length") == 6
    assert driven.value("document.querySelectorAll('.filters').length") == (2 if script else 0)


def test_it_is_dark_where_the_reader_wants_it_dark(opened: tuple[Browser, Path]) -> None:
    driven, page = opened
    for wanted, paper in (("light", "rgb(255, 255, 255)"), ("dark", "rgb(21, 24, 28)")):
        driven.prefers(wanted)
        driven.open(page)
        assert driven.value("getComputedStyle(document.body).backgroundColor") == paper
        ink = "getComputedStyle(document.querySelector('.draft li.detour')).backgroundColor"
        assert (driven.value(ink) == "rgb(251, 238, 238)") == (wanted == "light"), "dark letters on a light ground, never light on light"
    driven.prefers("light")


def test_filters_ask_one_answer_for_everything(opened: tuple[Browser, Path]) -> None:
    driven, page = opened
    driven.open(page)
    assert driven.value(SHOWN) == [3, 3]
    driven.value(f"{SET}(0, 'input[type=search]', 'it says PLUS')")
    assert driven.value(SHOWN) == [1, 3], "the words of a walk are found"
    driven.value(f"{SET}(0, 'input[type=search]', '')")
    driven.value(f"{SET}(0, 'select[aria-label=category]', 'zeros')")
    assert driven.value(SHOWN) == [1, 3]
    driven.value(f"{SET}(1, 'select[aria-label=change]', 'flipped')")
    assert driven.value(SHOWN) == [1, 1]
    driven.value(f"{SET}(1, 'select[aria-label=change]', '')")
    driven.value(f"{SET}(1, 'select[aria-label=verdict]', 'right')")
    driven.value(f"{SET}(1, 'input[type=number]', 20)")
    assert driven.value(SHOWN) == [1, 1], "p0 is right in 10 tokens, p2 in 30"
    driven.value(f"{SET}(1, 'input[type=checkbox]', true)")
    assert driven.value(SHOWN) == [1, 1]


def test_paper_shows_all_of_it_and_no_filter(opened: tuple[Browser, Path]) -> None:
    driven, page = opened
    driven.open(page)
    driven.media("print", 718)
    assert driven.value("[...document.querySelectorAll('.filters')].every(one => !one.checkVisibility())")
    assert driven.value("[...document.querySelectorAll('.tree li')].every(one => one.checkVisibility())")
    driven.media("")
