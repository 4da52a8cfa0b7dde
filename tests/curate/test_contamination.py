"""Problems of benchmarks are found in whatever words, and those that only end alike are not."""

import csv
import json
import re
import tempfile
from pathlib import Path
from typing import Any

import pytest

from o1exp.curate.candidates import Candidates
from o1exp.curate.contamination import Found, contaminated
from o1exp.curate.criteria import Criteria
from tests.curate.held import Held

ENDING = r"can be written as $\frac{m}{n}$, where $m$ and $n$ are relatively prime positive integers. Find $m+n$."
DEFAULT = Criteria()
POSED = [
    rf"Jen enters a lottery by picking 4 distinct numbers from 1 to 10. The probability of her winning the grand prize {ENDING}",
    rf"Alice and Bob throw 3 dice each until a seven is seen. The chance that Bob throws last {ENDING}",
    rf"A list of positive integers has sum 30 and unique mode 9. Its median over its length {ENDING}",
    rf"Torus T touches the sphere S along circles with radii 3 and 6. Their difference {ENDING}",
    "Every morning Aya goes for a 9 kilometer walk and stops at a coffee shop afterwards. How many minutes does the walk take her in all?",
    "What is 12 + 34?",
]


def _kinds(question: str, criteria: Criteria = DEFAULT) -> dict[int, str]:
    found = _found([question, "Something else altogether is asked here."], POSED, criteria)
    return {one.problem: one.kind for one in found if one.place == 0}


def test_each_kind_of_match_has_its_name() -> None:
    walk = POSED[4]
    assert _kinds(walk.replace("9 kilometer", "$9$ Kilometer").upper()) == {4: "exact"}
    assert _kinds(f"Answer in a box. {walk} Explain every step of your thought, and check the result twice before you give it.") == {
        4: "coverage"
    }
    edited = walk.replace("morning", "day").replace("coffee shop", "cafe")
    assert _kinds(edited) == {4: "fuzzy"}
    assert _kinds(walk.replace("9", "15")) == {4: "numbers"}
    assert _kinds("Every morning Aya goes for a walk and stops at a coffee shop afterwards, for 2 cups. What does she pay?") == {
        4: "similar"
    }


def test_what_many_problems_of_a_benchmark_say_is_no_match() -> None:
    question = f"A frog jumps at random along the edges of a cube. The probability that it is home after six jumps {ENDING}"
    assert _kinds(question) == {}


@pytest.mark.parametrize("question", ["What is 34 + 12?", "What is 12 - 34?", "What is (12 + 34)^2?"])
def test_a_short_problem_is_another_one_in_every_sign(question: str) -> None:
    assert set(_kinds(question).values()) <= {"similar"}
    assert _kinds("what is $12+34$") == {5: "exact"}
    assert _kinds("what is $12+35$") == {5: "numbers"}


def test_thresholds_are_settings() -> None:
    half = " ".join(POSED[4].split()[:18]) + " and then everything turns out to be quite another story with 7 other numbers, 8 of them new."
    assert set(_kinds(half).values()) == {"similar"}
    assert set(_kinds(half, Criteria(coverage=0.1)).values()) == {"coverage"}


def test_nothing_to_look_for_or_in_is_no_match() -> None:
    assert _found([], POSED) == []
    assert _found(["Find x.", "?", ""], []) == []
    assert _found(["?", ""], ["", "?"]) == []


def test_a_part_that_was_looked_at_before_a_kill_is_not_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    questions = ["Something else altogether is asked here.", POSED[4].upper(), POSED[4].replace("9", "15"), POSED[0], "what is $12+34$", ""]
    whole = _found(questions, POSED)
    assert [(one.place, one.row, one.id, one.kind) for one in whole] == [
        (1, 2, "p1", "exact"), (2, 3, "p2", "numbers"), (3, 4, "p3", "exact"), (4, 5, "p4", "exact"),
    ]  # fmt: skip
    for height in (1, 2, 5):
        assert list(contaminated(Held.of(questions, height), POSED, Criteria(), tmp_path / str(height))) == whole
    monkeypatch.setattr(Candidates, "_found", None)
    table = Held.of(questions, 2)
    assert list(contaminated(table, POSED, Criteria(), tmp_path / "2")) == whole
    assert table.asked == [("question",), ("row", "id", "question")]
    (tmp_path / "2/4-2.npz").unlink()
    with pytest.raises(TypeError):
        list(contaminated(table, POSED, Criteria(), tmp_path / "2"))


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]


def _found(questions: list[str], posed: list[str], criteria: Criteria = DEFAULT) -> list[Found]:
    with tempfile.TemporaryDirectory() as folder:
        return list(contaminated(Held.of(questions), posed, criteria, Path(folder)))


def test_all_30_problems_of_aime_2024_are_found_among_three_years(shared_data: Path) -> None:
    posed = [row["problem"] for row in _lines(shared_data / "aime2024/AIME24.jsonl")]
    rows = _lines(shared_data / "aimo_validation/aimo-validation-aime.jsonl")
    found = _found([row["question"] for row in rows], posed)
    assert [(one.problem, rows[one.place]["url"].count("2024")) for one in found] == [(place, 1) for place in range(30)]
    assert len(rows) == 90


def test_every_leak_that_people_confirmed_is_found(shared_data: Path) -> None:
    posed = json.loads((shared_data / "contamination/audit_math500.json").read_text())
    with (shared_data / "contamination/lexical_contamination_confirmed.csv").open() as file:
        confirmed = list(csv.DictReader(file))
    beside = [row["problem"] for row in json.loads((shared_data / "s1k/s1k.json").read_text())]
    found = _found([row["train_problem"] for row in confirmed] + beside, [row["problem"] for row in posed])
    kinds = {(one.place, posed[one.problem]["id"]): one.kind for one in found}
    assert len(confirmed) == 33
    assert [row["train_id"] for place, row in enumerate(confirmed) if (place, int(row["math500_id"][-4:])) not in kinds] == []
    dropped = [place for place, row in enumerate(confirmed) if kinds[place, int(row["math500_id"][-4:])] in Criteria().leaks]
    assert {confirmed[place]["contamination_reason"] for place in dropped} == {"identical", "same_setup_diff_question"}


def test_no_match_with_aime_2024_in_s1k_where_only_the_ending_is_the_same(shared_data: Path) -> None:
    posed = [row["problem"] for row in _lines(shared_data / "aime2024/AIME24.jsonl")]
    questions = [row["problem"] for row in json.loads((shared_data / "s1k/s1k.json").read_text())]
    theirs = [_runs(question) for question in questions]
    sharing = [(row, place) for place, text in enumerate(posed) for row, runs in enumerate(theirs) if runs & _runs(text)]
    assert len(sharing) >= 9, "runs of 13 words in common, and nothing else"
    assert _found(questions, posed) == []


def _runs(text: str) -> set[tuple[str, ...]]:
    words = re.sub(r"[^\w\s]", "", text.lower()).split()
    return {tuple(words[place : place + 13]) for place in range(len(words) - 12)}
