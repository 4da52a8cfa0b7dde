import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from o1exp.flow import SettingsError, Stage, StageFailed, Work
from o1exp.records import Problem, Table
from o1exp.records.tree import Tree, trees
from o1exp.sources.local import Local
from o1exp.thoughts.human import MISSING, Human
from tests.thoughts.parts import facts, store

DOUBLING = """problem: What is 4 + 4?
answer: 8

[trial] 4 times 4 is \\boxed{16}.

[reflection] It says plus.

[correction] Four and four, so \\boxed{8}.
"""


@dataclass(frozen=True, kw_only=True)
class Some(Stage[Table[Problem]]):
    """The problems whose question begins with one of these words."""

    problems: Stage[Table[Problem]]
    begins: tuple[str, ...] = ()

    def make(self, work: Work) -> None:
        work.write(Problem, (problem for problem in work.open(self.problems) if problem.question.startswith(self.begins)))


def grown(root: Path, path: Path, problems: Stage[Table[Problem]] | None = None) -> tuple[dict[str, Tree], dict[str, Any], str]:
    here = store(root)
    stage = Human(problems=problems or Local(path=str(path)), path=str(path))
    found = {tree.problem: tree for tree in trees(here.get(stage))}
    return found, facts(here, stage), (here.folder(stage) / MISSING).read_text()


@pytest.mark.parametrize(("name", "counts", "golds"), [
    ("prm800k.jsonl", {"trees": 6, "nodes": 79, "right": 3, "wrong_steps": 15}, ["29", "28800", "468", "9", "1+2\\sqrt{3}"]),
    ("prm800k_phase1_train.json", {"trees": 3, "nodes": 168, "right": 2, "wrong_steps": 67}, ["29", "440", "40_9"]),
    ("prm800k_phase2_test.json", {"trees": 1, "nodes": 16, "right": 0, "wrong_steps": 1}, ["28800"]),
    ("math_aps_tree.jsonl", {"trees": 3, "nodes": 169, "right": 3, "wrong_steps": 7}, ["3", "64", "\\frac{11}{36}"]),
    ("math_shepherd.jsonl", {"trees": 7, "nodes": 25, "right": 0}, [""] * 7),
    ("mr_gsm8k_demos.json", {"trees": 5, "nodes": 28, "right": 2, "wrong_steps": 3, "with_reason": 3}, ["14", "5", "230", "2", "8"]),
])  # fmt: skip
def test_shared_files_become_trees_of_the_problems_in_them(
    tmp_path: Path, shared_data: Path, name: str, counts: dict[str, int], golds: list[str]
) -> None:
    path = shared_data / "steps" / name
    found, noted, _ = grown(tmp_path, path)
    assert {fact: noted[fact] for fact in counts} == counts
    assert noted["nodes"] == sum(len(tree.nodes) for tree in found.values())
    assert (noted["other_questions"], noted["unreadable"]) == (0, 0)
    problems = list(store(tmp_path).get(Local(path=str(path))))
    assert [problem.answer for problem in problems][: len(golds)] == golds
    assert [problem.id for problem in problems] == list(found)


def test_the_chosen_path_of_a_labelled_tree_leads_to_the_gold_answer(tmp_path: Path, shared_data: Path) -> None:
    found, _, missing = grown(tmp_path, shared_data / "steps/prm800k.jsonl")
    pencil = next(iter(found.values()))
    right = [tree for tree in found.values() if any(node.chosen for node in tree.solved)]
    assert len(right) == 3
    (end,) = (node for node in pencil.solved if node.chosen)
    path = pencil.path(end)
    assert [node.chosen for node in path] == [True] * 6
    assert [node.writer for node in path].count("labeller") == 1
    assert end.action == "terminate"
    assert "'28800'" in missing
    assert "\tno solution in it ends with an answer" in missing


