"""A rule over the whole table is plugged in beside those over one problem."""

import json
from pathlib import Path

import numpy as np
import pytest

from o1exp.curate.funnel import DROPPED, read_steps
from o1exp.curate.rule import Among, Drops, Problems
from o1exp.curate.rules import Rules, Unfiltered
from o1exp.curate.strip import Stripped
from o1exp.curate.verdicts import ROWS
from o1exp.curate.words import Places
from o1exp.flow import Stopped, Store, Work
from o1exp.records import Problem, Table
from o1exp.records.table import write_frames, write_table
from o1exp.sources.local import Local

TEXTS = ["What is 1+1?", "Prove that 2 is even.", "What is 1+1?", "Prove that 2 is even.", "What is 2+1?", "What is 1+1?"]


def _twice(rules: Rules, problems: Problems, work: Work) -> Among:
    """The same text twice: 8 bytes of each problem are held."""
    digests = np.concatenate([frame["question"].hash(0).to_numpy() for frame in problems.frames(("question",))])

    def among(places: Places) -> Drops:
        first = places[np.unique(digests[places], return_index=True)[1]]
        names = problems.at(first, ("id",))["id"]
        said = dict(zip(digests[first].tolist(), names, strict=True))
        return Drops.of({place: f"as {said[digests[place]]}" for place in np.setdiff1d(places, first).tolist()})

    return among


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


def test_a_stop_is_heeded_between_two_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("o1exp.records.table.FRAME", 2)
    path, store = tmp_path / "rows.json", Store(tmp_path)
    path.write_text(json.dumps([{"id": f"p{n}", "problem": text, "answer": "2"} for n, text in enumerate(TEXTS)]))
    seen: list[int] = []

    def stopped(rules: Rules, problems: Problems, work: Work) -> Among:
        for frame in problems.frames(("id",)):
            seen.append(frame.height)
            store.stopping.set()
        raise AssertionError

    monkeypatch.setattr("o1exp.curate.rules.WHOLE", {"duplicates": stopped})
    source = Local(path=str(path))
    store.get(source)
    with pytest.raises(Stopped):
        store.get(Unfiltered(problems=source, duplicates=True))
    assert seen == [2]


def test_rows_are_read_back_by_their_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("o1exp.records.table.FRAME", 1500)
    rows = [Problem(id=str(n), question=f"{n}? (A) 1 (B) 2 (C) {n}", answer="C") for n in range(5000)]
    write_table(tmp_path, Problem, rows)
    table = Table.read(tmp_path, Problem)
    places = np.array([4999, 0, 1023, 1024, 3000, 0, 2047])
    assert table.at(places).rows(named=True) == [vars(rows[place]) for place in places]
    assert table.at(places, ("answer", "id")).rows() == [("C", str(place)) for place in places]
    assert table.at([], ("id",)).height == 0
    stripped = Stripped(table)
    assert stripped.at(places, ("answer",))["answer"].to_list() == [str(place) for place in places]
    assert stripped.changed == 0, "only a pass through all counts them"
    with pytest.raises(IndexError):
        table.at([5000])


def test_frames_and_records_are_one_table(tmp_path: Path) -> None:
    rows = [Problem(id=str(n), question=f"{n}?", answer=str(n), row=n) for n in range(3000)]
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    write_table(tmp_path / "a", Problem, rows)
    frames = (part for frame in Table.read(tmp_path / "a", Problem).frames() for part in (frame[:700], frame[700:]))
    assert write_frames(tmp_path / "b", Problem, frames) == 3000
    assert (tmp_path / "a/rows.parquet").read_bytes() == (tmp_path / "b/rows.parquet").read_bytes()
