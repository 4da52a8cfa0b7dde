"""`python -m o1exp.flow gc`: free the space of what no kept run reaches."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from o1exp.flow.command import answered
from o1exp.flow.garbage import Garbage, collect
from o1exp.flow.stock import holds_of
from o1exp.flow.storage import Storage
from o1exp.history.cells import OUTCOME, outcome
from o1exp.history.runs import RECORD, RunRecord, all_of, find, read, run_folder


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
    records = [find(name, root) for name in asked.keep] if asked.keep else all_of(root)
    records += [cell for record in records for cell in _cells(record)]
    paths = {path for record in records for path in _paths(record)}
    keys = frozenset(key for record in records for key in record.stages.values())
    found = collect(root, holds_of(root, Storage(locks=asked.locks, patience=asked.patience)), paths, keys, asked.dry_run)
    for one in found:
        print(f"{_size(one.size):>10}  {one.path}")
    print(_sum(found, len(records), asked.dry_run))
    return 0


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
