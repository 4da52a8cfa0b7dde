"""The audit of a real run: every Yes has evidence that exists, and what is deleted takes exactly its items away."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from o1exp.history.lineage import Lineage
from o1exp.history.runs import RunRecord, find
from o1exp.tti.__main__ import main
from o1exp.tti.audit import Dossier, Finding, audit, checklist, next_points
from o1exp.tti.checklist import NO, YES, read
from o1exp.tti.index import ITEMS
from o1exp.tti.questions import ASKED, answers
from tests.tti.test_checklist import BY_HAND

EVERYTHING = {item.id for item in ITEMS}


def audited(run: RunRecord, person: Path | None = None) -> list[Finding]:
    said = answers(person) if person else {}
    return audit(Dossier(root=run.root, run=run.name, cards=run.cards, answers=said, command=run.command))


def given(findings: list[Finding]) -> set[str]:
    return {found.answer.item.id for found in findings if found.answer.answer != NO}


def place(run: RunRecord, what: str) -> Path:
    """An artefact by name: "ledger", "config", a card, or "arm:Stage" for the last such stage below an arm."""
    named = {"ledger": run.root / "requests.sqlite", "config": run.folder / "config.yaml"}
    if what in named:
        return named[what]
    if what in run.cards:
        return run.root / "artefacts" / run.cards[what]
    arm, stage = what.split(":")
    lineage = Lineage(run.root)
    chain = lineage.below(lineage.get(run.arms[arm]))
    if stage == "problems":
        graded = next(a for a in chain if a.stage == "Grade")
        return lineage.inputs(graded)["problems"].folder
    found = [a for a in chain if a.stage == stage]
    return found[0 if stage == "Arithmetic" else -1].folder


@contextmanager
def without(path: Path) -> Iterator[None]:
    aside = path.with_name(f"{path.name}.aside")
    shutil.move(path, aside)
    try:
        yield
    finally:
        shutil.move(aside, path)


def test_nothing_published_gives_no_points_for_it(clean: RunRecord) -> None:
    findings = audited(clean)
    assert given(findings) == EVERYTHING - {item.id for item in ASKED}
    assert checklist(findings, "x").standing.points == {"data": 14, "methodology": 33, "evaluation": 24, "open_source": 0}


def test_every_yes_points_to_something_that_is_there(clean: RunRecord, answered: Path) -> None:
    for found in audited(clean, answered):
        assert found.answer.evidence, found.answer.item.id
        for pointer in found.answer.evidence:
            path = pointer.partition("#")[0]
            assert pointer.startswith(("https://", "commit 0123abc")) or (clean.root / path).is_file(), pointer


def test_anchors_are_headings_of_the_card(clean: RunRecord) -> None:
    for found in audited(clean):
        for pointer in (p for p in found.answer.evidence if "#" in p):
            path, _, anchor = pointer.partition("#")
            headings = {
                line[3:].lower().replace(" ", "-") for line in (clean.root / path).read_text().splitlines() if line.startswith("## ")
            }
            assert anchor in headings, pointer


def test_a_yes_says_where_a_revision_moves(clean: RunRecord) -> None:
    stored = place(clean, "data") / "card.json"
    before = stored.read_text()
    card = json.loads(before)
    card["entries"]["sources"][0]["moving"] = "moving revision main"
    try:
        stored.write_text(json.dumps(card))
        noted = {found.answer.item.id: found.answer.note for found in audited(clean) if found.answer.note and found.answer.answer == YES}
    finally:
        stored.write_text(before)
    assert noted == {"sources": "generated sums: moving revision main"}, noted


def test_with_a_persons_answers_nothing_is_missing(clean: RunRecord, answered: Path) -> None:
    findings = audited(clean, answered)
    assert checklist(findings, "x").standing.total == 100
    assert next_points(findings) == []


DELETED = {
    "ledger": {"synthesis", "compute"},
    "config": {"hyperparameters"},
    "data": {"sources", "distributions", "selection", "synthesis", "long_thoughts"},
    "model": {
        "base_model", "search", "rl", "pipeline", "compute", "hyperparameters", "ablations", "benchmarks", "level", "metrics",
        "custom_metrics", "baselines", "conditions", "training_code", "evaluation_code",
    },
    "audit": set(),
    "long thoughts:Arithmetic": {"sources", "distributions", "pipeline"},
    "long thoughts:Rules": {"selection", "pipeline"},
    "long thoughts:Distil": {"synthesis", "long_thoughts", "pipeline", "compute"},
    "long thoughts:Rejection": {"distributions", "selection", "synthesis", "long_thoughts", "pipeline"},
    "long thoughts:Untrained": {"base_model", "pipeline"},
    "long thoughts:Sft": {"pipeline", "compute", "hyperparameters", "training_code"},
    "long thoughts:Sample": {"conditions"},
    "long thoughts:Grade": {"level", "baselines", "evaluation_code"},
    "long thoughts:Result": {"ablations", "metrics", "custom_metrics"},
    "long thoughts:problems": {"benchmarks"},
    "shortcut:Sample": {"conditions"},
    "shortcut:Grade": {"baselines"},
    "shortcut:Result": {"ablations"},
    "shortcut:Sft": set(),
}  # fmt: skip
"""What goes, and the items that go with it, all others being answered."""


@pytest.mark.parametrize("what", DELETED)
def test_what_is_deleted_takes_exactly_its_items_away(clean: RunRecord, answered: Path, what: str) -> None:
    path = place(clean, what)
    assert given(audited(clean, answered)) == EVERYTHING
    with without(path):
        findings = audited(clean, answered)
    assert EVERYTHING - given(findings) == DELETED[what]
    for found in next_points(findings):
        assert path.name in found.lacking or "card" in found.lacking, found
        assert found.remedy
    assert given(audited(clean, answered)) == EVERYTHING


def test_a_changed_artefact_is_no_evidence(clean: RunRecord) -> None:
    """Another table under the same key, or one whose rows are gone, is not what the card describes."""
    path = place(clean, "long thoughts:Rules") / "manifest.json"
    kept = path.read_text()
    path.write_text(kept.replace(json.loads(kept)["digest"], "0" * 64))
    assert EVERYTHING - given(audited(clean)) - {i.id for i in ASKED} == DELETED["long thoughts:Rules"]
    path.write_text(kept)
    with without(path.parent / "rows.parquet"):
        assert EVERYTHING - given(audited(clean)) - {i.id for i in ASKED} == DELETED["long thoughts:Rules"]


def test_the_checklist_filled_in_by_hand_agrees(clean: RunRecord) -> None:
    by_hand, by_audit = read(BY_HAND), checklist(audited(clean), "audit")
    assert {name: a.answer for name, a in by_hand.answers.items()} == {name: a.answer for name, a in by_audit.answers.items()}
    assert by_hand.standing.points == by_audit.standing.points


def test_uncommitted_code_is_not_public_code(clean: RunRecord, answered: Path) -> None:
    path = place(clean, "long thoughts:Sft") / "manifest.json"
    kept = path.read_text()
    path.write_text(kept.replace('"0123abc"', '"0123abc-dirty"'))
    findings = audited(clean, answered)
    path.write_text(kept)
    assert EVERYTHING - given(findings) == {"training_code"}
    assert "uncommitted changes on 0123abc" in next_points(findings)[0].lacking


def test_an_unknown_stage_leaves_open_what_was_not_used(clean: RunRecord) -> None:
    path = place(clean, "model") / "card.json"
    kept = path.read_text()
    path.write_text(json.dumps({**json.loads(kept), "unknown": ["Guess"]}))
    findings = audited(clean)
    path.write_text(kept)
    assert EVERYTHING - given(findings) - {i.id for i in ASKED} == {"search", "rl"}
    assert all("Guess" in found.lacking for found in findings if found.answer.item.id in ("search", "rl"))


def test_the_cheapest_points_come_first(clean: RunRecord) -> None:
    with without(place(clean, "data")), without(place(clean, "ledger")):
        efforts = [found.effort for found in next_points(audited(clean))]
    assert efforts == sorted(efforts)
    assert (efforts[0], efforts[-1]) == (1, 5)


def test_a_sweep_that_holds_the_run_is_its_ablation(clean: RunRecord) -> None:
    path = place(clean, "model") / "card.json"
    kept = json.loads(path.read_text())
    path.write_text(json.dumps(kept | {"entries": kept["entries"] | {"ablations": []}}))
    assert "ablations" not in given(audited(clean))
    sweep = clean.root / "runs" / "grid"
    sweep.mkdir()
    (sweep / "run.json").write_text(json.dumps({"name": "grid", "arms": clean.arms}))
    found = next(f for f in audited(clean) if f.answer.item.id == "ablations")
    path.write_text(json.dumps(kept))
    assert "runs/grid/run.json" in found.answer.evidence
    assert main(["audit", "grid", "--outputs", str(clean.root)]) == 2
    shutil.rmtree(sweep)


def test_the_command_asks_prints_and_writes(clean: RunRecord, answered: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, asking = tmp_path / "c.yaml", tmp_path / "new" / "person.yaml"
    assert main(["audit", str(clean.folder), "--out", str(out), "--answers", str(asking)]) == 0
    said, before = capsys.readouterr().out, asking.read_text()
    assert main(["audit", str(clean.folder), "--out", str(asking), "--answers", str(asking)]) == 2
    assert asking.read_text() == before
    assert "71 of 100 points. The next points, cheapest first:" in said
    assert "+5 Weights (a release): publish the weights with the model card" in said
    assert read(out).standing.total == 71
    assert set(answers(asking)) == {item.id for item in ASKED}
    assert main(["audit", str(clean.folder), "--answers", str(answered)]) == 0
    assert "100 of 100 points\n" in capsys.readouterr().out
    assert main(["board", str(out)]) == 0


def test_the_command_tells_machines_the_same(clean: RunRecord, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, asking = tmp_path / "c.yaml", tmp_path / "person.yaml"
    assert main(["audit", str(clean.folder), "--out", str(out), "--answers", str(asking), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    findings = audited(clean)
    assert told["points"]["total"] == 71
    assert [row["item"] for row in told["findings"]] == [item.id for item in ITEMS]
    assert told["next"] == [found.answer.item.id for found in next_points(findings)]
    assert (told["checklist"], told["answers"]) == (str(out), str(asking))
    assert main(["score", str(out), "--json"]) == 0
    (scored,) = json.loads(capsys.readouterr().out)["checklists"]
    assert (scored["points"], len(scored["items"])) == (told["points"], len(ITEMS))
    assert main(["score", "--template", str(tmp_path / "empty.yaml"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"checklists": [], "template": str(tmp_path / "empty.yaml")}


def test_a_person_answers_only_what_is_asked(clean: RunRecord, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "person.yaml"
    path.write_text("answers:\n  rl: {answer: yes, evidence: x}\n")
    assert main(["audit", str(clean.folder), "--answers", str(path)]) == 2
    assert f"{path}:2: rl is not known in `answers`" in capsys.readouterr().err


def test_the_report_and_the_runs_record_hold_the_audit(clean: RunRecord) -> None:
    stage = json.loads((clean.root / "artefacts" / clean.cards["audit"] / "audit.json").read_text())
    assert stage["points"] == {"data": 14, "methodology": 33, "evaluation": 24, "open_source": 0, "total": 71}
    assert [row["answer"] for row in stage["findings"]] == [found.answer.answer for found in audited(clean)]
    html = (clean.folder / "report.html").read_text()
    assert ">Transparency</h2>" in html
    assert "71 of 100 points" in html
    assert read(clean.root / "artefacts" / clean.cards["audit"] / "checklist.yaml").standing.total == 71
    assert find(clean.name, clean.root).cards.keys() == {"audit", "data", "model"}


def test_mlflow_gets_the_points(clean: RunRecord, tmp_path: Path) -> None:
    from o1exp.track.study import log_run, view_urls
    from o1exp.track.tracking import Tracking

    shutil.copytree(clean.root, tmp_path / "outputs", symlinks=True)
    root = tmp_path / "outputs"
    run_id = log_run(Tracking(), find(clean.name, root))
    assert view_urls(Tracking(), root), "the copy's artifacts are its own from here on"
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=Tracking().address(root))
    logged = {Path(found.path).name for found in client.list_artifacts(run_id, "run")}
    assert {"data_card.md", "model_card.md", "run.json"} <= logged
    metrics = client.get_run(run_id).data.metrics
    points = {name: value for name, value in metrics.items() if name.startswith("tti/")}
    assert points == {"tti/data": 14, "tti/methodology": 33, "tti/evaluation": 24, "tti/open_source": 0, "tti/total": 71}


def test_the_commands_are_light() -> None:
    program = "import sys, o1exp.tti.__main__; print([m for m in ('torch', 'lightning', 'mlflow', 'transformers') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"
