"""The rows as docs/models.md has them."""

import re
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from tests.conftest import ROOT
from tests.zoo.row import Row

PAGE = ROOT / "docs" / "models.md"
BEGIN, END = "<!-- rows: python -m tests.zoo -->", "<!-- end of rows -->"
HEAD = "| model type | class | trains | samples |\n|---|---|---|---|"
NOT_BUILT = "| model type | class | why it was not built here |\n|---|---|---|"


def versions() -> str:
    return f"With torch {version('torch').split('+')[0]} and transformers {version('transformers')}:"


def shown(row: Row) -> str:
    cells = (row.name, row.kind, row.built) if row.built else (row.name, row.kind, row.trains, row.samples)
    return f"| {' | '.join(map(_cell, cells))} |"


def _cell(text: str) -> str:
    """Folders of the test have no place in a table."""
    return re.sub(r"/\S*/start", "FOLDER", text).replace("|", "\\|")


def write(rows: Iterable[Row], page: Path = PAGE) -> None:
    """What was built, and then what was not."""
    rows = sorted(rows, key=lambda row: row.name)
    built, others = ([shown(row) for row in rows if bool(row.built) is missing] for missing in (False, True))
    text = page.read_text()
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    page.write_text("\n".join([before + BEGIN, versions(), "", HEAD, *built, "", NOT_BUILT, *others, END + after]))


def written(page: Path = PAGE) -> tuple[dict[str, str], str]:
    """The page's rows, by model type, and the line of the versions."""
    lines = page.read_text().split(BEGIN)[1].split(END)[0].splitlines()
    rows = {line.split(" | ")[0].removeprefix("| "): line for line in lines if line.startswith("| ")}
    return rows, next((line for line in lines if line.startswith("With ")), "")
