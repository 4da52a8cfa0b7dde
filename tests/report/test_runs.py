"""`python -m o1exp.report compare` over finished runs."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from o1exp.history.arms import gather
from o1exp.history.cells import CellOutcome
from o1exp.history.runs import find
from o1exp.report import runs
from o1exp.report.__main__ import main
from o1exp.report.compare import rows
from o1exp.report.effects import unknown_replicates
from o1exp.report.phases import chosen
from tests.artefacts import trained_arm
from tests.planted import PlantedRun, planted_report, planted_run


def test_one_run_by_name_and_by_folder(planted: PlantedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "deep" / "page.html"
    assert main(["compare", "planted", "--outputs", str(planted.root), "--out", str(page)]) == 0
    by_name = capsys.readouterr().out
    assert main(["compare", str(planted.record.folder)]) == 0
    assert capsys.readouterr().out.splitlines()[:3] == by_name.splitlines()[:3]
    assert "long is above shortcut" in by_name, "the run's own baseline"
    assert ">Result</h2>" in page.read_text()
    assert "The answers are planted" in page.read_text()


def test_arms_of_the_same_name_get_their_runs_name(planted: PlantedRun, capsys: pytest.CaptureFixture[str]) -> None:
    planted_run(planted.root, planted_report(seed=3, skill=0.7), "other")
    asked = ["compare", "planted", "other", "--outputs", str(planted.root), "--baseline", "planted/shortcut"]
    assert main(asked) == 0
    text = capsys.readouterr().out
    for name in ("planted/long", "planted/shortcut", "other/long", "other/shortcut"):
        assert name in text
    assert "answered different questions" in text, "the other run has other problems"
    assert main([*asked, "--across"]) == 0
    grouped = capsys.readouterr().out
    assert "unpaired" in grouped
    assert "questions that both answered" not in grouped, "all answers count"


def test_what_each_run_could_not_show_is_said_of_it_alone(planted: PlantedRun, tmp_path: Path) -> None:
    planted_run(planted.root, replace(planted_report(seed=5), caveat="Another world.", question=""), "elsewhere")
    page = tmp_path / "page.html"
    assert main(["compare", "planted", "elsewhere", "--outputs", str(planted.root), "--out", str(page)]) == 0
    text = page.read_text()
    assert "planted: The answers are planted. elsewhere: Another world." in text
    assert "planted: Does a student" in text


def test_problems_and_samples_of_each_arm_where_they_differ(
    planted: PlantedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    planted_run(planted.root, planted_report(samples=2, skill=0.8), "sampled")
    page = tmp_path / "page.html"
    assert main(["compare", "planted", "sampled", "--outputs", str(planted.root), "--out", str(page)]) == 0
    assert "60 x 2" in capsys.readouterr().out
    assert "problems and samples differ between the arms" in page.read_text()
    assert "60 \N{MULTIPLICATION SIGN} 2" in page.read_text()


def test_one_result_of_two_names_is_one_arm(planted: PlantedRun) -> None:
    run = find(str(planted.record.folder), planted.root)
    named = replace(run, arms={**run.arms, "lr=2": run.arms["long"]})
    found = runs.merge([named])
    assert [(arm.name, arm.also) for arm in found] == [("long", ("lr=2",)), ("shortcut", ())]
    assert runs.choose_baseline("lr=2", [named], found) == "lr=2"
    assert runs.same(found) == ["long, lr=2 are one result, listed once."]
    assert [row.against is None for row in rows(found, "lr=2")] == [True, False]


def test_the_same_run_twice_is_listed_once(planted: PlantedRun) -> None:
    run = find(str(planted.record.folder), planted.root)
    assert [arm.name for arm in runs.merge([run, run])] == ["long", "shortcut"]


def _copied(planted: PlantedRun, root: Path) -> Path:
    """The run's folder in a copy of its outputs folder."""
    shutil.copytree(planted.root / "artefacts", root / "artefacts")
    return Path(shutil.copytree(planted.record.folder, root / "runs" / planted.record.name))


def test_a_run_named_twice_and_a_copy_of_it_count_once_and_it_is_said(
    planted: PlantedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own, copy, page = str(planted.record.folder), _copied(planted, tmp_path / "copy"), tmp_path / "page.html"
    assert main(["compare", own, "--json"]) == 0
    alone = json.loads(capsys.readouterr().out)
    assert main(["compare", own, own, str(copy), "--json", "--out", str(page)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["rows"], found["flips"], found["prices"]) == (alone["rows"], alone["flips"], alone["prices"])
    said = [f"{own} is named twice, listed once.", f"{copy} holds 2 of the results of {own}, which are listed once."]
    assert (alone["listed_once"], found["listed_once"]) == ([], said)
    assert all(f"Listed once.</b> {sentence}" in page.read_text() for sentence in said)
    assert main(["compare", own, str(copy)]) == 0
    assert said[1] in capsys.readouterr().out


def test_two_makings_of_one_graph_with_other_numbers_are_two_arms(planted: PlantedRun, tmp_path: Path) -> None:
    """Another machine rounds otherwise: the same key and name in two outputs folders, and two results."""
    again = find(str(_copied(planted, tmp_path / "again")), Path("outputs"))
    manifest = again.root / "artefacts" / again.arms["long"] / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "digest": "0" * 64}))
    arms = runs.merge([planted.record, again])
    names = [f"{planted.record.folder}/long", "shortcut", f"{again.folder}/long"]
    assert [arm.name for arm in arms] == names
    table = rows(arms, names[0])
    assert "are the same result" not in table[2].verdict
    assert [row.against is None for row in table] == [True, False, False]


