"""The page: self-contained, complete, safe with any text, honest where nothing was found."""

import json
import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from o1exp.flow import SettingsError, Store
from o1exp.history.arms import gather
from o1exp.history.runs import PAGE
from o1exp.records.reflection import reflections
from o1exp.report.compare import rows
from o1exp.report.figures import scaling
from o1exp.report.page import Report
from o1exp.report.samples import mark
from o1exp.sources.local import Local
from tests.finished import Finished
from tests.planted import Planted, PlantedRun, graded, planted_arm, planted_report


@pytest.fixture(scope="module")
def html(planted: PlantedRun) -> str:
    return (planted.page / "index.html").read_text()


def test_it_asks_nothing_of_the_network(html: str) -> None:
    assert not re.findall(r"""(?:src|href)\s*=\s*["'](?!#)""", html.replace('xlink:href="#', ""))
    assert not re.findall(r"@import|url\((?!#)|<script[^>]|<link|<iframe|fetch\(|XMLHttp", html)
    assert html.count("<script>") == 1


def test_it_holds_every_part(finished: Finished) -> None:
    html = (finished.record.folder / PAGE).read_text()
    found = re.findall(r"<h2[^>]*>(.*?)</h2>", html)
    titles = [title for title in found if title != "Case studies"]  # these are there only where a score changed
    assert titles == [
        "Result", "What differs between the arms", "Accuracy against inference cost", "Training", "From problems to training examples",
        "Ways to training text", "When each arm was made", "Cost", "Which problems flipped", "The same problems, answered by each arm",
        "Transparency", "How to reproduce it",
    ]  # fmt: skip
    settings = finished.record.settings
    assert all(settings[word][:30] in unescape(html) for word in ("title", "question", "caveat"))
    assert finished.record.command in unescape(html)
    assert html.count("<svg") == 5 + 2, "five figures, an interval per arm"
    shown = html.partition('<div class="samples" data-what="problems">')[2].partition("</section>")[0].partition("<h2")[0]
    first, more = shown.partition("<details>")[::2]
    assert (first.count('<div class="sample"'), first.count('<div class="answer"')) == (5, 10)
    folded = re.search(r"<summary>(\d+) more</summary>", more)
    assert more.count('<div class="sample"') == (int(folded[1]) if folded else 0)


def test_what_was_not_done_has_no_part(html: str) -> None:
    """Nothing was trained for planted answers, no audit was asked for."""
    assert re.findall(r"<h2[^>]*>(.*?)</h2>", html) == [
        "Result", "What differs between the arms", "Accuracy against inference cost", "When each arm was made", "Cost", "Case studies",
        "Which problems flipped", "The same problems, answered by each arm", "How to reproduce it",
    ]  # fmt: skip
    assert html.count("<svg") == 2 + 2


def test_its_numbers_are_those_of_the_results(planted: PlantedRun, html: str) -> None:
    stored = json.loads((planted.page / "results.json").read_text())
    long, shortcut = stored["rows"]
    for row in (long, shortcut):
        assert f"<b>{100 * row['accuracy']:.1f}</b>" in html
        assert f"{row['training_tokens']:,}" in html
    assert f"<b>{100 * long['against_baseline']['difference']:+.1f}</b>" in html
    assert [p["kind"] for p in long["curve"]] == ["single", "majority", "majority"]
    assert all(p["low"] <= p["accuracy"] <= p["high"] for p in long["curve"])
    assert "Maj@4" in html
    assert long["verdict"] in unescape(html).replace("\xa0", " ").replace("\N{MINUS SIGN}", "-")
    assert stored["baseline"] == "shortcut"


def test_arms_without_a_common_cost_are_not_compared_at_one(planted: PlantedRun, html: str) -> None:
    """Four votes of short answers still cost less than one long answer, which was not cut anywhere."""
    stored = json.loads((planted.page / "results.json").read_text())
    assert [row["at_equal_tokens"] for row in stored["rows"]] == [None, None]
    assert "At equal average output tokens" not in html


