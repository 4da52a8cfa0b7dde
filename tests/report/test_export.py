"""A run as a folder to give away: whole, and without secrets."""

import json
import os
import shlex
import shutil
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from o1exp.chat.layout import NAME, prepare
from o1exp.history.runs import RunRecord, read, run_folder, write
from o1exp.report.__main__ import main
from o1exp.report.export import export
from o1exp.tti.checklist import read as checklist_of
from o1exp.tti.questions import template
from tests.artefacts import trained_arm
from tests.planted import PlantedRun

KEY = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789"


def copied(planted: PlantedRun, root: Path) -> RunRecord:
    """The planted run with a config, a card, and two stored answers of which one belongs to another run."""
    shutil.copytree(planted.root, root)
    record = read(run_folder(root, planted.record.name))
    (record.folder / "config.yaml").write_text("study: planted\n")
    (record.folder / "data_card.md").write_text("# Data\n")
    ours = next(stage.path for stage in record.gathered()[0].stages if stage.stage == "Planted")
    with closing(sqlite3.connect(root / NAME)) as book:
        prepare(book, root / NAME)
        for key, stage in (("ours", ours), ("theirs", "Distil/other")):
            values = (key, "{}", f"text of {key}", "", "stop", "teacher", 3, 4, 0.5, 0, 1.0)
            book.execute(
                "INSERT INTO answers (key, asked, text, reasoning, finish_reason, model, prompt_tokens, completion_tokens, usd, "
                "estimated, time) VALUES (?,?,?,?,?,?,?,?,?,?,?)", values,
            )  # fmt: skip
            book.execute("INSERT INTO uses VALUES (?,?)", (stage, key))
        book.commit()
    return record


