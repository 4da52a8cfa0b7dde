"""`python -m o1exp.flow gc`: free the space of what no kept run reaches."""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from o1exp.flow.command import answered
from o1exp.flow.garbage import Garbage, collect
from o1exp.flow.manifest import ARTEFACTS, NAME
from o1exp.flow.stock import LOCKS, holds_of
from o1exp.flow.storage import Storage
from o1exp.flow.uses import USES
from o1exp.history.cells import OUTCOME, outcome
from o1exp.history.runs import RECORD, RunRecord, find, read, run_folder


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0, or 2 with one message on stderr."""
    parser = argparse.ArgumentParser(prog="python -m o1exp.flow", description="The artefacts of an outputs folder.")
    gc = parser.add_subparsers(required=True, metavar="gc").add_parser(
        "gc", help="remove artefacts, progress and damaged folders that no kept run reaches; runs' pages and requests.sqlite stay"
    )
    gc.add_argument("--keep", nargs="+", metavar="RUN", help="the runs and sweeps that keep what they stand on (all that have a record)")
    gc.add_argument("--outputs", type=Path, default=Path("outputs"), help="the outputs folder (outputs)")
    gc.add_argument("--dry-run", action="store_true", help="only say what would go")
    gc.add_argument("--locks", choices=("flock", "heartbeat"), default="flock", help="store.locks of the runs in this folder (flock)")
    gc.add_argument("--patience", type=float, default=60.0, help="store.patience of the runs in this folder, in seconds (60)")
    gc.set_defaults(act=_gc)
    return answered(parser, arguments)


def _gc(asked: argparse.Namespace) -> int:
    root = asked.outputs.resolve()
    if not root.is_dir():
        raise ValueError(f"there is no outputs folder {asked.outputs}; give it with --outputs")
    records = [_here(name, root) for name in asked.keep] if asked.keep else _all(root)
    _queued(root)
    records = list({record.folder: record for record in (*records, *(cell for record in records for cell in _cells(record)))}.values())
    paths = {path for record in records for path in _paths(record)}
    keys = frozenset(key for record in records for key in record.stages.values())
    storage = Storage(locks=asked.locks, patience=asked.patience)
    _same_locks(root, storage.locks)
    try:
        found = collect(root, holds_of(root, storage), paths, keys, asked.dry_run)
    except OSError as wrong:
        raise ValueError(
            f"not all garbage of {root} could be removed ({wrong}); see that its folders may be moved within it, then try again"
        ) from wrong
    for one in found:
        print(f"{_size(one.size):>10}  {one.path}")
    print(_sum(found, len(records), asked.dry_run))
    return 0


def _here(name: str, root: Path) -> RunRecord:
    """A run to be kept. One of another outputs folder keeps nothing in this one, so that all of it would go."""
    record = find(name, root)
    if record.root != root and record.folder != run_folder(root, record.name).resolve():  # runs/ may lie elsewhere
        raise ValueError(f"--keep {name} is a run of {record.root}, while garbage is looked for in {root}; give --outputs {record.root}")
    return record


def _all(root: Path) -> list[RunRecord]:
    """Every run that has a record. One that cannot be read, or none at all, would lose everything, and is an error."""
    places = sorted((root / "runs").glob(f"*/{RECORD}"))
    if not places:
        raise ValueError(
            f"no run in {root / 'runs'} has a record, so that everything would go; name what stays with --keep, or delete {root}"
        )
    return [read(place.parent) for place in places]


def _queued(root: Path) -> None:
    """Slurm jobs that wait for their turn stand on artefacts, and on checkpoints, while no process says so. Errors: ValueError."""
    for place in sorted((root / "slurm").glob("*.json")):
        if place.name.endswith(".ended.json"):
            continue
        job, ended = _note(place), _note(place.with_name(f"{place.stem}.ended.json"))
        if ended.get("number") != job.get("number") and not all(_made(root, str(key)) for key in job.get("keys", ())):
            raise ValueError(
                f"job {job.get('number')} ({place.stem}) of Slurm has not said that it ended, and stands on what might go;"
                f" wait for it, or delete {place} where squeue does not know it any more"
            )


def _made(root: Path, key: str) -> bool:
    kinds = root / ARTEFACTS
    return kinds.is_dir() and any((kind / key / NAME).exists() for kind in kinds.iterdir())


def _note(place: Path) -> dict[str, Any]:
    try:
        found = json.loads(place.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _same_locks(root: Path, locks: str) -> None:
    """Who looks for locks where runs show heartbeats, or the other way round, sees no living run. Errors: ValueError."""
    for place in sorted((root / USES).glob("*.json")):
        beats = (root / LOCKS / place.stem).is_dir()
        if beats != (locks == "heartbeat"):
            there = "heartbeat" if beats else "flock"
            raise ValueError(f"--locks {locks}: a run in {root} goes by store.locks={there} ({place}); give --locks {there}")


def _paths(record: RunRecord) -> Iterator[str]:
    yield from record.arms.values()
    yield from record.cards.values()
    if record.report:
        yield record.report


def _cells(record: RunRecord) -> Iterator[RunRecord]:
    """The runs of a sweep's cells, those of a search's trials too."""
    for place in sorted(record.folder.rglob(OUTCOME)):
        cell = outcome(place.parent)
        if cell and cell.run and (run_folder(record.root, cell.run) / RECORD).is_file():
            yield read(run_folder(record.root, cell.run))


def _sum(found: list[Garbage], runs: int, dry_run: bool) -> str:
    count = "1 folder" if len(found) == 1 else f"{len(found)} folders"
    kept = "1 run keeps what it stands on" if runs == 1 else f"{runs} runs keep what they stand on"
    return f"{count}, {_size(sum(one.size for one in found))} {'would be freed' if dry_run else 'freed'}; {kept}"


def _size(count: int) -> str:
    return f"{count / 1e9:,.2f} GB" if count >= 1e9 else f"{count / 1e6:,.2f} MB"


if __name__ == "__main__":
    sys.exit(main())
