"""`python -m o1exp.tti score FILE ...`: filled-in checklists; `board`: the leaderboard; `audit RUN`: a run from its own artefacts."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from o1exp.flow.command import answered, keeps
from o1exp.history.runs import RunRecord, all_of, find
from o1exp.tti import board, questions, score
from o1exp.tti.audit import Dossier, audit, checklist, next_points, stored
from o1exp.tti.checklist import Checklist, ChecklistError, empty, read, written
from o1exp.tti.rules import EFFORTS

ANSWERS = "answers.yaml"
WIDE = 200


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0, or 2 with every mistake on stderr."""
    return answered(_parser(), arguments)


def _score(asked: argparse.Namespace) -> int:
    if asked.template is not None:
        _refuse_existing(asked.template)
        _write(asked.template, written(empty(asked.template.stem), (_EMPTY,)))
        if not asked.json:
            print(f"an empty checklist: {asked.template}")
    elif not asked.files:
        raise ValueError("no checklist is given; name one or several YAML files, or write an empty one with --template FILE.yaml")
    found = _read_all(asked.files)
    if asked.json:
        _tell({"checklists": [score.values(one) for one in found]} | ({"template": str(asked.template)} if asked.template else {}))
    elif found:
        _terminal().print(score.summary(found))
    return 0


def _tell(values: dict[str, Any]) -> None:
    print(json.dumps(values, indent=1, ensure_ascii=False))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


_EMPTY = "answer: yes, no or not used (a technique that the work openly did without). All but no need evidence: links or paths."


def _board(asked: argparse.Namespace) -> int:
    rows = board.ranked([found.standing for found in _read_all(asked.files)])
    wanted = [(asked.html, ".html"), (asked.latex, ".tex"), (asked.csv, ".csv"), *((out, out.suffix) for out in asked.out)]
    for out, suffix in wanted:
        if out is not None and suffix not in board.FORMATS:
            raise ValueError(f"--out {out}: write one of {', '.join(board.FORMATS)}")
        keeps("--out", out, *asked.files)
    files = {out: suffix for out, suffix in wanted if out is not None}
    for out, suffix in files.items():
        _write(out, board.FORMATS[suffix](rows))
    if asked.json:
        _tell({"works": board.values(rows), "foot": board.FOOT, "files": [str(out) for out in files]})
        return 0
    _terminal().print(board.table(rows))
    for out, suffix in files.items():
        print(f"{suffix[1:]}: {out}")
    return 0


def _audit(asked: argparse.Namespace) -> int:
    run = find(asked.run, asked.outputs)
    if not run.cards:
        cells = _cells(run)
        remedy = f"audit {', '.join(cells)}" if cells else f"make them, and nothing else, with {run.command or 'o1exp'}"
        raise ValueError(f"{run.name} has no cards to audit; {remedy}")
    path = asked.answers or run.folder / ANSWERS
    keeps("--out", asked.out, path)
    if not path.exists():
        _write(path, questions.template(run.name))
    cards = {kind: place for kind, place in run.cards.items() if kind != "audit"}
    findings = audit(Dossier(root=run.root, run=run.name, cards=cards, answers=questions.answers(path), command=run.command))
    done = checklist(findings, run.name)
    if asked.out is not None:
        _write(asked.out, written(done))
    if asked.json:
        told = json.loads(stored(findings, run.name)) | {"next": [found.answer.item.id for found in next_points(findings)]}
        _tell(told | {"answers": str(path)} | ({"checklist": str(asked.out)} if asked.out else {}))
        return 0
    _terminal().print(_evidence(done))
    lacking = next_points(findings)
    print(f"\n{run.name}: {done.standing.total} of 100 points" + (". The next points, cheapest first:" if lacking else ""))
    for found in lacking:
        item = found.answer.item
        print(f"  +{found.gain} {item.short} ({EFFORTS[found.effort]}): {found.remedy}  [{found.lacking}]")
    if asked.out is not None:
        print(f"\nchecklist: {asked.out}")
    print(f"\nQuestions that only a person can answer: {path}")
    return 0


def _cells(sweep: RunRecord) -> list[str]:
    """The runs with cards whose results a sweep compares."""
    results = set(sweep.arms.values())
    return [run.name for run in all_of(sweep.root) if run.cards and set(run.arms.values()) <= results]


def _evidence(done: Checklist) -> Any:
    """Every item with its points and the first of its evidence."""
    from rich.table import Table

    from o1exp.tti.index import DIMENSIONS, SUMS

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in ("item", "points", "answer", "evidence"):
        table.add_column(name, justify="right" if name == "points" else "left", no_wrap=name != "evidence", overflow="fold")
    dimension = ""
    for answer in done.answers.values():
        item = answer.item
        if item.dimension != dimension:
            dimension = item.dimension
            table.add_row(DIMENSIONS[dimension], f"{done.standing.points[dimension]}/{SUMS[dimension]}", "", "", style="bold")
        more = f" and {len(answer.evidence) - 2} more" if len(answer.evidence) > 2 else ""
        table.add_row("  " + item.short, f"{answer.points}/{item.points}", answer.answer, ", ".join(answer.evidence[:2]) + more)
    return table


def _read_all(files: list[Path]) -> list[Checklist]:
    """All checklists, or all mistakes of all of them."""
    found, mistakes = [], []
    for path in files:
        try:
            found.append(read(path))
        except ChecklistError as wrong:
            mistakes += wrong.mistakes
    if mistakes:
        raise ChecklistError(mistakes)
    return found


def _refuse_existing(path: Path) -> None:
    if path.exists():
        raise ValueError(f"{path} exists already; name a new file")


def _terminal() -> Any:
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = WIDE
    return console


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m o1exp.tti", description="The Technical Transparency Index: 25 items, 100 points.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    scoring = commands.add_parser("score", help="points of filled-in checklists, side by side")
    scoring.set_defaults(act=_score)
    scoring.add_argument("files", nargs="*", type=Path, metavar="FILE.yaml")
    scoring.add_argument("--template", type=Path, metavar="FILE.yaml", help="write an empty checklist there")
    ranking = commands.add_parser("board", help="the paper's seven works by their published sums, and checklists beside them")
    ranking.set_defaults(act=_board)
    ranking.add_argument("files", nargs="*", type=Path, metavar="FILE.yaml")
    ranking.add_argument("--out", type=Path, action="append", default=[], metavar="FILE", help="write .html, .tex or .csv (repeatable)")
    for kind in ("html", "latex", "csv"):
        ranking.add_argument(f"--{kind}", type=Path, metavar="FILE", help=f"write {kind} there")
    auditing = commands.add_parser("audit", help="answer each item from a run's artefacts")
    auditing.set_defaults(act=_audit)
    auditing.add_argument("run", metavar="RUN", help="a folder below outputs/runs, or its name")
    auditing.add_argument("--answers", type=Path, metavar="FILE.yaml", help=f"what only a person knows (RUN/{ANSWERS}); written if absent")
    auditing.add_argument("--out", type=Path, metavar="FILE.yaml", help="write the findings as a checklist for score and board")
    for command in (scoring, ranking, auditing):
        command.add_argument("--json", action="store_true", help="print the same as JSON instead")
    auditing.add_argument("--outputs", type=Path, default=Path("outputs"), help="where runs are looked for by name (outputs)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
