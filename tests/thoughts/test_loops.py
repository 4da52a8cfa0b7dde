"""The searches that take one step at a time: propose-critique and debate."""

from pathlib import Path
from typing import Any

import pytest

from o1exp.chat.headings import ACTIONS, CRITIC, CRITICISM, NEXT, TRACE, sections
from o1exp.chat.servers.loopback import Loopback
from o1exp.chat.servers.procedural import Procedural
from o1exp.flow import SettingsError
from o1exp.records import Node, Problem
from o1exp.thoughts import debate as debating
from o1exp.thoughts.debate import Debate
from o1exp.thoughts.propose import WRONG, ProposeCritique
from o1exp.thoughts.search import Search
from tests.thoughts.parts import facts, store, teacher
from tests.thoughts.searching import Asked, Problems, Server, good, played

ONE = Problems(sums=("12+34",))


def propose(url: str, **fields: Any) -> ProposeCritique:
    return ProposeCritique(**{"problems": ONE, "teacher": teacher(url), **fields})


def debate(url: str, **fields: Any) -> Debate:
    return Debate(**{"problems": ONE, "teacher": teacher(url), "critic": teacher(url), **fields})


def said(rows: list[Node]) -> list[tuple[str, str, str, bool | None]]:
    return [(node.id, node.action, node.verdict, node.correct) for node in rows]


class Script:
    """Says these things one after the other."""

    def __init__(self, *replies: str) -> None:
        self._replies = list(replies)

    def __call__(self, asked: Asked) -> str:
        return self._replies.pop(0)


def test_the_model_chooses_what_to_do_and_a_wrong_end_is_reported_back(tmp_path: Path) -> None:
    server = Server(
        Script(
            "Action: continue\nOnes are 7.", "Action: terminate\nSo \\boxed{47}", "Action: backtrack\nWait, the ones are wrong.",
            "**Action:** continue\n2+4=6.", "action: Reflect\nThat holds.", "1+3=4, so it is \\boxed{46}.",
        )
    )  # fmt: skip
    with Loopback(server) as at:
        here, stage = store(tmp_path), propose(at.base_url)
        rows = list(here.get(stage))
    assert said(rows) == [
        ("0", "continue", "wrong", None), ("0.0", "terminate", "wrong", False), ("0.1", "backtrack", "", None), ("1", "continue", "", None),
        ("1.0", "reflect", "", None), ("1.0.0", "terminate", "right", True),
    ]  # fmt: skip
    assert rows[0].reason == "Wait, the ones are wrong."
    assert [node.id for node in rows if node.chosen] == ["1", "1.0", "1.0.0"]
    traces = [sections(asked.text)[TRACE] for asked in server.asked]
    assert traces[0] == "(nothing)"
    assert traces[2].splitlines() == ["[continue] Ones are 7.", "[terminate] So \\boxed{47}", WRONG]
    assert [asked.steps for asked in server.asked][3] == (), "it stands before the step that it gave up"
    assert "46" not in "".join(asked.text.split(ACTIONS)[0] for asked in server.asked), "nothing more of the gold is told"
    noted = facts(here, stage)
    assert (noted["right"], noted["ends"], noted["wrong_steps"], noted["shown"]) == (1, 2, 2, 0)


def test_the_first_end_is_the_last_where_nothing_is_reported(tmp_path: Path) -> None:
    server = Server(Script("Action: terminate\n\\boxed{1}"))
    with Loopback(server) as at:
        rows = list(store(tmp_path).get(propose(at.base_url, report_wrong=False)))
    assert said(rows) == [("0", "terminate", "wrong", False)]


def test_the_turns_are_the_most_that_is_asked_and_there_is_nothing_before_the_problem(tmp_path: Path) -> None:
    server = Server(lambda asked: "Action: backtrack\nNo.")
    with Loopback(server) as at:
        rows = list(store(tmp_path).get(propose(at.base_url, turns=4)))
    assert [node.parent for node in rows] == ["", "", "", ""]
    assert len(server.asked) == 4


