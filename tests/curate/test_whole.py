"""A rule over the whole table is plugged in beside those over one problem."""

import json
from collections.abc import Mapping
from pathlib import Path

import polars
import pytest

from o1exp.curate.funnel import DROPPED, read_steps
from o1exp.curate.rules import Rules
from o1exp.curate.verdicts import ROWS
from o1exp.flow import Store, Work
from o1exp.records import Problem, Table
from o1exp.records.table import write_frames, write_table
from o1exp.sources.local import Local

TEXTS = ["What is 1+1?", "Prove that 2 is even.", "What is 1+1?", "Prove that 2 is even.", "What is 2+1?", "What is 1+1?"]


def _twice(rules: Rules, table: polars.DataFrame, work: Work) -> Mapping[int, str]:
    seen: dict[str, str] = {}
    named = list(zip(table["question"], table["id"], strict=True))
    return {place: f"as {seen[text]}" for place, (text, name) in enumerate(named) if seen.setdefault(text, name) != name}


def test_it_is_asked_alone_and_in_its_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("o1exp.curate.rules.WHOLE", {"image": _twice})  # a switch that is there
    monkeypatch.setattr("o1exp.curate.rules.ROWS", {name: rule for name, rule in ROWS.items() if name != "image"})
    path = tmp_path / "rows.json"
    path.write_text(json.dumps([{"id": f"p{n}", "problem": text, "answer": "2"} for n, text in enumerate(TEXTS)]))
    store, rules = Store(tmp_path), Rules(problems=Local(path=str(path)))
    assert [problem.id for problem in store.get(rules)] == ["p0", "p4"]
    manifest = store.manifest(rules)
    assert manifest is not None
    steps = {step.rule: (step.alone, step.dropped, step.left) for step in read_steps(manifest.facts)}
    assert steps["proof"] == (2, 2, 4)
    assert steps["image"] == (3, 2, 2), "p3 repeats p1, but p1 and p3 were gone when it was asked in its turn"
    listed = (store.folder(rules) / DROPPED).read_text().splitlines()
    assert listed[-1] == "6\tp5\timage\tas p0"


def test_frames_and_records_are_one_table(tmp_path: Path) -> None:
    rows = [Problem(id=str(n), question=f"{n}?", answer=str(n), row=n) for n in range(3000)]
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    write_table(tmp_path / "a", Problem, rows)
    frames = (part for frame in Table.read(tmp_path / "a", Problem).frames() for part in (frame[:700], frame[700:]))
    assert write_frames(tmp_path / "b", Problem, frames) == 3000
    assert (tmp_path / "a/rows.parquet").read_bytes() == (tmp_path / "b/rows.parquet").read_bytes()
