"""The source behind a stage: what counts, what is kept from run to run, and what is stale."""

import json
import os
import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

import o1exp
from o1exp.config.groups import classes
from o1exp.flow import Settings, Stage, Work, content, source
from o1exp.flow.modules import NOUNS, Files, read
from o1exp.records import Problem, Table
from tests.flow.stages import Numbers

PACKAGE = Path(o1exp.__file__).parent


def test_no_stage_changed_without_a_decision() -> None:
    kept = json.loads(source.LOCK.read_text())
    now = source.lock(classes().values())
    changed = sorted(name for name in kept.keys() | now.keys() if kept.get(name) != now.get(name))
    assert not changed, f"the source of {changed} changed: raise `version` if results change, then `make lock`"


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ('"""Two."""\n\nx = (1)\nclass A:\n    """Words."""\n    y: int = 1\n    """More."""\n', True),
        ('"""One."""\nx = 1  # one\nclass A:\n    y: int = 1\n', True),
        ("x = 2\nclass A:\n    y: int = 1\n", False),
        ("x = 1\nclass A:\n    y: int = 2\n", False),
        ("x = 1\nclass A:\n    y: float = 1\n", False),
    ],
)
def test_comments_docstrings_and_layout_do_not_count(text: str, same: bool) -> None:
    assert (read("x = 1\nclass A:\n    y: int = 1\n", "m").code == read(text, "m").code) == same


def test_every_way_to_import_counts() -> None:
    text = "import o1exp.a\nfrom o1exp import b\ndef f():\n    from o1exp.c import d as e\n    import json, m.z\nfrom n import x\n"
    assert read(text, "m.y").imports == [("m.z", ""), ("o1exp", "b"), ("o1exp.a", ""), ("o1exp.c", "d")]


COUNTING = """
import json, sys
from pathlib import Path
from o1exp.config.groups import classes
from o1exp.flow import modules, source
groups = list(classes().values())
def counted():
    for known in (modules.files, modules.file_of, source.source_digest):
        known.cache_clear()
    return {name: entry["source"] for name, entry in source.lock(groups).items()}
found = {"": counted()}
for name, (file, text) in json.load(sys.stdin).items():
    path = modules.LIBRARY / file
    kept = path.read_text()
    path.write_text(text)
    found[name] = counted()
    path.write_text(kept)
print(json.dumps(found))
"""


def line(text: str) -> Callable[[str], str]:
    return lambda before: before + text


