"""Figures beside those that were accepted last: rates that fell and memory that rose are named."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from tests.speed.measure import Measure

FALL, RISE = 0.15, 0.05
"""Shares by which a rate may not fall and memory not rise."""
RATES, MEMORY = ("tok_s", "tokens_s", "tflops"), ("gib", "gb", "mb")
"""How names of rates and of memory end in the rows of a GPU part."""

Kept = dict[str, dict[str, Any]]
"""By device: `facts` of the last measurement that was accepted, and `figures` by name, each with the commit that it was measured at."""


@dataclass(frozen=True)
class Figure:
    """One number of one device ("cpu", or the GPU's name)."""

    name: str
    value: float
    unit: str
    kind: Literal["rate", "memory"]
    device: str


@dataclass(frozen=True)
class Change:
    """A figure, and what it was when it was accepted (None: never)."""

    figure: Figure
    before: float | None

    @property
    def share(self) -> float:
        """0.1: a tenth more than before."""
        return self.figure.value / self.before - 1 if self.before else 0.0

    @property
    def worse(self) -> bool:
        return self.share <= -FALL if self.figure.kind == "rate" else self.share >= RISE

    @property
    def words(self) -> str:
        moved = "fell" if self.share < 0 else "rose"
        one = self.figure
        return f"{one.name} {moved} by {abs(self.share):.0%}: {self.before:,.4g} -> {one.value:,.4g} {one.unit} ({one.device})"


def of_measure(one: Measure) -> list[Figure]:
    """On a CPU the ratio is compared, since seconds hang on the machine; a difference of losses is neither fast nor slow."""
    if one.unit == "nats":
        return []
    kind: Literal["rate", "memory"] = "memory" if one.unit.startswith("MB") else "rate"
    return [Figure(f"{one.what}, {one.unit}, against {one.against}", one.ratio, "x", kind, "cpu")]


def of_row(part: str, row: Mapping[str, Any], device: str) -> list[Figure]:
    """The rates and the memory in what a GPU part says of one of its cases, which is named by `part` or `run`.

    A profiled case is slower than it would be, and no figure.
    """
    case, found = f"{part} {row.get('part') or row.get('run')}", list[Figure]()
    for name, value in row.items() if "profile" not in case else ():
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        if name.endswith(RATES):
            found.append(Figure(f"{case} {name}", value, "TFLOP/s" if name.endswith("tflops") else "tokens/s", "rate", device))
        elif name.endswith(MEMORY):
            found.append(Figure(f"{case} {name}", value, {"gib": "GiB", "gb": "GB", "mb": "MB"}[name.rpartition("_")[2]], "memory", device))
    return found


def compared(kept: Kept, figures: Iterable[Figure]) -> list[Change]:
    """Each figure beside the one of its name and device."""
    return [Change(one, kept.get(one.device, {}).get("figures", {}).get(one.name, {}).get("value")) for one in figures]


def accepted(kept: Kept, figures: Iterable[Figure], facts: Mapping[str, Any]) -> Kept:
    """The figures in place of those of the same name and device; the others stay as they are."""
    new = {device: {**entry, "figures": dict(entry["figures"])} for device, entry in kept.items()}
    for one in figures:
        entry = new.setdefault(one.device, {"facts": {}, "figures": {}})
        entry["facts"] = dict(facts)
        row = {name: value for name, value in asdict(one).items() if name not in ("name", "device")}
        entry["figures"][one.name] = {**row, "commit": facts.get("commit", "")}
    return new


def load(path: Path) -> Kept:
    kept: Kept = json.loads(path.read_text()) if path.exists() else {}
    return kept


def save(path: Path, kept: Kept) -> None:
    path.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
