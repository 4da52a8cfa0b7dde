"""When the arms of a study were made, what changed between them, and what each cost."""

import json
import shutil
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


def test_arms_stand_in_the_order_in_which_they_were_begun(planted: PlantedRun, tmp_path: Path) -> None:
    """The one that was begun first may be the one whose last stage began last."""
    root = tmp_path / "outputs"
    shutil.copytree(planted.root, root)
    arms = {arm.name: arm for arm in gather(root, planted.results)}
    shared = {stage.path for stage in arms["long"].stages} & {stage.path for stage in arms["shortcut"].stages}
    for name, (first, last) in {"long": (1, 5), "shortcut": (2, 3)}.items():
        own = [stage.folder / "manifest.json" for stage in arms[name].stages if stage.path not in shared]
        for path, hour in zip(own, [last, *[first] * len(own)], strict=False):
            said = json.loads(path.read_text(encoding="utf-8"))
            path.write_text(json.dumps({**said, "started": f"2026-01-01T0{hour}:00:00+00:00"}), encoding="utf-8")
    found = timeline(gather(root, planted.results))
    assert [one.arm for one in found] == ["long", "shortcut"]


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
