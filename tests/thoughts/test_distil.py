import dataclasses
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from o1exp.answers import grade as grading
from o1exp.chat.cache import Cache
from o1exp.chat.servers.loopback import Loopback, Refusal, Reply
from o1exp.chat.teacher import Budget, Teacher
from o1exp.curate.rules import Rules
from o1exp.flow import BudgetSpent, Expect, SettingsError, StageFailed
from o1exp.records import Problem
from o1exp.thoughts.distil import Distil
from tests.thoughts.parts import Given, Sums, boxed, facts, store, teacher
from tests.waiting import LONG


def test_a_problem_is_asked_again_only_while_no_answer_is_right(tmp_path: Path) -> None:
    # Problem n is right from try n on: 0 at once, 1 at the second try, 3 not within three draws.
    sums = Sums(lambda n, times: boxed(2 * n if times >= n else 99, f"try {times}"))
    with Loopback(sums) as server:
        here = store(tmp_path)
        stage = Distil(problems=Given(), teacher=teacher(server.base_url), draws=3)
        table = list(here.get(stage))
    assert [row.id for row in table] == ["p0#0", "p1#0", "p1#1", "p2#0", "p2#1", "p2#2", "p3#0", "p3#1", "p3#2"]
    assert [row.response.split(".")[0].split(" So")[0] for row in table if row.problem == "p2"] == ["try 0", "try 1", "try 2"]
    assert {row.prompt for row in table if row.problem == "p1"} == {"What is 1 + 1?"}
    assert {row.origin for row in table} == {"m"}
    noted = facts(here, stage)
    assert (noted["problems"], noted["tries"], noted["requests"], noted["cached"]) == (4, 9, 9, 0)
    assert (noted["right"], noted["problems_right"], noted["round_tries"], noted["rows"]) == (3, 3, [4, 3, 2], 9)
    assert (noted["prompt_tokens"], noted["completion_tokens"], noted["tokens"]) == (45, 63, 108)
    assert len({body["seed"] for body in sums.bodies}) == 9


def test_each_answer_is_read_and_graded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read, graded = Counter[str](), Counter[str]()
    find, grade = Cache.find, grading.grade
    monkeypatch.setattr(Cache, "find", lambda cache, key: read.update([key]) or find(cache, key))
    monkeypatch.setattr(grading, "grade", lambda gold, text: graded.update([text]) or grade(gold, text))
    sums = Sums(lambda n, times: boxed(2 * n if times >= n else 99, f"try {times} of {n}"))
    with Loopback(sums) as server:
        here = store(tmp_path)
        here.get(Distil(problems=Given(), teacher=teacher(server.base_url), draws=3))
    assert len(sums.asked) == len(read) == len(graded) == 9
    assert set(read.values()) == set(graded.values()) == {1}
    assert not list(tmp_path.glob("scratch/Distil-*")), "what a round left on disk is gone"


def test_all_draws_are_asked_where_nothing_is_verified(tmp_path: Path) -> None:
    with Loopback(Sums(lambda n, times: boxed(2 * n, f"try {times}"))) as server:
        table = store(tmp_path).get(Distil(problems=Given(count=2), teacher=teacher(server.base_url), draws=3, until_right=False))
        assert [row.id for row in table] == ["p0#0", "p0#1", "p0#2", "p1#0", "p1#1", "p1#2"]


def test_more_draws_and_more_problems_pay_only_for_what_is_new(tmp_path: Path) -> None:
    sums = Sums(lambda n, times: boxed(99, f"try {times}"))
    with Loopback(sums) as server:
        here = store(tmp_path)
        here.get(Distil(problems=Given(count=3), teacher=teacher(server.base_url), draws=2))
        wider = Distil(problems=Given(count=4), teacher=teacher(server.base_url), draws=3)
        here.get(wider)
    assert len(sums.asked) == 12
    assert (facts(here, wider)["requests"], facts(here, wider)["cached"]) == (12, 6)


def test_cut_off_refused_and_empty_answers_are_counted_and_left_out(tmp_path: Path) -> None:
    replies = {
        0: Reply("I was \\boxed{0} still", "length", 5, 7),
        1: Reply("", "content_filter", 5, 0),
        2: Reply(" ", "stop", 5, 0),
    }
    with Loopback(Sums(lambda n, times: replies.get(n, boxed(2 * n)))) as server:
        here = store(tmp_path)
        stage = Distil(problems=Given(), teacher=teacher(server.base_url), draws=1)
        assert [row.problem for row in here.get(stage)] == ["p3"]
    noted = facts(here, stage)
    assert (noted["truncated"], noted["refused"], noted["left_out"], noted["right"]) == (1, 1, 3, 1)


