"""Stores beside the outputs folder: found by key, fetched, verified, published; one maker among machines."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from o1exp.flow import Stage, Store, Work
from o1exp.flow.check import SettingsError
from o1exp.flow.holds import Beats, Hold
from o1exp.flow.manifest import absent
from o1exp.flow.nearest import why
from o1exp.flow.places import local
from o1exp.flow.plan import plan
from o1exp.flow.shelf import Shelf, Unreachable
from o1exp.flow.storage import Storage
from o1exp.records import Problem, Table
from tests.flow.stages import Head, Numbers, Page
from tests.flow.weights import GOAL, Tuned
from tests.servers import object_store
from tests.waiting import LONG


@dataclass(frozen=True, kw_only=True)
class Gone(Stage[Table[Problem]]):
    """Takes a store away while it is made."""

    place: str

    def make(self, work: Work) -> None:
        shutil.rmtree(self.place)
        Path(self.place).write_text("in the way")
        work.write(Problem, [Problem(id="0", question="0?", answer="0")])


@pytest.fixture(params=["folder", pytest.param("bucket", marks=pytest.mark.slow)], scope="module")
def team(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a place for stores: a folder, and a bucket of a real server."""
    if request.param == "folder":
        yield str(tmp_path_factory.mktemp("team"))
        return
    with object_store() as env, pytest.MonkeyPatch.context() as patch:
        for name, value in env.items():
            patch.setenv(name, value)
        yield "s3://team"


@pytest.fixture
def url(team: str, request: pytest.FixtureRequest) -> str:
    return f"{team}/{request.node.name.partition('[')[0]}"


def store(root: Path, url: str = "", readonly: tuple[str, ...] = ()) -> Store:
    return Store(root, storage=Storage(url=url, readonly=readonly, patience=60.0))


def made(store: Store) -> list[tuple[str, bool]]:
    return [(done.stage.kind, done.made) for done in store.done]


def test_what_one_machine_made_another_one_fetches(tmp_path: Path, url: str) -> None:
    goal = Head(problems=Numbers())
    store(tmp_path / "one", url).get(goal)
    other = store(tmp_path / "two", url)
    assert [step.state for step in plan(other, [goal])] == ["reuse", "reuse"]
    assert [problem.id for problem in other.get(goal)] == ["0", "1"]
    assert made(other) == [("Numbers", False), ("Head", False)]
    one, two = (root.rglob("manifest.json") for root in (tmp_path / "one", tmp_path / "two"))
    assert sorted(path.read_text() for path in one) == sorted(path.read_text() for path in two)
    assert "keep: 2 -> 1" in why(other, Head(problems=Numbers(), keep=1))


def test_weights_come_when_something_computes_with_them(tmp_path: Path, url: str) -> None:
    store(tmp_path / "one", url).get(GOAL)
    other = store(tmp_path / "two", url)
    other.make([GOAL])
    below = other.folder(GOAL.start)
    assert absent(below) == ["model/model.safetensors"]
    assert not (below / "model" / "model.safetensors").exists()
    assert other.has(GOAL.start)
    other.make([Tuned(start=GOAL.start, rate=3)])
    assert made(other)[-1] == ("Tuned", True)
    assert absent(below) == []
    assert (below / "model" / "model.safetensors").read_bytes() == bytes(range(256))


def test_a_colleagues_outputs_folder_in_front_is_only_read(tmp_path: Path) -> None:
    goal = Head(problems=Numbers())
    Store(tmp_path / "theirs").get(goal)
    before = sorted(path for path in (tmp_path / "theirs").rglob("*"))
    mine = store(tmp_path / "mine", readonly=(str(tmp_path / "theirs"),))
    mine.get(Head(problems=Numbers(), keep=1))
    assert made(mine) == [("Numbers", False), ("Head", True)]
    assert sorted(path for path in (tmp_path / "theirs").rglob("*")) == before


def _put(shelf: Shelf, path: str, content: bytes) -> None:
    if "://" not in shelf.url:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    shelf.fs.pipe_file(path, content)


def test_half_an_upload_is_nothing(tmp_path: Path, url: str) -> None:
    """The files of a publisher that was killed lie there, without a manifest, or beside half of one."""
    goal, shelf = Numbers(), Shelf(url)
    place = f"{shelf.locks.removesuffix('/locks')}/artefacts/Numbers/{goal.key}"
    _put(shelf, f"{place}/0123456789abcdef/rows.parquet", b"half")
    mine = store(tmp_path / "one", url)
    assert not mine.has(goal)
    assert len(mine.get(goal)) == 3
    again = store(tmp_path / "two", url)
    again.get(goal)
    assert made(again) == [("Numbers", False)]


