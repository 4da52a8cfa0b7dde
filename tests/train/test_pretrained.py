"""A model from elsewhere: found, fingerprinted, or refused in one sentence."""

import json
from pathlib import Path

import pytest

from o1exp.flow import Checkpoint, StageFailed, Store
from o1exp.train.bases.pretrained import Pretrained


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights" * 1000)
    return folder


def test_a_folder_is_pointed_at(tmp_path: Path, model: Path) -> None:
    stage = Pretrained(path=str(model), parameters=7e9)
    assert Store(tmp_path / "out").get(stage) == Checkpoint(str(model))
    assert stage.expect({}).parameters == 7e9


def test_a_changed_folder_changes_the_artefact(tmp_path: Path, model: Path) -> None:
    digests: list[str] = []
    for content in (b"weights" * 1000, b"weights" * 1000, b"weighty" * 1000):
        (model / "model.safetensors").write_bytes(content)
        store = Store(tmp_path / f"out{len(digests)}")
        store.make([Pretrained(path=str(model))])
        manifest = store.manifest(Pretrained(path=str(model)))
        assert manifest is not None
        digests.append(manifest.digest)
    assert digests[0] == digests[1] != digests[2]


def test_what_is_no_model_folder_is_refused(tmp_path: Path, model: Path) -> None:
    (model / "model.safetensors").unlink()
    for path, says in (
        (model, r"has no \*.safetensors"),
        (tmp_path, "has no config.json"),
        (tmp_path / "absent", "there is no model folder"),
    ):
        with pytest.raises(StageFailed, match=says):
            Store(tmp_path / "out").make([Pretrained(path=str(path))])


def test_a_hub_that_cannot_be_asked_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(StageFailed, match=r"cannot read config.json of nobody/nothing from the hub \(.+\); check the name and the network"):
        Store(tmp_path / "out").make([Pretrained(path="nobody/nothing", revision="abc")])


def test_a_hub_model_is_pinned_to_its_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    cache = tmp_path / "hub" / "models--somebody--something"
    (cache / "snapshots" / commit).mkdir(parents=True)
    (cache / "snapshots" / commit / "config.json").write_text("{}")
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text(commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    stage = Pretrained(path="somebody/something")
    assert Store(tmp_path / "out").get(stage) == Checkpoint("somebody/something", commit)
    files = json.loads((Store(tmp_path / "out").folder(stage) / "files.json").read_text())
    assert list(files) == ["config.json"]
