"""A pack made again from itself: stored answers, no server, no key; and each of its numbers compared."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from o1exp.chat.layout import NAME, base_key
from o1exp.chat.record import NOT_ON_RECORD, take_in
from o1exp.chat.replay import VARIABLE
from o1exp.chat.servers.loopback import Loopback
from o1exp.chat.teacher import Teacher
from o1exp.flow import StageFailed
from o1exp.history.runs import RunRecord
from o1exp.report.__main__ import main
from o1exp.report.again import Pack, held_against, words
from tests.chat.parts import Answers, Ask, quiet_store, rows
from tests.finished import Finished
from tests.planted import PlantedRun, planted_report, planted_run


@pytest.fixture(scope="module")
def pack(planted: PlantedRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packs") / "pack"
    assert main(["export", str(planted.record.folder), "--to", str(folder)]) == 0
    return folder


def test_the_same_run_has_equal_numbers_everywhere(pack: Path, planted: PlantedRun) -> None:
    found = held_against(Pack.read(pack), planted.record)
    assert {one.verdict for one in found} == {"equal"}
    named = {(one.arm, one.name) for one in found}
    assert named >= {
        ("long", "accuracy"), ("long", "pass_at.4"), ("long", "majority_at.2"), ("long", "tokens"), ("long", "against_baseline.difference"),
        ("shortcut", "truncated"), ("long", "curve.single 1.accuracy"), ("long", "training_tokens"),
    }  # fmt: skip


def test_another_drawing_is_within_and_another_model_is_different(pack: Path, tmp_path: Path) -> None:
    told = Pack.read(pack)
    alike = planted_run(tmp_path / "alike", planted_report(samples=4, skill=0.96), "planted")
    verdicts = {(one.arm, one.name): one.verdict for one in held_against(told, alike.record)}
    assert verdicts["long", "accuracy"] == "within"
    assert verdicts["shortcut", "accuracy"] == "equal"
    assert "different" not in {verdicts[name] for name in verdicts if name[1].startswith(("accuracy", "against", "pass_at", "majority_at"))}
    worse = planted_run(tmp_path / "worse", planted_report(samples=4, skill=0.5), "planted")
    verdicts = {(one.arm, one.name): one.verdict for one in held_against(told, worse.record)}
    assert verdicts["long", "accuracy"] == verdicts["long", "against_baseline.difference"] == "different"


def test_an_arm_that_is_missing_is_different(pack: Path, planted: PlantedRun) -> None:
    from dataclasses import replace

    fewer = replace(planted.record, arms={"shortcut": planted.record.arms["shortcut"]})
    gone = [one for one in held_against(Pack.read(pack), fewer) if one.arm == "long"]
    assert gone
    assert all(one.now is None and one.verdict == "different" for one in gone)


def test_the_command_writes_elsewhere_and_finds_its_sweep_in_the_pack(tmp_path: Path) -> None:
    command = "o1exp --config-dir=/gone/sweeps --config-name=mine -m seed=0,1 outputs=/their/outputs track.uri=x track=mlflow"
    (tmp_path / "sweeps").mkdir()
    found = words(Pack(tmp_path, "mine", command, {}, "", ()), Path("/here"))
    assert found == [
        f"--config-dir={tmp_path / 'sweeps'}", "--config-name=mine", "-m", "seed=0,1", "outputs=/here", "track=none",
    ]  # fmt: skip


def test_a_sweep_gives_its_file_along(planted: PlantedRun, tmp_path: Path) -> None:
    from o1exp.history.runs import read, run_folder, write

    shutil.copytree(planted.root, tmp_path / "o")
    (tmp_path / "mine.yaml").write_text("study: mine\n")
    record = read(run_folder(tmp_path / "o", planted.record.name))
    command = f"o1exp --config-dir={tmp_path} --config-name=mine -m seed=0,1"
    write(RunRecord(folder=record.folder, root=record.root, title="mine", arms=record.arms, report=record.report, command=command))
    assert main(["export", str(record.folder), "--to", str(tmp_path / "pack")]) == 0
    assert (tmp_path / "pack/sweeps/mine.yaml").read_text() == "study: mine\n"


def _teacher(server: Loopback) -> Teacher:
    return Teacher(model="m", base_url=server.base_url, retries=0)


def stored(root: Path) -> list[dict[str, object]]:
    names = "key asked text reasoning finish_reason model prompt_tokens completion_tokens usd estimated time".split()
    return [dict(zip(names, row, strict=True)) for row in rows(root / NAME, f"SELECT {', '.join(names)} FROM answers")]


def test_answers_of_a_pack_are_replayed_without_server_and_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Loopback(Answers()) as server:
        store, _ = quiet_store(tmp_path / "theirs")
        before = [row.response for row in store.get(Ask(teacher=_teacher(server), count=3))]
    answers = tmp_path / "requests.jsonl"
    answers.write_text("".join(json.dumps(one) + "\n" for one in stored(tmp_path / "theirs")))
    assert take_in(answers, tmp_path / "ours") == take_in(answers, tmp_path / "ours") == 3
    ((base, asked),) = rows(tmp_path / "ours" / NAME, "SELECT base, asked FROM answers LIMIT 1")
    assert base == base_key(json.loads(asked))
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv(VARIABLE, "1")
    openai = Teacher(model="m", max_failed=0)
    assert not list(openai.obstacles()), "no key is needed where nothing is sent"
    store, _ = quiet_store(tmp_path / "ours")
    assert [row.response for row in store.get(Ask(teacher=openai, count=3))] == before
    with pytest.raises(StageFailed, match=NOT_ON_RECORD):
        store.get(Ask(teacher=openai, count=4))


@pytest.mark.parametrize("line", ["{}", "[]", "no JSON", '{"key": "other", "asked": "{}"}'])
def test_a_line_that_is_no_answer_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "requests.jsonl").write_text(line + "\n")
    with pytest.raises(ValueError, match=r"requests.jsonl, line 1, is no stored answer"):
        take_in(tmp_path / "requests.jsonl", tmp_path / "o")


def test_what_is_no_pack_and_what_does_not_run_are_told(pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reproduce", str(tmp_path), "--outputs", str(tmp_path / "o")]) == 2
    assert "is no pack" in capsys.readouterr().err
    assert main(["reproduce", str(pack), "--outputs", str(tmp_path / "o")]) == 2, "there is no experiment of that name"
    assert "the run ended with exit code 2, nothing was compared" in capsys.readouterr().err


@pytest.mark.slow
def test_a_whole_run_is_made_again_from_its_pack(finished: Finished, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", finished.record.name, "--outputs", str(finished.root), "--to", str(tmp_path / "pack")]) == 0
    environment = {name: value for name, value in os.environ.items() if "KEY" not in name} | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [tmp_path / "pack/reproduce", "--json"], cwd=tmp_path, capture_output=True, text=True,
        env=environment | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)  # what the run itself says goes to stderr
    assert told["counts"]["different"] == told["counts"]["within"] == 0
    assert told["counts"]["equal"] > 50
    (sent,) = rows(tmp_path / "reproduced" / NAME, "SELECT count(*) FROM ledger")
    assert sent == (0,), "no answer was bought"


def test_a_table_that_lacks_what_is_compared_is_no_pack(pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number, rows_of_it in enumerate(([{"arm": "long"}], ["text"], None)):
        broken = tmp_path / str(number)
        shutil.copytree(pack, broken)
        told = json.loads((broken / "tables/results.json").read_text())
        (broken / "tables/results.json").write_text(json.dumps({**told, "rows": rows_of_it}))
        assert main(["reproduce", str(broken), "--outputs", str(tmp_path / "o")]) == 2
        assert "is no pack" in capsys.readouterr().err


@pytest.mark.parametrize("said", [{"command": 5}, {"command": "o1exp 'x"}, {"arms": ["long"]}])
def test_a_record_that_is_damaged_is_no_pack(
    pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], said: dict[str, object]
) -> None:
    shutil.copytree(pack, tmp_path / "broken")
    record = tmp_path / "broken" / "run.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), **said}))
    assert main(["reproduce", str(tmp_path / "broken"), "--outputs", str(tmp_path / "o")]) == 2
    assert "is no pack" in capsys.readouterr().err
