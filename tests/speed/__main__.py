"""`make bench`: measurements of this machine, beside those that were accepted last (docs/measured.json).

python -m tests.speed [PART ...] measures only the parts named: answers, asking, curating, packing, stores, tokens, wide, parity, training,
ranks; gpu-training and gpu-sampling where a GPU is, or only some of their cases (`gpu-training:1.5B,7B lora`). `--accept` keeps the
figures as the new ones, `--from FILE` takes those of an earlier measurement, also one of another machine, instead of measuring. Exit code
1: a rate fell by 15 %, memory rose by 5 %, or a case failed; each is named.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table as Grid

from o1exp.flow.made_by import made_by
from tests.speed import figures, gpu
from tests.speed.answers import measures as answers
from tests.speed.asking import measures as asking
from tests.speed.curating import curating
from tests.speed.figures import Change, Figure
from tests.speed.measure import Measure
from tests.speed.packing import packing
from tests.speed.stores import growing
from tests.speed.tokens import tokenising
from tests.speed.training import NOTE, VARIANTS, against_single, against_trl, parity
from tests.speed.wide import widening

OUT, KEPT = Path("outputs/bench"), Path("docs/measured.json")
SMALL, LARGE = 32_000, 152_064
"""Vocabularies; the larger is Qwen2.5's."""
PEER = ("parity", "training", "ranks")
PARTS = ("answers", "asking", "curating", "packing", "stores", "tokens", "wide", *PEER, *gpu.PARTS)


@dataclass
class Found:
    """What was measured, where, and what failed. Written anew after every figure: a long measurement may be cut off."""

    facts: dict[str, Any]
    measures: list[Measure] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> "Found":
        read = json.loads(path.read_text())
        read["measures"] = [Measure(**row) for row in read["measures"]]
        read["figures"] = [Figure(**row) for row in read["figures"]]
        return cls(**read)


def measured(parts: list[str], folder: Path) -> Iterator[Measure]:
    """Every measurement of the CPU parts, as soon as it is there."""
    if "answers" in parts:
        yield from answers()
    if "asking" in parts:
        yield from asking()
    if "curating" in parts:
        yield curating(folder / "curating")
    if "packing" in parts:
        yield packing(folder / "packing")
    if "stores" in parts:
        yield from growing(folder / "stores")
    if "tokens" in parts:
        yield tokenising()
    if "wide" in parts:
        yield from widening(folder / "wide")
    if "parity" in parts:
        yield parity(folder / "parity")
    if "training" in parts:
        yield from against_trl(folder / "small", SMALL, 60)
        yield from against_trl(folder / "large", LARGE, 36)
    if "ranks" in parts:
        yield from against_single(folder / "short", SMALL, 120, list(VARIANTS)[1:], packs=1)
        yield from against_single(folder / "long", SMALL, 240, [name for name in VARIANTS if "two" in name], packs=4)


def collect(parts: list[str], found: Found, console: Console, out: Path) -> None:
    """Measure the parts, saying and writing each figure as soon as it is there."""
    with tempfile.TemporaryDirectory() as folder:
        for one in measured(parts, Path(folder)):
            console.print(f"{one.what}: {one.ratio:.2g}x {one.against} ({one.unit})")
            found.measures.append(one)
            found.figures += figures.of_measure(one)
            found.save(out)
    for part, _, cases in (word.partition(":") for word in parts):
        for row in gpu.rows(part, cases.split(",") if cases else []) if part in gpu.PARTS else ():
            console.print(json.dumps(row), markup=False, soft_wrap=True)
            found.rows.append({"of": part, **row})
            found.figures += figures.of_row(part, row, found.facts["device"])
            found.failed += [f"{part} {row.get('part') or row.get('run')}: {row['failed']}"] if "failed" in row else []
            found.save(out)


def wanted(parts: list[str]) -> list[str]:
    """The parts that can be measured here."""
    names = {word: word.partition(":")[0] for word in parts or PARTS}
    if unknown := set(names.values()) - set(PARTS):
        sys.exit(f"unknown: {', '.join(unknown)}; choose among {', '.join(PARTS)}")
    kept = [word for word, part in names.items() if part not in gpu.PARTS or gpu.there(part)]
    if lost := set(parts) - set(kept):
        sys.exit(f"{', '.join(lost)}: there is no GPU that this process may use")
    if find_spec("trl") is None and set(kept) & set(PEER):
        print("without TRL (pip install -e .[bench]) nothing is measured against it on the CPU")
        kept = [part for part in kept if part not in PEER]
    return kept


def show(found: Found, changes: list[Change], console: Console) -> None:
    """The tables: ours beside theirs, and each figure beside the one that was accepted."""
    if found.measures:
        grid = Grid("measured", "against", "unit", "ours", "theirs", "ratio")
        for one in found.measures:
            grid.add_row(one.what, one.against, one.unit, f"{one.ours:,.4g}", f"{one.other:,.4g}", f"{one.ratio:.2g}x")
        console.print(grid)
        console.print(NOTE)
    grid = Grid("figure", "unit", "device", "accepted", "now", "change")
    for change in changes:
        now, before = change.figure, "" if change.before is None else f"{change.before:,.4g}"
        moved = f"{change.share:+.1%}" if before else "new"
        grid.add_row(now.name, now.unit, now.device, before, f"{now.value:,.4g}", moved, style="red" if change.worse else None)
    console.print(grid)
    for line in [*(change.words for change in changes if change.worse), *found.failed]:
        console.print(line, style="red", markup=False, soft_wrap=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.speed", description="Measure, and compare with what was accepted last.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--accept", action="store_true", help=f"keep the figures in {KEPT}")
    parser.add_argument("--from", dest="earlier", type=Path, metavar="FILE", help="the figures of an earlier measurement")
    parser.add_argument("--out", type=Path, default=OUT, metavar="FOLDER", help=f"where speed.json is written ({OUT})")
    parser.add_argument("--commit", default="", help="what is measured, where there is no git")
    given, console = parser.parse_args(), Console(width=170)
    if given.earlier is not None:
        found = Found.load(given.earlier)
    else:
        versions = made_by()
        facts = {"device": "cpu", **gpu.device(), "commit": given.commit or versions.get("commit", ""), "versions": versions}
        found = Found({**facts, "date": datetime.now(UTC).strftime("%Y-%m-%d")})
        collect(wanted(given.parts), found, console, given.out / "speed.json")
    kept = figures.load(KEPT)
    changes = figures.compared(kept, found.figures)
    show(found, changes, console)
    if given.accept:
        figures.save(KEPT, figures.accepted(kept, found.figures, found.facts))
    return int(bool(found.failed) or (any(change.worse for change in changes) and not given.accept))


if __name__ == "__main__":
    sys.exit(main())
