"""What each axis of a sweep does, over the others: seeds repeat, the rest are factors."""

import csv
import io
import re
from dataclasses import replace

import numpy as np
import pytest

from o1exp.bench.result import Result
from o1exp.flow import Store
from o1exp.history.arms import Arm, gather
from o1exp.report.compare import rows
from o1exp.report.effects import NO_EFFECTS, Effects, effects
from o1exp.report.render import PageWords, page
from o1exp.report.table import effects_csv, effects_latex, summary
from tests.planted import planted_arm, results

SKILLS = {("long", "none"): 0.55, ("long", "kept"): 0.9, ("short", "none"): 0.2, ("short", "kept"): 0.2}


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> list[Arm]:
    """Two styles by two ways to verify by three seeds, on the same 60 problems. Verification does nothing for short thoughts."""
    folder = tmp_path_factory.mktemp("grid")
    stages: dict[str, Result] = {
        f"seed={seed} thought={style} verify={kept}": planted_arm(skill + seed / 100, style)
        for (style, kept), skill in SKILLS.items()
        for seed in (0, 1, 2)
    }
    Store(folder).make(list(stages.values()))
    return gather(folder, results(stages))


@pytest.fixture(scope="module")
def found(grid: list[Arm]) -> Effects:
    return effects(grid, "thought=short")


def test_seeds_are_replicates_and_the_rest_are_factors(found: Effects) -> None:
    assert (found.factors, found.replicates) == (("thought", "verify"), ("seed",))
    assert [effect.setting for effect in found.main] == [("thought", "long"), ("verify", "kept")]
    assert [(e.contrast.seeds, e.contrast.questions) for e in found.main] == [(3, 60)] * 2


def test_a_main_effect_is_the_mean_over_the_other_settings(grid: list[Arm], found: Effects) -> None:
    score = {arm.name: arm.outcome.benchmarks["held-out sums"].accuracy for arm in grid}
    long, short = (sum(value for name, value in score.items() if f"thought={style}" in name) / 6 for style in ("long", "short"))
    assert found.main[0].contrast.value == pytest.approx(long - short, abs=1e-6)
    assert found.main[0].contexts == 2
    assert found.main[0].contrast.shown
    assert found.main[0].verdict.startswith("thought=long against thought=short: +")
    assert "3 seeds x 60 questions, 2 settings of the other factors" in found.main[0].verdict


def test_a_setting_that_changes_nothing_is_left_out_of_the_mean(grid: list[Arm], found: Effects) -> None:
    """Short thoughts are one result under both ways to verify: that says nothing of verification."""
    score = {arm.name: arm.outcome.benchmarks["held-out sums"].accuracy for arm in grid}
    kept, none = (sum(score[f"seed={seed} thought=long verify={way}"] for seed in range(3)) / 3 for way in ("kept", "none"))
    assert found.main[1].contexts == 1
    assert found.main[1].contrast.value == pytest.approx(kept - none, abs=1e-6)


def test_an_interaction_is_a_difference_of_differences(grid: list[Arm], found: Effects) -> None:
    (both,) = found.interactions
    assert both.name == "thought=long against thought=short, more under verify=kept than under verify=none"
    assert both.contrast.value == pytest.approx(found.main[1].contrast.value, abs=1e-6), "short thoughts do not move"


def test_what_is_not_told_apart_from_the_best_is_tied(found: Effects) -> None:
    assert [(level.name, level.tied) for level in found.levels] == [
        ("thought=long verify=none", False), ("thought=long verify=kept", True), ("thought=short verify=none", False),
        ("thought=short verify=kept", False),
    ]  # fmt: skip
    assert all(level.mean.low <= level.mean.value <= level.mean.high for level in found.levels)


def test_one_verdict_over_seeds(grid: list[Arm]) -> None:
    alone = [arm for arm in grid if "verify=none" in arm.name]
    found = effects(alone, "thought=short")
    assert len(found.main) == 1
    assert found.main[0].contrast.seeds == 3
    assert found.interactions == ()


