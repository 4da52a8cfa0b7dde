"""The papers' own numbers, and what their n lets one say."""

import pytest
from scipy import stats

from o1exp.published.papers import AFTER, BEFORE, FIGURES, PaperFigure, allows, compared, figures_of, points_of


def figure(table: str, benchmark: str, model: str) -> PaperFigure:
    (found,) = (one for one in FIGURES if (one.table, one.benchmark, one.model) == (table, benchmark, model))
    return found


def test_all_tables_are_there() -> None:
    assert {table: sum(one.table == table for one in FIGURES) for table in ("Part 2, Table 1", "Part 2, Table 2", "Part 1, Table 6")} == {
        "Part 2, Table 1": 6, "Part 2, Table 2": 18, "Part 1, Table 6": 8,
    }  # fmt: skip
    assert [one.model for one in points_of("aime24")] == ["o1-preview", "o1-mini", "Ours-72B"]
    assert points_of("flames") == []
    assert {one.benchmark for one in figures_of(["lima", "gsm8k"])} == {"lima"}


def test_thirty_problems_say_nothing_of_one_more() -> None:
    ours = figure("Part 2, Table 1", "aime24", "Ours-72B")
    assert "13/30 against 12/30 (o1-preview): nothing (Fisher p = 1.00" in allows(ours)
    found = compared(ours)
    assert found is not None
    assert found[1].p == pytest.approx(stats.fisher_exact([[13, 17], [12, 18]]).pvalue)


def test_what_the_paper_calls_a_loss_may_be_chance() -> None:
    assert allows(figure("Part 2, Table 2", "wildsafety", AFTER)).startswith("173/200 against 184/200 (Qwen2.5-72B-Instruct): nothing")
    assert "a difference" in allows(figure("Part 1, Table 6", "math500", "journey (Abel)"))


def test_values_that_are_no_count_say_so_and_people_s_scores_are_not_taken_for_counts() -> None:
    simple = figure("Part 2, Table 2", "simpleqa", AFTER)
    assert not simple.counted
    assert allows(simple).startswith("about 450/4326 against 458/4326")
    assert figure("Part 2, Table 2", "flames", AFTER).counted
    assert "the spread of the people's scores is not published" in allows(figure("Part 2, Table 2", "lima", AFTER))
    assert allows(figure("Part 2, Table 2", "lima", BEFORE)) == ""
