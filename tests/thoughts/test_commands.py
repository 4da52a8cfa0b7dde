import json
from pathlib import Path

import pytest

from o1exp.thoughts.__main__ import main


def test_markers_of_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "thoughts.jsonl"
    path.write_text("".join(json.dumps({"thought": text, "answer": "1"}) + "\n" for text in ("Wait, so it is 1.", "But 1")))
    assert main(["markers", str(path), "--field", "thought"]) == 0
    said = capsys.readouterr().out
    assert "2 traces of 4 tokens" in said
    assert "wait 0.5" in said
    assert main(["markers", str(path), "--field", "thought", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[str(path)]["markers"]["but"] == 0.5
    path.write_text(json.dumps({"thought": "But 1"}) + "\n{half\n")
    assert main(["markers", str(path), "--field", "thought"]) == 0
    captured = capsys.readouterr()
    assert "1 traces" in captured.out
    assert "1 of 2 rows cannot be read and do not count; the first, row 2, is no JSON" in captured.err
    path.write_text(json.dumps({"thought": {"text": "But 1"}}))
    assert main(["markers", str(path), "--field", "thought"]) == 2
    assert "row 1: thought holds an object with the fields text; name the field with the text" in capsys.readouterr().err


def test_markers_need_the_field(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "thoughts.jsonl"
    path.write_text(json.dumps({"thought": "But 1", "answer": "1"}))
    assert main(["markers", str(path), "--field", "text"]) == 2
    assert "no row has a text in text; it has thought, answer; name one with --field" in capsys.readouterr().err