GAPS: dict[str, tuple[str, Callable[[str], str], set[str], set[str]]] = {
    "how people's rows are read": ("records/rows.py", line("\nx = 1\n"), {"Local", "Hub"}, {"Arithmetic", "Sft"}),
    "how tables are written": ("records/table.py", line("\nx = 1\n"), {"Arithmetic", "Distil", "Grade"}, {"Untrained", "Gguf"}),
    "a noun's columns": (
        "records/nouns.py",
        lambda text: text.replace("    extracted: str", "    more: int = 0\n    extracted: str", 1),
        {"Grade", "Result"},
        {"Distil", "Sft", "Arithmetic"},
    ),
    "where a model lies": ("flow/checkpoint.py", line("\nx = 1\n"), {"Sft", "Untrained", "Sample", "Distil"}, {"Grade"}),
    "the program of the procedural teacher": (
        "chat/servers/procedural.py",
        line("\nx = 1\n"),
        {"Distil", "Reformat"},
        {"Sft", "Arithmetic"},
    ),
    "the program of the llama teacher": (
        "chat/servers/llama.py",
        line("\nx = 1\n"),
        {"Distil", "Reformat", "Rejection", "Gguf"},
        {"Sft", "Grade"},
    ),
    "settings within settings": ("chat/endpoint.py", line("\nx = 1\n"), {"Distil", "Sample"}, {"Sft", "Grade"}),
    "an engine that is an option": ("bench/engines/remote.py", line("\nx = 1\n"), {"Sample"}, {"Sft", "Distil"}),
    "a template of the page": ("report/page.html.j2", line("<hr>"), {"Report"}, {"Result", "ModelCard"}),
    "a template of a card": ("cards/model_card.md.j2", line("\nMore.\n"), {"ModelCard"}, {"Report", "DataCard"}),
    "a module that is started": ("train/worker/loss.py", line("\nx = 1\n"), {"Sft", "Dpo"}, {"Distil", "Prepare"}),
    "words alone": ("answers/grade.py", lambda text: '"""Other words."""\n' + text.split('"""', 2)[2], set(), {"Grade", "Sft", "Distil"}),
    "where and when things are made": ("flow/store.py", line("\nx = 1\n"), set(), {"Grade", "Sft", "Distil", "Arithmetic"}),
}


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """The digests of all stages after each change to a copy of the package, and without one ("")."""
    place = tmp_path_factory.mktemp("copy")
    shutil.copytree(PACKAGE, place / "o1exp", ignore=shutil.ignore_patterns("__pycache__"))
    texts = {file: (PACKAGE / file).read_text() for file, *_ in GAPS.values()}
    changes = {name: (file, change(texts[file])) for name, (file, change, *_) in GAPS.items()}
    assert all(text != texts[file] for file, text in changes.values())
    env = {**os.environ, "PYTHONPATH": str(place), "XDG_CACHE_HOME": str(place / "cache")}
    command = [sys.executable, "-c", COUNTING]
    done = subprocess.run(command, cwd=place, env=env, input=json.dumps(changes), capture_output=True, text=True, check=True)
    found: dict[str, dict[str, str]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", GAPS)
def test_a_change_asks_those_that_depend_on_it(counted: dict[str, dict[str, str]], name: str) -> None:
    _, _, asked, others = GAPS[name]
    changed = {stage for stage, digest in counted[name].items() if digest != counted[""][stage]}
    assert asked <= changed
    assert not others & changed


def test_all_of_flow_and_records_is_decided_about() -> None:
    """A new module counts until somebody says that it decides no bytes."""
    gone = [name for name in source.UNCOUNTED if not (PACKAGE.parent / f"{name.replace('.', '/')}.py").exists()]
    assert not gone, "these modules are no more"
    flow = {f"o1exp.flow.{path.stem}" for path in (PACKAGE / "flow").glob("*.py")} - {"o1exp.flow.__init__"}
    assert flow - source.UNCOUNTED == {"o1exp.flow.checkpoint", "o1exp.flow.content", "o1exp.flow.revision"}


@dataclass(frozen=True, kw_only=True)
class Plain(Settings):
    size: int = 1


@dataclass(frozen=True, kw_only=True)
class Nesting(Stage[Table[Problem]]):
    """Its setting may be of any class below Plain."""

    plain: Plain = Plain()
    several: tuple[Plain, ...] = ()
    problems: Stage[Table[Problem]] | None = None

    def make(self, work: Work) -> None:
        raise AssertionError


def test_what_counts_is_what_a_stage_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A class from a user's own module counts where it is chosen; an input's source is the input's."""
    (tmp_path / "of_a_user.py").write_text(
        textwrap.dedent("""
            from dataclasses import dataclass
            from tests.flow.test_source import Plain
            @dataclass(frozen=True, kw_only=True)
            class Fancy(Plain):
                colour: str = "red"
            """)
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    from of_a_user import Fancy  # type: ignore[import-not-found]

    assert set(source._modules_in(Nesting())) == {"tests.flow.test_source"}
    for stage in (Nesting(plain=Fancy()), Nesting(several=(Plain(), Fancy()))):
        assert set(source._modules_in(stage)) == {"tests.flow.test_source", "of_a_user"}
        assert source.source_of(stage) != source.source_of(Nesting())
    assert source.source_of(Nesting(problems=Numbers())) == source.source_of(Nesting())
    assert set(source.modules_of(Nesting, (Fancy,))) == {"tests.flow.test_source", "of_a_user"}
    del sys.modules["of_a_user"]


def test_a_noun_counts_with_the_nouns_it_holds() -> None:
    counted: dict[str, str] = {}
    source._count_import("o1exp.records", "Completion", counted)
    assert set(counted) == {f"{NOUNS}.Completion", f"{NOUNS}.Usage"}


def test_files_are_read_again_only_where_they_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place, module = tmp_path / "cache" / "sources.json", tmp_path / "kept_module.py"
    module.write_text("x = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    first = Files(place)
    one = first.facts("kept_module")
    first.save()
    assert one is not None
    assert not place.exists(), "written just now, it may change again within the same tick of the clock"
    monkeypatch.setattr(content, "FRESH_SECONDS", -1e9)
    first = Files(place)
    first.facts("kept_module")
    first.save()
    kept = json.loads(place.read_text())
    kept["files"][str(module)]["facts"]["code"] = "from the cache"
    place.write_text(json.dumps(kept))
    again = Files(place).facts("kept_module")
    assert again is not None
    assert again.code == "from the cache"
    module.write_text("x = 22\n")
    changed = Files(place).facts("kept_module")
    assert changed is not None
    assert changed.code not in ("from the cache", one.code)
    place.write_text("{torn")
    assert Files(place).facts("kept_module") == changed


def test_what_was_read_is_kept_while_another_stage_reads_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stages are made side by side, and each asks for its source."""
    files, exists, others = Files(tmp_path / "sources.json"), os.path.exists, iter(("o1exp.flow.disk", "o1exp.flow.machine"))
    for module in ("o1exp.flow.errors", "o1exp.flow.expect"):
        files.facts(module)

    def meanwhile(path: str) -> bool:
        if (other := next(others, None)) is not None:
            files.facts(other)
        return exists(path)

    monkeypatch.setattr(os.path, "exists", meanwhile)
    files.save()
    assert len(json.loads((tmp_path / "sources.json").read_text())["files"]) == 2


def test_threads_read_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = Files(tmp_path / "sources.json")
    monkeypatch.setattr(source, "files", lambda: own)
    at_once, most, plain = 0, [0], source._count

    def counting(module: str, counted: dict[str, str]) -> None:
        nonlocal at_once
        at_once += 1
        most.append(at_once)
        time.sleep(0.01)
        plain(module, counted)
        at_once -= 1

    monkeypatch.setattr(source, "_count", counting)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(source.source_digest, [frozenset({f"o1exp.flow.{name}"}) for name in ("errors", "expect", "disk", "machine")]))
    assert max(most) == 1


def test_the_lock_holds_the_stages_of_recipes_and_those_inside_a_training() -> None:
    assert {"Sft", "Sample", "Grade", "Prepare"} <= set(json.loads(source.LOCK.read_text()))
