"""What is asked of the row of every architecture."""

import re

from tests.zoo.run import row_of
from tests.zoo.table import HEAD, shown, versions, written


def named(first: int, apart: int) -> list[str]:
    """The model types that docs/models.md names, so far apart."""
    return sorted(written()[0].keys() - {HEAD.split(" | ")[0].removeprefix("| ")})[first::apart]


def as_documented(name: str) -> None:
    """The architecture is trained and sampled right, or refused, and docs/models.md says the same of it."""
    row = row_of(name)
    assert row.faults == ()
    page, documented = written()
    if documented == versions():  # other libraries may do more or less
        assert _without_numbers(shown(row)) == _without_numbers(page[name])


def _without_numbers(text: str) -> str:
    """Distances in a refusal differ from processor to processor."""
    return re.sub(r"\d+(\.\d+)?(e-?\d+)?", "N", text)
