"""The grammar as docs/grading.md shows it is the grammar."""

import re
from pathlib import Path

from o1exp.answers.read import read

DOCS = Path(__file__).resolve().parents[2] / "docs" / "grading.md"


def test_each_example_of_the_grammar_is_read_as_its_kind() -> None:
    text = DOCS.read_text(encoding="utf-8").partition("## The grammar")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)`[^|]*\| (.*) \| [^|]*\|$", text, re.MULTILINE)
    assert len(rows) > 12
    found = [(kind, example, type(read(example)[0]).__name__) for kind, examples in rows for example in re.findall(r"`([^`]+)`", examples)]
    assert [one for one in found if one[0] != one[2]] == []