def test_a_critic_sends_the_policy_back_until_the_answer_is_right(tmp_path: Path) -> None:
    policy = Script("Ones: 7.", "Ones: 6.", "So \\boxed{56}", "So \\boxed{46}")
    critic = Script("Action: backtrack\n2+4 is 6.", "Action: continue\nRight.")
    server = Server(lambda asked: critic(asked) if asked.task == CRITIC else policy(asked))
    with Loopback(server) as at:
        here, stage = store(tmp_path), debate(at.base_url)
        rows = list(here.get(stage))
    assert said(rows) == [
        ("0", "continue", "wrong", None), ("1", "continue", "right", None), ("1.0", "terminate", "wrong", False),
        ("1.1", "terminate", "", True),
    ]  # fmt: skip
    assert [node.id for node in rows if node.chosen] == ["1", "1.1"]
    heard = [sections(asked.text)[CRITICISM] for asked in server.asked if asked.task == NEXT]
    assert heard == ["(none)", "Ones: 7.\nRefused: 2+4 is 6.", "(none)", "So \\boxed{56}\nRefused: This answer is wrong."]
    assert (facts(here, stage)["requests"], facts(here, stage)["right"]) == (6, 1)


def test_where_nothing_holds_the_debate_goes_a_step_further_back(tmp_path: Path) -> None:
    policy = Script("Ones: 7.", "So \\boxed{57}", "So \\boxed{47}", "Ones: 6.", "So \\boxed{46}")
    server = Server(lambda asked: "Action: continue\nFine." if asked.task == CRITIC else policy(asked))
    with Loopback(server) as at:
        rows = list(store(tmp_path).get(debate(at.base_url, patience=2)))
    assert said(rows)[0] == ("0", "continue", "wrong", None)
    assert rows[0].reason == "Nothing that was tried from here holds."
    assert [node.id for node in rows if node.correct] == ["1.0"]


def test_the_world_of_sums_plays_all_roles(tmp_path: Path) -> None:
    sums = Problems(sums=tuple(f"{a}+{b}" for a, b in zip(range(15, 95, 8), range(88, 18, -7), strict=True)))
    with Loopback(Server(played(**good(slip_rate=0.3, reflect_rate=0.2)))) as at:
        here = store(tmp_path)
        ways: list[Search] = [propose(at.base_url, problems=sums), debate(at.base_url, problems=sums)]
        for way in ways:
            here.get(way)
            noted = facts(here, way)
            assert noted["right"] >= 8
            assert noted["wrong_steps"] > 0


class Words(Problems):
    """Problems without a sum, which can be looked at before a run."""

    def peek(self, count: int) -> list[Problem]:
        return [Problem(id="w", question="Which colour is the sky?", answer="blue")]


def test_a_teacher_that_could_never_answer_is_told_before_the_run() -> None:
    (why,) = Debate(problems=Words(), teacher=Procedural(), critic=Procedural()).preflight()
    assert "only adds whole numbers, and the first problem is 'Which colour" in why
    assert not list(Debate(problems=ONE, teacher=Procedural(), critic=Procedural()).preflight())


@pytest.mark.parametrize(
    ("stage", "fields", "field"), [(propose, {"prompt": "{question} {steps}"}, "prompt"), (debate, {"critique": "{question}"}, "critique")]
)
def test_settings_that_cannot_work_are_refused(stage: Any, fields: dict[str, Any], field: str) -> None:
    with pytest.raises(SettingsError) as wrong:
        stage("http://127.0.0.1:1/v1", **fields)
    assert [name for name, _ in wrong.value.mistakes] == [field]


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        ("Action: continue\nIt holds.", ("right", "It holds.")),
        ("backtrack: 2+4 is 6", ("wrong", "2+4 is 6")),
        ("The sum is 7, I think.\nAction: continue? No, 2+4 is 6.\n**Action: backtrack**\nIt is 6.", ("wrong", "It is 6.")),
        ("2+4 is 6, not 7.\n\nAction: backtrack", ("wrong", "2+4 is 6, not 7.")),
        ("I would continue here.", ("", "")),
    ],
)
def test_a_critic_may_think_before_it_says_what_to_do(reply: str, found: tuple[str, str]) -> None:
    assert debating.read(reply) == found


def test_a_model_may_think_before_it_names_an_action(tmp_path: Path) -> None:
    script = Script("The ones come first.\n\nAction: continue\nOnes: 2+4=6.", "Done.\nAction: terminate\nSo \\boxed{46}")
    with Loopback(Server(script)) as at:
        rows = list(store(tmp_path).get(propose(at.base_url)))
    assert [(row.action, row.text) for row in rows] == [("continue", "Ones: 2+4=6."), ("terminate", "So \\boxed{46}")]
