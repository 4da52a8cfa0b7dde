"""`make bench`: measurements as ratios, side by side in one run, printed and written to outputs/bench/speed.json.

python -m tests.speed [PART ...] measures only the parts named: answers, packing, tokens, training, ranks, parity.
"""

import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console
from rich.table import Table as Grid

from tests.speed.answers import measures as answers
from tests.speed.measure import Measure
from tests.speed.packing import packing
from tests.speed.tokens import tokenising
from tests.speed.training import NOTE, VARIANTS, against_single, against_trl, parity

OUT = Path("outputs/bench")
SMALL, LARGE = 32_000, 152_064
"""Vocabularies; the larger is Qwen2.5's."""
PARTS = ("answers", "packing", "tokens", "parity", "training", "ranks")


def measured(parts: list[str], folder: Path) -> Iterator[Measure]:
    """Every measurement of the parts, as soon as it is there."""
    if "answers" in parts:
        yield from answers()
    if "packing" in parts:
        yield packing(folder / "packing")
    if "tokens" in parts:
        yield tokenising()
    if "parity" in parts:
        yield parity(folder / "parity")
    if "training" in parts:
        yield from against_trl(folder / "small", SMALL, 60)
        yield from against_trl(folder / "large", LARGE, 36)
    if "ranks" in parts:
        yield from against_single(folder / "short", SMALL, 120, list(VARIANTS)[1:], packs=1)
        yield from against_single(folder / "long", SMALL, 240, [name for name in VARIANTS if "two" in name], packs=4)


def main(parts: list[str]) -> None:
    if unknown := set(parts) - set(PARTS):
        sys.exit(f"unknown: {', '.join(unknown)}; choose among {', '.join(PARTS)}")
    wanted = parts or list(PARTS)
    if find_spec("trl") is None:
        print("without TRL (pip install -e .[bench]) nothing is measured against it")
        wanted = [part for part in wanted if part not in ("parity", "training", "ranks")]
    found, console = [], Console(width=170)
    grid = Grid("measured", "against", "unit", "ours", "theirs", "ratio")
    with tempfile.TemporaryDirectory() as folder:
        for one in measured(wanted, Path(folder)):
            found.append(one)
            grid.add_row(one.what, one.against, one.unit, f"{one.ours:,.4g}", f"{one.other:,.4g}", f"{one.ratio:.2g}x")
            console.print(f"{one.what}: {one.ratio:.2g}x {one.against} ({one.unit})")
    console.print(grid)
    console.print(NOTE)
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "speed.json").write_text(json.dumps([{**asdict(one), "ratio": one.ratio} for one in found], indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
