"""The tables of docs/client.md and docs/servers.md name tests that are there."""

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / "docs" / "client.md", ROOT / "docs" / "servers.md")
NAMED = re.compile(r"`(?:(?P<file>[\w/]*test_\w+\.py)(?:::)?)?(?P<test>test_\w+)?(?:\.{3})?(?:\[[^`\]]*\])?`")


@cache
def defined(file: Path) -> frozenset[str]:
    tree = ast.parse(file.read_text())
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"))


def rows() -> list[list[str]]:
    text = "\n".join(page.read_text() for page in PAGES)
    lines = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith(("| situation", "| one thought"))]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def test_every_test_that_a_row_names_is_there() -> None:
    every = [*(ROOT / "tests" / "chat").glob("test_*.py"), *(ROOT / "tests").rglob("test_*.py")]
    wrong, found = list[str](), 0
    for *_, cell in (row for row in rows() if len(row) == 3):
        for match in NAMED.finditer(cell):
            file, test = match["file"], match["test"] or ""
            if not (file or test):
                continue
            found += 1
            files = [path for path in every if file is None or path.as_posix().endswith(f"/{file}")]
            if not files or not any(name.startswith(test) for path in files for name in defined(path)):
                wrong.append(match[0])
    assert not wrong
    assert found > 120


def test_every_situation_has_a_test() -> None:
    without = [row[0] for row in rows() if len(row) == 3 and "test_" not in row[2] and not row[2].startswith("the same")]
    assert not without
