"""What a page says of itself and its folder: its contents with an anchor for each heading, and links to files that lie beside it."""

import os
import re
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

from o1exp.history.cells import labels, outcomes
from o1exp.history.runs import CONFIG, PAGE, RunRecord

CONTENTS, BESIDE = "<!--contents-->", "<!--beside-->"
"""Where both stand in the page; no text of people's can be one of them, because every "<" in it is escaped."""
TRACES = "traces.html"
MOST_CELLS = 24
"""Cells of a sweep to whose pages its own leads."""
_HEADING = re.compile(r"<h2>(.*?)</h2>")


def finished(html: str) -> str:
    """The page with an anchor on every <h2> and a list of them at its top."""
    titles = [str(match[1]) for match in _HEADING.finditer(html)]
    anchors = _anchors(titles)
    following = iter(anchors)
    html = _HEADING.sub(lambda match: f'<h2 id="{next(following)}">{match[1]}</h2>', html)
    lines = [f'<a href="#{anchor}">{title}</a>' for anchor, title in zip(anchors, titles, strict=True)]
    return html.replace(CONTENTS, f'<nav class="contents" aria-label="contents">{"".join(lines)}</nav>' if len(lines) > 1 else "", 1)


def _anchors(titles: Sequence[str]) -> list[str]:
    """One for each title, no two alike: letters of any language, and numbers."""
    found = list[str]()
    for title in titles:
        plain = re.sub(r"[\W_]+", "-", title.lower()).strip("-") or "part"
        found.append(plain if plain not in found else f"{plain}-{len(found)}")
    return found


def with_links(html: str, links: Mapping[str, str]) -> str:
    """The page with links, label -> address relative to it, below its title; none are left out without a word: the line goes."""
    lines = "".join(f'<a href="{escape(quote(address))}">{escape(label)}</a>' for label, address in links.items())
    return html.replace(BESIDE, f'<nav class="contents beside" aria-label="beside this page">{lines}</nav>' if lines else "", 1)


def beside(folder: Path) -> dict[str, str]:
    """What lies in a run's folder and explains its page."""
    known = {
        "data card": "data_card.html",
        "model card": "model_card.html",
        "config": CONFIG,
        "table": "report.txt",
        "search": "search.html",
        "traces": TRACES,
    }
    return {label: name for label, name in known.items() if (folder / name).is_file()}


def elsewhere(runs: list[RunRecord], page: Path) -> dict[str, str]:
    """Links from a page that lies anywhere to the folders of the runs that it compares: their pages, configs and cards."""
    found: dict[str, str] = {}
    for run in runs:
        way = os.path.relpath(run.folder, page.resolve().parent)
        named = {"page": PAGE, **beside(run.folder)} if (run.folder / PAGE).is_file() else beside(run.folder)
        for label, name in named.items():
            if (run.folder / name).resolve() != page.resolve():
                found[f"{label} of {run.name}" if len(runs) > 1 else label] = name if way == "." else f"{way}/{name}"
        found |= _cells(run, way)
    return found


def _cells(sweep: RunRecord, way: str) -> dict[str, str]:
    """The pages of a sweep's cells, by their settings."""
    ended = [cell for cell in outcomes(sweep.folder) if cell.run and (sweep.folder.parent / cell.run / PAGE).is_file()]
    named = labels(outcomes(sweep.folder))
    return {named[cell.number]: f"{way}/../{cell.run}/{PAGE}" for cell in ended[:MOST_CELLS]}
