"""`python -m o1exp.chat ledger`: what model calls cost in an outputs folder, and rows struck from it; `move`: it goes to PostgreSQL."""

import argparse
import getpass
import json
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console as Terminal
from rich.markup import escape
from rich.table import Table as Grid

from o1exp import print_any_letter
from o1exp.chat.accounts import Account, Book, Entry, Failure, exists, open_book
from o1exp.chat.book import strike
from o1exp.chat.cache import Cache
from o1exp.chat.layout import NAME
from o1exp.chat.move import move
from o1exp.flow import StageFailed

WIDE = 160
"""Columns of a table that goes to a file or a pipe."""


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0, or 2 with one message on stderr."""
    print_any_letter()
    asked = _parser().parse_args(arguments)
    path = asked.outputs / NAME
    try:
        if asked.act == "move":
            counts = move(asked.outputs, asked.to)
            print(
                f"{asked.outputs} has its answers in {asked.to} now: {', '.join(f'{count:,} {table}' for table, count in counts.items())}"
            )
            print(f"{path} is a copy that takes no more rows; once you trust the other it may be deleted")
            return 0
        if not exists(asked.outputs):
            raise ValueError(f"there is no ledger: {path} does not exist; give the outputs folder with --outputs")
        if asked.strike is not None:
            with closing(Cache(path)) as cache:
                strike(cache, asked.strike, asked.reason, asked.who or getpass.getuser())
        with open_book(asked.outputs) as book:
            if asked.json:
                print(json.dumps(as_json(book, asked.study), indent=1, ensure_ascii=False))
            else:
                _show(book, asked.study)
    except (ValueError, StageFailed) as wrong:
        print(wrong, file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m o1exp.chat", description="What model calls cost.")
    commands = parser.add_subparsers(required=True, metavar="ledger | move", dest="act")
    ledger = commands.add_parser("ledger", help="print the ledger of an outputs folder")
    ledger.add_argument("--study", help="only this study")
    ledger.add_argument("--json", action="store_true", help="every sum and every row, as JSON")
    ledger.add_argument("--strike", type=int, metavar="ID", help="count this row no longer, e.g. a lost request that was not charged")
    ledger.add_argument("--reason", default="", help="why it is struck; it stays beside the row")
    ledger.add_argument("--who", default="", help="who says so (your user name)")
    moving = commands.add_parser("move", help="move answers and money from requests.sqlite into an empty PostgreSQL database")
    moving.add_argument("--to", required=True, metavar="URL", help="postgresql://HOST/DATABASE, without user and password")
    for command in (ledger, moving):
        command.add_argument("--outputs", type=Path, default=Path("outputs"), help="the outputs folder (outputs)")
    return parser


def as_json(book: Book, study: str | None = None) -> dict[str, Any]:
    """The whole book as plain values."""
    sums = {"studies": book.studies(study), "stages": book.stages(study), "models": book.models(study)}
    plain = {name: {key: asdict(account) for key, account in found.items()} for name, found in sums.items()}
    return {**plain, "reserved": book.reserved(), "entries": [asdict(entry) for entry in book.entries(study)],
            "failures": [asdict(failure) for failure in book.failures(study)]}  # fmt: skip


def _show(book: Book, study: str | None) -> None:
    terminal = Terminal(highlight=False)
    terminal.width = terminal.width if terminal.is_terminal else WIDE
    reserved = book.reserved()
    terminal.print(_sums("study", book.studies(study), {name: f"{usd:.4f} reserved" for name, usd in reserved.items()}))
    terminal.print(_sums("stage that paid", {name or "(not known)": found for name, found in book.stages(study).items()}, {}))
    terminal.print(_sums("model", book.models(study), {}))
    doubtful = [entry for entry in book.entries(study) if entry.kind == "lost" or entry.struck]
    if doubtful:
        terminal.print(_rows(doubtful))
    if failures := list(book.failures(study)):
        terminal.print(_failures(failures))


def _sums(name: str, accounts: Mapping[str, Account], remarks: Mapping[str, str]) -> Grid:
    grid = Grid(name, "", box=None)
    for title in ("answered", "lost", "tokens", "$", "of it lost $"):
        grid.add_column(title, justify="right")
    for key, found in accounts.items():
        counts = (found.answered, found.lost, found.tokens)
        grid.add_row(key, remarks.get(key, ""), *(f"{count:,}" for count in counts), f"{found.usd:.4f}", f"{found.lost_usd:.4f}")
    return grid


def _rows(entries: list[Entry]) -> Grid:
    grid = Grid("ID", "lost or struck", "study", "stage", "model", "$", "struck because", "by", box=None)
    for entry in entries:
        when = datetime.fromtimestamp(entry.time).isoformat(" ", "seconds")
        struck = (f"{entry.usd:.4f}", escape(entry.struck), escape(entry.struck_by))
        grid.add_row(str(entry.id), f"{entry.kind} {when}", entry.study, entry.stage, escape(entry.model), *struck)
    return grid


def _failures(failures: list[Failure]) -> Grid:
    """Failed attempts by stage and reason."""
    grid = Grid("failed attempts", "requests left out", "stage", "model", "may have cost $", "reason", box=None)
    for one in failures:
        grid.add_row(f"{one.attempts:,}", f"{one.left_out:,}", one.stage, escape(one.model), f"{one.usd:.4f}", escape(one.reason))
    return grid


if __name__ == "__main__":
    sys.exit(main())