def test_what_is_not_as_it_was_made_is_made_here(tmp_path: Path, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    goal = Numbers()
    store(tmp_path / "one", url).get(goal)
    shelf = Shelf(url)
    place = next(path for path in shelf.fs.find(shelf.locks.removesuffix("/locks")) if path.endswith("rows.parquet"))
    shelf.fs.pipe_file(place, shelf.fs.cat_file(place)[:-1] + b"?")
    other = store(tmp_path / "two", url)
    assert len(other.get(goal)) == 3
    assert made(other) == [("Numbers", True)]
    assert "rows.parquet is not what was made" in capsys.readouterr().out
    third = store(tmp_path / "three", url)  # it was published anew
    assert len(third.get(goal)) == 3
    assert made(third) == [("Numbers", False)]


@pytest.mark.parametrize("name", ["../../../outside.txt", "/tmp/o1exp-outside.txt"])
def test_a_store_of_a_stranger_writes_nothing_outside(tmp_path: Path, url: str, name: str) -> None:
    goal = Numbers()
    store(tmp_path / "one", url).get(goal)
    shelf = Shelf(url)
    place = next(path for path in shelf.fs.find(shelf.locks.removesuffix("/locks")) if path.endswith("/manifest.json"))
    content = json.loads(shelf.fs.cat_file(place))
    content["files"][name] = "0" * 64
    shelf.fs.pipe_file(place, json.dumps(content).encode())
    other = store(tmp_path / "two", url)
    assert len(other.get(goal)) == 3
    assert made(other) == [("Numbers", True)]


def test_what_was_made_while_the_store_was_away_is_sent_by_the_next_run(tmp_path: Path, team: str, url: str) -> None:
    goal = Numbers()
    Store(tmp_path / "one").get(goal)
    store(tmp_path / "one", url).make([goal])
    other = store(tmp_path / "two", url)
    other.make([goal])
    assert made(other) == [("Numbers", False)]


def test_two_publishers_of_one_key_never_mix(tmp_path: Path, url: str) -> None:
    """The pages differ; the first manifest stands, with its own page."""
    for name in ("one", "two"):
        Store(tmp_path / name).get(Page())
    shelf = Shelf(url)
    path, folders = f"Page/{Page().key}", [Store(tmp_path / name).folder(Page()) for name in ("one", "two")]
    assert [shelf.publish(path, folder) for folder in folders] == [True, False]
    other = store(tmp_path / "three", url)
    other.get(Page())
    assert (other.folder(Page()) / "page.html").read_text() == (folders[0] / "page.html").read_text()


MAKING = """
import sys
from pathlib import Path
from o1exp.flow import Store
from o1exp.flow.storage import Storage
from tests.flow.stages import *
Store(Path(sys.argv[1]), storage=Storage(url=sys.argv[2], patience=60.0)).get(Slow(seconds=1.0))
"""


@pytest.mark.slow
def test_machines_that_share_a_store_do_the_work_once(tmp_path: Path, url: str) -> None:
    roots = [tmp_path / name for name in ("one", "two", "three")]
    runs = [subprocess.Popen([sys.executable, "-c", MAKING, str(root), url], stdout=subprocess.DEVNULL) for root in roots]
    assert [run.wait(LONG) for run in runs] == [0, 0, 0]
    assert sum((root / "calls.log").exists() for root in roots) == 1
    assert all(list(root.glob("artefacts/Slow/*/manifest.json")) for root in roots)


def test_a_store_that_does_not_answer_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    shelf = Shelf(str(tmp_path / "file" / "store"))
    assert shelf.manifest("Numbers/0") is None
    Store(tmp_path / "one").get(Numbers())
    with pytest.raises(Unreachable, match=r"the store .*/file/store cannot be used .*store=local"):
        shelf.publish(f"Numbers/{Numbers().key}", Store(tmp_path / "one").folder(Numbers()))


def test_a_store_with_a_key_in_its_address_is_refused() -> None:
    with pytest.raises(ValueError, match="AWS_ACCESS_KEY_ID"):
        Storage(url="s3://somebody:password@bucket/x")


@pytest.mark.parametrize("url", ["ftp://host/x", "nope://host/x"])
def test_an_address_that_no_file_system_takes_is_refused_as_a_setting(url: str) -> None:
    with pytest.raises(SettingsError, match=f"{url} cannot be opened"):
        Storage(url=url)
    with pytest.raises(SettingsError, match=f"{url} cannot be opened"):
        Storage(readonly=(url,))


def test_what_is_damaged_is_replaced_by_one_with_the_very_same_manifest(tmp_path: Path) -> None:
    goal, url = Numbers(), str(tmp_path / "team")
    mine = store(tmp_path / "one", url)
    mine.get(goal)
    place = next((tmp_path / "team").rglob("rows.parquet"))
    whole = place.read_bytes()
    place.write_bytes(whole[:-1] + b"?")
    assert Shelf(url).publish(f"Numbers/{goal.key}", mine.folder(goal), replace=True)
    assert place.read_bytes() == whole


def test_a_store_that_goes_away_under_a_run_stops_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its lock cannot be had, and nothing be sent; what is made stays, and the next run sends it."""
    url = tmp_path / "team"
    mine, goal = store(tmp_path / "one", str(url)), Head(problems=Gone(place=str(url)))
    assert len(mine.get(goal)) == 1
    assert made(mine) == [("Gone", True), ("Head", True)]
    said = capsys.readouterr().out
    assert said.count("does not answer") == 1
    assert said.count("the next run sends it") == 2
    url.unlink()
    store(tmp_path / "one", str(url)).make([goal])
    other = store(tmp_path / "two", str(url))
    other.make([goal])
    assert made(other) == [("Gone", False), ("Head", False)]


def test_a_holder_of_a_store_that_is_silent_goes_on_until_it_is_replaced(tmp_path: Path) -> None:
    team = tmp_path / "team"
    beats = Beats(*local(team), 0.2, mild=True)
    with beats.hold("a", lambda: None) as mine:
        team.rename(tmp_path / "away")
        team.write_text("")
        assert not until_lost(mine, 0.6)
        mine.check()
        team.unlink()
        (tmp_path / "away").rename(team)
        (team / "a" / "2").write_text("another one")
        assert until_lost(mine, LONG)


def until_lost(hold: Hold, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not hold.lost and time.monotonic() < end:
        time.sleep(0.05)
    return hold.lost
