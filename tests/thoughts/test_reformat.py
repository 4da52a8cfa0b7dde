from collections import Counter
from pathlib import Path
from typing import Literal

import pytest

from o1exp.chat.servers.loopback import Loopback, Reply
from o1exp.chat.teacher import Teacher
from o1exp.flow import Expect, SettingsError, StageFailed
from o1exp.records import Problem
from o1exp.records.rows import json_rows
from o1exp.sources.gold import announced
from o1exp.thoughts.reformat import Reformat, checked
from tests.thoughts.parts import Given, Sums, boxed, facts, store, teacher

REPLIES = {1: boxed(99), 2: Reply("Step 1. Twice two \\boxed{4}", "length", 5, 7)}


@pytest.mark.parametrize(("fallback", "kept"), [("original", [0, 1, 2, 3]), ("drop", [0, 3])])
def test_a_rewrite_counts_only_if_its_answer_agrees(tmp_path: Path, fallback: Literal["original", "drop"], kept: list[int]) -> None:
    sums = Sums(lambda n, times: REPLIES.get(n, boxed(2 * n, "Step 1. We add the two numbers.")))
    with Loopback(sums) as server:
        here = store(tmp_path)
        stage = Reformat(problems=Given(count=5, solved=4), teacher=teacher(server.base_url), fallback=fallback)
        table = {row.problem: row for row in here.get(stage)}
    assert list(table) == [f"p{n}" for n in kept]
    assert table["p3"].response == "Step 1. We add the two numbers. So \\boxed{6}"
    assert table["p3"].origin == "m"
    if fallback == "original":
        assert (table["p1"].response, table["p1"].origin) == ("Twice 1 is 2.", "sums")
    noted = facts(here, stage)
    assert (noted["rewritten"], noted["disagreed"], noted["truncated"], noted["without_solution"], noted["requests"]) == (2, 2, 1, 1, 4)
    assert noted["longer"] == 2.25


def test_the_teacher_sees_problem_and_solution_as_they_are(tmp_path: Path) -> None:
    sums = Sums(lambda n, times: boxed(2 * n))
    with Loopback(sums) as server:
        store(tmp_path).get(Reformat(problems=Given(count=1), teacher=teacher(server.base_url), prompt="A {question} B {solution} C"))
    assert sums.bodies[0]["messages"] == [{"role": "user", "content": "A What is 0 + 0? B Twice 0 is 0. C"}]


def test_thinking_of_the_writer_is_no_part_of_the_rewrite(tmp_path: Path) -> None:
    with Loopback(Sums(lambda n, times: Reply(f"Rewritten \\boxed{{{2 * n}}}", reasoning="hm"))) as server:
        table = store(tmp_path).get(Reformat(problems=Given(count=1), teacher=teacher(server.base_url)))
        assert [row.response for row in table] == ["Rewritten \\boxed{0}"]


def test_settings_and_plan() -> None:
    with pytest.raises(SettingsError) as wrong:
        Reformat(problems=Given(), teacher=Teacher(model="m"), prompt="rewrite")
    assert [why.split(";")[0] for _, why in wrong.value.mistakes] == ["has no {question}", "has no {solution}"]
    writer = Teacher(model="m", usd_per_million_completion=1, expected_prompt_tokens=100, expected_completion_tokens=900)
    expect = Reformat(problems=Given(), teacher=writer).expect({"problems": Expect(rows=10)})
    assert (expect.requests, expect.tokens) == (10, 10_000)
    assert expect.usd == pytest.approx(0.009)


def test_nothing_to_rewrite_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StageFailed, match="none of the 2 problems has a solution"):
        store(tmp_path).get(Reformat(problems=Given(count=2, solved=0), teacher=Teacher(model="m", base_url="http://127.0.0.1:9/v1")))


@pytest.mark.parametrize(("reply", "text", "why"), [
    ("Step 1. Add.\nSo \\boxed{4}", "Step 1. Add.\nSo \\boxed{4}", ""),
    ("**Problem:** what is  2 + 2?\n\nStep 1. Add: \\boxed{4}", "Step 1. Add: \\boxed{4}", ""),
    ("Question: What is 2 + 2?\nSolution: \\boxed{4}", "Solution: \\boxed{4}", ""),
    ("Problem: What is 2 + 3?\n\nSo \\boxed{4}", None, "question_changed"),
    ("Step 1. Add. The answer is 4.", None, "unboxed"),
    ("Step 1. Add: \\boxed{5}", None, "disagreed"),
    ("The problem: is it even? We add: \\boxed{4}", "The problem: is it even? We add: \\boxed{4}", ""),
])  # fmt: skip
def test_a_rewrite_keeps_the_question_and_boxes_the_answer(reply: str, text: str | None, why: str) -> None:
    problem = Problem(id="p", question="What is 2 + 2?", answer="4", solution="4")
    found, said = checked(problem, reply)
    assert said == why
    assert text is None or found == text


def test_rewrites_that_miss_the_format_are_counted(tmp_path: Path) -> None:
    replies = {0: Reply("\\boxed{0}"), 1: Reply("One and one.\nThat makes two, as one sees: \\boxed{2}"), 2: Reply("It is 4"),
               3: Reply("Problem: What is 3 + 4?\n\nIt is \\boxed{6}")}  # fmt: skip
    with Loopback(Sums(lambda n, times: replies[n])) as server:
        here = store(tmp_path)
        stage = Reformat(problems=Given(), teacher=teacher(server.base_url), fallback="drop")
        assert [row.prompt for row in here.get(stage)] == ["What is 0 + 0?", "What is 1 + 1?"]
    noted = facts(here, stage)
    assert {name: noted[name] for name in ("rewritten", "disagreed", "unboxed", "question_changed", "not_longer", "one_line")} == {
        "rewritten": 2, "disagreed": 2, "unboxed": 1, "question_changed": 1, "not_longer": 1, "one_line": 1,
    }  # fmt: skip


def test_a_real_reformatting_step_passes_the_checks_where_its_answer_agrees(shared_data: Path) -> None:
    """500 rewrites that others published: their questions are untouched by construction, most are longer, stepwise and boxed."""
    folder = shared_data / "numina_reformat"
    before, after = (list(json_rows(folder / f"data_{when}_reformat.jsonl")) for when in ("before", "after"))
    problems = [
        Problem(id=str(row.values["idx"]), question=row.values["question"], answer=announced(row.values["response"])) for row in before
    ]
    said = Counter(checked(problem, row.values["response"])[1] for problem, row in zip(problems, after, strict=True) if problem.answer)
    assert said["question_changed"] == 0
    assert said[""] > 0.8 * said.total()