def test_cells_of_one_name_that_failed_in_two_sweeps_are_both_told(planted: PlantedRun) -> None:
    sweeps = [replace(planted.record, folder=planted.root / "runs" / name, failed={"seed=1": f"by {name}"}) for name in ("a", "b")]
    assert runs.failed(sweeps) == {"a/seed=1": "by a", "b/seed=1": "by b"}
    assert runs.failed(sweeps[:1]) == {"seed=1": "by a"}


def test_an_unknown_run_exits_with_2(planted: PlantedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "nope", "--outputs", str(planted.root)]) == 2
    assert "no run 'nope'" in (text := capsys.readouterr().err)
    assert "planted" in text
    assert main(["compare", "nope", "--outputs", str(tmp_path)]) == 2
    assert "there is no run in" in capsys.readouterr().err
    absent = tmp_path / "absent"
    assert main(["compare", str(absent), "--outputs", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count(f"{absent / 'run.json'}") == 1


def test_a_folder_of_runs_is_told_from_a_run_and_of_many_runs_the_likeliest_are_named(tmp_path: Path) -> None:
    names = [f"rejection-{number}" for number in range(10)] + ["phase1-ab"]
    for name in names:
        (tmp_path / "out" / "runs" / name).mkdir(parents=True)
        (tmp_path / "out" / "runs" / name / "run.json").write_text("{}")
    for folder in (tmp_path / "out", tmp_path / "out" / "runs"):
        with pytest.raises(ValueError, match=r"it is a folder of runs: name .*out/runs/rejection-9, .* or another of the 11 in"):
            find(str(folder), Path("outputs"))
    with pytest.raises(ValueError, match=r"there are phase1-ab, .* or another of the 11 in"):
        find("phase", tmp_path / "out")
    with pytest.raises(ValueError, match=r"there are phase1-ab, "):
        find("phase-1ab", tmp_path / "out")


def test_arms_that_nothing_compares_say_so(planted: PlantedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    planted_run(planted.root, replace(planted_report(skill=0.8), baseline=""), "unnamed")
    assert main(["compare", "unnamed", "--outputs", str(planted.root)]) == 0
    assert "Nothing is compared: no arm is known as the baseline" in (said := capsys.readouterr().out)
    assert "--baseline: long, shortcut" in said
    assert main(["compare", "unnamed", "--outputs", str(planted.root), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["uncompared"]) == 1
    assert main(["compare", "unnamed", "--outputs", str(planted.root), "--baseline", "shortcut"]) == 0
    assert "Nothing is compared" not in capsys.readouterr().out


def test_an_axis_that_nobody_swept_is_no_replicate(planted: PlantedRun) -> None:
    """Unknown, it would leave the seed a factor, and each effect with the interval of one seed."""
    assert unknown_replicates(runs.merge([planted.record]), ("sed",)) == "", "arms without axes have no effects"
    named = replace(planted.record, arms={f"seed=0 thought={name}": path for name, path in planted.record.arms.items()})
    arms = runs.merge([named])
    assert unknown_replicates(arms, ("seed", "sed")) == "--replicates seed,sed: sed is no axis; the axes are seed, thought"
    assert unknown_replicates(arms, ("seed",)) == unknown_replicates(arms, ("",)) == ""


def test_an_unknown_baseline_exits_with_2_and_names_the_choices(planted: PlantedRun, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(planted.record.folder), "--baseline", "absent"]) == 2
    assert capsys.readouterr().err.strip().endswith("choose one of: long, shortcut")


def test_a_broken_record_exits_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run.json").write_text('{"name": "x"}')
    assert main(["compare", str(tmp_path)]) == 2
    assert "is no record of a run" in capsys.readouterr().err


def test_a_moved_outputs_folder_still_compares(planted: PlantedRun, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(planted.root / "artefacts", moved / "artefacts")
    shutil.copytree(planted.record.folder, moved / "runs" / planted.record.folder.name)
    run = find(str(moved / "runs" / planted.record.folder.name), Path("outputs"))
    assert run.root == moved
    assert len(runs.merge([run])) == 2


def test_a_sweep_and_its_cells_say_how_many_were_looked_at(planted: PlantedRun) -> None:
    sweep = replace(planted.record, folder=planted.root / "runs" / "many")
    outcomes = [CellOutcome(overrides=("seed=0",), run=planted.record.name), CellOutcome(overrides=("seed=1",), code=1, state="FAILED")]
    for number, cell in enumerate(outcomes):
        (sweep.folder / "cells" / str(number)).mkdir(parents=True)
        cell.write(sweep.folder / "cells" / str(number))
    try:
        (said,) = runs.looked([sweep, planted.record])
        assert said.startswith("many: 2 cells were begun, 1 has a score. The best of them is partly luck")
        asked = runs.words([replace(sweep, report="")], "", "")
        assert (asked.caveat, asked.question[:20]) == ("The answers are planted.", "Does a student that "), "as all its cells say"
    finally:
        shutil.rmtree(sweep.folder)
    assert runs.looked([planted.record]) == []


def test_a_checkpoint_that_was_chosen_among_several_is_told_beside_the_scores(tmp_path: Path) -> None:
    arms = gather(tmp_path, {"dpo": trained_arm(tmp_path)})
    assert chosen(arms) == []
    arms[0].trainings[1].artefact.manifest.settings["keep"] = "best"
    assert chosen(arms) == ["Phase 2: DPO of dpo: step 20 is the best of 3 by held-out loss."]
