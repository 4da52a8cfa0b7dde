"""A run as a folder to give away: whole, and without secrets."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from o1exp.report.__main__ import main
from tests.finished import SECRET, Finished


@pytest.fixture(scope="module")
def pack(finished: Finished, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pack") / "given"
    assert main(["export", str(finished.record.folder), "--to", str(folder)]) == 0
    return folder


def test_it_holds_what_the_run_rests_on(pack: Path, finished: Finished) -> None:
    names = {str(path.relative_to(pack)) for path in pack.rglob("*") if path.is_file()}
    assert {
        "run.json", "config.yaml", "report.html", "data_card.md", "model_card.html", "tables/results.csv", "tables/results.tex",
        "tables/results.json", "figures/scaling.svg", "figures/scaling.pdf", "figures/curves.svg", "figures/curves.pdf", "requests.jsonl",
        "reproduce",
    } <= names  # fmt: skip
    stages = {stage.path for arm in finished.record.gathered() for stage in arm.stages}
    assert {f"manifests/{path}.json" for path in stages} <= names
    assert (pack / "figures/scaling.pdf").read_bytes().startswith(b"%PDF")
    assert (pack / "figures/scaling.svg").read_bytes().startswith(b"<svg")


def test_stored_answers_are_those_that_the_stages_stand_on(pack: Path, finished: Finished) -> None:
    lines = [json.loads(line) for line in (pack / "requests.jsonl").read_text().splitlines()]
    asked = {
        stage.path: stage.facts["requests"] for arm in finished.record.gathered() for stage in arm.stages if stage.facts.get("requests")
    }
    assert len(lines) == sum(asked.values())
    assert all(line["text"] and line["model"] for line in lines)


def test_the_command_is_a_script_that_names_the_digests(pack: Path, finished: Finished) -> None:
    script = pack / "reproduce"
    assert os.access(script, os.X_OK)
    assert subprocess.run(["sh", "-n", script]).returncode == 0
    text = script.read_text()
    assert finished.record.command in text
    assert all(arm.result.manifest.digest in text for arm in finished.record.gathered())


def test_no_secret_is_given_away(
    pack: Path, finished: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert all(SECRET.encode() not in path.read_bytes() for path in pack.rglob("*") if path.is_file())
    record = finished.copy(tmp_path).record
    with (record.folder / "config.yaml").open("a") as config:
        config.write("note: sk-proj-abcdefghijklmnopqrstuvwxyz0123456789\n")
    assert main(["export", str(record.folder), "--to", str(tmp_path / "given")]) == 2
    assert "config.yaml holds what looks like a key" in capsys.readouterr().err
    assert not (tmp_path / "given").exists()


def test_a_folder_that_holds_something_is_refused(finished: Finished, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("x")
    assert main(["export", str(finished.record.folder), "--to", str(tmp_path)]) == 2
    assert "is not empty" in capsys.readouterr().err
