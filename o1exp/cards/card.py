"""A card: a README in the hub's format, the same as a page, and the entries behind each item of the index."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from o1exp.history.lineage import Artefact
from o1exp.media.style import base_css, templates
from o1exp.media.text import markdown_cell

if TYPE_CHECKING:
    from huggingface_hub import CardData

CardEntry = dict[str, Any]
README, PAGE, ENTRIES = "README.md", "index.html", "card.json"
LICENCES = (
    "apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0",
    "odc-by", "odbl", "gpl-3.0", "openrail", "llama3.1", "gemma", "unknown",
)  # fmt: skip
"""Identifiers that the hub knows; anything else is `other` with its name."""


@dataclass(frozen=True)
class Card:
    """A finished card: `entries` by item id, each with the artefact it was read from, and stages nobody classified. `gone` are artefacts
    that had been deleted when it was written: it cannot say what was not done.
    """

    folder: Path
    entries: dict[str, list[CardEntry]]
    unknown: tuple[str, ...]
    gone: tuple[str, ...] = ()

    @classmethod
    def read(cls, folder: Path) -> "Card":
        stored = json.loads((folder / ENTRIES).read_text(encoding="utf-8"))
        return cls(folder, stored["entries"], tuple(stored["unknown"]), tuple(stored.get("gone", ())))


def pointer(artefact: Artefact) -> CardEntry:
    """How an entry names what it was read from."""
    return {"artefact": artefact.path, "digest": artefact.manifest.digest}


def write(
    folder: Path, front: "CardData", body: str, entries: dict[str, list[CardEntry]], unknown: list[str], gone: Sequence[str] = ()
) -> None:
    """README.md with its YAML header, index.html for a browser, card.json for the audit."""
    header = front.to_yaml() + "\n"
    (folder / README).write_text(f"---\n{header}---\n\n{body}", encoding="utf-8")
    (folder / PAGE).write_text(page(front.get("pretty_name") or "Card", header, body), encoding="utf-8")
    text = json.dumps({"entries": entries, "unknown": unknown, **({"gone": list(gone)} if gone else {})}, indent=1, ensure_ascii=False)
    (folder / ENTRIES).write_text(text + "\n", encoding="utf-8")


def rendered(template: str, **values: Any) -> str:
    """Markdown from a template of this room. Blank lines are never doubled."""
    environment = templates(Path(__file__).parent, autoescape=False)
    own = {"cell": markdown_cell, "count": lambda value: f"{value:,.0f}", "fenced": fenced, "setting": setting, "zip": zip}
    environment.filters |= own
    return re.sub(r"\n{3,}", "\n\n", environment.get_template(template).render(values)).strip() + "\n"


def setting(value: Any) -> str:
    """A setting's value in a table: a long or broken text is cut, because its full form stands in the manifest."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    first = " ".join(text.split())
    return "—" if first in ("", "null", "[]", "{}") else markdown_cell(first if len(first) <= 100 else first[:99] + "…")


def fenced(text: str) -> str:
    """A block of literal text, whatever backticks are in it."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"


def licence(names: list[str]) -> dict[str, Any]:
    """The hub's licence fields for one or several licences."""
    known = list(dict.fromkeys(name for name in names if name))
    if len(known) == 1 and known[0].lower() in LICENCES:
        return {"license": known[0].lower()}
    return {"license": "other", "license_name": ", ".join(known)} if known else {"license": "unknown"}


def size_category(rows: int) -> str:
    """The hub's name for a number of rows."""
    steps = [(1e3, "n<1K"), (1e4, "1K<n<10K"), (1e5, "10K<n<100K"), (1e6, "100K<n<1M"), (1e7, "1M<n<10M")]
    return next((name for most, name in steps if rows < most), "10M<n<100M")


STYLE = """
main { max-width: 1000px; padding-top: 28px; } h1 { font-size: 27px; }
h2 { padding-bottom: 4px; border-bottom: 1px solid var(--line); }
table { display: block; overflow-x: auto; } th, td { border: 1px solid var(--line); vertical-align: top; } th { background: var(--tint); }
pre code { padding: 0; }
"""


def page(title: str, header: str, body: str) -> str:
    """The card for a browser, without outside references; HTML inside the text stays text."""
    from html import escape

    from markdown_it import MarkdownIt

    text = MarkdownIt("commonmark", {"html": False}).enable("table").render(body)
    text = re.sub(r"<(/?)a\b[^>]*>", lambda tag: f"<{tag[1]}u>", text)  # a page that may be opened anywhere links nowhere
    folded = f"<details><summary>Header for the hub</summary><pre>{escape(header)}</pre></details>"
    head = f'<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n<style>{base_css()}{STYLE}</style>\n</head>'
    return f"<!doctype html>\n<html lang='en'>\n{head}\n<body>\n<main>\n{folded}\n{text}</main>\n</body>\n</html>\n"
