"""The bench's own part that needs no peer still runs."""

from pathlib import Path

from tests.speed.packing import packing


def test_packed_and_single_documents_are_measured(tmp_path: Path) -> None:
    found = packing(tmp_path)
    assert found.ours > 0
    assert found.other > 0
