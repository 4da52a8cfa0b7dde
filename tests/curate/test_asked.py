"""The filter goes through its table row group by row group: the same bytes as all at once, also after a kill between two groups."""

import json
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from o1exp.curate.funnel import DROPPED, read_steps
from o1exp.curate.rule import RowRule
from o1exp.curate.rules import Rules
from o1exp.curate.strip import stripped
from o1exp.curate.verdicts import ROWS
from o1exp.flow import Store
from o1exp.records import Problem
from o1exp.records.table import write_table
from o1exp.sources.local import Local

QUESTIONS = ("What is {n}+1?", "Prove that {n} is odd.", "In the figure below, what is {n}?", "What is it? (A) {n} (B) 3 (C) 4")
ANSWERS = ("{n}", "", "B", "x+{n}", "a proof")


def _source(folder: Path, count: int) -> Local:
    luck, path = random.Random(0), folder / "rows.jsonl"
    rows = [
        {"problem": luck.choice(QUESTIONS).format(n=n), "answer": luck.choice(ANSWERS).format(n=n), "id": f"p{n}"} for n in range(count)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Local(path=str(path))


def _made(store: Store, rules: Rules) -> dict[str, object]:
    folder, manifest = store.folder(rules), store.manifest(rules)
    assert manifest is not None
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "manifest.json"}
    return {**files, "facts": manifest.facts}


def _plainly(folder: Path, rules: Rules, problems: list[Problem]) -> dict[str, object]:
    """What the filter is to make, all at once and rule by rule."""
    said = [next(((name, words) for name, rule in rules.rows().items() if (words := rule.ask(one, rules))), None) for one in problems]
    kept = [one for one, why in zip(problems, said, strict=True) if why is None]
    write_table(folder, Problem, kept)
    lines = [
        "\t".join(" ".join(cell[:200].split()) for cell in (str(one.row), one.id, *why)) + "\n"
        for one, why in zip(problems, said, strict=True)
        if why
    ]
    return {"rows.parquet": (folder / "rows.parquet").read_bytes(), DROPPED: "".join(lines).encode()}


@pytest.mark.parametrize("choice", ["drop", "strip"])
def test_many_groups_make_what_is_made_all_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, choice: str) -> None:
    source, whole, parts = _source(tmp_path, 2500), Store(tmp_path / "whole"), Store(tmp_path / "parts")
    rules = Rules(problems=source).replace(choice=choice)
    whole.get(rules)
    monkeypatch.setattr("o1exp.records.table.FRAME", 700)
    parts.get(rules)
    assert _made(parts, rules) == _made(whole, rules)
    problems = [stripped(one) or one if choice == "strip" else one for one in whole.get(source)]
    expected = _plainly(tmp_path, rules, problems)
    assert {name: content for name, content in _made(parts, rules).items() if name != "facts"} == expected
    manifest = parts.manifest(rules)
    assert manifest is not None
    for step in read_steps(manifest.facts):
        assert step.alone == sum(bool(rules.rows()[step.rule].ask(one, rules)) for one in problems)


KILLED = """
import os, signal, sys
from pathlib import Path
import o1exp.records.table, o1exp.curate.rules as rules
from o1exp.curate.rule import RowRule
from o1exp.curate.verdicts import ROWS
from o1exp.flow import Store
from o1exp.sources.local import Local

def ask(problem, criteria):
    if problem.id == "p1500":
        os.kill(os.getpid(), signal.SIGKILL)
    return ROWS["image"].ask(problem, criteria)

o1exp.records.table.FRAME = 700
rules.ROWS = {**ROWS, "image": RowRule(ask, reads=("id", "question", "answer"))}
Store(Path(sys.argv[1])).get(rules.Rules(problems=Local(path=sys.argv[2])))
"""


def test_a_kill_between_groups_costs_the_group_that_was_asked_of_and_no_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("o1exp.records.table.FRAME", 700)
    source, store, whole = _source(tmp_path, 2500), Store(tmp_path / "out"), Store(tmp_path / "whole")
    rules = Rules(problems=source)
    whole.get(rules)
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "out"), source.path], check=False)
    assert killed.returncode == -signal.SIGKILL
    asked: list[str] = []

    def ask(problem: Problem, criteria: object) -> str:
        asked.append(problem.id)
        return ROWS["image"].ask(problem, rules)

    monkeypatch.setattr("o1exp.curate.rules.ROWS", {**ROWS, "image": RowRule(ask, reads=("id", "question", "answer"))})
    store.get(rules)
    assert asked == [f"p{n}" for n in range(1400, 2500)]
    assert _made(store, rules) == _made(whole, rules)
