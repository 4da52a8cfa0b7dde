"""What is kept about the classes, and that it is never older than their sources."""

import json
import os
import time
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from o1exp.config import catalogue
from o1exp.config.declared import declared
from o1exp.config.facts import Facts
from o1exp.config.groups import GROUPS
from o1exp.config.schema import same_schema, schema


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in an empty cache folder; a small package stands for the house."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(catalogue, "_PACKAGE", tmp_path / "house")
    monkeypatch.setattr(catalogue, "GROUPS", {"machine": ("o1exp.flow.machine.Machine",)})
    monkeypatch.setattr(catalogue, "_FRESH_SECONDS", -1e9)
    (tmp_path / "house" / "room").mkdir(parents=True)
    (tmp_path / "house" / "room" / "module.py").write_text("x = 1\n")
    found = catalogue.cache_file()
    assert found is not None
    return found


def _read_again() -> dict[str, Facts]:
    catalogue.kept.cache_clear()
    return catalogue.kept()


def _mark(cache: Path, name: str) -> None:
    """Change a kept fact, so that it shows whether it was taken from there."""
    stored = json.loads(cache.read_text())
    stored["facts"]["o1exp.flow.machine.Machine"]["says"] = name
    cache.write_text(json.dumps(stored))


def test_of_sources_that_were_changed_just_now_nothing_is_kept(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "_FRESH_SECONDS", 600.0)
    assert _read_again()
    assert not cache.exists()


def test_facts_are_kept_and_read_anew_after_a_change_of_any_source(cache: Path, tmp_path: Path) -> None:
    target = "o1exp.flow.machine.Machine"
    assert _read_again()[target] == declared(target)
    _mark(cache, "kept")
    assert _read_again()[target].says == "kept"
    module = tmp_path / "house" / "room" / "module.py"
    state = module.stat()
    while module.stat().st_ctime_ns == state.st_ctime_ns:  # until the file system's clock has ticked
        time.sleep(0.02)
        module.write_text("x = 2\n")
        os.utime(module, ns=(state.st_atime_ns, state.st_mtime_ns))  # the same size and time of change: as a copy with times leaves it
    assert _read_again()[target].says != "kept"
    _mark(cache, "kept again")
    (tmp_path / "house" / "new.py").write_text("")
    assert _read_again()[target].says != "kept again"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"stamp": "x"}', '{"stamp": 1, "facts": {"a": 1}}'])
def test_a_damaged_cache_is_no_cache(cache: Path, text: str) -> None:
    cache.parent.mkdir(parents=True)
    cache.write_text(text)
    assert _read_again()["o1exp.flow.machine.Machine"].name == "Machine"
    assert json.loads(cache.read_text())["facts"]


def test_without_a_place_for_the_cache_the_sources_are_read(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert _read_again()["o1exp.flow.machine.Machine"].name == "Machine"


def test_facts_say_type_default_limits_and_sentence() -> None:
    known = {setting.name: setting for setting in declared("o1exp.flow.machine.Machine").settings}
    assert (known["devices"].kind, known["devices"].default, known["devices"].limits) == ("int", 1, "at least 1")
    assert known["strategy"].choices == ("deepspeed", "single")
    assert known["utilisation"].limits == "0 to 1"
    assert known["peak_tflops"].says.startswith("Dense bf16 TFLOP/s")
    budget = {setting.name: setting for setting in declared("o1exp.chat.teacher.Budget").settings}
    assert (budget["usd"].kind, budget["usd"].default) == ("float?", None)
    distil = {setting.name: setting.kind for setting in declared("o1exp.thoughts.distil.Distil").settings}
    assert (distil["problems"], distil["teacher"], distil["draws"]) == ("any", "any", "int")


def test_the_facts_of_every_class_survive_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    fresh, stored = _read_again(), _read_again()
    assert fresh == stored
    assert set(fresh) == {target for targets in GROUPS.values() for target in targets}
    assert all(type(a.default) is type(b.default) for t in fresh for a, b in zip(fresh[t].settings, stored[t].settings, strict=True))


def test_a_schema_refuses_typos_and_wrong_types() -> None:
    typed = schema("tests.flow.stages.Numbers", "")
    assert typed.count == 3
    with pytest.raises(OmegaConfBaseException):
        typed.coutn = 3
    with pytest.raises(OmegaConfBaseException):
        typed.rate = "fast"


def test_the_schema_of_an_ablated_step_takes_the_settings_of_its_neighbours() -> None:
    same = same_schema("thought")
    OmegaConf.update(same, "draws", 5)
    same.problems, same.takes = "${x}", "problems"
    with pytest.raises(OmegaConfBaseException):
        same.dras = 5
