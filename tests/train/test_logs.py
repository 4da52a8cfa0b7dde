"""A training's logs are read back as they were written; older ones lack what was not written then."""

from pathlib import Path

import pytest

from o1exp.flow.manifest import Manifest
from o1exp.train.facts import PreparedFacts, TrainingFacts, training_facts
from o1exp.train.logs import CURVE, CurveRow, GreedyAnswer, OpenLogs, SamplesRow, TimingRow, TrainingLogs, ValidationRow


def test_rows_come_back_typed(tmp_path: Path) -> None:
    curve = CurveRow(step=1, tokens=10, loss=2.5, accuracy=0.25, lr=1e-3, grad_norm=0.5)
    timing = TimingRow(step=1, seconds=0.5, cpu_seconds=0.4, memory_mb=100.0)
    written = SamplesRow(step=0, tokens=0, samples=(GreedyAnswer(row=3, text="x\u2028y \N{SNOWMAN}"), GreedyAnswer(row=4, text="")))
    running, out = OpenLogs(tmp_path, 0), tmp_path / "out"
    out.mkdir()
    running.curve.add(curve)
    running.timing.add(timing)
    running.samples.add(written)
    running.keep(out)
    assert sorted(path.name for path in out.iterdir()) == ["curve.jsonl", "samples.jsonl", "timing.jsonl"], "an empty log is no file"
    kept = TrainingLogs(out)
    assert (kept.curve, kept.timing, kept.samples, kept.validation) == ([curve], [timing], [written], [])


def test_a_log_of_before_lacks_what_was_not_written_then(tmp_path: Path) -> None:
    (tmp_path / CURVE.name).write_text('{"step": 1, "tokens": 9, "loss": 2, "lr": 0.1, "grad_norm": 1, "later": 5}\n')
    assert CURVE.read(tmp_path) == [CurveRow(step=1, tokens=9, loss=2, lr=0.1, grad_norm=1)]


@pytest.mark.parametrize("line", ['{"step": 1', "[1]", '{"tokens": 1}', "7"])
def test_a_broken_row_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "validation.jsonl").write_text(f'{{"step": 0, "tokens": 0, "loss": 3.5}}\n{line}\n')
    with pytest.raises(ValueError, match=r"validation.jsonl, line 2 is no row of a training's log .*delete the artefact and run again"):
        _ = TrainingLogs(tmp_path).validation
    assert ValidationRow(step=0, tokens=0, loss=3.5).accuracy is None


def test_facts_leave_out_what_is_not_known() -> None:
    facts = TrainingFacts(rows=3, steps=2, final_loss=0.5)
    assert "exported_step" not in facts.noted()
    assert TrainingFacts.of(facts.noted()) == facts
    assert PreparedFacts.of({"rows": 2, "dropped": 1, "cut": 2, "else": 1}).lost == 3


@pytest.mark.parametrize(("stage", "noted", "pairs"), [("Dpo", {}, True), ("Sft", {}, False), ("Own", {"pairs": True}, True)])
def test_a_training_says_whether_its_units_are_pairs(stage: str, noted: dict[str, bool], pairs: bool) -> None:
    numbers = {"version": 1, "seconds": 0.0, "cpu_seconds": 0.0}
    words = {"stage": stage, "key": "k", "digest": "", "started": ""}
    manifest = Manifest(**words, **numbers, settings={}, inputs={}, how={}, facts=noted, files={})  # type: ignore[arg-type]
    assert training_facts(manifest).pairs is pairs
