"""Where the answers of an outputs folder and what they cost are kept: sqlite for one machine, PostgreSQL for many.

The folder itself says where (`ledger.json`), so that every process that sees it finds the same book, whoever started it and where. Neither
user nor password stands in it: PostgreSQL's library reads PGUSER, PGPASSWORD and ~/.pgpass by itself.
"""

import json
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from o1exp.chat.layout import NAME
from o1exp.flow import Settings
from o1exp.secrets import refusal

WHERE = "ledger.json"
SCHEMES = ("postgresql", "postgres")


@dataclass(frozen=True, kw_only=True)
class Purse(Settings):
    """Which book a run writes into."""

    url: str = ""
    """postgresql://HOST/DATABASE, without user and password; "": what the outputs folder has, which is requests.sqlite where it is new."""

    def mistakes(self) -> Iterator[tuple[str, str]]:
        if not self.url:
            return
        if why := refusal(self.url):
            yield "url", f"{why}; leave that out, PostgreSQL reads PGUSER, PGPASSWORD and ~/.pgpass"
        elif urlsplit(self.url).scheme not in SCHEMES or not urlsplit(self.url).path.strip("/"):
            yield "url", "is no address of a PostgreSQL database; give postgresql://HOST/DATABASE"

    def other_than(self, outputs: Path) -> str:
        """Why this cannot be the folder's book, which has another one already; "" where it can. Errors: those of `url_of`."""
        known = url_of(outputs)
        if self.url in ("", known) or not (known or (outputs / NAME).exists()):
            return ""
        return (
            f"{outputs} has its answers and what they cost in {known or outputs / NAME}; go on with that one "
            f"(ledger={'postgres' if known else 'sqlite'}), or give another folder with outputs="
        )

    def settle(self, outputs: Path) -> None:
        """Note in the outputs folder where its book is. Errors: ValueError where it has another one already."""
        if self.url in ("", url_of(outputs)):
            return
        if why := self.other_than(outputs):
            raise ValueError(why)
        self.note(outputs)

    def note(self, outputs: Path) -> None:
        """Write it down, whatever was there."""
        part = outputs / f".{WHERE}.{uuid.uuid4().hex}"
        part.write_text(json.dumps({"url": self.url}) + "\n", encoding="utf-8")
        os.replace(part, outputs / WHERE)


@dataclass(frozen=True, kw_only=True)
class Database(Purse):
    """A PostgreSQL database."""

    def mistakes(self) -> Iterator[tuple[str, str]]:
        yield from super().mistakes()
        if not self.url:
            yield "url", "is required: give a database, e.g. ledger.url=postgresql://HOST/DATABASE"


def url_of(outputs: Path) -> str:
    """The address of the folder's book, "" for requests.sqlite in it. Errors: ValueError where the file does not say."""
    try:
        return str(json.loads((outputs / WHERE).read_text(encoding="utf-8"))["url"])
    except FileNotFoundError:
        return ""
    except (ValueError, KeyError, TypeError) as wrong:
        raise ValueError(f"{outputs / WHERE} does not say where the answers are; restore it from another machine's folder") from wrong
