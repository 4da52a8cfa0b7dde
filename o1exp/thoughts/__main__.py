"""`python -m o1exp.thoughts`: what markers long thoughts of a file have, and how well a judge judges steps."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from o1exp.records.fields import MISSING, as_text, field
from o1exp.records.rows import json_rows
from o1exp.records.style import Style, style


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0, or 2 with one message on stderr."""
    asked = _parser().parse_args(arguments)
    try:
        return int(asked.act(asked))
    except BrokenPipeError:  # the reader, such as head, has seen enough
        sys.stdout = None
        return 0
    except ValueError as wrong:
        print(wrong, file=sys.stderr)
        return 2


def _markers(asked: argparse.Namespace) -> int:
    found = {}
    for path in asked.files:
        texts, rows = [], [row.values for row in json_rows(path) if not row.reason]
        for name in asked.field:
            texts += [as_text(field(row, name)) for row in rows if field(row, name) is not MISSING]
        if not (one := style(filter(None, texts))):
            columns = ", ".join(rows[0]) if rows else "no rows"
            raise ValueError(f"{path}: no row has a text in {' or '.join(asked.field)}; it has {columns}; name one with --field")
        found[str(path)] = one
    if asked.json:
        print(json.dumps({name: one.plain() for name, one in found.items()}, ensure_ascii=False, indent=1))
    else:
        for path, one in found.items():
            print(f"{path}: {_in_words(one)}")
            print("  " + ", ".join(f"{name} {count:.1f}" for name, count in one.markers.items()))
    return 0


def _in_words(one: Style) -> str:
    return (
        f"{one.traces} traces of {one.tokens:,.0f} tokens (words, numbers and signs; median {one.median_tokens:,.0f}, "
        f"longest {one.longest:,}), "
        f"{one.lines:,.1f} lines of {one.words_per_line:.1f} words; markers per trace:"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m o1exp.thoughts", description="Long thoughts and judges of their steps, measured.")
    commands: Any = parser.add_subparsers(required=True, metavar="COMMAND")
    marks = commands.add_parser("markers", help="count the markers of long thoughts in files (Part 1, Table 3)")
    marks.set_defaults(act=_markers)
    marks.add_argument("files", type=Path, nargs="+", metavar="FILE", help="JSONL or JSON")
    marks.add_argument("--field", action="append", required=True, metavar="F", help="the thought's text; may be given several times")
    marks.add_argument("--json", action="store_true", help="print one JSON object instead")
    return parser


if __name__ == "__main__":
    sys.exit(main())
