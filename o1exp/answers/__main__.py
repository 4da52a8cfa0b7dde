"""`python -m o1exp.answers grade`: verdicts on a file of pairs."""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from o1exp import print_any_letter
from o1exp.answers.grade import GoldPair, Verdict, grade_all
from o1exp.flow.command import keeps
from o1exp.records.fields import as_text

_TOO_DEEP = "lists too deep inside one another; give gold and prediction as text"
_MOST_DIGITS = 600  # Python reads and writes no whole number that is much longer


def main(arguments: list[str] | None = None) -> int:
    """Run a command; 0 when it is done, 2 where the input is wrong."""
    print_any_letter()
    options = _options(arguments)
    try:
        keeps("--out", options.out, options.pairs)
        rows = list(_rows(options.pairs))
        with _progress(len(rows)) as advance:
            verdicts = grade_all([_pair(number, row) for number, row in rows], options.mode, options.processes, advance)
        if not options.out.parent.is_dir():
            options.out.parent.mkdir(parents=True)
            print(f"made the folder {options.out.parent}", file=sys.stderr)
        # half of a surrogate pair is written as the \ud800 that stood in the input
        with options.out.open("w", encoding="utf-8", errors="backslashreplace") as out:
            for (_, row), verdict in zip(rows, verdicts, strict=True):
                out.write(json.dumps(_result(row, verdict), ensure_ascii=False) + "\n")
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: {error.filename}: {error.strerror}; give --pairs a file to read and --out one to write", file=sys.stderr)
        return 2
    counts = Counter(verdict.status for verdict in verdicts)
    print(f"{len(verdicts)} pairs graded ({options.mode}): " + ", ".join(f"{count} {status}" for status, count in sorted(counts.items())))
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m o1exp.answers", description="Find, compare and grade answers.")
    command = parser.add_subparsers(dest="command", required=True).add_parser(
        "grade",
        help="grade a file of pairs",
        description="Each line of --pairs is {id, gold, prediction, form}; form is answer (the prediction is the answer) or response "
        "(it is found in the text). --out gets {id, verdict, status, extracted, method} in the same order; verdict is true, false, or null "
        "where the gold answer cannot be read; status is equal, different, no_answer, truncated, gold_unreadable or timeout.",
    )
    command.add_argument("--pairs", type=Path, required=True, metavar="IN.jsonl")
    command.add_argument("--out", type=Path, required=True, metavar="OUT.jsonl")
    command.add_argument("--mode", choices=["strict", "default"], default="default", help="what counts as equal by convention")
    command.add_argument("--processes", type=int, default=None, metavar="N", help="default: as many as the batch is worth")
    return parser.parse_args(arguments)


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield number, _row(f"{path}, line {number}", line)


def _row(where: str, line: bytes) -> dict[str, Any]:
    try:
        row = json.loads(line.decode("utf-8"), parse_int=_whole)
    except UnicodeDecodeError as error:
        raise ValueError(f"{where}: no UTF-8 ({error.reason}); save the file as UTF-8") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"{where}: {error.msg}; give one JSON object a line") from error
    except RecursionError as error:
        raise ValueError(f"{where}: {_TOO_DEEP}") from error
    if not isinstance(row, dict) or not {"gold", "prediction"} <= set(row):
        raise ValueError(f"{where}: gold or prediction is missing; give {{id, gold, prediction, form}}")
    return row


def _pair(number: int, row: dict[str, Any]) -> GoldPair:
    form = row.get("form", "answer")
    if form not in ("answer", "response"):
        raise ValueError(f"line {number}: form is {form!r}; give answer or response")
    try:
        gold, prediction = as_text(row["gold"]), as_text(row["prediction"])
    except RecursionError as error:
        raise ValueError(f"line {number}: {_TOO_DEEP}") from error
    return GoldPair(gold, prediction, form, bool(row.get("truncated", False)))


def _whole(digits: str) -> int | str:
    return int(digits) if len(digits) <= _MOST_DIGITS else digits


def _result(row: dict[str, Any], verdict: Verdict) -> dict[str, Any]:
    said = {"verdict": verdict.correct, "status": verdict.status, "extracted": verdict.extracted, "method": verdict.method}
    return {"id": row.get("id"), **said}


@contextmanager
def _progress(total: int) -> Iterator[Any]:
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("graded", total=total)
        yield lambda done: bar.advance(task, done)


if __name__ == "__main__":
    sys.exit(main())
