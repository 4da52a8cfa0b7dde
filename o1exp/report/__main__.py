"""`python -m o1exp.report`: finished runs compared, their traces side by side, one held against thresholds, one exported."""

import argparse
import json
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from o1exp.flow.command import answered, count
from o1exp.history.runs import RunRecord, find
from o1exp.report import runs
from o1exp.report.alike import RULE, unlike
from o1exp.report.compare import rows
from o1exp.report.differ import differences
from o1exp.report.effects import REPLICATES, effects, unknown_replicates
from o1exp.report.export import REPRODUCE, export
from o1exp.report.flips import flips
from o1exp.report.gate import CODES, findings, overall, read_thresholds
from o1exp.report.inside import TRACES, elsewhere, with_links
from o1exp.report.judges import agreeing, measured_judges, of_runs
from o1exp.report.ledger import bills
from o1exp.report.phases import chosen
from o1exp.report.price import prices, regressions
from o1exp.report.reference import references
from o1exp.report.render import page
from o1exp.report.table import summary, values
from o1exp.report.timeline import timeline


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0, or 2 with one message on stderr; a gate has 0 for pass, 1 for fail and 3 for undecided."""
    return answered(_parser(), arguments)


def _compare(asked: argparse.Namespace) -> int:
    if asked.cases and asked.out is None:
        raise ValueError("--cases chooses what the page shows, and no page is asked for: name one with --out FILE.html")
    named = [find(name, asked.outputs) for name in asked.runs]
    found, repeated = list({run.folder: run for run in named}.values()), runs.repeated(named)
    arms = runs.with_results(found)
    baseline = runs.choose_baseline(asked.baseline, found, arms)
    table, warnings, listed_once = rows(arms, baseline, asked.across), unlike(arms), [*repeated, *runs.same(arms)]
    if asked.replicates is not REPLICATES and (wrong := unknown_replicates(arms, asked.replicates)):
        raise ValueError(wrong)
    grid = effects(arms, baseline, asked.replicates)
    if asked.out is not None:
        command = shlex.join(["python", "-m", "o1exp.report", "compare", *asked.runs, *_flags(asked, baseline)])
        asked.out.parent.mkdir(parents=True, exist_ok=True)
        words = replace(runs.words(found, baseline, command, asked.replicates), cases=asked.cases, repeated=tuple(repeated))
        html = page(words, table, arms, asked.samples)
        asked.out.write_text(with_links(html, elsewhere(found, asked.out)), encoding="utf-8")
    if asked.json:
        told: dict[str, Any] = {
            "runs": [_record(run) for run in found],
            "baseline": baseline,
            "warnings": warnings,
            "listed_once": listed_once,
            "uncompared": runs.uncompared(arms, baseline),
            "rows": [values(row) for row in table],
        }
        told["effects"] = grid.plain()
        told["looked"] = [*runs.looked(found), *chosen(arms)]
        told["judges"] = measured_judges(of_runs(found)).plain()
        told["agreement"] = [one.plain() for one in agreeing(arms)]
        told["timeline"] = [one.plain() for one in timeline(arms)]
        told["published"] = [one.plain() for one in references(table)]
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
    for sentence in [*listed_once, *runs.uncompared(arms, baseline), *([" ".join([*warnings, RULE])] if warnings else [])]:
        console.print(f"\n{sentence}", markup=False, style="yellow", soft_wrap=True)  # a path stays whole
    for name, why in runs.failed(found).items():
        console.print(f"without a result: {name}: {why}", markup=False, style="red", soft_wrap=True)
    if asked.out is not None:
        console.print(f"\npage: {asked.out}", markup=False, soft_wrap=True)
    return 0


def _traces(asked: argparse.Namespace) -> int:
    from o1exp.report.viewer import viewer

    found = [find(name, asked.outputs) for name in asked.runs]
    arms = runs.with_results(found)
    baseline = runs.choose_baseline(asked.baseline, found, arms)
    page_file = asked.out or found[0].folder / TRACES
    page_file.parent.mkdir(parents=True, exist_ok=True)
    html = viewer(f"Traces of {', '.join(run.name for run in found)}", arms, baseline, asked.problems)
    page_file.write_text(with_links(html, elsewhere(found, page_file)), encoding="utf-8")
    print(f"page: {page_file}")
    return 0


def _gate(asked: argparse.Namespace) -> int:
    run, wanted = find(asked.run, asked.outputs), read_thresholds(asked.thresholds)
    arms = runs.with_results([run])
    baseline = runs.choose_baseline(asked.baseline or wanted.baseline, [run], arms)
    found = findings(wanted, rows(arms, baseline), arms, baseline)
    verdict = overall(found)
    if asked.json:
        told = {"run": run.name, "baseline": baseline, "verdict": verdict, "findings": [one.plain() for one in found]}
        print(json.dumps(told, indent=1, ensure_ascii=False))
    else:
        print("\n".join([*(one.sentence for one in found), f"{run.name}: {verdict}"]))
    return CODES[verdict]


def _export(asked: argparse.Namespace) -> int:
    files = export(find(asked.run, asked.outputs), asked.to)
    print(f"{len(files)} files in {asked.to}; {asked.to / REPRODUCE} makes the run again")
    return 0


def _reproduce(asked: argparse.Namespace) -> int:
    from o1exp.report.again import Pack, held_against, make_again, plain

    pack = Pack.read(asked.pack)
    run = make_again(pack, asked.outputs.resolve())
    found = held_against(pack, run)
    counts = {verdict: sum(one.verdict == verdict for one in found) for verdict in ("equal", "within", "different")}
    if asked.json:
        print(json.dumps({"pack": pack.name, "run": run.name, "counts": counts, "numbers": plain(found)}, indent=1, ensure_ascii=False))
    else:
        for one in found:
            print(f"{one.verdict:<9}  {one.arm}, {one.benchmark}, {one.name}: {_shown(one.pack)} in the pack, {_shown(one.now)} now")
        print(", ".join(f"{count} {verdict}" for verdict, count in counts.items()))
    return 1 if counts["different"] else 0


def _shown(number: float | None) -> str:
    return "none" if number is None else f"{number:.6g}"


def _flags(asked: argparse.Namespace, baseline: str) -> list[str]:
    """The options of a comparison that make this page and no other."""
    given = {
        "--baseline": baseline, "--cases": ",".join(asked.cases), "--replicates": ",".join(asked.replicates),
        "--samples": str(asked.samples), "--outputs": str(asked.outputs),
    }  # fmt: skip
    usual = {"--replicates": ",".join(REPLICATES), "--samples": "5", "--outputs": "outputs"}
    words = [word for name, value in given.items() if value and value != usual.get(name) for word in (name, value)]
    return [*words, *(["--across"] if asked.across else [])]


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
    compare.add_argument(
        "--cases", type=lambda text: tuple(text.split(",")), default=(), metavar="ID,...",
        help="problems of the case studies (the largest changes, one of each category in turn)",
    )  # fmt: skip
    compare.add_argument("--samples", type=count, default=5, help="sample problems on the page (5)")
    traces = commands.add_parser("traces", help="trees, walks, long thoughts and answers of several runs side by side, on one page")
    traces.set_defaults(act=_traces)
    traces.add_argument("runs", nargs="+", metavar="RUN", help="a folder below outputs/runs, or its name")
    traces.add_argument("--baseline", default="", metavar="ID", help="the arm against which problems flipped (else the run's)")
    traces.add_argument("--problems", type=count, default=100, metavar="N", help="problems of the data and of each benchmark (100)")
    traces.add_argument("--out", type=Path, metavar="FILE.html", help="the page (traces.html in the first run's folder)")
    traces.add_argument("--outputs", type=Path, default=Path("outputs"), help="where runs are looked for by name (outputs)")
    gate = commands.add_parser(
        "gate", help="hold a run against thresholds; exit code 0: pass, 1: fail, 3: undecided, 2: a mistake in the command or its files"
    )
    gate.set_defaults(act=_gate)
    gate.add_argument("--thresholds", type=Path, required=True, metavar="FILE.yaml", help="least accuracy, largest loss, by benchmark")
    gate.add_argument("--baseline", default="", metavar="ID", help="the arm to compare with (else the file's, else the run's)")
    gate.add_argument("--json", action="store_true", help="print the findings as JSON instead")
    pack = commands.add_parser("export", help="copy what a run rests on into a folder to give away")
    pack.set_defaults(act=_export)
    pack.add_argument("--to", type=Path, required=True, metavar="FOLDER", help="a new or empty folder")
    again = commands.add_parser(
        "reproduce", help="make a pack's run again without asking any model, and compare; exit code 0: no number is different, 1: some are"
    )
    again.set_defaults(act=_reproduce)
    again.add_argument("pack", type=Path, metavar="PACK", help="a folder that export wrote")
    again.add_argument("--outputs", type=Path, default=Path("reproduced"), help="where the run is made; a begun one goes on (reproduced)")
    again.add_argument("--json", action="store_true", help="print the numbers as JSON instead")
    for parser_of_one in (gate, pack):
        parser_of_one.add_argument("run", metavar="RUN", help="a folder below outputs/runs, or its name")
        parser_of_one.add_argument("--outputs", type=Path, default=Path("outputs"), help="where runs are looked for by name (outputs)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
