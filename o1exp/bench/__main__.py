"""`python -m o1exp.bench regrade`: grade published outputs; `judged`: score a judge's replies; `counts`: compare two published counts."""

import argparse
import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from o1exp.bench.judges import AUTO_J, JUDGES, SAFETY_J, SAFETY_J_PUBLISHED
from o1exp.flow.command import answered, count, keeps
from o1exp.published import judged, released
from o1exp.records.fields import Values, field


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0, or 2 with one message on stderr."""
    return answered(_parser(), arguments)


def _regrade(asked: argparse.Namespace) -> int:
    from o1exp.published import regrade, regrade_report
    from o1exp.published.join import Side

    keeps("--out", asked.out, asked.outputs, asked.gold)
    outputs = Side.read(asked.outputs, asked.problem_field)
    gold = Side.read(asked.gold, asked.gold_problem_field) if asked.gold else None
    fields = regrade.OutputFields(
        output=asked.outputs_field, gold=asked.gold_field, thinking=asked.thinking_field, verdict=asked.verdict_field,
        reward=asked.reward_field, finish=asked.finish_field, tokens=asked.tokens_field,
    )  # fmt: skip
    counter = regrade.tokenizer_counter(asked.tokenizer) if asked.tokenizer else regrade.PIECES
    found = regrade.regrade(outputs, gold, fields, asked.join, counter)
    report = regrade_report.report(found, fields)
    _tell(asked, regrade_report.lines(report, asked.show), report.plain())
    if asked.out is not None:
        regrade_report.write(asked.out, found)
    return 0


def _judged(asked: argparse.Namespace) -> int:
    from o1exp.published import judged_report

    _fits(asked)
    rows = released.read(asked.verdicts)
    released.require(rows, asked.field, "--field", asked.verdicts)
    swapped = _swapped(asked, rows)
    found = judged.judge(rows, asked.field, asked.judge, asked.language, swapped)
    labels = None
    if asked.label_field:
        released.require(rows, asked.label_field, "--label-field", asked.verdicts)
        labels = [field(row, asked.label_field) for row in rows]
    report = judged_report.report(found, labels)
    _tell(asked, judged_report.lines(report, found.judge.near), report.plain())
    if asked.out is not None:
        judged.write(asked.out, rows, found)
    return 0


def _fits(asked: argparse.Namespace) -> None:
    """Errors: ValueError for a word that this judge does not take, and for a file that would be written over."""
    if (asked.swapped or asked.swapped_field) and asked.judge != AUTO_J.name:
        raise ValueError(f"--swapped and --swapped-field are for pairs, which {AUTO_J.name} alone judges; leave them out for {asked.judge}")
    if asked.language != "auto" and asked.judge not in (SAFETY_J.name, SAFETY_J_PUBLISHED.name):
        raise ValueError(f"--language is for {SAFETY_J.name}, which writes in two; leave it out for {asked.judge}")
    keeps("--out", asked.out, asked.verdicts, asked.swapped)


def _tell(asked: argparse.Namespace, lines: Iterable[str], values: dict[str, Any]) -> None:
    """The findings for a person, or with --json the same for a machine."""
    print(json.dumps(values, ensure_ascii=False, indent=1) if asked.json else "\n".join(lines))


def _counts(asked: argparse.Namespace) -> int:
    """Two published counts such as 13/30 and 12/30."""
    from o1exp.bench.comparison import verdict
    from o1exp.bench.statistics import counts

    numbers = []
    for text in (asked.ours, asked.theirs):
        right, slash, total = text.partition("/")
        known = slash and all(re.fullmatch(r"\d{1,9}", part.strip()) for part in (right, total))
        if not (known and int(right) <= int(total) and int(total) > 0):
            raise ValueError(f"{text[:60]!r} is no count; write right/all, e.g. 13/30, of at most nine digits each")
        numbers += [int(right), int(total)]
    print(verdict(counts(*numbers), asked.ours, asked.theirs))
    return 0


def _swapped(asked: argparse.Namespace, rows: list[Values]) -> list[str] | None:
    """The replies to the same pairs with the responses swapped, from another field or another file."""
    if not (asked.swapped or asked.swapped_field):
        return None
    name, other = asked.swapped_field or asked.field, rows
    if asked.swapped:
        other = released.read(asked.swapped)
        if len(other) != len(rows):
            raise ValueError(
                f"--swapped {asked.swapped} has {len(other)} rows, {asked.verdicts} has {len(rows)}: give the same pairs in the same order"
            )
    released.require(other, name, "--swapped-field", asked.swapped or asked.verdicts)
    return [judged.as_reply(field(row, name)) for row in other]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m o1exp.bench", description="Published outputs and stored judgements as input.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    regrade = commands.add_parser("regrade", help="grade outputs that someone else generated")
    regrade.set_defaults(act=_regrade)
    regrade.add_argument("--outputs", type=Path, required=True, metavar="FILE", help="JSONL or a JSON list")
    regrade.add_argument("--outputs-field", required=True, metavar="F", help="the answer's text, or a list of samples; a.b looks inside")
    regrade.add_argument("--gold", type=Path, metavar="FILE", help="where the gold answers are (the outputs file)")
    regrade.add_argument("--gold-field", required=True, metavar="F", help="the gold answer, alone or at the end of a worked solution")
    regrade.add_argument("--join", choices=("idx", "problem"), help="by index or by the problem's text (text, where both files have it)")
    regrade.add_argument("--problem-field", default="", metavar="F", help="the problem's text in the outputs (found by its usual names)")
    regrade.add_argument("--gold-problem-field", default="", metavar="F", help="the same in the gold file")
    regrade.add_argument("--verdict-field", default="", metavar="F", help="the peer's own verdicts: booleans, 0/1, or a list of them")
    regrade.add_argument("--thinking-field", default="", metavar="F", help="a thought kept apart from the answer")
    regrade.add_argument("--reward-field", default="", metavar="F", help="a reward model's score of each sample, for rm@k")
    regrade.add_argument("--finish-field", default="", metavar="F", help="why each answer ended; length means cut off")
    regrade.add_argument("--tokens-field", default="", metavar="F", help="the number of output tokens of each answer")
    regrade.add_argument("--tokenizer", default="", metavar="MODEL", help="count tokens with this model's tokenizer (folder or hub id)")
    regrade.add_argument("--show", type=count, default=50, metavar="N", help="disagreements to print (50)")
    regrade.add_argument("--json", action="store_true", help="print one JSON object instead, with all disagreements")
    regrade.add_argument("--out", type=Path, metavar="FILE", help="write one JSON line per sample")
    scored = commands.add_parser("judged", help="score a judge's stored replies by its own published rule")
    scored.set_defaults(act=_judged)
    scored.add_argument("--verdicts", type=Path, required=True, metavar="FILE", help="JSONL or a JSON list")
    scored.add_argument("--field", required=True, metavar="F", help="the judge's reply; a.b looks inside")
    scored.add_argument("--judge", choices=sorted(JUDGES), required=True)
    scored.add_argument(
        "--language", choices=("auto", "en", "zh"), default="auto", help="safety_j: take verdicts of one language alone (auto: both)"
    )
    scored.add_argument("--swapped-field", default="", metavar="F", help="auto_j on pairs: the reply with the two responses swapped")
    scored.add_argument("--swapped", type=Path, metavar="FILE", help="auto_j on pairs: a file with these replies, row by row")
    scored.add_argument("--label-field", default="", metavar="F", help="labels that stand beside the replies: print how many agree")
    scored.add_argument("--json", action="store_true", help="print one JSON object instead, with all near misses and disagreements")
    scored.add_argument("--out", type=Path, metavar="FILE", help="write the verdict per row as JSONL")
    published = commands.add_parser("counts", help="compare two published counts: what a difference such as 13/30 against 12/30 shows")
    published.set_defaults(act=_counts)
    published.add_argument("ours", metavar="RIGHT/ALL")
    published.add_argument("theirs", metavar="RIGHT/ALL")
    return parser


if __name__ == "__main__":
    sys.exit(main())
