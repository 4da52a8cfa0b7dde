"""Arms against a baseline: by question where the questions are the same, and never otherwise."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from o1exp.bench.result import Result
from o1exp.flow import Store
from o1exp.history.arms import Arm, gather
from o1exp.report.compare import partner, rows
from o1exp.report.table import csv_text, latex_text, summary, values
from o1exp.sources.local import Local
from tests.planted import PlantedRun, planted_arm, results


def sums(folder: Path, seed: int) -> Local:
    """Sixty problems; those of another seed are others under the same ids."""
    path = folder / f"sums{seed}.jsonl"
    problems = [{"id": f"p{n}", "question": f"What is {n} + {7 * seed + 3}?", "answer": str(n + 7 * seed + 3)} for n in range(60)]
    path.write_text("".join(json.dumps(problem) + "\n" for problem in problems))
    return Local(name="sums", path=str(path))


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> list[Arm]:
    """Two seeds by two styles."""
    folder = tmp_path_factory.mktemp("sweep")
    stages: dict[str, Result] = {
        f"seed={seed} thought={style}": planted_arm(skill, style, sums(folder, seed))
        for seed in (0, 1)
        for style, skill in (("long", 0.9), ("short", 0.2))
    }
    Store(folder).make(list(stages.values()))
    return gather(folder, results(stages))


def test_arms_on_the_same_questions_are_paired(planted: PlantedRun) -> None:
    found = rows(gather(planted.root, planted.results), "shortcut")
    long, shortcut = found
    assert shortcut.against is None
    assert long.against is not None
    assert long.against.paired
    assert long.against.questions == 60
    assert long.against.difference == pytest.approx(long.score.accuracy - shortcut.score.accuracy, abs=1e-6)
    assert long.against.low < long.against.difference < long.against.high
    assert long.verdict.startswith("long is above shortcut: +")


def test_equal_ids_of_other_problems_are_not_paired(sweep: list[Arm]) -> None:
    found = rows(sweep, "seed=0 thought=short", across=True)
    assert [row.against and row.against.paired for row in found] == [True, None, False, False]
    assert [row.against and row.against.test for row in found] == ["exact McNemar", None, "Fisher exact", "Fisher exact"]


def test_arms_of_other_questions_are_not_ranked_unless_asked(sweep: list[Arm]) -> None:
    found = rows(sweep, "seed=0 thought=short")
    assert [row.against is None for row in found] == [False, True, True, True]
    assert (
        "seed=1 thought=long and seed=0 thought=short answered different questions (none is shared) and are not compared"
        in found[2].verdict
    )
    assert found[0].against is not None
    assert found[0].against.adjusted == found[0].against.p, "what was not compared counts in no family"


def test_questions_that_both_answered_are_named(tmp_path: Path) -> None:
    first, second = sums(tmp_path, 0), sums(tmp_path, 0)
    path = tmp_path / "more.jsonl"
    extra = {"id": "more", "question": "What is 1 + 1?", "answer": "2"}
    path.write_text(Path(first.path).read_text() + json.dumps(extra) + "\n")
    stages = {"a": planted_arm(0.9, problems=Local(name="sums", path=str(path))), "b": planted_arm(0.2, problems=second)}
    Store(tmp_path).make(list(stages.values()))
    found = rows(gather(tmp_path, results(stages)), "b")
    assert found[0].verdict.endswith("Compared on the 60 of 61 questions that both answered.")


def test_one_result_under_several_names_counts_once(sweep: list[Arm]) -> None:
    """Two cells that differ in a setting without effect are one experiment: Holm corrects for one comparison, not for three."""
    one = sweep[0]
    thrice = [one, replace(one, name="lr=1"), replace(one, name="lr=2"), sweep[1], replace(sweep[1], name="again")]
    found = rows(thrice, "seed=0 thought=short")
    assert [row.against and row.against.adjusted for row in found[:3]] == [found[0].against and found[0].against.p] * 3
    assert found[4].verdict == "again and seed=0 thought=short are the same result."
    assert found[4].against is None


def test_a_setting_as_baseline_compares_within_each_seed(sweep: list[Arm]) -> None:
    found = rows(sweep, "thought=short")
    assert [row.against and row.against.paired for row in found] == [True, None, True, None]
    assert "seed=1 thought=long is above seed=1 thought=short" in found[2].verdict
    assert partner(sweep[0], sweep, "thought=absent") is None


def test_several_comparisons_are_corrected_by_holm(sweep: list[Arm]) -> None:
    against = [row.against for row in rows(sweep, "seed=0 thought=short", across=True) if row.against is not None]
    assert all(c.adjusted >= c.p for c in against)
    smallest = min(against, key=lambda c: c.p)
    assert smallest.adjusted == pytest.approx(min(1.0, 3 * smallest.p))


def test_without_a_baseline_nothing_is_compared(sweep: list[Arm]) -> None:
    assert all(row.against is None and not row.verdict for row in rows(sweep))


def test_tables_for_other_tools(sweep: list[Arm]) -> None:
    found = rows(sweep, "thought=short")
    named = next(csv.DictReader(io.StringIO(csv_text(found))))
    assert named["arm"] == "seed=0 thought=long"
    assert float(named["accuracy"]) == found[0].score.accuracy
    assert named["against_test"] == "exact McNemar"
    assert values(found[1])["against_baseline"] is None
    assert r"held-out sums & seed=0 thought=long &" in latex_text(found)
    assert latex_text(found).count(r"\\") == 5


def test_the_latex_table_tells_losses_and_answers_that_are_none(sweep: list[Arm]) -> None:
    found = rows(sweep, "thought=long")
    head, *lines = [line for line in latex_text(found).splitlines() if " & " in line]
    columns = [[cell.strip() for cell in line.removesuffix(r"\\").split(" & ")] for line in (head.removesuffix(r" \\ \midrule"), *lines)]
    table = [dict(zip(columns[0], row, strict=True)) for row in columns[1:]]
    lost = [row for row in table if row["Below the baseline"]]
    assert [row["Arm"] for row in lost] == ["seed=0 thought=short", "seed=1 thought=short"]
    assert {row["Below the baseline"] for row in lost} == {"shown"}
    assert table[1]["Difference"].startswith(f"{100 * found[1].against.difference:+.1f} {{\\small [")  # type: ignore[union-attr]
    assert [row["Cut off, \\%"] for row in table] == [f"{100 * row.score.truncated / row.score.attempts:.1f}" for row in found]
    assert [row["No answer, \\%"] for row in table] == [f"{100 * row.score.no_answer / row.score.attempts:.1f}" for row in found]
    gain = rows(sweep, "thought=short")[0]
    assert gain.against is not None
    for difference, adjusted, word in ((0.2, 0.001, "no"), (0.0, 1.0, "no"), (-0.01, 0.4, "may be chance"), (-0.2, 0.001, "shown")):
        moved = replace(gain, against=replace(gain.against, difference=difference, adjusted=adjusted))
        assert f"& {word} \\\\" in latex_text([moved])


def test_the_terminal_table_names_arms_scores_and_verdicts(sweep: list[Arm]) -> None:
    from rich.console import Console

    terminal = Console(width=200, file=io.StringIO())
    terminal.print(summary(rows(sweep, "thought=short")))
    text = terminal.file.getvalue()  # type: ignore[attr-defined]
    assert "95 % interval" in text
    assert "problems" in text
    assert "seed=1 thought=short" in text
    assert "is above" in text
