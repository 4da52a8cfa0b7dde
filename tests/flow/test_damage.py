"""Artefacts that are not what was made: damaged, cut short, deleted."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from o1exp.flow import Manifest, Store
from o1exp.flow.artefacts import changed, finished
from o1exp.flow.errors import Damaged, Unwritable
from o1exp.flow.nearest import why
from o1exp.flow.plan import plan
from tests.flow.stages import Head, Merge, Numbers, Page

GOAL = Head(problems=Numbers())


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A finished goal of two stages."""
    store = Store(tmp_path)
    store.get(GOAL)
    return store


def cut(folder: Path) -> None:
    content = (folder / "rows.parquet").read_bytes()
    (folder / "rows.parquet").write_bytes(content[: len(content) // 2])


def without(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def manifest(text: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / "manifest.json").write_text(text)

    return write


def lacking(field: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        content = json.loads((folder / "manifest.json").read_text())
        del content[field]
        (folder / "manifest.json").write_text(json.dumps(content))

    return write


def counting(rows: object) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        content = json.loads((folder / "manifest.json").read_text())
        content["facts"]["rows"] = rows
        (folder / "manifest.json").write_text(json.dumps(content))

    return write


def folder_for_manifest(folder: Path) -> None:
    (folder / "manifest.json").unlink()
    (folder / "manifest.json").mkdir()


def file_for_folder(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("")


def link_for_folder(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.symlink_to("nowhere")


DAMAGES = {
    "a cut manifest": (manifest('{"stage": "He'), "manifest.json: this is no manifest"),
    "an empty manifest": (manifest(""), "manifest.json: this is no manifest"),
    "no object": (manifest("[1]"), "manifest.json: this is no manifest"),
    "no files": (manifest('{"files": 3}'), "manifest.json: this is no manifest"),
    "a field is absent": (lacking("digest"), "manifest.json: this is no manifest"),
    "a cut table": (cut, "bytes and was made with"),
    "rows that are no number": (counting("many"), "manifest.json: this is no manifest"),
    "rows that are null": (counting(None), "manifest.json: this is no manifest"),
    "a folder as manifest": (folder_for_manifest, "manifest.json: cannot be read (Is a directory)"),
    "a file": (file_for_folder, "this is no folder"),
    "a link to nothing": (link_for_folder, "this is no folder"),
    "no table": (without("rows.parquet"), "rows.parquet: the file is gone"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_artefact_is_set_aside_and_made_again(store: Store, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    damage, sentence = DAMAGES[name]
    damage(store.folder(GOAL))
    assert store.missing([GOAL]) == [GOAL]
    assert len(finished(store.root)) == 2
    assert name == "a cut table" or any(sentence in line for line in changed(store.root, lambda: None))
    (step,) = (step for step in plan(store, [GOAL]) if step.state == "make")
    assert sentence in step.damage
    assert f"remove {store.folder(GOAL)}, and the next run that needs it makes it anew" in step.damage
    assert why(store, GOAL) == step.damage
    assert why(store, GOAL.replace(keep=1))  # the damaged one is no neighbour, and no traceback
    again = Store(store.root)
    assert [p.answer for p in again.get(GOAL)] == ["0", "1"]
    assert [(done.stage.kind, done.made) for done in again.done] == [("Numbers", False), ("Head", True)]
    (aside,) = (store.root / "damaged").iterdir()
    assert aside.name.startswith(f"Head-{GOAL.key}-")
    said = capsys.readouterr().out
    assert sentence in said
    assert str(aside) in said
    assert "remove" not in said, "it has been set aside already"
    assert Store(store.root).missing([GOAL]) == []


def test_a_damaged_artefact_below_a_finished_one_stops_nothing(store: Store) -> None:
    cut(store.folder(GOAL.problems))
    again = Store(store.root)
    again.make([GOAL])
    assert [done.stage.kind for done in again.done] == ["Head"]
    assert not store.folder(GOAL.problems).exists()


def test_an_artefact_may_lie_elsewhere_behind_a_link(store: Store, tmp_path: Path) -> None:
    place, elsewhere = store.folder(GOAL), tmp_path / "elsewhere"
    place.rename(elsewhere)
    place.symlink_to(elsewhere)
    again = Store(store.root)
    again.make([GOAL])
    assert not any(done.made for done in again.done)
    (elsewhere / "manifest.json").unlink()
    again.make([GOAL])
    assert again.has(GOAL)
    assert elsewhere.exists(), "what a link names is not ours to remove"


@pytest.mark.parametrize("name", ["artefacts", "artefacts/Numbers", "locks", "scratch"])
def test_a_file_where_a_folder_has_to_be_is_named(tmp_path: Path, name: str) -> None:
    place = tmp_path / name
    place.parent.mkdir(exist_ok=True)
    place.write_text("")
    with pytest.raises(Unwritable, match=f"{place} is no folder, and one has to be there; move it away"):
        Store(tmp_path).make([GOAL])


def test_what_a_finished_stage_hides_may_be_deleted(store: Store) -> None:
    for path in (*store.folder(GOAL.problems).iterdir(), store.folder(GOAL.problems)):
        path.unlink() if path.is_file() else path.rmdir()
    again = Store(store.root)
    again.make([GOAL])
    assert [(done.stage.kind, done.made) for done in again.done] == [("Head", False)]
    assert [step.state for step in plan(again, [GOAL])] == ["hidden", "reuse"]
    again.make([GOAL, Merge(parts={"numbers": GOAL.problems})])
    assert store.has(GOAL.problems)


def test_a_manifest_of_another_version_is_read(store: Store) -> None:
    """An older one lacks sizes, a newer one has fields that are not known here."""
    path = store.folder(GOAL) / "manifest.json"
    content = json.loads(path.read_text())
    del content["sizes"]
    path.write_text(json.dumps({**content, "of_tomorrow": 1}))
    assert store.has(GOAL)
    (store.folder(GOAL) / "rows.parquet").unlink()
    assert not store.has(GOAL)


def test_a_reader_of_the_past_says_which_file_and_what_to_do(store: Store) -> None:
    DAMAGES["a cut manifest"][0](store.folder(GOAL))
    with pytest.raises(Damaged, match=r"manifest\.json: this is no manifest \(.*\); remove .*, and the next run"):
        Manifest.load(store.folder(GOAL))


def test_verify_names_each_file_that_differs(store: Store) -> None:
    page = Page()
    store.make([page])
    seen: list[int] = []
    assert list(changed(store.root, lambda: seen.append(1))) == []
    assert len(seen) == 3
    flipped = bytearray((store.folder(GOAL) / "rows.parquet").read_bytes())
    flipped[len(flipped) // 2] ^= 1
    (store.folder(GOAL) / "rows.parquet").write_bytes(flipped)
    (store.folder(page) / "numbers.json").unlink()
    manifest("{")(store.folder(GOAL.problems))
    assert store.has(GOAL)  # sizes tell nothing
    found = list(changed(store.root, lambda: None))
    assert [line.split(";")[0].split("(")[0].strip() for line in found] == [
        f"{store.folder(GOAL) / 'rows.parquet'}: its content is not what was made",
        f"{store.folder(GOAL.problems) / 'manifest.json'}: this is no manifest",
        f"{store.folder(page) / 'numbers.json'}: the file is gone",
    ]


def test_a_failure_may_say_anything(tmp_path: Path) -> None:
    """Square brackets are no markup."""
    from o1exp.flow import StageFailed
    from tests.flow.stages import Broken

    with pytest.raises(StageFailed, match=r"\[/red\]"):
        Store(tmp_path).make([Broken(problems=Numbers(), words="[/red] no [such] thing")])
