import json
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from o1exp.chat.book import ROW, settle, strike
from o1exp.chat.cache import Cache
from o1exp.chat.endpoint import Endpoint, LocalServer
from o1exp.chat.ledger import Claim, Ledger
from o1exp.chat.prices import MANY, Price, Prices
from o1exp.chat.servers.llama import Llama
from o1exp.chat.servers.loopback import Loopback, Refusal, Reply
from o1exp.chat.servers.procedural import Procedural
from o1exp.chat.teacher import Budget, Teacher
from o1exp.flow import BudgetSpent, StageFailed
from o1exp.records import Usage
from tests.chat.parts import Answers, Ask, Failing, quiet_store, rows

# An answer of 10 + 20 tokens costs 10 * 1e-3 + 20 * 2e-3 = 0.05 dollars; at most 30 completion tokens and 26 prompt tokens cost 0.086.
PRICES = {"usd_per_million_prompt": 1000.0, "usd_per_million_completion": 2000.0, "max_tokens": 30}
EACH, MOST = 0.05, 0.086
LOST = 0.068
"""A lost request before ten answers show what they take: 8 prompt tokens by their bytes, and all 30."""


def teacher(server: Loopback, **fields: Any) -> Teacher:
    return Teacher(**{"model": "m", "base_url": server.base_url, "retries": 1, "concurrency": 4, **PRICES, **fields})


def paid(root: Path, study: str = "default") -> float:
    return float(rows(root / "requests.sqlite", f"SELECT coalesce(sum(usd), 0) FROM ledger WHERE study='{study}'")[0][0])


def test_it_stops_before_the_budget_keeps_everything_and_says_how_to_go_on(tmp_path: Path) -> None:
    answers = Answers()
    with Loopback(answers) as server:
        store, _ = quiet_store(tmp_path)
        with pytest.raises(BudgetSpent) as stopped:
            store.get(Ask(teacher=teacher(server), count=20, budget=Budget(usd=0.5)))
        # Money is used up to the point where one more request could pass the cap, not only up to the first reservation.
        assert 0.5 - MOST < paid(tmp_path) <= 0.5
        kept = rows(tmp_path / "requests.sqlite", "SELECT count(*) FROM answers")[0][0]
        assert sum(answers.asked.values()) == kept == 9
        for words in ("$0.4500 of budget.usd=0.5", "Of 20 requests that this run had to send 9 are answered", "11 are left", "budget.usd="):
            assert words in str(stopped.value)
        # The same command without more money sends nothing.
        store, _ = quiet_store(tmp_path)
        with pytest.raises(BudgetSpent, match="Of 11 requests that this run had to send 0 are answered and kept, 11 are left"):
            store.get(Ask(teacher=teacher(server), count=20, budget=Budget(usd=0.5)))
        assert sum(answers.asked.values()) == 9
        store, _ = quiet_store(tmp_path)
        store.get(Ask(teacher=teacher(server), count=20, budget=Budget(usd=float(str(stopped.value).split("budget.usd=")[-1].split()[0]))))
    assert set(answers.asked.values()) == {1}
    assert len(answers.asked) == 20
    assert paid(tmp_path) == pytest.approx(20 * EACH)


def test_each_study_has_a_purse_of_its_own_and_replays_are_free(tmp_path: Path) -> None:
    with Loopback(Answers()) as server:
        store, _ = quiet_store(tmp_path)
        store.get(Ask(teacher=teacher(server), count=4, budget=Budget(usd=0.3, study="one")))
        store.get(Ask(teacher=teacher(server), count=6, budget=Budget(usd=0.2, study="two")))
    assert paid(tmp_path, "one") == pytest.approx(4 * EACH)
    assert paid(tmp_path, "two") == pytest.approx(2 * EACH)


def test_facts_tell_what_the_answers_cost(tmp_path: Path) -> None:
    with Loopback(Answers()) as server:
        store, _ = quiet_store(tmp_path)
        store.get(Ask(teacher=teacher(server), count=4))
        more = Ask(teacher=teacher(server), count=6)
        store.get(more)
    manifest = store.manifest(more)
    assert manifest is not None
    facts = manifest.facts
    assert (facts["requests"], facts["cached"], facts["tokens"]) == (6, 4, 180)
    assert facts["usd"] == pytest.approx(6 * EACH)


def test_missing_usage_is_estimated_and_marked(tmp_path: Path) -> None:
    body = json.dumps({"choices": [{"message": {"content": "x" * 90}, "finish_reason": "stop"}]}).encode()
    with Loopback(Failing(Refusal(200, raw=body), bad=9)) as server:
        store, _ = quiet_store(tmp_path)
        store.get(Ask(teacher=teacher(server), count=1))
    assert rows(tmp_path / "requests.sqlite", "SELECT estimated, prompt_tokens, completion_tokens FROM answers") == [(1, 8, 30)]
    assert paid(tmp_path) == pytest.approx(0.068)


