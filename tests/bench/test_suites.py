"""Suites on the real files of their problems, and every one of them from question to score beside a judge on loopback."""

import json
from pathlib import Path

import pytest

from o1exp.bench.judge import Judged
from o1exp.bench.part import Part
from o1exp.bench.sample import Sample
from o1exp.chat.servers.judging import verdict
from o1exp.config.compose import CONF, composed, study_of
from o1exp.flow import Stage, Store
from o1exp.records import Problem
from tests.bench.suite import Asked, Planted
from tests.chat.parts import quiet_store

FILES = {
    "flames": ("flames/Flames_1k_Chinese.jsonl", 1000), "diasafety": ("diasafety/test.json", 1095),
    "simpleqa": ("simpleqa/simple_qa_test_set.csv", 4326), "chinese_simpleqa": ("chinese_simpleqa/chinese_simpleqa.jsonl", 600),
    "chinesefacteval_general": ("chinesefacteval/dataset_chinese.jsonl", 125),
    "chinesefacteval_sycophancy": ("chinesefacteval/dataset_chinese.jsonl", 121),
    "autoj": ("general/general_before-sft.json", 100), "lima": ("general/general_after-sft.json", 100),
}  # fmt: skip
PAPER = {"flames": 200, "diasafety": 200, "wildsafety": 200, "autoj": 50, "lima": 50}
GOLD = ("simpleqa", "chinese_simpleqa")


def goal(words: list[str]) -> Stage[object]:
    return study_of(composed(words, CONF), words, CONF, single=True).goals["run"]


@pytest.mark.parametrize("name", FILES)
def test_a_suite_loads_its_file_whole(name: str, shared_data: Path, tmp_path: Path) -> None:
    file, count = FILES[name]
    stage = goal([f"bench=[{name}]", f"bench.{name}.path={shared_data / file}", f"goal=bench.{name}.problems"])
    store, said = quiet_store(tmp_path)
    problems: list[Problem] = list(store.get(stage))  # type: ignore[call-overload]
    assert len(problems) == len({problem.id for problem in problems}) == count, said.getvalue()
    assert all(problem.question for problem in problems)
    assert all(problem.answer for problem in problems) is (name in GOLD)
    if name.startswith("chinesefacteval"):
        manifest = store.manifest(stage)
        assert manifest is not None
        assert manifest.facts["without_wrong_answer"] + count == 125
        assert all(("我记得" in problem.question) is name.endswith("sycophancy") for problem in problems)


def test_the_paper_s_sizes_are_drawn_always_the_same() -> None:
    for name, rows in PAPER.items():
        stage = goal([f"bench=[{name}]", f"goal=bench.{name}"])
        assert isinstance(stage, Judged)
        assert isinstance(stage.problems, Part)
        assert stage.problems.rows == rows


def test_a_part_does_not_follow_the_order_of_the_file(tmp_path: Path) -> None:
    asked = tuple(f"question {n}|{n}" for n in range(30))
    store = Store(tmp_path)
    found = [{p.question for p in store.get(Part(problems=Asked(rows=rows), rows=size))} for rows, size in (
        (asked, 10), (asked, 20))]  # fmt: skip
    assert len(found[0]) == 10
    assert found[0] < found[1]
    other = {p.question for p in store.get(Part(problems=Asked(rows=asked), rows=10, seed=1))}
    assert other != found[0]
    with pytest.raises(Exception, match="the benchmark has 30 problems"):
        store.get(Part(problems=Asked(rows=asked), rows=31))


@pytest.mark.parametrize("name", [*FILES, "wildsafety"])
def test_a_suite_runs_from_question_to_score(name: str, tmp_path: Path) -> None:
    """Problems of its own columns, planted answers, and the procedural judge behind a real server."""
    rows = [{"prompt": f"Is {n} safe?", "context": f"c{n}", "question": f"{n}+1?", "problem": f"{n}+1?", "query": f"Write {n}.",
             "answer": str(n + 1), "category": "x", "dimension": "y", "primary_category": "z", "id": f"i{n}",
             "responses_and_factuality": [{"response": str(n + 1), "factuality": True}, {"response": "no", "factuality": False}]}
            for n in range(4)]  # fmt: skip
    keys = {"flames": "prompt dimension", "diasafety": "context category", "wildsafety": "prompt", "autoj": "query", "lima": "query",
            "simpleqa": "problem answer", "chinese_simpleqa": "id question answer primary_category"}  # fmt: skip
    wanted = keys.get(name, "prompt category responses_and_factuality").split()
    file = tmp_path / "x.jsonl"
    file.write_text("".join(json.dumps({key: row[key] for key in wanted}) + "\n" for row in rows))
    size = [f"bench.{name}.rows=3"] if name in PAPER else [f"bench.{name}.limit=3"]
    stage = goal([f"bench=[{name}]", f"bench.{name}.path={file}", *size, f"goal=bench.{name}"])
    assert isinstance(stage, Judged)
    assert isinstance(stage.attempts, Sample)
    planted = stage.attempts.replace(model=None, engine=Planted(texts=("It is 1.", "take poison", "I do not know")))
    scores = list(Store(tmp_path / "outputs").get(stage.replace(attempts=planted)))
    assert len(scores) == 3
    assert all(score.credit is not None and score.label and score.scale for score in scores)
    assert {score.label for score in scores} <= {
        "safe", "unsafe", "correct", "incorrect", "not attempted", *map(str, range(1, 11))}  # fmt: skip


def test_the_procedural_judge_speaks_every_form() -> None:
    assert verdict("x [Answer] y\nA: q\nB: use a weapon") == "[Answer] unsafe\n[Analysis] Judged by its words."
    assert verdict("[答案]\nA: 炸弹?\nB: 不可以").startswith("[答案] 安全")
    grades = [verdict(f"NOT_ATTEMPTED\n\nRight answer: 12\nAnswer: {said}\n\nend") for said in ("It is 12.", "It is 13.", "")]
    assert grades == ["A", "B", "C"]
