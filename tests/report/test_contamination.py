"""Problems of a benchmark that an arm was trained on: found whatever the filter did, shown side by side, and scores without them."""

import csv
import json
from pathlib import Path

import pytest

from o1exp.bench.outcome import NAME, QUESTIONS, QuestionScore
from o1exp.bench.summary import summarised
from o1exp.curate.leaks import FOLDER, Pairing
from o1exp.history.arms import Arm, gather
from o1exp.records import Attempt, Example, Problem, Score
from o1exp.records.table import write_table
from o1exp.report.compare import rows
from o1exp.report.render import PageWords, write
from o1exp.report.table import reported, summary, values
from tests.artefacts import artefact, encoded, training

TEXTS = (
    "Every morning Aya goes for a 9 kilometer walk and stops at a coffee shop afterwards. How many minutes does the walk take?",
    "Find the number of ways to give 30 equal coins to 4 children so that every child has at least 2 coins.",
    "A torus rests on the inside of a sphere of radius 11. What is the difference of the radii of both circles?",
    "Eight points lie on a circle with equal gaps. In how many ways can four of them be the corners of a rectangle?",
)
POSED = [Problem(id=f"p{n}", question=text, answer="1") for n, text in enumerate(TEXTS)]
UNRELATED = "What is the sum of the first twenty odd numbers, and which square is it equal to?"


def _arm(root: Path, taught: list[str], right: set[int]) -> str:
    """The result of an arm that was taught these questions and has the answers to the problems in `right`."""
    source = artefact(root, "Local", {}, rows=[Problem(id=f"t{n}", question=text, answer="1") for n, text in enumerate(taught)])
    examples = [Example(problem=f"t{n}", prompt=text, response="\\boxed{1}") for n, text in enumerate(taught)]
    data = artefact(root, "Distil", {"problems": source}, rows=examples)
    base = artefact(root, "Untrained", {}, files={"model/config.json": "{}"})
    model = training(root, "Sft", {"start": base, "data": data, "prepared": encoded(root, data)}, 10, {})
    posed = artefact(root, "Local", {}, rows=POSED)
    attempts = [Attempt(problem=problem.id, draw=0, text="", tokens=9, finish_reason="stop") for problem in POSED]
    sampled = artefact(root, "Sample", {"model": model, "problems": posed}, rows=attempts)
    scores = [
        Score(problem=problem.id, draw=0, correct=n in right, extracted="1", tokens=9, problem_digest=problem.digest)
        for n, problem in enumerate(POSED)
    ]
    graded = artefact(root, "Grade", {"attempts": sampled, "problems": posed}, rows=scores)
    score, questions = summarised("walks", scores)
    stored = json.dumps({"benchmarks": {"walks": score.plain()}})
    result = artefact(root, "Result", {"scores.walks": graded}, files={NAME: stored})
    (root / "artefacts" / result / QUESTIONS).mkdir()
    write_table(root / "artefacts" / result / QUESTIONS, QuestionScore, questions)
    return result


@pytest.fixture(scope="module")
def arms(tmp_path_factory: pytest.TempPathFactory) -> list[Arm]:
    root = tmp_path_factory.mktemp("outputs")
    leaky = _arm(root, [TEXTS[0].upper(), TEXTS[1].replace("30", "36"), UNRELATED], {0, 1, 2})
    return gather(root, {"leaky": leaky, "clean": _arm(root, [UNRELATED], {0, 3})})


def test_both_arms_are_scored_without_what_one_of_them_saw(arms: list[Arm]) -> None:
    leaky, clean = rows(arms, "clean")
    assert (leaky.score.accuracy, leaky.affected, leaky.without) == (0.75, 2, 0.5)
    assert (clean.score.accuracy, clean.affected, clean.without) == (0.5, 2, 0.5)
    assert [(one.fate, one.pair.kind, one.pair.id, one.pair.problem, one.arms) for one in leaky.pairs] == [
        ("trained on", "exact", "t0", "p0", ("leaky",)), ("trained on", "numbers", "t1", "p1", ("leaky",)),
    ]  # fmt: skip
    assert clean.pairs == ()


