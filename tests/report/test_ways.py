"""Yield, cost and style of each way to training text, from what a run left."""

import json
import re
from dataclasses import replace

import pytest

from o1exp.chat.accounts import Account
from o1exp.history.arms import gather
from o1exp.history.runs import PAGE
from o1exp.records.style import MARKERS, style
from o1exp.report.figures import methods
from o1exp.report.ledger import Money
from o1exp.report.ways import Way, ways
from tests.finished import Finished


def way(arm: str, usd: float = 0.0, tokens: int = 0, covered: int = 4) -> Way:
    money = Money(answers=Account(3, 0, tokens, 0, usd))
    return Way(arm, (arm,), 8, covered, covered, money, 0, style(["Wait, so it is 7."]))


def test_a_finished_run_says_what_each_way_yields_and_costs(finished: Finished) -> None:
    record = finished.record
    long, short = ways(gather(record.root, record.arms))
    assert (long.arms, short.arms) == (("long thoughts",), ("shortcut",))
    for found in (long, short):
        assert found.problems is not None
        assert found.share == found.covered / found.problems
        assert found.style is not None
        assert found.style.traces == found.accepted
    assert long.name.startswith("distillation")
    assert long.money.answers.answered >= long.accepted
    assert long.tokens_each == long.money.answers.tokens / long.accepted
    assert (short.money.answers.answered, short.tokens_each) == (0, 0)
    assert long.style is not None
    assert short.style is not None
    assert long.style.tokens > short.style.tokens
    report = json.loads((record.root / "artefacts" / record.report / "results.json").read_text())
    assert report["ways"] == [long.plain(), short.plain()]
    assert list(report["ways"][0]["style"]["markers"]) == list(MARKERS)
    html = (record.folder / PAGE).read_text()
    assert ">Ways to training text</h2>" in html
    assert 'id="methods' in html or "teacher tokens per accepted example" in html


@pytest.mark.parametrize(("found", "axis"), [
    ([way("a", tokens=800), way("b", tokens=8000, covered=8)], "teacher tokens per accepted example"),
    ([way("a", usd=0.4), way("b", usd=4.0), way("free")], "US$ per accepted example"),
    ([way("a"), way("b")], "teacher tokens per accepted example"),
])  # fmt: skip
def test_the_picture_has_a_point_for_every_way_also_one_without_cost(found: list[Way], axis: str) -> None:
    picture = methods(found).decode()
    assert axis in picture
    assert all(re.search(rf">{name}</text>", picture) for one in found for name in one.arms)


def test_one_way_alone_is_no_comparison_and_unknown_problems_give_no_point() -> None:
    assert methods([way("a")]) == b""
    assert methods([way("a"), replace(way("b"), problems=None)]) == b""
    assert replace(way("b"), problems=None).plain()["yield"] is None
