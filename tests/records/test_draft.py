from pathlib import Path

from o1exp.records import Draft, DraftStep, Table
from o1exp.records.table import write_table


def test_a_draft_with_its_steps_is_a_row(tmp_path: Path) -> None:
    steps = (
        DraftStep(node="0", text="1+1=3", part="detour"),
        DraftStep(node="0", text="Wait.", part="turn"),
        DraftStep(node="1", text="1+1=2"),
    )
    draft = Draft(problem="p", prompt="What is 1+1?", steps=steps, origin="m")
    write_table(tmp_path, Draft, [draft])
    assert list(Table.read(tmp_path, Draft)) == [draft]
    assert draft.text("\n") == "1+1=3\nWait.\n1+1=2"
