"""A card: a README in the hub's format, the same as a page, and the entries behind each item of the index."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from o1exp.history.lineage import Artefact

Entry = dict[str, Any]
README, PAGE, ENTRIES = "README.md", "index.html", "card.json"
LICENCES = (
    "apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0",
    "odc-by", "odbl", "gpl-3.0", "openrail", "llama3.1", "gemma", "unknown",
)  # fmt: skip
"""Identifiers that the hub knows; anything else is `other` with its name."""


@dataclass(frozen=True)
class Card:
    """A finished card: `entries` by item id, each with the artefact it was read from, and stages nobody classified."""

    folder: Path
    entries: dict[str, list[Entry]]
    unknown: tuple[str, ...]

    @classmethod
    def read(cls, folder: Path) -> "Card":
        stored = json.loads((folder / ENTRIES).read_text())
        return cls(folder, stored["entries"], tuple(stored["unknown"]))


def pointer(artefact: Artefact) -> Entry:
    """How an entry names what it was read from."""
    return {"artefact": artefact.path, "digest": artefact.manifest.digest}


def write(folder: Path, front: dict[str, Any], body: str, entries: dict[str, list[Entry]], unknown: list[str]) -> None:
    """README.md with its YAML header, index.html for a browser, card.json for the audit."""
    import yaml

    header = yaml.safe_dump(front, sort_keys=False, allow_unicode=True, width=120)
    (folder / README).write_text(f"---\n{header}---\n\n{body}")
    (folder / PAGE).write_text(page(front.get("pretty_name") or "Card", header, body))
    text = json.dumps({"entries": entries, "unknown": unknown}, indent=1, ensure_ascii=False)
    (folder / ENTRIES).write_text(text + "\n")


def rendered(template: str, **values: Any) -> str:
    """Markdown from a template of this room. Blank lines are never doubled."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(loader=loader, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"cell": cell, "count": lambda value: f"{value:,.0f}", "fenced": fenced, "setting": setting, "zip": zip}
    return re.sub(r"\n{3,}", "\n\n", environment.get_template(template).render(values)).strip() + "\n"


def cell(value: Any) -> str:
    """Text that cannot leave its cell of a Markdown table."""
    text = " ".join(str(value).split())
    return re.sub(r"([\\`*\[\]<>|])", r"\\\1", text)


def setting(value: Any) -> str:
    """A setting's value in a table: a long or broken text is cut, because its full form stands in the manifest."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    first = " ".join(text.split())
    return "—" if first in ("", "null", "[]", "{}") else cell(first if len(first) <= 100 else first[:99] + "…")


def fenced(text: str) -> str:
    """A block of literal text, whatever backticks are in it."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"


def licence(names: list[str]) -> dict[str, str]:
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
body { margin: 0; font: 16px/1.6 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; color: #1f2a33; }
main { max-width: 1000px; margin: 0 auto; padding: 28px 20px 60px; overflow-wrap: anywhere; }
h1 { font-size: 27px; margin: 8px 0 14px; }
h2 { font-size: 20px; margin: 34px 0 8px; padding-bottom: 4px;
  border-bottom: 1px solid #dde3e8; }
h3 { font-size: 16px; margin: 22px 0 6px; } p { margin: 8px 0; }
table { border-collapse: collapse; margin: 10px 0; font-size: 14.5px; display: block; overflow-x: auto; }
th, td { border: 1px solid #dde3e8; padding: 5px 10px; text-align: left; vertical-align: top; overflow-wrap: normal; }
th { background: #f4f6f8; }
code, pre { font: 13px/1.5 ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
code { background: #f4f6f8; padding: 1px 4px; }
pre { background: #f4f6f8; padding: 12px 14px; border-radius: 4px; white-space: pre-wrap; } pre code { padding: 0; }
details summary { cursor: pointer; color: #0b5c80; font-size: 14.5px; }
"""


def page(title: str, header: str, body: str) -> str:
    """The card for a browser, without outside references; HTML inside the text stays text."""
    from html import escape

    from markdown_it import MarkdownIt

    text = MarkdownIt("commonmark", {"html": False}).enable("table").render(body)
    text = re.sub(r"<(/?)a\b[^>]*>", lambda tag: f"<{tag[1]}u>", text)  # a page that may be opened anywhere links nowhere
    folded = f"<details><summary>Header for the hub</summary><pre>{escape(header)}</pre></details>"
    head = f'<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>'
    return f"<!doctype html>\n<html lang='en'>\n{head}\n<body>\n<main>\n{folded}\n{text}</main>\n</body>\n</html>\n"
