"""What a server did not take: kept in `unsent/` of the outputs folder, a file for each run and sweep, and sent later from the artefacts."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from o1exp.history.runs import RunRecord, replace_text
from o1exp.track.tracking import Cell
from o1exp.track.usable import SERVERS, Unreached, Untracked

FOLDER, DOWN = "unsent", "down"
REST = 60.0
"""Seconds for which a server that did not answer is left alone: a sweep of quick cells would wait for it in every one."""


@contextmanager
def tried(uri: str, root: Path) -> Iterator[None]:
    """Errors: Unreached where the address is that of a server and what is done inside fails for it, or did a moment ago."""
    if not uri.startswith(SERVERS):
        yield
        return
    mark = root / FOLDER / DOWN
    if mark.is_file() and time.time() - mark.stat().st_mtime < REST:
        raise Unreached(mark.read_text(encoding="utf-8"))
    try:
        yield
    except Untracked as wrong:
        if wrong.__cause__ is None:  # ours, of what is wrong with the study
            raise
        replace_text(mark, str(wrong))
        raise Unreached(str(wrong)) from wrong
    mark.unlink(missing_ok=True)


def keep_run(uri: str, record: RunRecord, cell: Cell | None) -> None:
    own = asdict(replace(cell, parent="")) if cell else None  # the sweep's run is found, or made, when it is sent
    _keep(record.root, {"uri": uri, "run": record.name, "cell": own})


def keep_sweep(uri: str, folder: Path, study: str) -> None:
    _keep(folder.resolve().parents[1], {"uri": uri, "sweep": folder.name, "study": study})


def waiting(root: Path) -> list[Path]:
    """What is still to be sent, runs before sweeps."""
    return sorted((root / FOLDER).glob("*.json"))


def why(root: Path) -> str:
    """What the server said last, "" where it answered."""
    mark = root / FOLDER / DOWN
    return mark.read_text(encoding="utf-8") if mark.is_file() else ""


def _keep(root: Path, what: dict[str, Any]) -> None:
    text = json.dumps(what, sort_keys=True)
    kind = "run" if "run" in what else "sweep"
    replace_text(root / FOLDER / f"{kind}-{sha256(text.encode()).hexdigest()[:16]}.json", text)