def test_a_filter_holds_for_peoples_thoughts_and_equal_questions_are_one_tree(tmp_path: Path, shared_data: Path) -> None:
    path = tmp_path / "twice.jsonl"
    text = (shared_data / "steps/prm800k.jsonl").read_text()
    other = text.splitlines()[0].replace("We could also solve this system by substitution.", "Another way is substitution.")
    path.write_text(text + other.replace("Three pencils", " THREE pencils") + "\n")
    found, noted, missing = grown(tmp_path, path, Some(problems=Local(path=str(path)), begins=("Three", "How many")))
    assert [len(tree.nodes) for tree in found.values()] == [16, 9], (
        "15 steps of the first row and one that only the last row has; two steps twice in the other"
    )
    assert (noted["trees"], noted["without_tree"], noted["other_questions"], noted["file_rows"]) == (2, 0, 4, 7)
    assert missing.count("its question is none of the problems (another source, or the filter dropped it)") == 4
    assert "\nits question" not in missing
    assert [line.split("\t")[0] for line in missing.splitlines() if "is none of" in line] == ["2", "4", "5", "6"]


def test_a_thought_that_a_person_wrote_down(tmp_path: Path) -> None:
    path = tmp_path / "thoughts.md"
    path.write_text(DOUBLING + "---\nproblem: Unsolved?\n\nI do not know.\n")
    found, noted, missing = grown(tmp_path, path)
    tree, unsolved = found.values()
    assert [(node.id, node.verdict, node.correct, node.writer) for node in tree.nodes.values()] == [
        ("0", "wrong", None, "person"), ("0.0", "wrong", None, "person"), ("1", "right", True, "person")
    ]  # fmt: skip
    assert (noted["right"], noted["ends"], noted["forms"]) == (1, 1, {"think_aloud": 2})
    assert [node.correct for node in unsolved.nodes.values()] == [None]
    assert [line.split("\t")[0] for line in missing.splitlines()] == ["10", "10"]
    assert "has no gold answer" in missing


def test_a_file_of_other_problems_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    path, other = tmp_path / "thoughts.txt", tmp_path / "other.txt"
    path.write_text(DOUBLING)
    other.write_text(DOUBLING.replace("4 + 4", "5 + 5"))
    with pytest.raises(StageFailed, match=r"belongs to one of the 1 problems. The first: row 1: its question is none.*source.path="):
        grown(tmp_path, path, Local(path=str(other)))
    with pytest.raises(SettingsError, match="is no file"):
        Human(problems=Local(path=str(path)), path=str(tmp_path / "gone.txt"))
    assert next(Human(problems=Local(path=str(path))).preflight()).startswith("path is not given")


def test_the_file_is_known_by_its_content(tmp_path: Path) -> None:
    here, there = tmp_path / "a.txt", tmp_path / "b.txt"
    here.write_text(DOUBLING)
    there.write_text(DOUBLING)
    stages = [Human(problems=Local(path=str(path)), path=str(path)) for path in (here, there)]
    assert stages[0].key == stages[1].key


@pytest.mark.parametrize("order", [(None, -1), (-1, None)])
def test_a_label_that_comes_later_holds_for_the_ends_of_earlier_rows(tmp_path: Path, order: tuple[int | None, ...]) -> None:
    """Rows of one question share their steps, whichever row says that one is wrong."""

    def row(rating: int | None) -> dict[str, Any]:
        texts = (("Three and three.", rating), ("# Answer\n\n2", 1))
        steps = [
            {"completions": [{"text": text, "rating": said}], "human_completion": None, "chosen_completion": 0} for text, said in texts
        ]
        question = {"problem": "What is 1+1?", "ground_truth_answer": "2"}
        return {"question": question, "label": {"steps": steps, "finish_reason": "solution"}}

    (tmp_path / "x.jsonl").write_text("".join(json.dumps(row(rating)) + "\n" for rating in order))
    found, noted, _ = grown(tmp_path, tmp_path / "x.jsonl")
    (tree,) = found.values()
    assert [(node.verdict, node.correct) for node in tree.nodes.values()] == [("wrong", None), ("right", None)]
    assert noted["problems_right"] == 0
