from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from o1exp.chat.headings import JUDGE, NEXT, REST
from o1exp.chat.servers.loopback import Loopback, Refusal, Reply
from o1exp.flow import SettingsError
from o1exp.records.tree import trees
from o1exp.thoughts.judge import Prompted, Rollouts, read
from o1exp.thoughts.tree import TreeSearch
from tests.thoughts.parts import facts, store, teacher
from tests.thoughts.searching import Asked, Problems, Server, good, played


def search(url: str, **fields: Any) -> TreeSearch:
    asked = teacher(url)
    return TreeSearch(**{"problems": Problems(), "teacher": asked, "judge": Prompted(teacher=asked), **fields})


def test_a_tree_has_the_steps_of_each_level_with_their_verdicts(tmp_path: Path) -> None:
    with Loopback(Server(played(**good(slip_rate=0.5)))) as server:
        here, stage = store(tmp_path), search(server.base_url)
        grown = list(trees(here.get(stage)))
    assert [tree.problem for tree in grown] == ["sum-12+34", "sum-57+68", "sum-91+26"]
    nodes = [node for tree in grown for node in tree.nodes.values()]
    assert all(node.verdict == "right" or node.reason.startswith("It is") for node in nodes)
    assert any(node.verdict == "wrong" for node in nodes), "at half the steps wrong"
    assert not any(tree.children.get(node.id) for tree in grown for node in tree.nodes.values() if node.verdict == "wrong")
    assert all(node.tokens == 10 and node.writer and node.judge for node in nodes)
    solved = [[step.text for step in tree.path(tree.solved[0])] for tree in grown if tree.solved]
    assert ["Ones: 2+4=6, write 6.", "Tens: 1+3=4, write 4.", "So \\boxed{46}"] in solved
    noted = facts(here, stage)
    assert (noted["problems"], noted["right"], noted["nodes"]) == (3, len(solved), len(nodes))
    assert noted["requests"] + noted["twins"] >= 2 * len(nodes)


class Wide:
    """A world of texts: every step is a text of its own, right but for those that end in an even number; solved by nobody."""

    def __call__(self, asked: Asked) -> str:
        if asked.task == JUDGE:
            return "Verdict: right\nReason: fine"
        return f"step {len(asked.steps)} by {asked.seed}"


def test_width_depth_and_beam_bound_what_is_asked(tmp_path: Path) -> None:
    server = Server(Wide())
    with Loopback(server) as at:
        rows = list(store(tmp_path).get(search(at.base_url, problems=Problems(sums=("1+1",)), width=3, depth=4, beam=2)))
    levels = Counter(node.id.count(".") + 1 for node in rows)
    assert levels == {1: 3, 2: 6, 3: 6, 4: 6}
    assert (server.count(NEXT), server.count(JUDGE)) == (21, 21)


def test_a_wider_beam_pays_only_for_steps_that_are_new(tmp_path: Path) -> None:
    server, one = Server(Wide()), Problems(sums=("1+1",))
    with Loopback(server) as at:
        here = store(tmp_path)
        narrow = {node.id: node.text for node in here.get(search(at.base_url, problems=one, depth=3, beam=1))}
        before = len(server.asked)
        wide = {node.id: node.text for node in here.get(search(at.base_url, problems=one, depth=3, beam=2))}
        assert narrow.items() <= wide.items()
        assert len(server.asked) - before == 2 * (len(wide) - len(narrow)) == 12
        before = len(server.asked)
        deeper = list(here.get(search(at.base_url, problems=one, depth=4, beam=2, width=4)))
        assert len(deeper) == 28
        assert len(server.asked) - before == 2 * sum(node.text not in wide.values() for node in deeper)
    assert len({(asked.text, asked.seed) for asked in server.asked}) == len(server.asked), "no request was sent twice"


def test_the_beam_takes_the_best_by_the_judge(tmp_path: Path) -> None:
    def write(asked: Asked) -> str:
        if asked.task == JUDGE:
            return "Verdict: neutral\nReason: dull" if "dull" in asked.text.split("Step to judge:")[1] else "Verdict: right\nReason: good"
        return ("dull " if asked.seed % 2 else "good ") + str(asked.seed)

    with Loopback(Server(write)) as at:
        rows = list(store(tmp_path).get(search(at.base_url, problems=Problems(sums=("1+1",)), width=6, depth=2, beam=1)))
    first = {node.parent for node in rows if node.parent}
    assert [node.text[:4] for node in rows if node.id in first] == ["good"]
    assert {node.value for node in rows} == {0.5, 1.0}


def test_a_longer_continuation_is_cut_into_steps_that_are_judged_alone(tmp_path: Path) -> None:
    whole = "Ones: 2+4=6, write 6.\n\nTens: 1+3=5, write 5.\n\nSo \\boxed{56}\n\nBye."
    server = Server(lambda asked: whole if asked.task == NEXT else played(**good())(asked))
    with Loopback(server) as at:
        stage = search(at.base_url, problems=Problems(sums=("12+34",)), steps="segment", width=2)
        rows = list(store(tmp_path).get(stage))
    assert [(node.id, node.parent, node.verdict, node.correct) for node in rows] == [
        ("0", "", "right", None), ("0.0", "0", "wrong", None), ("0.0.0", "0.0", "right", False),
    ], "the second draw said the same, and nothing stands behind the answer"  # fmt: skip
    assert (server.count(NEXT), server.count(JUDGE)) == (2, 3), "a path with a wrong step goes on no further"
    assert {asked.stop for asked in server.asked} == {()}


