"""Several sources as one table: ids unique, provenance kept."""

import json
from collections import Counter
from pathlib import Path

import pytest

from o1exp.config.compose import composed
from o1exp.config.graph import Graph
from o1exp.flow import Stage, StageFailed, Store
from o1exp.flow.check import SettingsError
from o1exp.records import Problem, Table
from o1exp.sources.arithmetic import Arithmetic
from o1exp.sources.local import Local
from o1exp.sources.union import Union

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
    assert union.expect({"parts.own": union.parts["own"].expect({}), "parts.sums": union.parts["sums"].expect({})}).rows is None
    assert len(Store(tmp_path).get(union)) == 6