def test_a_cut_off_answer_is_asked_for_again_an_unreadable_gold_answer_is_not(tmp_path: Path) -> None:
    sums = Sums(lambda n, times: Reply("cut", "length", 5, 7) if times == 0 and n == 0 else boxed(2 * n))
    with Loopback(sums) as server:
        here = store(tmp_path)
        stage = Distil(problems=Given(count=3, unreadable=(1,)), teacher=teacher(server.base_url))
        here.get(stage)
    assert sorted(sums.asked) == [0, 0, 1, 2]
    assert facts(here, stage)["unscored"] == 1


def test_reasoning_given_apart_becomes_part_of_the_response(tmp_path: Path) -> None:
    with Loopback(Sums(lambda n, times: Reply(f"\\boxed{{{2 * n}}}", reasoning="twice \\boxed{99}"))) as server:
        here = store(tmp_path)
        stage = Distil(problems=Given(count=1), teacher=teacher(server.base_url))
        assert [row.response for row in here.get(stage)] == ["<think>\ntwice \\boxed{99}\n</think>\n\n\\boxed{0}"]
    assert facts(here, stage)["right"] == 1


def test_the_budget_stops_between_rounds_too_and_a_resumed_run_gives_the_same_bytes(tmp_path: Path) -> None:
    prices = {"usd_per_million_prompt": 1000.0, "usd_per_million_completion": 1000.0, "max_tokens": 10}

    def stage(url: str, usd: float | None) -> Distil:
        return Distil(problems=Given(), teacher=teacher(url, **prices), draws=3, prompt="{question}", budget=Budget(usd=usd))

    # 12 tokens an answer, 0.012 dollars; 0.1 lets the first round and some of the second pass.
    sums = Sums(lambda n, times: boxed(99))
    with Loopback(sums) as server:
        with pytest.raises(BudgetSpent):
            store(tmp_path).get(stage(server.base_url, 0.1))
        assert 4 < len(sums.asked) < 12
        here, calm = store(tmp_path), store(tmp_path / "calm")
        here.get(stage(server.base_url, 1.0))
        assert len(sums.asked) == 12
        calm.get(stage(server.base_url, None))
    assert here.manifest(stage(server.base_url, None)) is not None
    assert facts(here, stage(server.base_url, None))["usd"] == facts(calm, stage(server.base_url, None))["usd"] == pytest.approx(0.144)
    manifests = [one.manifest(stage(server.base_url, None)) for one in (here, calm)]
    assert len({manifest.digest for manifest in manifests if manifest is not None}) == 1


@pytest.mark.parametrize(
    ("fields", "field"),
    [({"prompt": "Solve it."}, "prompt"), ({"draws": 0}, "draws"), ({"budget": Budget(usd=1)}, "budget")],
)
def test_settings_that_cannot_work_are_refused(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(SettingsError) as wrong:
        Distil(**{"problems": Given(), "teacher": Teacher(model="o1-mini"), **fields})
    assert [name for name, _ in wrong.value.mistakes] == [field]


def test_repeated_draws_at_temperature_zero_are_refused() -> None:
    with pytest.raises(SettingsError, match="are the same answer"):
        Distil(problems=Given(), teacher=Teacher(model="m", temperature=0.0), draws=2)
    Distil(problems=Given(), teacher=Teacher(model="m", temperature=0.0), draws=1)


def test_money_and_speed_are_no_part_of_the_key() -> None:
    plain = Distil(problems=Given(), teacher=Teacher(model="m"))
    moved = Distil(
        problems=Given(),
        teacher=Teacher(model="m", base_url="http://127.0.0.1:1/v1", concurrency=2),
        budget=Budget(study="x"),
        expected_right=0.1,
    )
    assert plain.key == moved.key
    assert plain.key != Distil(problems=Given(), teacher=Teacher(model="m", max_tokens=9)).key


def test_the_plan_tells_requests_tokens_and_dollars() -> None:
    priced = Teacher(
        model="m", usd_per_million_prompt=3, usd_per_million_completion=12, max_tokens=16384, expected_prompt_tokens=200,
        expected_completion_tokens=5000, requests_per_minute=30, concurrency=100,
    )  # fmt: skip
    stage = Distil(problems=Given(), teacher=priced, draws=2, expected_right=0.5)
    expect = stage.expect({"problems": Expect(rows=1000)})
    assert (expect.rows, expect.requests, expect.tokens) == (1500, 1500, 1500 * 5200)
    assert expect.usd == pytest.approx(1500 * (200 * 3 + 5000 * 12) / 1e6)
    assert expect.hours == pytest.approx(1500 / 30 / 60)
    few = dataclasses.replace(priced, concurrency=4, expected_tokens_per_second=50)
    slow = stage.replace(teacher=few).expect({"problems": Expect(rows=1000)})
    assert slow.hours == pytest.approx(1500 * 100 / 4 / 3600)  # 100 s an answer, four at a time
    assert expect.most_usd == pytest.approx(2000 * (200 * 3 + 16384 * 12) / 1e6)
    assert "at most $394.4" in expect.remark
    assert stage.expect({"problems": Expect()}).rows is None


def test_no_problems_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StageFailed, match="has no problems"):
        store(tmp_path).get(Distil(problems=Given(count=0), teacher=Teacher(model="m", base_url="http://127.0.0.1:9/v1")))


