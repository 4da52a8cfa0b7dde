"""`python -m o1exp.report compare RUN ...`: one page and one table over finished runs."""

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from o1exp.history.runs import RunRecord, find
from o1exp.report import runs
from o1exp.report.alike import RULE, unlike
from o1exp.report.compare import rows
from o1exp.report.differ import differences
from o1exp.report.effects import REPLICATES, effects
from o1exp.report.flips import flips
from o1exp.report.inside import elsewhere, with_links
from o1exp.report.ledger import bills
from o1exp.report.price import prices, regressions
from o1exp.report.render import page
from o1exp.report.table import summary, values


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0, or 2 with one message on stderr."""
    asked = _parser().parse_args(arguments)
    try:
        return int(asked.act(asked))
    except ValueError as wrong:
        print(wrong, file=sys.stderr)
        return 2


def _compare(asked: argparse.Namespace) -> int:
    found = [find(name, asked.outputs) for name in asked.runs]
    arms = runs.merge(found)
    baseline = runs.choose_baseline(asked.baseline, found, arms)
    table, warnings = rows(arms, baseline, asked.across), unlike(arms)
    grid = effects(arms, baseline, asked.replicates)
    if asked.out is not None:
        command = shlex.join(["python", "-m", "o1exp.report", "compare", *asked.runs, *_flags(baseline, asked.across)])
        asked.out.parent.mkdir(parents=True, exist_ok=True)
        html = page(runs.words(found, baseline, command, asked.replicates), table, arms, asked.samples)
        asked.out.write_text(with_links(html, elsewhere(found, asked.out)), encoding="utf-8")
    if asked.json:
        told: dict[str, Any] = {
            "runs": [_record(run) for run in found],
            "baseline": baseline,
            "warnings": warnings,
            "rows": [values(row) for row in table],
        }
        told["effects"] = grid.plain()
        told["looked"] = runs.looked(found)
        told["regressions"] = [{"arm": row.arm.name, "benchmark": row.benchmark, "shown": row.shown} for row in regressions(table)]
        told["differences"] = [one.plain() for one in differences(arms)]
        told["flips"] = [one.plain() for one in flips(arms, baseline)]
        told["prices"] = [one.plain() for one in prices(table, arms, baseline, bills(arms))]
        print(json.dumps(told | ({"page": str(asked.out)} if asked.out else {}), indent=1, ensure_ascii=False))
        return 0
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 200
    console.print(summary(table, grid))
    for sentence in [*runs.same(arms), *([" ".join([*warnings, RULE])] if warnings else [])]:
        console.print(f"\n{sentence}", markup=False, style="yellow")
    for name, why in [(name, why) for run in found for name, why in run.failed.items()]:
        console.print(f"without a result: {name}: {why}", markup=False, style="red", soft_wrap=True)
    if asked.out is not None:
        console.print(f"\npage: {asked.out}", markup=False, soft_wrap=True)
    return 0


def _flags(baseline: str, across: bool) -> list[str]:
    return [*(["--baseline", baseline] if baseline else []), *(["--across"] if across else [])]


def _record(run: RunRecord) -> dict[str, Any]:
    return {"name": run.name, "study": run.study, "command": run.command, "arms": run.arms, "failed": run.failed}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m o1exp.report")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    compare = commands.add_parser("compare", help="compare the arms of finished runs and sweeps")
    compare.set_defaults(act=_compare)
    compare.add_argument("runs", nargs="+", metavar="RUN", help="a folder below outputs/runs, or its name")
    compare.add_argument("--baseline", default="", metavar="ID", help="the arm to compare with, or a setting such as thought=shortcut")
    compare.add_argument("--across", action="store_true", help="compare arms that answered different questions too, as groups")
    compare.add_argument(
        "--replicates", type=lambda text: tuple(text.split(",")), default=REPLICATES, metavar="AXIS,...",
        help="axes of a sweep whose values repeat the experiment (seed); the others are factors",
    )  # fmt: skip
    compare.add_argument("--out", type=Path, metavar="FILE.html", help="write the page there")
    compare.add_argument("--outputs", type=Path, default=Path("outputs"), help="where runs are looked for by name (outputs)")
    compare.add_argument("--json", action="store_true", help="print the same as JSON instead")
    compare.add_argument("--samples", type=int, default=5, help="sample problems on the page (5)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
