"""The rows as docs/models.md has them."""

import re
from collections.abc import Iterable
from pathlib import Path

from tests.conftest import ROOT
from tests.zoo.row import Row

PAGE = ROOT / "docs" / "models.md"
BEGIN, END = "<!-- rows: python -m tests.zoo -->", "<!-- end of rows -->"
HEAD = "| model type | class | trains | samples |\n|---|---|---|---|"
NOT_BUILT = "| model type | class | why it was not built here |\n|---|---|---|"


def versions() -> str:
    from importlib.metadata import version

    return f"torch {version('torch').split('+')[0]}, transformers {version('transformers')}"


def table(rows: Iterable[Row]) -> str:
    """Markdown: what was built, and then what was not."""
    rows = sorted(rows, key=lambda row: row.name)
    built = [f"| {row.name} | {row.kind} | {_cell(row.trains)} | {_cell(row.samples)} |" for row in rows if not row.built]
    others = [f"| {row.name} | {row.kind} | {_cell(row.built)} |" for row in rows if row.built]
    found = [f"With {versions()}:\n", HEAD, *built]
    return "\n".join([*found, "\n" + NOT_BUILT, *others] if others else found)


def _cell(text: str) -> str:
    """Folders of the test and bars have no place in a table."""
    return re.sub(r"/\S*/start", "FOLDER", text).replace("|", "\\|")


def write(rows: Iterable[Row], page: Path = PAGE) -> None:
    text = page.read_text()
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    page.write_text(f"{before}{BEGIN}\n{table(rows)}\n{END}{after}")


def written(page: Path = PAGE) -> dict[str, str]:
    """The page's rows, by model type."""
    rows = page.read_text().split(BEGIN)[1].split(END)[0].splitlines()
    return {row.split(" | ")[0].removeprefix("| "): row for row in rows if row.startswith("| ") and not row.startswith("| model type")}