def test_published_points_stand_beside_the_papers_benchmarks(planted: PlantedRun) -> None:
    arms = gather(planted.root, planted.results)
    named = [replace(row, benchmark="aime24") for row in rows(arms)]
    assert all(name in scaling(arms, named).decode() for name in ("o1-preview", "o1-mini", "Ours-72B"))
    assert "o1-preview" not in scaling(arms, rows(arms)).decode()


def test_every_key_and_digest_stands_in_it(planted: PlantedRun, html: str) -> None:
    store = Store(planted.root)
    for stage in planted.goal.arms.values():
        manifest = store.manifest(stage)
        assert manifest is not None
        assert manifest.key in html
        assert manifest.digest[:24] in html


BAD = "<img src=x onerror=alert(1)> wait <script>alert(1)</script>"


def test_text_of_a_model_cannot_act_on_the_page(tmp_path: Path) -> None:
    """Outputs, questions and names are data, whatever they hold."""
    path = tmp_path / "bad.jsonl"
    path.write_text("".join(json.dumps({"id": f"p{n}{BAD}", "question": f"{n}? {BAD}", "answer": "7"}) + "\n" for n in range(6)))
    answers = Planted(problems=Local(name=BAD, path=str(path)), skill=0.5, words=f"{BAD} \\boxed{{{BAD}}} ")
    goal = Report(arms={f"a{BAD}": graded(answers)}, title=BAD, question=BAD, caveat=BAD, command=BAD)
    Store(tmp_path).make([goal])
    page = (Store(tmp_path).folder(goal) / "index.html").read_text()
    assert page.count("<script") == page.count("<script>") == 1
    assert "<img" not in page
    assert page.count("&lt;img src=x onerror=alert(1)&gt;") > 10


def test_no_difference_is_called_none(tmp_path: Path) -> None:
    goal = Report(arms={"a": planted_arm(0.5), "b": planted_arm(0.51)}, baseline="b", title="A tie")
    store = Store(tmp_path)
    store.make([goal])
    page = (store.folder(goal) / "index.html").read_text()
    assert "No difference shown between a and b" in page
    assert "in four cases of five" in page
    assert re.search(r"At \d+ output tokens per question a has .* no difference is shown \(60 questions show a true difference of", page)
    assert '<div class="finding better">' not in page


def test_a_single_arm_needs_no_baseline(tmp_path: Path) -> None:
    goal = Report(arms={"run": planted_arm(0.5)})
    Store(tmp_path).make([goal])
    page = (Store(tmp_path).folder(goal) / "index.html").read_text()
    assert '<div class="finding' not in page
    assert "difference to" not in page


def test_an_unknown_baseline_is_refused() -> None:
    with pytest.raises(SettingsError, match="'absent' is not one of the arms long"):
        Report(arms={"long": planted_arm(0.9)}, baseline="absent")
    with pytest.raises(SettingsError, match="at least one arm"):
        Report(arms={})


def test_execution_fields_and_only_they_stay_out_of_the_key() -> None:
    goal = planted_report()
    assert goal.replace(command="o1exp other").key == goal.key
    assert goal.replace(caveat="other").key != goal.key


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("2 + 2 = 5. Wait, that is off. So 4.", "2 + 2 = 5. <mark><b>Wait</b>, that is off.</mark> So 4."),
        ("a < b\nLet me double-check: 3.5 > 2", "a &lt; b\n<mark><b>Let me double-check</b>: 3.5 &gt; 2</mark>"),
        ("她等等。再说", "<mark>她<b>等等</b>。</mark>再说"),
        ("awaiting a checkmate", "awaiting a checkmate"),
        ("", ""),
    ],
)
def test_reflective_sentences_are_marked(text: str, marked: str) -> None:
    assert mark(text) == marked


def test_marking_loses_no_character() -> None:
    text = 'First, <x> & "y".  Hmm... no!\n\nAlternatively: 1.5 = 3/2?? Check 42.\n'
    assert unescape(re.sub(r"</?(?:mark|b)>", "", str(mark(text)))) == text
    assert reflections(text) == 3
