"""A pack made again: its answers of models on record, its command run without a network, and each number held against the pack's."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from math import sqrt
from pathlib import Path
from typing import Any, Literal

from o1exp.chat.record import take_in
from o1exp.chat.replay import VARIABLE
from o1exp.history.runs import RECORD, RunRecord, all_of, run_folder
from o1exp.report import runs
from o1exp.report.compare import rows
from o1exp.report.export import REQUESTS, RESULTS, SWEEPS
from o1exp.report.table import values

Verdict = Literal["equal", "within", "different"]
ROOM = 0.1
"""The part by which a number without an interval may differ and be called within."""
SETTLED = ("outputs=", "track=", "track.")
"""Words of the pack's command that are said anew."""
STDERR = 2
"""Where the run's own lines go: what is printed on stdout are the numbers."""
_ROUNDING = 1e-6
_RATES = re.compile(r"accuracy|completed_accuracy|accuracy_without_affected|pass_at\.\d+|majority_at\.\d+")


@dataclass(frozen=True)
class Pack:
    """What `export` wrote into a folder, as far as it is needed to make the run again. `rows` are those of its result table."""

    folder: Path
    name: str
    command: str
    arms: dict[str, str]
    baseline: str
    rows: tuple[dict[str, Any], ...]

    @classmethod
    def read(cls, folder: Path) -> "Pack":
        """Errors: ValueError where the folder is no pack."""
        try:
            record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
            told = json.loads((folder / RESULTS).read_text(encoding="utf-8"))
            if not isinstance(record["arms"], dict):
                raise ValueError(f"arms of {RECORD} are no mapping")
            shlex.split(str.strip(record["command"]))
            if any(missing := {"arm", "benchmark", "problems", "attempts"} - row.keys() for row in told["rows"]):
                raise ValueError(f"a row of {RESULTS} has no {', '.join(sorted(missing))}")
            return cls(folder, record["name"], record["command"], record["arms"], told["baseline"], tuple(told["rows"]))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as wrong:
            raise ValueError(f"{folder} is no pack ({wrong}); python -m o1exp.report export RUN --to FOLDER makes one") from wrong


@dataclass(frozen=True)
class Number:
    """One number of the pack and the one that came out now; None where there is none."""

    arm: str
    benchmark: str
    name: str
    pack: float | None
    now: float | None
    verdict: Verdict


def make_again(pack: Pack, root: Path) -> RunRecord:
    """Make the pack's run in an outputs folder; where it is begun it goes on. No request is sent to any model.

    Errors: ValueError where the run does not end well, or leaves no result.
    """
    if (pack.folder / REQUESTS).is_file():
        take_in(pack.folder / REQUESTS, root)
    command = [sys.executable, "-m", "o1exp", *words(pack, root)]
    code = subprocess.run(command, env={**os.environ, VARIABLE: "1"}, stdout=STDERR, check=False).returncode
    if code:
        raise ValueError(f"the run ended with exit code {code}, nothing was compared; its command: {shlex.join(['o1exp', *command[3:]])}")
    made = [run for run in all_of(root) if set(run.arms) == set(pack.arms)]
    if not made:
        raise ValueError(f"no run in {root / 'runs'} has the arms {', '.join(pack.arms)} of the pack")
    same = [run for run in made if run.name == pack.name]
    return (same or sorted(made, key=lambda run: (run_folder(root, run.name) / RECORD).stat().st_mtime))[-1]


def words(pack: Pack, root: Path) -> list[str]:
    """The pack's command without its program, with its outputs in `root`, its sweep's file from the pack, and nothing logged."""
    files = [f"--config-dir={pack.folder / SWEEPS}"] if (pack.folder / SWEEPS).is_dir() else []
    settled = (*SETTLED, *(["--config-dir="] if files else []))
    kept = [word for word in shlex.split(pack.command)[1:] if not word.startswith(settled)]
    return [*files, *kept, f"outputs={root}", "track=none"]


def held_against(pack: Pack, run: RunRecord) -> list[Number]:
    """Every number of the pack's table beside the one of the run."""
    now = {(row["arm"], row["benchmark"]): row for row in map(values, rows(runs.merge([run]), pack.baseline))}
    return [one for row in pack.rows for one in _numbers(row, now.get((row["arm"], row["benchmark"]), {}))]


def _numbers(row: dict[str, Any], now: dict[str, Any]) -> Iterator[Number]:
    here = dict(_flat(now))
    for name, old in _flat(row):
        yield Number(row["arm"], row["benchmark"], name, old, here.get(name), _verdict(name, old, here.get(name), row))
    for name in here.keys() - dict(_flat(row)).keys():
        yield Number(row["arm"], row["benchmark"], name, None, here[name], "different")


def _flat(row: dict[str, Any], before: str = "") -> Iterator[tuple[str, float]]:
    """Every number by its full name; points of a curve by their kind and size."""
    for name, value in row.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}.")
        elif isinstance(value, list):
            for one in value:
                if isinstance(one, dict):
                    yield from _flat(
                        {key: part for key, part in one.items() if key != "size"}, f"{before}{name}.{one['kind']} {one['size']}."
                    )
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield before + name, float(value)


def _verdict(name: str, old: float, now: float | None, row: dict[str, Any]) -> Verdict:
    if now is None:
        return "different"
    if abs(now - old) <= _ROUNDING:
        return "equal"
    low, high = _reach(name, old, row)
    return "within" if low <= now <= high else "different"


def _reach(name: str, old: float, row: dict[str, Any]) -> tuple[float, float]:
    """Where a second drawing of the same thing lies in 95 cases of 100; of a number that has no interval, a tenth below and above it."""
    own, _, last = name.rpartition(".")
    if _RATES.fullmatch(name) or (own.startswith("curve.") and last == "accuracy"):
        return _rate_reach(old, int(row["problems"]))
    if last in ("difference", "low", "high") and own in ("against_baseline", "at_equal_tokens"):
        reach = sqrt(2) * (row[own]["high"] - row[own]["low"]) / 2
        return old - reach, old + reach
    if last in ("low", "high"):
        return _rate_reach(old, int(row["problems"]))
    if last in ("p", "adjusted"):
        return (0.0, 0.05) if old < 0.05 else (0.05, 1.0)
    if name in ("truncated", "no_answer", "unscored", "timed_out", "completed", "unparsed"):
        low, high = _rate_reach(min(1.0, old / row["attempts"]), int(row["problems"]))
        return low * row["attempts"], high * row["attempts"]
    return old - ROOM * abs(old), old + ROOM * abs(old)


def _rate_reach(rate: float, problems: int) -> tuple[float, float]:
    from o1exp.bench.statistics import wilson

    found = wilson(round(rate * problems), problems)
    return rate - sqrt(2) * max(0.0, rate - found.low), rate + sqrt(2) * max(0.0, found.high - rate)


def plain(found: list[Number]) -> list[dict[str, Any]]:
    """As JSON values."""
    return [asdict(one) for one in found]
