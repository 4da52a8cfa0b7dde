"""What the slow tests of both halves ask of every row."""

import re

from tests.zoo.models import architectures
from tests.zoo.run import rows
from tests.zoo.table import shown, versions, written


def as_documented(first: int, apart: int) -> None:
    """Every architecture so far apart is trained and sampled right, or refused, and docs/models.md says the same of it."""
    names = sorted(architectures())[first::apart]
    found = list(rows(names))
    assert [(row.name, row.faults) for row in found if row.faults] == []
    page, documented = written()
    if documented != versions():
        return  # other libraries may do more or less
    assert {row.name: _without_numbers(shown(row)) for row in found} == {name: _without_numbers(page[name]) for name in names}


def _without_numbers(text: str) -> str:
    """Distances in a refusal differ from processor to processor."""
    return re.sub(r"\d+(\.\d+)?(e-?\d+)?", "N", text)