def test_a_failed_request_costs_nothing_one_without_an_answer_is_counted(tmp_path: Path) -> None:
    with Loopback(Failing(Refusal(500, "oops"))) as server:
        store, _ = quiet_store(tmp_path)
        store.get(Ask(teacher=teacher(server), count=1))
    assert paid(tmp_path) == pytest.approx(EACH)
    with Loopback(Failing(Refusal(200, raw=b'{"id": '))) as server:
        store.get(Ask(teacher=teacher(server), count=1, first=1))
    assert rows(tmp_path / "requests.sqlite", "SELECT kind, usd FROM ledger ORDER BY id") == [
        ("answered", pytest.approx(EACH)),
        ("lost", pytest.approx(LOST)),
        ("answered", pytest.approx(EACH)),
    ]
    assert rows(tmp_path / "requests.sqlite", "SELECT usd, lost_usd FROM totals") == [(pytest.approx(2 * EACH + LOST), pytest.approx(LOST))]


def test_a_paid_endpoint_without_prices_cannot_keep_a_budget(tmp_path: Path) -> None:
    store, _ = quiet_store(tmp_path)
    with pytest.raises(StageFailed, match="cannot be kept without prices"):
        store.get(Ask(teacher=Teacher(model="o1-mini"), budget=Budget(usd=5)))
    assert Budget(usd=5).unguarded(Teacher(model="m", base_url="http://127.0.0.1:1/v1")), "it may pass requests on to one that is paid"
    assert Budget(usd=5).unguarded(Teacher(model="m", base_url="http://127.0.0.1:1/v1", free=True)) is None
    assert Budget().unguarded(Teacher(model="o1-mini")) is None


@dataclass(frozen=True, kw_only=True)
class Closed(LocalServer, Teacher):
    """Starts a server of its own."""


@pytest.mark.parametrize("cls", [Teacher, Procedural, Llama, Closed])
def test_the_guard_asks_where_requests_go_and_not_for_the_class(cls: type[Teacher], tmp_path: Path) -> None:
    far = cls(model="m", base_url="https://api.example.com/v1")
    assert "without prices; set usd_per_million_prompt" in str(Budget(usd=5).unguarded(far))
    store, _ = quiet_store(tmp_path)
    with pytest.raises(StageFailed, match="cannot be kept without prices"):
        store.get(Ask(teacher=far, budget=Budget(usd=5)))
    assert Budget().unguarded(far) is None
    assert Budget(usd=5).unguarded(replace(far, usd_per_million_completion=1.0)) is None
    assert Budget(usd=5).unguarded(replace(far, free=True)) is None
    assert "or free=true if http://localhost:1/v1 costs nothing" in str(
        Budget(usd=5).unguarded(cls(model="m", base_url="http://localhost:1/v1"))
    )
    assert (Budget(usd=5).unguarded(cls(model="m")) is None) == (cls is not Teacher), "only a server of one's own is known to be free"


def test_a_plain_endpoint_is_guarded_too() -> None:
    assert Budget(usd=5).unguarded(Endpoint(model="m"))
    assert not Budget(usd=5).unguarded(Endpoint(model="m", base_url="http://127.0.0.1:1/v1", free=True))


def test_free_answers_need_no_budget(tmp_path: Path) -> None:
    with Loopback(lambda body: Reply("x", prompt_tokens=5, completion_tokens=5)) as server:
        store, _ = quiet_store(tmp_path)
        free = teacher(server, usd_per_million_prompt=0, usd_per_million_completion=0, free=True)
        assert len(store.get(Ask(teacher=free, count=3, budget=Budget(usd=0.0)))) == 3


def test_claims_keep_two_askers_from_paying_twice_or_past_the_cap(tmp_path: Path) -> None:
    cache, locks = Cache(tmp_path / "requests.sqlite"), tmp_path / "locks"
    one, two = Ledger(cache, locks, "s", "Ask/one"), Ledger(cache, locks, "s", "Ask/two")
    price = Price(0.6, Usage(usd=0.1, prompt_tokens=1, completion_tokens=1))
    assert one.claim("a", "m", price, 1.0) is Claim.MINE
    assert two.claim("a", "m", price, 1.0) is Claim.TAKEN
    assert two.claim("b", "m", price, 1.0) is Claim.FULL
    assert two.claim("b", "m", price, 0.5) is Claim.OVER
    one.close()  # its request was under way: lost at the likely price
    assert two.spent() == two.lost() == pytest.approx(0.1)
    assert two.claim("a", "m", price, 1.0) is Claim.MINE
    two.give_back("a")
    assert two.reserved() == 0
    two.close()
    cache.close()
    assert not [path for path in locks.iterdir() if path.name != "requests.lock"]


