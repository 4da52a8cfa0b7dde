"""Several sources as one table: ids unique, provenance kept."""

import dataclasses
import itertools
import json
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from o1exp.config.compose import composed
from o1exp.config.graph import Graph
from o1exp.flow import Stage, StageFailed, Store
from o1exp.flow.check import SettingsError
from o1exp.records import Problem, Table
from o1exp.records.table import write_table
from o1exp.sources.arithmetic import Arithmetic
from o1exp.sources.local import Local
from o1exp.sources.union import Union, sampled

Parts = dict[str, Stage[Table[Problem]]]


def local(folder: Path, name: str, count: int) -> Local:
    path = folder / f"{name}.jsonl"
    path.write_text("".join(json.dumps({"id": str(n), "problem": f"{name} {n}?", "answer": str(n)}) + "\n" for n in range(count)))
    return Local(path=str(path), name=name, licence="mit")


def test_all_of_all_parts_each_with_its_own_id_and_provenance(tmp_path: Path) -> None:
    parts: Parts = {"a": local(tmp_path, "a", 3), "b": local(tmp_path, "b", 5)}
    union = Union(parts=parts, limits={"b": 2})
    problems = list(Store(tmp_path).get(union))
    assert [problem.id for problem in problems] == ["0", "1", "2", "0~2", "1~2"]
    assert [(problem.source, problem.row) for problem in problems] == [("a", 1), ("a", 2), ("a", 3), ("b", 1), ("b", 2)]
    assert {problem.revision for problem in problems} == {part.sha256 for part in parts.values() if isinstance(part, Local)}
    assert union.peek(4) == problems[:4]


def test_weights_draw_parts_in_proportion_and_each_by_itself(tmp_path: Path) -> None:
    parts: Parts = {"a": local(tmp_path, "a", 90), "b": local(tmp_path, "b", 20), "c": local(tmp_path, "c", 5)}
    store, weighted = Store(tmp_path), Union(parts=parts, weights={"a": 3.0, "b": 1.0})
    found = list(store.get(weighted))
    assert Counter(problem.source for problem in found) == {"a": 60, "b": 20}
    fewer = list(store.get(weighted.replace(rows=40)))
    assert Counter(problem.source for problem in fewer) == {"a": 30, "b": 10}
    without = list(store.get(Union(parts={"a": parts["a"]}, weights={"a": 1.0}, rows=30)))
    assert [p.row for p in without] == [p.row for p in fewer if p.source == "a"], "a draw hangs on the part and the seed alone"
    with pytest.raises(StageFailed, match="b has 20 problems, 25 are asked for; lower rows"):
        store.get(weighted.replace(rows=100))


@pytest.mark.parametrize("frame", [64, 1 << 16])
def test_frames_make_what_records_make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frame: int) -> None:
    monkeypatch.setattr("o1exp.records.table.FRAME", frame)
    parts: Parts = {
        "a": local(tmp_path, "a", 1500),
        "b": local(tmp_path, "b", 700),
        "c": local(tmp_path, "c", 9),
        "none": Arithmetic(count=5),
    }
    store = Store(tmp_path)
    for union, counts in (
        (Union(parts=parts, limits={"a": 1100, "none": 0}), (1100, 700, 9, 0)),
        (Union(parts=parts, weights={"a": 2.0, "b": 1.0}, limits={"b": 600}, seed=3), (1200, 600, 0, 0)),
    ):
        sizes = [min(len(store.get(part)), union.limits.get(name, 9999)) for name, part in parts.items()]
        seen: set[str] = set()
        expected = list[Problem]()
        for (name, part), size, count in zip(parts.items(), sizes, counts, strict=True):
            places = range(size) if count == size else sorted(random.Random(f"{union.seed} {name}").sample(range(size), count))
            rows = list(store.get(part))
            expected += [rows[place] for place in places]
        for place, problem in enumerate(expected):
            free = (n for n in itertools.count(1) if (problem.id if n == 1 else f"{problem.id}~{n}") not in seen)
            number = next(free)
            expected[place] = dataclasses.replace(problem, id=problem.id if number == 1 else f"{problem.id}~{number}")
            seen.add(expected[place].id)
        store.get(union)
        write_table(tmp_path, Problem, expected)
        assert (store.folder(union) / "rows.parquet").read_bytes() == (tmp_path / "rows.parquet").read_bytes()
        manifest = store.manifest(union)
        assert manifest is not None
        assert manifest.facts == {"rows": sum(counts), "taken": dict(zip(parts, counts, strict=True))}


def test_a_wrong_name_or_no_part_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="x is none of the parts a"):
        Union(parts={"a": Arithmetic()}, weights={"x": 1.0})
    with pytest.raises(SettingsError, match="goes with weights"):
        Union(parts={"a": Arithmetic()}, rows=5)
    assert list(Union().preflight()) == [
        "parts is empty: name the sources to join, e.g. in a file of conf/source (docs/sources.md)",
    ]


def test_the_command_line_composes_parts_by_name(tmp_path: Path) -> None:
    path = local(tmp_path, "a", 3).path
    part = f"+source.parts.own={{_target_: o1exp.sources.local.Local, path: '{path}', licence: mit}}"
    sums = "+source.parts.sums={_target_: o1exp.sources.arithmetic.Arithmetic, count: 4}"
    union = Graph(composed(["source=union", part, sums, "+source.limits.own=2"])).stage("source")
    assert isinstance(union, Union)
    assert [stage.kind for stage in union.parts.values()] == ["Local", "Arithmetic"]
    assert union.expect({"parts.own": union.parts["own"].expect({}), "parts.sums": union.parts["sums"].expect({})}).rows == 6
    assert len(Store(tmp_path).get(union)) == 6


@pytest.mark.parametrize("size", [1, 2, 20, 22, 100, 1000, 5000])
def test_the_draw_is_that_of_a_sample(size: int) -> None:
    for count in {0, 1, min(5, size), min(6, size), min(30, size), size // 3, size - 1, size}:
        marked = np.flatnonzero(sampled(random.Random(7), size, count))
        assert marked.tolist() == sorted(random.Random(7).sample(range(size), count))
