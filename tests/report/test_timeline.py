"""When the arms of a study were made, what changed between them, and what each cost."""

from pathlib import Path

import pytest

from o1exp.history.arms import Arm, gather
from o1exp.report.timeline import drawn, timeline
from tests.artefacts import trained_arm
from tests.planted import PlantedRun


@pytest.fixture(scope="module")
def arms(planted: PlantedRun) -> list[Arm]:
    return gather(planted.root, planted.results)


def test_each_stage_counts_for_the_first_arm_that_stands_on_it(arms: list[Arm]) -> None:
    first, second = timeline(arms)
    assert {first.arm, second.arm} == {"long", "shortcut"}
    assert (first.made, first.reused) == (4, 0), "problems, answers, grades, result"
    assert (second.made, second.reused) == (3, 1), "the problems were there"
    whole = {stage.path: stage.manifest.cpu_seconds for arm in arms for stage in arm.stages}
    assert first.cpu_seconds + second.cpu_seconds == pytest.approx(sum(whole.values()))
    assert first.begun <= first.ended
    assert first.hours >= 0
    assert first.usd == 0


def test_it_says_what_changed(arms: list[Arm]) -> None:
    first, second = timeline(arms)
    assert first.changed == ()
    assert any(change.startswith("Planted on held-out sums.skill: ") and "→" in change for change in second.changed)


def test_an_arm_that_added_nothing_is_there_too(arms: list[Arm]) -> None:
    twin = Arm("twin", arms[0].lineage, arms[0].result)
    found = {one.arm: one for one in timeline([*arms, twin])}
    assert sorted((found["twin"].made, found["long"].made)) == [0, 4] or found["twin"].made == 0
    assert drawn(list(found.values())).startswith(b"<svg")


def test_it_is_drawn_for_two_arms_or_more(arms: list[Arm], tmp_path: Path) -> None:
    picture = drawn(timeline(arms)).decode()
    assert all(name in picture for name in ("long", "shortcut", "made,", "since"))
    assert drawn(timeline(arms[:1])) == b""
    assert drawn(timeline(arms), "pdf").startswith(b"%PDF")
    (alone,) = timeline(gather(tmp_path, {"one": trained_arm(tmp_path)}))
    assert alone.made > 8