class Dear(Answers):
    """Bills 500 tokens of hidden reasoning with every answer, ten times what it was asked to write."""

    def reply(self, question: str, body: dict[str, Any], times: int) -> Reply:
        return Reply("x", prompt_tokens=500, completion_tokens=500)


DEAR = 500 * 1e-3 + 500 * 2e-3


def test_what_a_model_has_cost_counts_for_what_its_next_request_can_cost(tmp_path: Path) -> None:
    with Loopback(Dear()) as server:
        store, _ = quiet_store(tmp_path)
        store.get(Ask(teacher=teacher(server), count=10))
        spent = paid(tmp_path)
        assert spent == pytest.approx(10 * DEAR)
        with pytest.raises(BudgetSpent) as stopped:
            store.get(Ask(teacher=teacher(server), count=30, budget=Budget(usd=spent + 2.5 * DEAR)))
        assert paid(tmp_path) == pytest.approx(spent + 2 * DEAR), "two more fit, and a third could not be known to"
        assert f"can cost up to ${DEAR:.4f}" in str(stopped.value)
        advised = float(str(stopped.value).split("budget.usd=")[-1].split()[0])
        assert advised == pytest.approx(30 * DEAR, abs=0.011)
        store, _ = quiet_store(tmp_path)
        store.get(Ask(teacher=teacher(server), count=30, budget=Budget(usd=advised)))
    assert paid(tmp_path) == pytest.approx(30 * DEAR)


def test_within_a_run_what_is_under_way_is_reserved_at_what_others_came_to(tmp_path: Path) -> None:
    cache, locks = Cache(tmp_path / "requests.sqlite"), tmp_path / "locks"
    ledger, price = Ledger(cache, locks, "s", "Ask/one"), Price(0.1, Usage(usd=0.1, prompt_tokens=1, completion_tokens=1), 0.001, 0.002)
    assert [ledger.claim(key, "m", price, 5.0) for key in "abc"] == [Claim.MINE] * 3
    with cache.transaction():
        ledger.pay("a", "m", Usage(prompt_tokens=500, completion_tokens=500, usd=DEAR))
    assert ledger.claim("d", "m", price, 5.0) is Claim.FULL, "b and c may cost as much as a did"
    assert ledger.claim("d", "other", price, 5.0) is Claim.MINE
    assert ledger.claim("e", "m", price, 2.9) is Claim.OVER
    cheaper = Price(0.1, price.likely, 0.00001, 0.00002)
    assert ledger.prices.most("m", cheaper) == 0.1, "in tokens, at the prices of today"
    ledger.close()
    cache.close()


def test_an_asker_that_begins_reads_only_what_came_since_another_did(tmp_path: Path) -> None:
    """Until a row is struck, which may have been the dearest."""
    with closing(Cache(tmp_path / "requests.sqlite")) as cache:
        price = Price(0.0, Usage(prompt_tokens=1, completion_tokens=1, usd=0.0), 0.0, 0.5)
        with cache.transaction():
            some = (("s", "Ask/a", str(n), "answered", "m", 1, 100 if n == 3 else 1, 0.5, 0.0) for n in range(MANY + 10))
            cache.connection.executemany(ROW, some)
        with cache.transaction():
            assert Prices(cache.connection).most("m", price) == 50.0
        assert rows(tmp_path / "requests.sqlite", "SELECT seen, usd FROM dearest") == [(MANY + 10, 50.0)]
        with cache.transaction():  # nobody else would: it shows that these rows are not read again
            cache.connection.execute("UPDATE ledger SET completion_tokens=1 WHERE key='3'")
        assert Prices(cache.connection).most("m", price) == 50.0
        strike(cache, 4, "not on the invoice", "somebody")
        assert Prices(cache.connection).most("m", price) == 0.5


def test_what_is_struck_leaves_the_totals_as_their_rows_sum_up(tmp_path: Path) -> None:
    with closing(Cache(tmp_path / "requests.sqlite")) as cache:
        ledger = Ledger(cache, tmp_path / "locks", "s", "Ask/a")
        used = Usage(prompt_tokens=1, completion_tokens=1, usd=0.25)
        for key in ("one", "two", "three"):
            assert ledger.claim(key, "m", Price(0.25, used), 10.0) is Claim.MINE
        with cache.transaction():
            ledger.pay("one", "m", used)
        ledger.lose("two", "m", "cut off")
        ledger.lose("three", "m", "cut off")
        assert (ledger.spent(), ledger.lost()) == (0.75, 0.5)
        with cache.transaction():
            settle(cache, "two", 0.0)
            settle(cache, "two", 0.0)
        assert (ledger.spent(), ledger.lost()) == (0.5, 0.25)
        strike(cache, 1, "not on the invoice", "somebody")
        assert (ledger.spent(), ledger.lost()) == (0.25, 0.25)
        ledger.close()
