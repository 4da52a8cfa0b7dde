"""What flipped, what differs, what a point cost: counted by hand on a few questions."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from o1exp.bench.comparison import Comparison
from o1exp.chat.accounts import NOTHING
from o1exp.history.arms import Arm, gather
from o1exp.records import Score
from o1exp.report.__main__ import main
from o1exp.report.compare import ResultRow, rows
from o1exp.report.differ import differences
from o1exp.report.flips import CHANGES, flips, shown_flips
from o1exp.report.inside import BESIDE, finished, with_links
from o1exp.report.ledger import Bill, Money
from o1exp.report.price import prices, regressions
from tests.artefacts import artefact, summed_up, trained_arm
from tests.planted import BENCHMARK, PlantedRun


@pytest.fixture(scope="module")
def arms(planted: PlantedRun) -> list[Arm]:
    return gather(planted.root, planted.results)


def test_flips_are_counted_by_the_majority_of_draws(arms: list[Arm]) -> None:
    (found,) = flips(arms, "shortcut")
    ours, theirs = ({one.question: one for one in arm.outcome.questions[BENCHMARK]} for arm in arms)
    gained = [q for q in ours if ours[q].total > 2 and theirs[q].total < 2]
    tied = [q for q in ours if ours[q].total == 2 or theirs[q].total == 2]
    assert sorted(found.questions["wrong to right"]) == sorted(gained)
    assert found.counts["tied"] == len(tied)
    assert sum(found.counts.values()) == 60
    assert list(found.counts) == list(CHANGES)
    assert found.plain()["counts"] == found.counts


def test_both_answers_are_shown_with_the_verdict_of_most(arms: list[Arm]) -> None:
    shown = shown_flips(arms, flips(arms, "shortcut"))
    assert 40 < len(shown) <= 48
    assert all([answer.arm for answer in one.answers] == ["long", "shortcut"] for one in shown)
    gained = [one for one in shown if one.change == "wrong to right"]
    assert gained
    assert all([answer.verdict for answer in one.answers] == ["right", "wrong"] for one in gained)
    assert all(one.answers[0].waits and not one.answers[1].waits for one in shown)


def test_one_result_under_two_names_flips_nothing(arms: list[Arm]) -> None:
    assert flips([arms[0], replace(arms[0], name="again")], "long") == []
    assert flips(arms, "") == []


def test_only_settings_that_differ_are_named(arms: list[Arm]) -> None:
    found = {one.setting: one for one in differences(arms)}
    assert dict(found["style"].values) == {"long": ("long",), "short": ("shortcut",)}
    assert found["style"].stages == (f"Planted on {BENCHMARK}",)
    assert set(found) == {"style", "skill"}
    assert differences(arms[:1]) == []


def test_stages_that_one_arm_lacks_are_one_line(tmp_path: Path) -> None:
    scores = [Score(problem="p0", draw=0, correct=True, extracted="0", tokens=9)]
    bare = artefact(tmp_path, "Untrained", {}, files={"model/config.json": "{}"})
    sampled = artefact(tmp_path, "Sample", {"model": bare}, rows=scores)
    graded = artefact(tmp_path, "Grade", {"attempts": sampled}, rows=scores)
    arms = gather(tmp_path, {"dpo": trained_arm(tmp_path), "bare": summed_up(tmp_path, {"sums": graded}, scores)})
    (one,) = [one for one in differences(arms) if one.setting == ""]
    assert [names for _, names in one.values] == [("dpo",), ("bare",)]
    assert {"Sft", "Dpo", "Distil", "Pairs"} <= set(one.stages)
    assert "Untrained" not in one.stages


AGAINST = Comparison(
    ours=0.5, theirs=0.25, difference=0.25, low=0.1, high=0.4, p=0.01, adjusted=0.01, test="t", questions=60, paired=True, detectable=0.1
)


def test_a_point_has_a_price_where_a_gain_is_shown(arms: list[Arm]) -> None:
    long, shortcut = rows(arms, "shortcut")
    bills = [Bill(arm.name, Money(replace(NOTHING, usd=usd)), 0.0, 0.0, 0.0) for arm, usd in zip(arms, (7.5, 2.5), strict=True)]

    def priced(against: Comparison) -> tuple[float | None, float | None]:
        (one,) = prices([replace(long, against=against), shortcut], arms, "shortcut", bills)
        assert one.usd == 5.0
        return one.usd_per_point, one.tokens_per_point

    assert priced(AGAINST) == (0.2, 0.0)
    assert priced(replace(AGAINST, adjusted=0.2)) == (None, None)
    assert priced(replace(AGAINST, difference=-0.25)) == (None, None)


def test_regressions_are_the_arms_below_their_baseline(arms: list[Arm]) -> None:
    long, _ = rows(arms)
    table: list[ResultRow] = [replace(long, against=replace(AGAINST, difference=by)) for by in (0.1, -0.1, -0.3)]
    assert [row.against and row.against.difference for row in regressions(table)] == [-0.3, -0.1]


def test_json_says_all_of_it(planted: PlantedRun, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(planted.record.folder), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["flips"][0]["counts"]["wrong to right"] == len(told["flips"][0]["gained"]) > 40
    assert {one["setting"] for one in told["differences"]} == {"style", "skill"}
    assert told["prices"][0]["shown"] is True
    assert (told["regressions"], told["looked"]) == ([], [])


def test_every_heading_is_in_the_contents_and_links_lead_beside_the_page(planted: PlantedRun, tmp_path: Path) -> None:
    html = (planted.page / "index.html").read_text()
    assert '<a href="#which-problems-flipped">Which problems flipped</a>' in html
    assert '<h2 id="which-problems-flipped">' in html
    assert html.count(BESIDE) == 1
    linked = with_links(html, {"<card>": 'a "card".html'})
    assert '<a href="a%20%22card%22.html">&lt;card&gt;</a>' in linked
    assert BESIDE not in with_links(html, {})
    assert "<nav" not in finished("<!--contents--><h2>One</h2>")