@pytest.fixture(scope="module")
def pack(planted: PlantedRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pack")
    record = copied(planted, folder / "outputs")
    assert main(["export", str(record.folder), "--to", str(folder / "given")]) == 0
    return folder / "given"


def test_it_holds_what_the_run_rests_on(pack: Path, planted: PlantedRun) -> None:
    names = {str(path.relative_to(pack)) for path in pack.rglob("*") if path.is_file()}
    stages = {stage.path for arm in planted.record.gathered() for stage in arm.stages} | {planted.record.report}
    assert names == {f"manifests/{path}.json" for path in stages} | {
        "run.json", "config.yaml", "data_card.md", "tables/results.csv", "tables/results.tex", "tables/results.json", "figures/scaling.svg",
        "figures/scaling.pdf", "figures/timeline.svg", "figures/timeline.pdf", "requests.jsonl", "reproduce",
    }  # fmt: skip
    assert (pack / "figures/scaling.pdf").read_bytes().startswith(b"%PDF")
    assert (pack / "figures/scaling.svg").read_bytes().startswith(b"<svg")
    told = json.loads((pack / "tables/results.json").read_text())
    assert [row["arm"] for row in told["rows"]] == ["long", "shortcut"]


def test_only_answers_that_the_run_stands_on_are_given(pack: Path) -> None:
    (answer,) = map(json.loads, (pack / "requests.jsonl").read_text().splitlines())
    assert (answer["key"], answer["text"], answer["model"]) == ("ours", "text of ours", "teacher")


def test_the_command_is_a_script_that_names_the_digests(pack: Path, planted: PlantedRun) -> None:
    script = pack / "reproduce"
    assert os.access(script, os.X_OK)
    assert subprocess.run(["sh", "-n", script]).returncode == 0
    text = script.read_text()
    assert f"#   {planted.record.command}" in text.splitlines()
    assert all(arm.result.manifest.digest in text for arm in planted.record.gathered())


def test_curves_of_trainings_are_files_and_figures(tmp_path: Path) -> None:
    record = RunRecord(folder=run_folder(tmp_path, "trained"), root=tmp_path, title="Trained", arms={"dpo": trained_arm(tmp_path)})
    write(record)
    assert main(["export", str(record.folder), "--to", str(tmp_path / "given")]) == 0
    assert len(list((tmp_path / "given/curves").glob("*-curve.jsonl"))) == 2
    assert {path.name for path in (tmp_path / "given/figures").iterdir()} >= {"curves.svg", "curves.pdf", "lengths.svg", "lengths.pdf"}


def test_no_secret_is_given_away(planted: PlantedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = copied(planted, tmp_path / "outputs")
    (record.folder / "config.yaml").write_text(f"note: {KEY}\n")
    assert main(["export", str(record.folder), "--to", str(tmp_path / "given")]) == 2
    said = capsys.readouterr().err
    assert "config.yaml holds what looks like a key" in said
    assert KEY not in said
    assert not (tmp_path / "given").exists()


def test_a_folder_that_holds_something_is_refused(planted: PlantedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("x")
    assert main(["export", str(planted.record.folder), "--to", str(tmp_path)]) == 2
    assert "is not empty" in capsys.readouterr().err


def test_a_published_pack_shows_all_but_what_only_its_owner_can(clean: RunRecord, tmp_path: Path) -> None:
    """71 points by its own files; with the owner's links all 100, and every piece of evidence lies in the pack or is a link."""
    assert main(["export", str(clean.folder), "--to", str(tmp_path / "own")]) == 0
    assert checklist_of(tmp_path / "own" / "checklist.yaml").standing.total == 71
    answers = clean.folder / "answers.yaml"
    before = answers.read_text() if answers.exists() else None
    answers.write_text(template(clean.name).replace("answer: no\n    evidence: []", "answer: yes\n    evidence: [https://example.org/x]"))
    try:
        assert main(["export", str(clean.folder), "--to", str(tmp_path / "published")]) == 0
    finally:
        answers.unlink() if before is None else answers.write_text(before)
    found = checklist_of(tmp_path / "published" / "checklist.yaml")
    assert found.standing.total >= 97
    places = [place.partition("#")[0] for answer in found.answers.values() for place in answer.evidence]
    assert places
    assert all(place.startswith(("https://", "commit")) or (tmp_path / "published" / place).is_file() for place in places)


def test_a_name_with_several_lines_is_no_command_of_the_script(planted: PlantedRun, tmp_path: Path) -> None:
    evil = f"x\ntouch {tmp_path}/done"
    named = replace(planted.record, arms={evil: planted.record.arms["long"]}, command=shlex.join(["o1exp", f"title={evil}"]))
    export(named, tmp_path / "pack")
    *others, last, _ = (tmp_path / "pack" / "reproduce").read_text().split("\n")
    assert [line for line in others if not line.startswith("#")] == []
    assert last.startswith("exec python -m o1exp.report reproduce")


def test_a_secret_is_found_where_html_or_json_spell_it_otherwise(
    planted: PlantedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_API_KEY", 'a"b&c<d>e\\f0123')
    record = copied(planted, tmp_path / "outputs")
    (record.folder / "report.html").write_text("<p>a&quot;b&amp;c&lt;d&gt;e\\f0123</p>")
    with pytest.raises(ValueError, match=r"report\.html holds the value .* SOME_API_KEY"):
        export(record, tmp_path / "pack")
    (record.folder / "report.html").unlink()
    with closing(sqlite3.connect(record.root / NAME)) as book:
        book.execute("UPDATE answers SET text = ? WHERE key = 'ours'", (os.environ["SOME_API_KEY"],))
        book.commit()
    with pytest.raises(ValueError, match=r"requests\.jsonl holds the value .* SOME_API_KEY"):
        export(record, tmp_path / "pack")


@pytest.mark.parametrize("words", [["export", "--to", "NEW"], ["traces", "--out", "NEW"], ["compare"]])
def test_a_run_without_a_result_is_named_with_what_failed(
    planted: PlantedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    record = copied(planted, tmp_path / "outputs")
    told = json.loads((record.folder / "run.json").read_text()) | {"arms": {}, "failed": {"long": "no disk"}}
    (record.folder / "run.json").write_text(json.dumps(told))
    assert main([words[0], str(record.folder), *(str(tmp_path / "new") if word == "NEW" else word for word in words[1:])]) == 2
    assert f"{record.name} has no result (long: no disk); name a run whose arms were scored" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
