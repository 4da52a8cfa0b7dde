"""The filter looks for the benchmarks of the experiment, counts and drops what it finds, and keeps the pairs."""

import json
from pathlib import Path

from o1exp.curate.funnel import DROPPED
from o1exp.curate.leaks import pairings
from o1exp.curate.rules import Rules, Unfiltered
from o1exp.flow import Stage, Store
from o1exp.records import Problem, Table
from o1exp.sources.local import Local
from tests.chat.parts import quiet_store

WALK = "Every morning Aya goes for a 9 kilometer walk and stops at a coffee shop afterwards. How many minutes does the walk take?"
COINS = "Find the number of ways to give 30 equal coins to 4 children so that every child has at least 2 coins."
ROWS = [WALK.upper(), WALK.replace("9", "15"), "Find the sum of the first 20 odd numbers.", f"Prove it. {COINS}"]


def _local(folder: Path, name: str, questions: list[str]) -> Local:
    path = folder / f"{name}.json"
    path.write_text(json.dumps([{"id": f"{name}{n}", "problem": text, "answer": "24"} for n, text in enumerate(questions)]))
    return Local(path=str(path))


def _posed(folder: Path) -> dict[str, Stage[Table[Problem]]]:
    return {"walks": _local(folder, "walks", ["What is 1 + 1?", WALK]), "coins": _local(folder, "coins", [COINS])}


def test_what_is_found_is_counted_dropped_or_named_and_kept_side_by_side(tmp_path: Path) -> None:
    store, said = quiet_store(tmp_path)
    rules = Unfiltered(problems=_local(tmp_path, "p", ROWS), benchmarks=_posed(tmp_path), decontaminate=True)
    assert [problem.id for problem in store.get(rules)] == ["p1", "p2"]
    facts = store.manifest(rules).facts  # type: ignore[union-attr]
    assert facts["contaminated"] == 3
    assert facts["named"] == 1
    assert {kind: count for kind, count in facts["contaminated_by"].items() if count} == {"exact": 1, "coverage": 1, "numbers": 1}
    assert facts["dropped"] == {"contaminated": 2}
    found = pairings(store.folder(rules))
    assert [(one.id, one.row, one.benchmark, one.problem, one.kind, one.dropped) for one in found] == [
        ("p0", 1, "walks", "walks1", "exact", True), ("p1", 2, "walks", "walks1", "numbers", False),
        ("p3", 4, "coins", "coins0", "coverage", True),
    ]  # fmt: skip
    assert (found[1].question, found[1].posed, found[2].coverage) == (ROWS[1], WALK, 1.0)
    assert "looked for 3 problems of 2 benchmarks: exact 1, coverage 1, fuzzy 0, numbers 1 (kept), similar 0 (kept)" in said.getvalue()
    assert "exact: walks walks1 (100% of its runs, 100% alike)" in (store.folder(rules) / DROPPED).read_text()


def test_kinds_that_are_dropped_are_a_setting(tmp_path: Path) -> None:
    store = Store(tmp_path)
    rules = Unfiltered(problems=_local(tmp_path, "p", ROWS), benchmarks=_posed(tmp_path), decontaminate=True, leaks=("exact", "numbers"))
    assert [problem.id for problem in store.get(rules)] == ["p2", "p3"]


def test_what_another_rule_drops_is_counted_all_the_same(tmp_path: Path) -> None:
    store = Store(tmp_path)
    rules = Rules(problems=_local(tmp_path, "p", ROWS), benchmarks=_posed(tmp_path), decontaminate=True)
    store.get(rules)
    facts = store.manifest(rules).facts  # type: ignore[union-attr]
    assert facts["contaminated"] == 3
    assert facts["dropped"] == {"contaminated": 1, "proof": 1}


def test_benchmarks_are_inputs_only_where_they_are_looked_for(tmp_path: Path) -> None:
    source, posed = _local(tmp_path, "p", ROWS), _posed(tmp_path)
    assert Rules(problems=source, benchmarks=posed).key == Rules(problems=source).key
    looking = Rules(problems=source, benchmarks=posed, decontaminate=True)
    assert list(looking.inputs) == ["problems", "benchmarks.walks", "benchmarks.coins"]
    assert looking.key != Rules(problems=source, benchmarks={"coins": posed["coins"]}, decontaminate=True).key


def test_no_benchmark_is_warned_of(tmp_path: Path) -> None:
    store, said = quiet_store(tmp_path)
    store.get(Unfiltered(problems=_local(tmp_path, "p", ROWS), decontaminate=True))
    assert "warning filter.decontaminate=true, and the experiment has no benchmark to look for; choose one with bench=" in said.getvalue()


def test_duplicates_are_dropped_after_what_other_rules_drop(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    rows = [(f"Prove it. {COINS}", ""), (COINS, "short"), (COINS.lower(), "a long solution"), ("Find x.", "")]
    path.write_text(json.dumps([{"id": f"p{n}", "problem": text, "answer": "1", "solution": said} for n, (text, said) in enumerate(rows)]))
    store, source = Store(tmp_path), Local(path=str(path))
    kept = {stays: [p.id for p in store.get(Rules(problems=source, duplicates=True, stays=stays))] for stays in ("first", "longest")}
    assert kept == {"first": ["p1", "p3"], "longest": ["p2", "p3"]}
