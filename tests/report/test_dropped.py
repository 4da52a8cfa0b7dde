"""The funnel of a filter in the report, and the sets behind the rows that were trained on in the data card."""

import json
from pathlib import Path

from o1exp.cards.provenance import origin_of, trained_rows
from o1exp.curate.rules import Rules
from o1exp.flow import Stage, Store
from o1exp.history.lineage import Lineage
from o1exp.records import Problem, Table
from o1exp.report.dropped import filters
from o1exp.sources.local import Local
from o1exp.sources.union import Union
from o1exp.thoughts.solutions import Solutions

TEXTS = (
    "What is 1+1?", "In the figure below, find x.", "Prove that 2 is even.", "Prove that it is shown in the figure below.", "What is 2+2?",
)  # fmt: skip


def source(folder: Path, name: str) -> Local:
    path = folder / f"{name}.json"
    rows = [{"id": str(n), "problem": f"{text} ({name})", "answer": "2", "solution": "So 2."} for n, text in enumerate(TEXTS)]
    path.write_text(json.dumps(rows))
    return Local(path=str(path), name=name, licence="mit")


def test_each_rule_alone_and_in_its_turn_with_examples(tmp_path: Path) -> None:
    store, rules = Store(tmp_path), Rules(problems=source(tmp_path, "a"))
    store.get(rules)
    made = Lineage(tmp_path).get(f"{rules.kind}/{rules.key}")
    (found,) = filters({"short": [made], "long": [made]})
    assert (found.arms, found.rows) == (("short", "long"), 5)
    assert [(step.rule, step.alone, step.dropped, step.left) for step in found.asked] == [("image", 2, 2, 3), ("proof", 2, 1, 2)]
    assert found.asked[1].examples == ({"id": "2", "words": "Prove that", "question": "Prove that 2 is even. (a)"},)


def test_rows_that_were_trained_on_are_counted_by_set(tmp_path: Path) -> None:
    store, sources = Store(tmp_path), (source(tmp_path, "a"), source(tmp_path, "b"))
    parts: dict[str, Stage[Table[Problem]]] = {one.name: one for one in sources}
    rules = Rules(problems=Union(parts=parts, limits={"b": 1}))
    examples = Solutions(problems=rules)
    store.get(examples)
    lineage = Lineage(tmp_path)
    trained = lineage.get(f"{examples.kind}/{examples.key}")
    origins = [origin_of(lineage.get(f"{one.kind}/{one.key}")) for one in sources]
    assert origins == [("a", sources[0].sha256), ("b", sources[1].sha256)]
    assert trained_rows(lineage.data_below(trained), [trained]) == dict(zip(origins, (2, 1), strict=True))