def test_a_prompt_may_show_the_solution_and_braces_in_it_stay() -> None:
    problem = Problem(id="1", question="{answer}?", answer="3", solution=r"\frac{1}{2}{question}")
    stage = Distil(problems=Given(), teacher=Teacher(model="m"), prompt="{question} {solution} {answer}")
    assert stage.request(problem, 0).messages[0].content == r"{answer}? \frac{1}{2}{question} 3"


def test_a_problem_is_drawn_again_the_moment_its_own_answer_is_judged(tmp_path: Path) -> None:
    first_is_slow = threading.Event()

    def write(n: int, times: int) -> Reply:
        if n == 0:
            assert first_is_slow.wait(LONG), "the other problems came to their end meanwhile"
        elif n == 3 and times == 2:
            first_is_slow.set()
        return boxed(2 * n if times == 2 or n == 0 else 99, f"try {times}")

    with Loopback(Sums(write)) as server:
        here = store(tmp_path)
        stage = Distil(problems=Given(), teacher=teacher(server.base_url, concurrency=2), draws=3)
        assert [row.id for row in here.get(stage)] == ["p0#0", *(f"p{n}#{draw}" for n in (1, 2, 3) for draw in range(3))]
    assert facts(here, stage)["round_tries"] == [4, 3, 3]


def test_a_problem_whose_request_fails_is_left_out_with_its_reason_and_not_drawn_again(tmp_path: Path) -> None:
    def write(n: int, times: int) -> Reply:
        if n == 5:
            raise Refusal(400, "maximum context length")
        return boxed(2 * n if times else 99)

    sums = Sums(write)
    with Loopback(sums) as server:
        here = store(tmp_path)
        stage = Distil(problems=Given(count=20), teacher=teacher(server.base_url, usd_per_million_completion=1e6), draws=3)
        assert {row.problem for row in here.get(stage)} == {f"p{n}" for n in range(20) if n != 5}
    noted = facts(here, stage)
    assert (sums.asked.count(5), noted["failed"], noted["left_out"], noted["right"]) == (1, 1, 1, 19)
    assert noted["incomplete"] == "1 of 39 requests failed and are left out (1 x 400 maximum context length)"
    assert noted["usd_per_right"] == pytest.approx(2 * 7)


def test_another_filter_sends_only_the_problems_that_are_new(tmp_path: Path) -> None:
    """Problems 10 and 11 are longer by two letters."""
    strict = Rules(problems=Given(count=12), length=True, shortest=len("What is 10 + 10?"))
    sums, here = Sums(lambda n, times: boxed(2 * n)), store(tmp_path)
    with Loopback(sums) as at:
        first = Distil(problems=strict, teacher=teacher(at.base_url))
        assert [example.problem for example in here.get(first)] == ["p10", "p11"]
        wide = Distil(problems=strict.replace(shortest=5), teacher=teacher(at.base_url))
        assert len(here.get(wide)) == 12
    assert sorted(sums.asked) == list(range(12))
    assert facts(here, wide)["cached"] == 2