def test_the_report_says_it_and_shows_the_pairs(arms: list[Arm], tmp_path: Path) -> None:
    table = rows(arms, "clean")
    write(tmp_path, PageWords("", "", "", "", "clean"), table, arms, 0)
    said = "2 of 4 problems of walks stand in the training data; without them: leaky 50.0 %, clean 50.0 %."
    page = (tmp_path / "index.html").read_text()
    assert said in page
    assert "50.0 without 2 seen" in page
    assert TEXTS[1].replace("30", "36") in page
    assert said in "".join(str(part) for part in summary(table).renderables)
    lines = list(csv.DictReader((tmp_path / "contamination.csv").open()))
    assert (lines[0]["kind"], lines[0]["posed"], lines[0]["question"]) == ("exact", TEXTS[0], TEXTS[0].upper())
    assert values(table[0])["accuracy_without_affected"] == 0.5
    assert [(row.affected, row.without) for row in reported(arms, tmp_path)] == [(2, 0.5), (2, 0.5)]


def test_a_report_without_any_says_nothing(arms: list[Arm], tmp_path: Path) -> None:
    table = rows(arms[1:])
    write(tmp_path, PageWords("", "", "", "", ""), table, arms[1:], 0)
    assert "Problems of the benchmarks in the data" not in (tmp_path / "index.html").read_text()
    assert not (tmp_path / "contamination.csv").exists()
    assert "affected" not in values(table[0])


def test_what_the_filter_dropped_is_shown_and_takes_nothing_out_of_the_score(tmp_path: Path) -> None:
    result = _arm(tmp_path, [UNRELATED], {0})
    (arm,) = gather(tmp_path, {"a": result})
    source = next(stage for stage in arm.making if stage.stage == "Local")
    pair = Pairing(
        row=4, id="t9", question=TEXTS[2], benchmark="walks", problem="p2", digest=POSED[2].digest, posed=TEXTS[2], kind="exact",
        coverage=1.0, likeness=1.0, dropped=True,
    )  # fmt: skip
    (source.folder / FOLDER).mkdir()
    write_table(source.folder / FOLDER, Pairing, [pair])
    source.manifest.facts["contaminated"] = 1
    (row,) = rows([arm])
    assert [(one.fate, one.pair) for one in row.pairs] == [("dropped", pair)]
    assert (row.affected, row.without) == (0, None)


def test_the_same_texts_are_searched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was kept is emptied by hand: whoever finds nothing afterwards has read it, and whoever finds the leak has searched."""
    leaky, clean, other = (_arm(tmp_path, [text], {0}) for text in (TEXTS[0], UNRELATED, TEXTS[1]))

    def pairs(**arms: str) -> list[int]:
        return [len(row.pairs) for row in rows(gather(tmp_path, arms))]

    assert pairs(leaky=leaky, clean=clean) == [1, 0]
    for place in (kept := list((tmp_path / "contamination").iterdir())):
        assert not place.name.startswith(".")
        write_table(place, Pairing, [])
    assert len(kept) == 2
    assert pairs(leaky=leaky, clean=clean) == [0, 0], "a comparison that comes later reads both"
    assert pairs(other=other) == [1], "other data is searched"
    monkeypatch.setattr("o1exp.report.searched.source_digest", lambda modules: "another way to search")
    assert pairs(leaky=leaky) == [1], "and so is all, where another source searches"


def test_where_nothing_can_be_kept_it_is_searched_each_time(tmp_path: Path) -> None:
    (tmp_path / "contamination").write_text("a file where the folder would be")
    leaky = _arm(tmp_path, [TEXTS[0]], {0})
    assert [len(row.pairs) for row in rows(gather(tmp_path, {"leaky": leaky}))] == [1]


@pytest.mark.parametrize("left", [0, 100])
def test_what_was_kept_and_cannot_be_read_is_searched_anew(tmp_path: Path, left: int) -> None:
    leaky = _arm(tmp_path, [TEXTS[0]], {0})
    assert [len(row.pairs) for row in rows(gather(tmp_path, {"leaky": leaky}))] == [1]
    (kept,) = (tmp_path / "contamination").glob("*/rows.parquet")
    whole = kept.read_bytes()
    kept.write_bytes(whole[:left])
    assert [len(row.pairs) for row in rows(gather(tmp_path, {"leaky": leaky}))] == [1]
    assert len(kept.read_bytes()) == len(whole)
