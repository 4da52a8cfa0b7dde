"""What a report, MLflow and a card say after artefacts were deleted to free space: what they do not know, and never zero."""

import shutil
from pathlib import Path

import pytest

from o1exp.cards.data_card import Credit, Data
from o1exp.cards.model_card import body, described
from o1exp.history.arms import Arm, gather
from o1exp.history.runs import RunRecord
from o1exp.report.compare import plain_rows
from o1exp.report.ledger import bills
from o1exp.report.render import PageWords, page
from o1exp.report.table import csv_text, summary, values
from o1exp.track.logged import arm_entry
from o1exp.tti.audit import Dossier, audit
from o1exp.tti.checklist import NO
from tests.artefacts import trained_arm

WORDS = PageWords("t", "", "", "", "")


@pytest.fixture
def arm(tmp_path: Path) -> Arm:
    """Its trainings are gone."""
    result = trained_arm(tmp_path)
    for stage in ("Sft", "Dpo"):
        shutil.rmtree(tmp_path / "artefacts" / stage)
    return gather(tmp_path, {"a": result})[0]


def printed(arm: Arm) -> str:
    from rich.console import Console

    terminal = Console(width=200)
    with terminal.capture() as said:
        terminal.print(summary(plain_rows([arm])))
    return said.get()


def test_tables_say_that_they_do_not_know(arm: Arm) -> None:
    (row,) = plain_rows([arm])
    assert values(row)["training_tokens"] is values(row)["training_examples"] is None
    assert "0 tok" not in printed(arm)
    assert printed(arm).count("?") == 2
    assert "training_tokens" not in csv_text([row])


def test_a_page_names_what_was_deleted(arm: Arm) -> None:
    html = page(WORDS, plain_rows([arm]), [arm], 0)
    (lost,) = arm.lost
    assert f"<b>Deleted since.</b> <code>{lost}</code>" in html
    (bill,) = bills([arm])
    assert (bill.data, bill.training, bill.evaluation, bill.total) == (None, None, None, None)


def test_mlflow_gets_no_number_that_is_not_known(arm: Arm, tmp_path: Path) -> None:
    record = RunRecord(folder=tmp_path / "runs" / "r", root=tmp_path, title="t", arms={"a": arm.result.path})
    named = {metric.key for metric in arm_entry(record, arm).metrics}
    assert "sums/accuracy" in named
    assert not [name for name in named if name.startswith("training/")]


def test_a_card_does_not_say_that_something_was_not_used(tmp_path: Path) -> None:
    """The training is there, the examples' way is gone: a search may have been on it."""
    result = trained_arm(tmp_path)
    for stage in ("Distil", "Pairs"):
        shutil.rmtree(tmp_path / "artefacts" / stage)
    (arm,) = gather(tmp_path, {"a": result})
    data = Data([arm], arm, Credit())
    assert [path.split("/")[0] for path in data.gone()] == ["Distil", "Pairs"]
    text = body([arm], "t", "", described([arm], arm, {}))
    assert "Not used: none of the stages below searches" not in text
    assert f"Not known: {data.gone()[0]}" in text


def test_a_base_model_is_no_training_whose_start_is_gone(tmp_path: Path) -> None:
    result = trained_arm(tmp_path)
    shutil.rmtree(tmp_path / "artefacts" / "Sft")
    (arm,) = gather(tmp_path, {"a": result})
    assert described([arm], arm, {})["base_model"] == []


def test_the_audit_gives_no_points_for_what_a_card_could_not_see(tmp_path: Path) -> None:
    card = tmp_path / "artefacts" / "ModelCard" / "c"
    card.mkdir(parents=True)
    (card / "manifest.json").write_text(MANIFEST)
    entries = '{"pipeline": [{"artefact": "Sft/x", "digest": ""}]}'
    (card / "card.json").write_text(f'{{"entries": {entries}, "unknown": [], "gone": ["TreeSearch/y"]}}')
    found = {one.answer.item.id: one for one in audit(Dossier(root=tmp_path, run="r", cards={"model": "ModelCard/c"}, answers={}))}
    assert found["search"].answer.answer == NO
    assert found["search"].lacking == "artefacts/TreeSearch/y had been deleted before the card was written"


MANIFEST = (
    '{"stage": "ModelCard", "version": 1, "key": "c", "settings": {}, "inputs": {}, "how": {}, "facts": {}, "files": {}, "digest": "d", '
    '"started": "2026-01-01T00:00:00+00:00", "seconds": 1.0, "cpu_seconds": 1.0}'
)
