"""What a search for the benchmarks' problems found, kept in `contamination/` of the outputs folder: the same texts are searched once."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from o1exp.flow.source import source_digest
from o1exp.records import Table
from o1exp.records.table import ROWS, write_table

if TYPE_CHECKING:
    from o1exp.curate.criteria import Criteria
    from o1exp.curate.leaks import Pairing
    from o1exp.history.lineage import Artefact

FOLDER = "contamination"
SEARCH = frozenset({"o1exp.curate.contamination"})


def searched(
    root: Path, tables: list["Artefact"], posed: list[tuple[str, "Artefact"]], criteria: "Criteria", look: Callable[[], list["Pairing"]]
) -> list["Pairing"]:
    """What `look` gives, or gave before to anybody who looked for these benchmarks in these tables by these criteria and this source.

    Where nothing can be written it is looked for each time.
    """
    from o1exp.curate.leaks import Pairing

    said = {
        "source": source_digest(SEARCH), "criteria": criteria.what(), "tables": [one.manifest.digest for one in tables],
        "posed": [(name, one.manifest.digest) for name, one in posed],
    }  # fmt: skip
    place = root / FOLDER / hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:24]
    if (place / ROWS).is_file():
        try:
            return list(Table.read(place, Pairing))
        except (ValueError, OSError):  # cut off by a full disk or a power failure: it is looked for again
            shutil.rmtree(place, ignore_errors=True)
    found = look()
    with suppress(OSError):
        _keep(place, found)
    return found


def _keep(place: Path, found: list["Pairing"]) -> None:
    """Whole or not at all: where another process was faster, its table stays."""
    from o1exp.curate.leaks import Pairing

    part = place.with_name(f".{place.name}.{os.getpid()}.part")
    part.mkdir(parents=True)
    try:
        write_table(part, Pairing, found)
        part.rename(place)
    finally:
        shutil.rmtree(part, ignore_errors=True)
