"""What a page says about money is what the ledger says: each answer once, and what was lost."""

import re
from pathlib import Path

import pytest

from o1exp.bench.outcome import Outcome
from o1exp.bench.result import Result
from o1exp.chat.servers.loopback import Loopback, Refusal
from o1exp.flow import Stage, Store, Work
from o1exp.history.arms import gather
from o1exp.history.runs import RunRecord
from o1exp.report.ledger import bills, costs, money, usd_per_right
from o1exp.report.page import Report
from o1exp.track.logged import entry
from tests.chat.parts import Answers, Ask, Failing
from tests.chat.test_budget import EACH, LOST, teacher
from tests.planted import Planted, graded, held_out


class Rewrote(Ask):
    """Rewrites what was found right."""

    def make(self, work: Work) -> None:
        super().make(work)
        work.note(drafts=self.count)


class Judged(Ask):
    """Half of the answers are right."""

    def make(self, work: Work) -> None:
        super().make(work)
        work.note(right=self.count // 2, usd_per_right=2 * EACH)


def result(asked: Ask) -> Result:
    return graded(Planted(problems=held_out(count=20), skill=0.5, after=asked))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Report]:
    """Two arms whose teachers were asked 4 and 6 questions, 4 of them the same; one of those had been asked before by somebody else.

    The first reply to each question is no answer, so 6 requests were lost, one of them by that other stage.
    """
    root = tmp_path_factory.mktemp("outputs")
    with Loopback(Failing(Refusal(200, raw=b'{"id": '))) as server:
        asking = teacher(server, concurrency=1)
        store = Store(root)
        store.get(Ask(teacher=asking, count=1))
        arms: dict[str, Stage[Outcome]] = {"few": result(Judged(teacher=asking, count=4)), "more": result(Judged(teacher=asking, count=6))}
        goal = Report(arms=arms, baseline="few", samples=0)
        store.make([goal])
    return store, goal


def test_totals_come_from_the_ledger(page: tuple[Store, Report]) -> None:
    store, goal = page
    arms = gather(store.root, {name: f"{arm.kind}/{arm.key}" for name, arm in goal.arms.items()})
    few, more = bills(arms)
    assert (few.money.answers.answered, few.money.answers.usd) == pytest.approx((4, 4 * EACH))
    assert (more.money.answers.answered, more.money.answers.usd) == pytest.approx((6, 6 * EACH))
    total = money(arms)
    assert (total.answers.answered, total.answers.usd) == pytest.approx((6, 6 * EACH))
    assert (total.replayed.answered, total.replayed.usd) == pytest.approx((1, EACH))
    assert (total.paid.lost, total.paid.lost_usd) == pytest.approx((5, 5 * LOST))
    assert total.paid.usd == pytest.approx(5 * EACH + 5 * LOST)
    asked = [cost.money for cost in costs(arms) if cost.money.answers.answered]
    assert sum(one.paid.usd for one in asked) == pytest.approx(total.paid.usd)
    assert sorted(one.replayed.answered for one in asked) == [1, 4]


def test_the_page_says_so(page: tuple[Store, Report]) -> None:
    store, goal = page
    html = (store.folder(goal) / "index.html").read_text()
    assert "these stages paid US$ 0.59, 0.34 of it for 5 requests that got no answer" in html
    assert "1 of the answers was in the request cache: others had paid US$ 0.05 for them" in html
    assert "A thought that verification accepts cost US$ 0.1000." in html
    totals = re.findall(r"<tfoot>.*?</tfoot>", html, re.DOTALL)
    assert '<td class="n">6</td><td class="n">180</td><td class="n">0.30</td>' in totals[-2]
    assert '<td class="n">0.30</td><td class="n">0.59</td>' in totals[-1]


def test_mlflow_gets_the_same_sums(page: tuple[Store, Report]) -> None:
    store, goal = page
    named = {name: f"{arm.kind}/{arm.key}" for name, arm in goal.arms.items()}
    record = RunRecord(folder=store.root / "runs" / "r", root=store.root, title="s", arms=named)
    told = {metric.key: metric.value for metric in entry(record, record.gathered()).metrics}
    assert {name: told[f"calls/{name}"] for name in ("answers", "replayed", "lost")} == {"answers": 6, "replayed": 1, "lost": 5}
    assert told["calls/usd_per_right"] == pytest.approx((4 + 6) * EACH / (2 + 3))
    assert [told[f"calls/{name}_usd"] for name in ("answers", "paid", "lost")] == pytest.approx([6 * EACH, 5 * EACH + 5 * LOST, 5 * LOST])


def test_a_stage_from_before_the_ledger_knew_stages_counts_as_it_noted(page: tuple[Store, Report], tmp_path: Path) -> None:
    store, goal = page
    (tmp_path / "artefacts").symlink_to(store.root / "artefacts")
    arms = gather(tmp_path, {"few": f"Result/{goal.arms['few'].key}"})
    noted = money(arms)
    assert (noted.answers.answered, noted.answers.usd, noted.answers.tokens) == pytest.approx((4, 4 * EACH, 120))
    assert (noted.paid.usd, noted.replayed.answered) == (0, 1)


def test_a_right_thought_costs_its_rewriting_too(tmp_path: Path) -> None:
    with Loopback(Answers()) as server:
        asking, store = teacher(server, concurrency=1), Store(tmp_path)
        arms = {"found": result(Judged(teacher=asking, count=4)), "told": result(Rewrote(teacher=asking, count=3))}
        store.make([*arms.values()])
    named = {name: f"{arm.kind}/{arm.key}" for name, arm in arms.items()}
    assert usd_per_right(gather(tmp_path, named)) == pytest.approx((4 + 3) * EACH / 2)