def test_one_step_is_taken_of_an_answer_and_its_mark_stops_the_model(tmp_path: Path) -> None:
    server = Server(lambda asked: "one\n\ntwo" if asked.task == NEXT else "Verdict: wrong\nReason: no")
    with Loopback(server) as at:
        rows = list(store(tmp_path).get(search(at.base_url, problems=Problems(sums=("1+1",)))))
    assert [node.text for node in rows] == ["one"]
    assert {asked.stop for asked in server.asked if asked.task == NEXT} == {("\n\n",)}
    assert {asked.stop for asked in server.asked if asked.task == JUDGE} == {()}


def test_what_fails_or_says_nothing_gives_no_step_and_ends_no_search(tmp_path: Path) -> None:
    def write(asked: Asked) -> str | Reply:
        if asked.task == NEXT and not asked.steps:
            number = sorted(seeds).index(asked.seed) if asked.seed in seeds else len(seeds)
            seeds.append(asked.seed)
            if number == 0 and len(seeds) == 1:
                raise Refusal(400, "this one is too long")
            if len(seeds) == 2:
                return Reply("", "stop", 5, 0)
        return played(**good())(asked)

    seeds: list[int] = []
    with Loopback(Server(write)) as at:
        here, stage = store(tmp_path), search(at.base_url, problems=Problems(sums=("12+34",)), teacher=teacher(at.base_url, max_failed=0.5))
        grown = next(trees(here.get(stage)))
    assert len(grown.children[""]) == 1
    assert grown.solved
    assert facts(here, stage)["failed"] == 1


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("Verdict: right\nReason: 2+4 is 6.", ("right", "2+4 is 6.")),
        ("**Verdict:** Incorrect\n**Reason:** the carry\nis lost", ("wrong", "the carry is lost")),
        ("Wrong. It should be 7.", ("wrong", "It should be 7.")),
        ("verdict = neutral", ("neutral", "")),
        ("I cannot say whether the right way was taken.", ("", "")),
        ("At first, verdict: right. But 2+4 is 6, not 7.\n\nVerdict: wrong\nReason: 2+4 is 6.", ("wrong", "2+4 is 6.")),
        ("Verdict: wrong\nReason: a verdict: right would need 7.", ("wrong", "a verdict: right would need 7.")),
        (
            "Verdict: right, neutral or wrong?\nThe carry is lost.\n**Verdict: wrong**",
            ("wrong", "Verdict: right, neutral or wrong? The carry is lost."),
        ),
        ("2+4 is 6, and the step says so.\n**Final verdict:** right", ("right", "2+4 is 6, and the step says so.")),
        ("2+4 is 6.\n\n**Correct.**", ("right", "2+4 is 6.")),
        ("", ("", "")),
    ],
)
def test_a_verdict_is_read_as_models_write_it(reply: str, said: tuple[str, str]) -> None:
    assert read(reply) == said


def test_rollouts_are_the_share_of_continuations_that_reach_the_gold_answer(tmp_path: Path) -> None:
    server = Server(played(**good(slip_rate=0.3)))
    with Loopback(server) as at:
        here = store(tmp_path)
        stage = search(at.base_url, judge=Rollouts(teacher=teacher(at.base_url), draws=4), width=4)
        grown = list(trees(here.get(stage)))
    assert server.count(JUDGE) == 0
    assert server.count(REST) % 4 == 0
    for tree in grown:
        for node in tree.nodes.values():
            assert node.value in (0.0, 0.25, 0.5, 0.75, 1.0)
            assert (node.verdict == "wrong") == (node.value == 0)
            if node.correct is not None:
                assert node.value == float(node.correct)
    assert "\\boxed{46}" not in "".join(asked.text for asked in server.asked if asked.task == REST), "nothing of the gold is shown"
    assert facts(here, stage)["shown"] == 0


def test_showing_the_gold_answer_is_a_choice_and_counted(tmp_path: Path) -> None:
    server = Server(played(**good()))
    with Loopback(server) as at:
        here, one = store(tmp_path), Problems(sums=("12+34",))
        plain = search(at.base_url, problems=one)
        here.get(plain)
        assert not any("correct answer" in asked.text for asked in server.asked)
        server.asked.clear()
        told = search(at.base_url, problems=one, judge=Prompted(teacher=teacher(at.base_url), show="answer"))
        rows = list(here.get(told))
        assert {asked.task for asked in server.asked if "the correct answer is 46" in asked.text} == {JUDGE}
    assert (facts(here, plain)["shown"], facts(here, told)["shown"]) == (0, len(server.asked))
    assert all(node.shown for node in rows)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"width": 0}, "width"), ({"mark": ""}, "mark"), ({"prompt": "Go on: {steps}"}, "prompt"),
        ({"teacher": teacher("http://127.0.0.1:1/v1", temperature=0.0)}, "width"),
    ],
)  # fmt: skip
def test_settings_that_cannot_work_are_refused(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(SettingsError) as wrong:
        search("http://127.0.0.1:1/v1", **fields)
    assert [name for name, _ in wrong.value.mistakes] == [field]