def test_what_is_no_grid_has_no_effects(grid: list[Arm]) -> None:
    assert effects(grid[:1]) == Effects()
    assert effects([arm for arm in grid if "seed=0" in arm.name and "verify=none" in arm.name]) == Effects(), "one axis, nothing repeated"
    assert effects([replace(grid[0], name="long"), replace(grid[1], name="short")]) == Effects()


def test_a_cell_that_failed_leaves_the_others_comparable(grid: list[Arm]) -> None:
    found = effects([arm for arm in grid if arm.name != "seed=1 thought=long verify=none"], "thought=short")
    thought = next(effect for effect in found.main if effect.setting == ("thought", "long"))
    assert (thought.contexts, thought.contrast.seeds) == (1, 3), "only where every seed has both"


def test_the_page_and_the_terminal_give_one_verdict_over_seeds(grid: list[Arm]) -> None:
    from rich.console import Console

    words = PageWords("Grid", "", "", "o1exp -m", "thought=short")
    text = page(words, rows(grid, "thought=short"), grid, 1)
    assert "What each setting does" in text
    assert "not told apart" in text
    terminal = Console(width=250, file=io.StringIO())
    terminal.print(summary(rows(grid, "thought=short"), effects(grid, "thought=short")))
    told = terminal.file.getvalue()  # type: ignore[attr-defined]
    assert "thought=long against thought=short: +" in told
    assert "is above" not in told, "no verdict of each seed beside the one over all"


def test_effects_at_equal_tokens_are_over_seeds_too() -> None:
    """A curve of two points, by hand: at 20 tokens the longer model has half of what it has at 40."""
    from o1exp.bench.scaling import Curve, at_equal_tokens, matched

    asked, columns = tuple("abcd"), (("budget", 10), ("single", 1))
    cheap = Curve(asked, columns, np.array([[10.0, 20.0]] * 4), np.array([[0.0, 0.5]] * 4))
    dear = Curve(asked, columns, np.array([[10.0, 40.0]] * 4), np.array([[0.0, 1.0], [0.0, 1.0], [0.0, 0.0], [0.0, 0.0]]))
    found = matched(dear, cheap)
    assert found is not None
    level, difference = found
    assert level == pytest.approx(20)
    assert difference.tolist() == pytest.approx([0.0, 0.0, -0.5, -0.5])
    whole = at_equal_tokens(dear, cheap)
    assert whole is not None
    assert (whole.tokens, whole.difference) == pytest.approx((level, difference.mean())), "the mean is that of the single comparison"
    far = Curve(asked, columns, np.array([[50.0, 60.0]] * 4), np.array([[0.0, 0.5]] * 4))
    assert matched(far, cheap) is None, "no cost is on both curves"


def test_a_matched_effect_says_at_which_cost(grid: list[Arm], found: Effects) -> None:
    alone = effects([arm for arm in grid if "verify=kept" in arm.name and "long" in arm.name], "")
    assert alone.matched == ()
    same = [one for one in found.matched if one.setting[0] == "verify"]
    assert [(one.contrast.seeds, one.contexts) for one in same] == [(3, 1)], "long thoughts with and without cost the same"
    assert same[0].contrast.value == pytest.approx(found.main[1].contrast.value, abs=0.02)
    assert re.search(r"verify=\w+ against verify=\w+ at \d+ output tokens", same[0].name)


def test_tables_of_effects_for_a_paper(found: Effects) -> None:
    lines = list(csv.DictReader(io.StringIO(effects_csv(found))))
    assert [(line["kind"], line["effect"]) for line in lines] == [
        *(("main", one.name) for one in found.main), *(("interaction", one.name) for one in found.interactions),
        *(("matched", one.name) for one in found.matched),
    ]  # fmt: skip
    assert float(lines[0]["value"]) == found.main[0].contrast.value
    text = effects_latex(found)
    assert text.count(r"\\" + "\n") == len(lines)
    first = found.main[0].contrast
    assert f"{100 * first.value:+.1f} {{\\small [{100 * first.low:+.1f}, {100 * first.high:+.1f}]}}" in text
    assert effects_csv(NO_EFFECTS).strip() == ""
